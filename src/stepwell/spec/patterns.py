"""Room spec: the models' regular expressions. In: a pattern in Java's dialect. Out: a compiled Python one.

AWS's services match the whole value, with Java's meaning of `\\w`, `\\d` and `\\s` (ASCII only) and of the
Unicode classes `\\p{…}` (java.util.regex.Pattern). Python lacks the latter: they are written out as ranges. Nor does
it read two `\\u` escapes that are halves of a surrogate pair as the one character that they are in Java.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import lru_cache

ASCII_CLASSES = {
    "Alnum": "a-zA-Z0-9",
    "Alpha": "a-zA-Z",
    "ASCII": "\\x00-\\x7F",
    "Digit": "0-9",
    "Graph": "!-~",
    "Lower": "a-z",
    "Print": " -~",
    "Punct": "!-/:-@\\[-`{-~",
    "Space": " \\t\\n\\x0B\\f\\r",
    "Upper": "A-Z",
    "XDigit": "0-9a-fA-F",
}

_ESCAPE = re.compile(
    r"\\(?:p\{(?P<name>\w+)\}|(?P<end>[zZ])|x\{(?P<code>[0-9A-Fa-f]+)\}"
    r"|u(?P<high>[dD][89abAB][0-9A-Fa-f]{2})\\u(?P<low>[dD][c-fC-F][0-9A-Fa-f]{2})|(?P<other>.))"
    r"|(?P<bracket>[\[\]])",
    re.S,
)


@lru_cache(maxsize=4096)
def compiled(pattern: str) -> re.Pattern[str]:
    """The Python expression that fully matches what `pattern` does in Java. Raises re.error."""
    return re.compile(f"(?:{translated(pattern)})\\Z", re.ASCII)


def translated(pattern: str) -> str:
    """`pattern` with Java's own escapes replaced by what Python understands. Raises re.error."""
    depth = 0

    def replace(found: re.Match[str]) -> str:
        nonlocal depth
        if bracket := found["bracket"]:
            return _bracket(bracket)
        if name := found["name"]:
            ranges = class_ranges(name)
            return ranges if depth else f"[{ranges}]"
        if found["end"]:
            return "\\Z"
        if code := found["code"]:
            return f"\\U{int(code, 16):08x}"
        if high := found["high"]:
            return f"\\U{_joined(int(high, 16), int(found['low'], 16)):08x}"
        return found[0]

    def _bracket(character: str) -> str:
        nonlocal depth
        if character == "]":
            depth = 0
            return character
        # Python would take a bare `[` inside a class as the start of a nested set one day, and warns today.
        opened_before, depth = depth, 1
        return "\\[" if opened_before else "["

    return _ESCAPE.sub(replace, pattern)


def _joined(high: int, low: int) -> int:
    """The character that the two halves of a surrogate pair stand for."""
    return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)


_FLAT = re.compile(r"\^?\(?(?:\[(?:\\.|[^\]\\])*\]|\\.|\.)(?:[*+]|\{\d+(?:,\d*)?\})?\)?\$?")


def is_flat(pattern: str) -> bool:
    """One class of characters, repeated: matched in time proportional to the text, whatever the text."""
    return _FLAT.fullmatch(pattern) is not None


@lru_cache(maxsize=64)
def class_ranges(name: str) -> str:
    """The characters of `\\p{name}` as the inside of a character class. Raises re.error."""
    if name in ASCII_CLASSES:
        return ASCII_CLASSES[name]
    ranges = _categories().get(name)
    if ranges is None:
        raise re.error(f"unknown character class \\p{{{name}}}")
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)


@lru_cache(maxsize=1)
def _categories() -> dict[str, list[tuple[int, int]]]:
    """Ranges of characters by the first letter of their Unicode category: L, M, N, P, S, Z (and C).

    Only the planes that hold assigned characters are read: 20 ms, on the first use of a tag.
    """
    found: dict[str, list[tuple[int, int]]] = {}
    category = unicodedata.category
    for start, end in ((0, 0x40000), (0xE0000, 0xE1000)):
        first, current = start, category(chr(start))[0]
        for code in range(start + 1, end + 1):
            letter = category(chr(code))[0] if code < end else ""
            if letter != current:
                found.setdefault(current, []).append((first, code - 1))
                first, current = code, letter
    assert sys.maxunicode == 0x10FFFF
    return found
