"""The search index: entries of exactly those properties that somebody searched by (docs/decisions/0030).

In: a changed resource (`record`), or properties that a Search needs (`ready`). Out: rows of store/search_entries.py.
The first Search on a property builds its entries, a few resources in each transaction; another one that comes
meanwhile, or after a crash, goes on where that one was. From the first of these transactions on, changed resources
keep their entries themselves. What changes while nobody writes the resource (metrics of a running job's component)
is marked, and derived again before it is read (`refresh`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from stepwell.base.arn import Scope
from stepwell.machines.search_properties import Property
from stepwell.machines.search_values import NOTHING, values
from stepwell.services.registry import Door, Site
from stepwell.services.sagemaker.recorded import Recorded
from stepwell.services.sagemaker.search_joined import Reading
from stepwell.services.sagemaker.search_records import BY_KIND, Searched
from stepwell.store import search_entries, search_properties, search_rows
from stepwell.store.database import Transaction
from stepwell.store.resources import Resource
from stepwell.store.search_entries import Entry
from stepwell.store.search_properties import Indexed

BUILT_TOGETHER = 200
"""So many resources get their entries in one transaction: it holds up every other writer."""


def record(recorded: Recorded) -> None:
    """Keep the entries of a changed resource."""
    kind = recorded.resource.key.kind
    indexed = search_properties.of(recorded.transaction.connection, recorded.scope, kind)
    if indexed:
        reading = Reading(Door(recorded.site), recorded.transaction.connection, recorded.scope)
        _write(recorded.transaction, reading, BY_KIND[kind], [recorded.resource], indexed)


def ready(site: Site, scope: Scope, searched: Searched, names: Collection[str]) -> dict[str, int]:
    """The ids of these properties, all of whose resources have entries."""
    while True:
        with site.database.read() as connection:
            known = {each.name: each for each in search_properties.of(connection, scope, searched.kind)}
        if all(name in known and known[name].progress is None for name in names):
            return {name: known[name].id for name in names}
        with site.database.write() as transaction:
            _build(site, transaction, scope, searched, names)


def refresh(site: Site, scope: Scope, searched: Searched, ids: Mapping[str, int]) -> None:
    """Derive the entries of living members again, where there are any among these properties."""
    wanted = {number for name, number in ids.items() if searched.find(name).path[0] in searched.living}
    if not wanted:
        return
    with site.database.read() as connection:
        living = search_entries.living(connection, sorted(wanted))
    for start in range(0, len(living), BUILT_TOGETHER):
        with site.database.write() as transaction:
            rows = list(search_rows.by_id(transaction.connection, living[start : start + BUILT_TOGETHER]).values())
            reading = Reading(Door(site), transaction.connection, scope)
            every = search_properties.of(transaction.connection, scope, searched.kind)
            _write(transaction, reading, searched, rows, [each for each in every if each.id in wanted])


def _build(site: Site, transaction: Transaction, scope: Scope, searched: Searched, names: Collection[str]) -> None:
    """Entries for the next resources that lack them."""
    search_properties.add(transaction, scope, searched.kind, names)
    every = search_properties.of(transaction.connection, scope, searched.kind)
    building = [each for each in every if each.name in names and each.progress is not None]
    start = min((each.progress or 0 for each in building), default=0)
    rows = search_rows.after(transaction.connection, searched.kind, scope, start, BUILT_TOGETHER)
    _write(transaction, Reading(Door(site), transaction.connection, scope), searched, rows, building)
    if len(rows) < BUILT_TOGETHER:
        search_properties.finish(transaction, building)
    else:
        search_properties.advance(transaction, building, rows[-1].id)


def _write(
    transaction: Transaction,
    reading: Reading,
    searched: Searched,
    rows: Sequence[Resource],
    indexed: Sequence[Indexed],
) -> None:
    """Make the entries of these properties what the records say."""
    properties = [(each.id, searched.find(each.name)) for each in indexed]
    ids = {each.id for each in indexed}
    every = search_entries.of(transaction.connection, [row.id for row in rows])
    standing = {entry for entry in every if entry.property in ids}
    wanted = set(_entries(reading, searched, rows, properties))
    search_entries.remove(transaction, standing - wanted)
    search_entries.add(transaction, wanted - standing)


def _entries(
    reading: Reading, searched: Searched, rows: Sequence[Resource], properties: Sequence[tuple[int, Property]]
) -> list[Entry]:
    records = searched.records(reading, rows, {wanted.path[0] for _, wanted in properties})
    found = []
    for row, record in zip(rows, records, strict=True):
        if record is None:
            continue
        is_living = bool(searched.living) and searched.is_living(reading, row)
        for property_id, wanted in properties:
            found += [Entry(property_id, *value, row.id) for value in values(wanted, record) or (NOTHING,)]
            if is_living and wanted.path[0] in searched.living:
                found.append(Entry(property_id, search_entries.LIVING, 0.0, "", row.id))
    return found
