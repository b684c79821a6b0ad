"""Room definition, caching: CacheConfig and the spellings of durations."""

from __future__ import annotations

import pytest

from stepwell.definition.caching import CacheConfig, parse_cache, seconds_of
from stepwell.definition.json_text import JSON
from stepwell.definition.reading import Reading

HOUR, DAY = 3600, 86400


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [
        ("30d", 30 * DAY),
        ("P30D", 30 * DAY),
        ("p30d", 30 * DAY),
        ("5y", 5 * 365 * DAY),
        ("2M", 60 * DAY),
        ("P1W", 7 * DAY),
        ("T16m", 16 * 60),
        ("PT1H", HOUR),
        ("T12H", 12 * HOUR),
        ("30dT5h", 30 * DAY + 5 * HOUR),
        ("P4DT12H", 4 * DAY + 12 * HOUR),
        ("P1Y2M3W4DT5H6M7S", 365 * DAY + 60 * DAY + 21 * DAY + 4 * DAY + 5 * HOUR + 6 * 60 + 7),
        ("", None),
        ("P", None),
        ("T", None),
        ("P1DT", None),
        ("30", None),
        ("30 d", None),
        ("1h", None),
        ("P1D1Y", None),
        ("-P1D", None),
        ("P0D", None),
        ("1.5d", None),
        ("P1D\n", None),
        ("P٣D", None),
        ("P9999999D", None),
    ],
)
def test_durations(duration: str, seconds: int | None) -> None:
    assert seconds_of(duration) == seconds


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ({"Enabled": False}, CacheConfig(False)),
        ({"Enabled": False, "ExpireAfter": "nonsense"}, CacheConfig(False)),
        ({"Enabled": True, "ExpireAfter": "PT1H"}, CacheConfig(True, HOUR)),
    ],
)
def test_configurations(value: JSON, expected: CacheConfig | None) -> None:
    reading = Reading()
    assert parse_cache(value, "/C", reading) == expected
    assert reading.problems == []


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ([], "Expecting start of Json Object. Found an array. (at /C)"),
        ({}, "Missing required member 'Enabled' (at /C)"),
        ({"Enabled": "true"}, "Expecting true or false. Found the text 'true'. (at /C/Enabled)"),
        (
            {"Enabled": True},
            "Missing required member 'ExpireAfter': where caching is on, an age such as P30D, 30d, T12H or P4DT12H. "
            "(at /C)",
        ),
        ({"Enabled": True, "ExpireAfter": 3}, "Expecting a Json String. Found the number 3. (at /C/ExpireAfter)"),
        (
            {"Enabled": True, "ExpireAfter": "soon"},
            "'soon' is no ISO 8601 duration above zero, such as P30D, 30d, T12H or P4DT12H. (at /C/ExpireAfter)",
        ),
        (
            {"Enabled": False, "ExpiresAfter": "P1D"},
            "Unknown CacheConfig member 'ExpiresAfter'. Did you mean 'ExpireAfter'? (at /C/ExpiresAfter)",
        ),
    ],
)
def test_wrong_configurations(value: JSON, problem: str) -> None:
    reading = Reading()
    parse_cache(value, "/C", reading)
    assert [str(found) for found in reading.problems] == [problem]
