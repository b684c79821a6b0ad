"""Names of properties that a client may mean. In: a record's shape, some records, and how a name begins. Out: names.

Names come from the shape, and from the keys of maps, tags and metrics that the records have. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from stepwell.base.documents import Document
from stepwell.machines.search_properties import KEYED
from stepwell.spec.models import Shape

MOST = 100
"""So many names are suggested at most."""


def suggestions(shape: Shape, records: Iterable[Document], hint: str) -> list[str]:
    """Names that begin with the hint, or whose key does, in any case; in the order of the alphabet."""
    wanted = hint.lower()
    names = {name for name in _static(shape) if name.lower().startswith(wanted)}
    for record in records:
        for root, key in _keys(shape, record):
            name = f"{root}.{key}"
            if name.lower().startswith(wanted) or key.lower().startswith(wanted):
                names.add(name)
    return sorted(names)[:MOST]


def _static(shape: Shape) -> Iterator[str]:
    """The members of the record, and those of structures in it."""
    for name, member in shape.members.items():
        if member.shape.kind == "structure":
            yield from (f"{name}.{inner}" for inner, held in member.shape.members.items() if held.shape.is_scalar)
        elif member.shape.kind != "map" and member.shape.name not in KEYED:
            yield name


def _keys(shape: Shape, record: Document) -> Iterator[tuple[str, str]]:
    """(member, key) of everything in the record that is asked by key."""
    for name, member in shape.members.items():
        held = record.get(name)
        if isinstance(held, dict) and member.shape.kind == "map":
            yield from ((name, key) for key in held)
        elif isinstance(held, list) and member.shape.name in KEYED:
            keyed_by = KEYED[member.shape.name][0]
            root = "Metrics" if member.shape.name == "FinalMetricDataList" else name
            yield from ((root, str(each[keyed_by])) for each in held if keyed_by in each)
