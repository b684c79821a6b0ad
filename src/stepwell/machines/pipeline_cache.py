"""Room machines: when two runs of a step are the same run.

In: the request that would make what the step is, with every expression resolved. Out: its key attributes, which
decide whether an earlier result may stand for a new one, and their digest, which finds it. Spec 02, section 8.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence

from stepwell.base.documents import Document
from stepwell.definition.json_text import JSON

DATA = "S3Data"
"""Beside the key attributes: S3 URI -> digest of what lies there. Decides only where content is compared."""

_WRITTEN = frozenset({"CheckpointConfig", "DebugHookConfig", "DebugRuleConfigurations"})
"""Attributes whose URIs a job writes to."""


def attributes(request: Document, paths: Sequence[str]) -> Document:
    """What `request` holds at these dotted paths; members it lacks are left out."""
    found: Document = {}
    for path in paths:
        *parents, last = path.split(".")
        source: object = request
        for parent in parents:
            source = source.get(parent) if isinstance(source, Mapping) else None
        if isinstance(source, Mapping) and source.get(last) is not None:
            found[path] = source[last]
    return found


def digest(pipeline: str, step: str, type_: str, key: Document) -> str:
    """Finds earlier runs: the same for the same step of the same pipeline with the same key attributes."""
    text = json.dumps([pipeline, step, type_, key], sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def data_uris(key: Document) -> list[str]:
    """Every S3 URI among the key attributes, once, in order: what a job with that key reads."""
    read = (value for name, value in key.items() if name not in _WRITTEN)
    found = (data_uri(text) for value in read for text in _texts(value))
    return sorted({uri for uri in found if uri is not None})


def by_content(key: Document, data: Mapping[str, str]) -> Document:
    """The key attributes with each S3 URI replaced by the digest of what lies there, as far as `data` knows it."""
    return {name: value if name in _WRITTEN else _replaced(value, data) for name, value in key.items()}


def data_uri(value: object) -> str | None:
    """The S3 URI that a value is, if it is one. The SDKs write hyperparameters as JSON, so it may stand in quotes."""
    if not isinstance(value, str):
        return None
    bare = value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
    return bare if bare.startswith("s3://") else None


def differences(before: JSON, after: JSON, pointer: str = "") -> Iterator[str]:
    """JSON pointers of what differs, the outermost that says it, in the order of `after` and then `before`."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in (*after, *(name for name in before if name not in after)):
            yield from _member(before.get(name), after.get(name), f"{pointer}/{_escaped(name)}")
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(max(len(before), len(after))):
            old = before[index] if index < len(before) else None
            new = after[index] if index < len(after) else None
            yield from _member(old, new, f"{pointer}/{index}")
    elif before != after or isinstance(before, bool) != isinstance(after, bool):
        yield pointer


def _member(before: JSON, after: JSON, pointer: str) -> Iterator[str]:
    if before is None or after is None:
        if before is not after:
            yield pointer
    else:
        yield from differences(before, after, pointer)


def _replaced(value: JSON, data: Mapping[str, str]) -> JSON:
    match value:
        case dict():
            return {name: _replaced(child, data) for name, child in value.items()}
        case list():
            return [_replaced(child, data) for child in value]
        case _:
            uri = data_uri(value)
            return f"content:{data[uri]}" if uri is not None and uri in data else value


def _texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for child in value.values():
                yield from _texts(child)
        case list() | tuple():
            for child in value:
                yield from _texts(child)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
