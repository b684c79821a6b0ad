"""Identifiers: fresh ones (random), and derived ones (the same cause always gives the same name).

Derived names are what makes every create safe to repeat after a crash (docs/architecture.md).
"""

from __future__ import annotations

import hashlib
import secrets
import string
import uuid

LOWER = string.ascii_lowercase + string.digits
ALPHANUMERIC = string.ascii_letters + string.digits


def request_id() -> str:
    """A fresh UUID, as AWS puts it into x-amzn-RequestId."""
    return str(uuid.uuid4())


def token(length: int, alphabet: str = LOWER) -> str:
    """`length` fresh random characters of `alphabet`."""
    return _written(secrets.randbits(8 * length + 64), length, alphabet)


def derived(length: int, *causes: str, alphabet: str = ALPHANUMERIC) -> str:
    """`length` characters of `alphabet` that depend on `causes` and nothing else."""
    return _written(int.from_bytes(hashlib.sha512("\0".join(causes).encode()).digest()), length, alphabet)


def _written(number: int, length: int, alphabet: str) -> str:
    """The lowest `length` digits of `number`, written with `alphabet`, the lowest first."""
    characters = []
    for _ in range(length):
        number, index = divmod(number, len(alphabet))
        characters.append(alphabet[index])
    return "".join(characters)
