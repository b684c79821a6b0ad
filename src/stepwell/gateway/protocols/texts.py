"""Room gateway/protocols: scalars as text, in headers, paths, forms and XML. In: a member and text. Out: a value.

And back. Wrong text stays what it is, so that validation can say where it stands and what was wrong with it.
"""

from __future__ import annotations

import base64
import binascii
import email.utils
import math

from stepwell.base import times
from stepwell.spec.models import Member


def read(member: Member, text: str) -> object:
    """The value that `text` stands for, or `text` itself when it cannot be read as the member's kind."""
    match member.shape.kind:
        case "integer" | "long":
            return _read_whole(text)
        case "float" | "double":
            return _read_float(text)
        case "boolean":
            return {"true": True, "false": False}.get(text.strip().lower(), text)
        case "timestamp":
            return read_time(text)
        case "blob":
            return _read_blob(text)
        case _:
            return text


def write(member: Member, value: object, time_format: str) -> str:
    """A scalar as text; `time_format` is the protocol's own, unless the model names another."""
    match member.shape.kind:
        case "boolean":
            return "true" if value else "false"
        case "timestamp":
            assert isinstance(value, int | float)
            return write_time(value, str(member.trait("timestampFormat") or time_format))
        case "blob":
            assert isinstance(value, bytes | bytearray | memoryview)
            return base64.b64encode(value).decode()
        case "float" | "double" if isinstance(value, float):
            return write_float(value)
        case _:
            return str(value)


def write_float(value: float) -> str:
    """A number, or AWS's words for those JSON and XML have no digits for."""
    if math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def write_time(moment: float, time_format: str) -> str:
    """A moment as iso8601, rfc822 or unixTimestamp."""
    match time_format:
        case "rfc822":
            return email.utils.formatdate(moment, usegmt=True)
        case "unixTimestamp":
            return repr(int(moment)) if float(moment).is_integer() else repr(moment)
        case _:
            return times.iso(moment)


def read_time(text: str) -> object:
    """Epoch seconds of ISO 8601, RFC 822 or a number; `text` itself when it is none of them."""
    text = text.strip()
    number = _read_float(text)
    if isinstance(number, float) and math.isfinite(number):
        return number
    try:
        return times.parse_iso(text)
    except (ValueError, OverflowError):
        pass
    try:
        return email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return text


def _read_whole(text: str) -> object:
    digits = text.strip()
    # A bound on digits keeps a hostile number from costing quadratic time; no model's number has more.
    if len(digits) > 20 or not digits.lstrip("+-").isascii() or not digits.lstrip("+-").isdigit():
        return text
    try:
        return int(digits)
    except ValueError:
        return text


def _read_float(text: str) -> object:
    if len(text) > 400 or "_" in text:
        return text
    try:
        return float(text)
    except ValueError:
        return text


def _read_blob(text: str) -> object:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return text
