"""Room gateway/protocols: how much of a body an operation may hold in memory. In: an operation. Out: bytes."""

from __future__ import annotations

from functools import lru_cache

from stepwell.gateway.body import BodyStream
from stepwell.spec.models import OperationModel, Shape

MOST_TEXT = 16 * 1024 * 1024
MOST_WITH_BLOB = 96 * 1024 * 1024
"""Lambda takes 50 MB of zipped code inside JSON, which is 67 MB of base64."""


def whole(operation: OperationModel, body: BodyStream) -> bytes:
    """The whole body of an operation that does not stream. Raises Fault when it is too large."""
    return body.read_all(most_bytes(operation))


@lru_cache(maxsize=4096)
def most_bytes(operation: OperationModel) -> int:
    """The longest body the operation takes."""
    shape = operation.input_shape
    return MOST_WITH_BLOB if shape and _has_blob(shape, set()) else MOST_TEXT


def _has_blob(shape: Shape, seen: set[str]) -> bool:
    if shape.name in seen:
        return False
    seen.add(shape.name)
    match shape.kind:
        case "blob":
            return True
        case "structure":
            return any(_has_blob(member.shape, seen) for member in shape.members.values())
        case "list":
            return _has_blob(shape.element.shape, seen)
        case "map":
            return _has_blob(shape.value.shape, seen)
        case _:
            return False
