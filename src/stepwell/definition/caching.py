"""Room definition: CacheConfig, whether a step may take the result of an earlier run instead of running.

In: {"Enabled": true, "ExpireAfter": "P30D"}. Out: CacheConfig, whose age limit is in seconds. What makes two runs the
same is the engine's question. Spec 01, section 5; developer guide, "Turn on step caching".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from stepwell.definition.json_text import JSON
from stepwell.definition.problems import below, described, missing, shown
from stepwell.definition.reading import Reading

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR

SECONDS: Mapping[str, int] = {
    "years": 365 * _DAY,
    "months": 30 * _DAY,
    "weeks": 7 * _DAY,
    "days": _DAY,
    "hours": _HOUR,
    "minutes": _MINUTE,
    "seconds": 1,
}
"""A year is 365 days and a month 30, whatever the calendar says, so that an age needs no date to be judged."""

_DURATION = re.compile(
    r"P?(?:(?P<years>\d{1,6})Y)?(?:(?P<months>\d{1,6})M)?(?:(?P<weeks>\d{1,6})W)?(?:(?P<days>\d{1,6})D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d{1,6})H)?(?:(?P<minutes>\d{1,6})M)?(?:(?P<seconds>\d{1,6})S)?)?",
    re.ASCII | re.IGNORECASE,
)
_EXAMPLES = "such as P30D, 30d, T12H or P4DT12H"


@dataclass(frozen=True, slots=True)
class CacheConfig:
    """Whether to look for an earlier run, and how many seconds ago it may have ended (None: however long)."""

    enabled: bool
    expires_after: int | None = None


def parse_cache(value: JSON, pointer: str, reading: Reading) -> CacheConfig | None:
    """The CacheConfig of a step; None when it has none. The age is read only where caching is on, as AWS does."""
    if value is None:
        return None
    document = reading.mapping(value, pointer)
    if document is not value:
        return None
    reading.only(document, ("Enabled", "ExpireAfter"), pointer, "CacheConfig")
    enabled = reading.required(document, "Enabled", pointer)
    if not isinstance(enabled, bool):
        if enabled is not None:
            reading.refuse(below(pointer, "Enabled"), f"Expecting true or false. Found {described(enabled)}.")
        return None
    return CacheConfig(enabled, _age(document, pointer, reading) if enabled else None)


def seconds_of(duration: str) -> int | None:
    """`duration` in seconds: ISO 8601 in any case, with or without its P; None when it is no duration above zero."""
    found = _DURATION.fullmatch(duration)
    if found is None:
        return None
    return sum(SECONDS[unit] * int(count) for unit, count in found.groupdict().items() if count) or None


def _age(document: dict[str, JSON], pointer: str, reading: Reading) -> int | None:
    if document.get("ExpireAfter") is None:
        reading.problems.append(missing(pointer, "ExpireAfter", f": where caching is on, an age {_EXAMPLES}."))
        return None
    text = reading.text(document["ExpireAfter"], below(pointer, "ExpireAfter"))
    seconds = seconds_of(text)
    if text and seconds is None:
        message = f"'{shown(text)}' is no ISO 8601 duration above zero, {_EXAMPLES}."
        reading.refuse(below(pointer, "ExpireAfter"), message)
    return seconds
