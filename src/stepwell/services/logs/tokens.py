"""NextTokens of the Logs API: opaque text for a few words and numbers, and the refusal of what we never gave."""

from __future__ import annotations

import base64
import binascii
import json

from stepwell.base.faults import Fault
from stepwell.services.logs.faults import invalid_parameter
from stepwell.services.logs.sources import Position


def encode(*parts: int | str) -> str:
    """The token of these parts."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def decode(token: str, *kinds: type) -> list[int | str]:
    """The parts of a token, which must be of these kinds. Raises InvalidParameterException."""
    try:
        parts = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        raise invalid() from None
    if not isinstance(parts, list) or [type(part) for part in parts] != list(kinds):
        raise invalid()
    return parts


def of_position(direction: str, position: Position) -> str:
    """The token for going on in a stream: `f` forwards or `b` backwards from `position`."""
    return f"{direction}/{position[0]}.{position[1]}"


def position_of(token: str) -> tuple[str, Position]:
    """Direction and position of a token. Raises InvalidParameterException."""
    direction, _, numbers = token.partition("/")
    first, _, second = numbers.partition(".")
    if direction not in ("f", "b") or not (_is_number(first) and _is_number(second)):
        raise invalid()
    return direction, (int(first), int(second))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def invalid() -> Fault:
    return invalid_parameter("The specified nextToken is invalid.")
