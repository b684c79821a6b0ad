"""Room gateway/protocols: documents as JSON, by shape. In: bytes or a document. Out: the other.

Shared by the JSON protocols. Most shapes look the same inside and on the wire, and are passed through whole;
writing keeps the members the shape has and drops nulls, by closures compiled once per shape.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NoReturn, TypeAlias

from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.gateway.protocols import texts
from stepwell.spec.models import Member, Shape

Encoder: TypeAlias = Callable[[Any], Any]

DEEPEST = 128
"""Levels of nesting a request may have; AWS's own parser stops in the same region."""


def loads(data: bytes) -> object:
    """The JSON text `data`. Raises Fault when it is none, or nests too deeply to be honest."""
    try:
        value: object = _DECODER.decode(data.decode())
        # An unpaired surrogate is legal in JSON and in no text we could store.
        if b"\\ud" in data or b"\\uD" in data:
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise _malformed() from None
    if data.count(b"[") + data.count(b"{") > DEEPEST and _is_deep(value):
        raise _malformed()
    return value


def read(shape: Shape | None, data: bytes) -> Document:
    """The body of a request by member names; a body of nothing is an empty document. Raises Fault."""
    if shape is None or not data.strip():
        return {}
    value = loads(data)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Fault("SerializationException", "Unexpected value: expected a structure")
    decoded: Document = decode(shape, value)
    return decoded


def dumps(value: object) -> bytes:
    """Compact JSON in UTF-8. Raises ValueError on what JSON cannot hold: a bug of ours."""
    return _COMPACT.encode(value).encode()


_COMPACT = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def write(shape: Shape | None, document: Mapping[str, object]) -> bytes:
    """The members of `shape` that `document` has, as JSON."""
    return dumps(encoder(shape)(document)) if shape is not None else b"{}"


def decode(shape: Shape, value: Any) -> Any:
    """`value` from the wire's names and forms to ours; what does not fit is left for validation to name."""
    if is_plain(shape):
        return value
    match shape.kind, value:
        case "structure", dict():
            wires = {member.wire_name: member for member in shape.members.values()}
            return {
                wires[name].name: _decode_member(wires[name], item) for name, item in value.items() if name in wires
            }
        case "list", list():
            return [_decode_member(shape.element, item) for item in value]
        case "map", dict():
            return {key: _decode_member(shape.value, item) for key, item in value.items()}
        case "blob", str():
            try:
                return base64.b64decode(value, validate=True)
            except (binascii.Error, ValueError):
                return value
        case _:
            return value


def _decode_member(member: Member, value: Any) -> Any:
    return decode(member.shape, value)


@lru_cache(maxsize=8192)
def is_plain(shape: Shape) -> bool:
    """Nothing at or below `shape` looks different on the wire."""
    seen: set[str] = set()
    waiting = [shape]
    while waiting:
        current = waiting.pop()
        if current.name in seen:
            continue
        seen.add(current.name)
        if current.kind == "blob":
            return False
        for member in _parts(current):
            if current.kind == "structure" and member.wire_name != member.name:
                return False
            waiting.append(member.shape)
    return True


def _parts(shape: Shape) -> list[Member]:
    match shape.kind:
        case "structure":
            return list(shape.members.values())
        case "list":
            return [shape.element]
        case "map":
            return [shape.value]
        case _:
            return []


_encoders: dict[Shape, Encoder] = {}


def encoder(shape: Shape) -> Encoder:
    """The compiled writer of `shape`: from our document to what json.dumps takes."""
    found = _encoders.get(shape)
    if found is None:
        match shape.kind:
            case "structure":
                made = _structure_encoder(shape)
            case "list":
                made = _list_encoder(shape.element)
            case "map":
                made = _map_encoder(shape.value)
            case _:
                made = _as_it_is
        found = _encoders.setdefault(shape, made)
    return found


def _structure_encoder(shape: Shape) -> Encoder:
    rules: dict[str, tuple[str, Member, Encoder | None]] = {
        name: (member.wire_name, member, scalar_encoder(member)) for name, member in shape.members.items()
    }

    def encode_structure(value: Mapping[str, Any]) -> dict[str, Any]:
        encoded: dict[str, Any] = {}
        for name, item in value.items():
            rule = rules.get(name)
            if rule is None or item is None:
                continue
            wire, member, encode = rule
            encoded[wire] = item if encode is _as_it_is else (encode or encoder(member.shape))(item)
        return encoded

    return encode_structure


def _list_encoder(element: Member) -> Encoder:
    scalar = scalar_encoder(element)

    def encode_list(value: Any) -> list[Any]:
        if scalar is _as_it_is:
            return list(value)
        encode = scalar or encoder(element.shape)
        return [None if item is None else encode(item) for item in value]

    return encode_list


def _map_encoder(member: Member) -> Encoder:
    scalar = scalar_encoder(member)

    def encode_map(value: Mapping[str, Any]) -> dict[str, Any]:
        if scalar is _as_it_is:
            return {key: item for key, item in value.items() if item is not None}
        encode = scalar or encoder(member.shape)
        return {key: encode(item) for key, item in value.items() if item is not None}

    return encode_map


def scalar_encoder(member: Member) -> Encoder | None:
    """The writer of a scalar member; None for what has members of its own."""
    match member.shape.kind:
        case "structure" | "list" | "map":
            return None
        case "blob":
            return _encode_blob
        case "float" | "double":
            return _encode_float
        case "timestamp" if (member.trait("timestampFormat") or "unixTimestamp") != "unixTimestamp":
            time_format = str(member.trait("timestampFormat"))
            return lambda moment: texts.write_time(moment, time_format)
        case _:
            return _as_it_is


def _as_it_is(value: Any) -> Any:
    return value


def _encode_blob(value: bytes | str) -> str:
    return base64.b64encode(value.encode() if isinstance(value, str) else value).decode()


def _encode_float(value: float) -> float | str:
    return value if math.isfinite(value) else texts.write_float(value)


def _is_deep(value: object) -> bool:
    """Whether containers nest beyond DEEPEST; goes down level by level."""
    level = [value]
    for _ in range(DEEPEST):
        level = [
            child
            for item in level
            for child in (item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _malformed() -> Fault:
    return Fault("SerializationException", "The request body is not well-formed JSON.")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
