"""Documents of a shape's form for round trips: every member filled, and at random through hypothesis."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies

from stepwell.spec.models import Member, Shape

HEADER_KINDS = ("uri", "header", "headers", "querystring")
TEXT = "a <b> & \"c\" 'd' é ☃ +/%20=?#"
PLAIN = "plain-text.1"
MOMENT = 1_600_000_000.0
EXPIRES = "Sun, 13 Sep 2020 12:26:40 GMT"
"""S3 keeps the text of this header; botocore, against S3's model, makes a time of it."""


def full(shape: Shape, above: tuple[str, ...] = ()) -> Any:
    """A value with every member there is, cut where shapes repeat themselves."""
    match shape.kind:
        case "structure":
            below = (*above, shape.name)
            members = {
                name: _full_member(member, below)
                for name, member in shape.members.items()
                if member.shape.name not in below and not _ends_in(member.shape, below)
            }
            # A union holds exactly one of its members.
            return dict(list(members.items())[:1]) if shape.traits.get("union") else members
        case "list":
            return [full(shape.element.shape, (*above, shape.name)) for _ in range(2)]
        case "map":
            return {f"key {number}": full(shape.value.shape, (*above, shape.name)) for number in range(2)}
        case _:
            return _scalar(shape, TEXT)


def _ends_in(shape: Shape, above: tuple[str, ...]) -> bool:
    """A list or map of something we are inside of."""
    if shape.kind == "list":
        return shape.element.shape.name in above or _ends_in(shape.element.shape, above)
    if shape.kind == "map":
        return shape.value.shape.name in above or _ends_in(shape.value.shape, above)
    return False


def _full_member(member: Member, above: tuple[str, ...]) -> Any:
    if member.location not in HEADER_KINDS:
        return 200 if member.location == "statusCode" else full(member.shape, above)
    if member.shape.name == "Expires":
        return EXPIRES
    if member.shape.kind == "list":
        return [_scalar(member.shape.element.shape, PLAIN), _scalar(member.shape.element.shape, PLAIN)]
    if member.shape.kind == "map":
        return {"one": PLAIN, "two": "2"}
    return _scalar(member.shape, TEXT if member.location in ("uri", "querystring") else PLAIN)


def _scalar(shape: Shape, text: str) -> Any:
    match shape.kind:
        case "string" | "character":
            return shape.enum[0] if shape.enum else text
        case "integer" | "long":
            return 7
        case "float" | "double":
            return 1.5
        case "boolean":
            return True
        case "timestamp":
            return MOMENT
        case _:
            return b"some bytes"


XML_TEXT = strategies.text(
    strategies.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn")), min_size=1, max_size=8
)


def any_document(shape: Shape, depth: int = 0) -> strategies.SearchStrategy[Any]:
    """Documents with any members and any texts; lists and maps hold something, as empty ones have no XML."""
    match shape.kind:
        case "structure":
            chosen = {
                name: any_document(member.shape, depth + 1)
                for name, member in shape.members.items()
                if member.location is None and (depth < 4 or member.shape.is_scalar)
            }
            if shape.traits.get("union"):
                one = sorted(chosen.items())[0]
                return strategies.fixed_dictionaries({one[0]: one[1]})
            return strategies.fixed_dictionaries({}, optional=chosen)
        case "list":
            return strategies.lists(any_document(shape.element.shape, depth + 1), min_size=1, max_size=3)
        case "map":
            return strategies.dictionaries(
                XML_TEXT, any_document(shape.value.shape, depth + 1), min_size=1, max_size=2
            )
        case "string" | "character":
            return XML_TEXT
        case "integer" | "long":
            return strategies.integers(-(2**31), 2**31 - 1)
        case "float" | "double":
            return strategies.floats(allow_nan=False, allow_infinity=False)
        case "boolean":
            return strategies.booleans()
        case "timestamp":
            return strategies.integers(0, 4_000_000_000).map(float)
        case _:
            return strategies.binary(max_size=8)


def for_botocore(shape: Shape, value: Any) -> Any:
    """Our document as botocore's serializers take it: times as datetime."""
    match shape.kind:
        case "structure":
            return {name: for_botocore(shape.members[name].shape, item) for name, item in value.items()}
        case "list":
            return [for_botocore(shape.element.shape, item) for item in value]
        case "map":
            return {key: for_botocore(shape.value.shape, item) for key, item in value.items()}
        case "timestamp":
            return datetime.datetime.fromtimestamp(value, datetime.UTC)
        case _:
            return value


def from_botocore(shape: Shape, value: Any) -> Any:
    """What botocore's parsers give back as our document: times as epoch seconds, streams as bytes."""
    match value:
        case datetime.datetime() if shape.kind == "string":
            return EXPIRES
        case datetime.datetime():
            return value.timestamp()
        case Mapping() if shape.kind == "structure":
            return {
                name: from_botocore(shape.members[name].shape, item)
                for name, item in value.items()
                if name in shape.members
            }
        case Mapping():
            return {key: from_botocore(shape.value.shape, item) for key, item in value.items()}
        case str() if shape.kind == "blob":
            return value.encode()
        case list():
            return [from_botocore(shape.element.shape, item) for item in value]
        case _:
            return value
