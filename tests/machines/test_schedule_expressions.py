"""Cron, rate and at: AWS's own samples, refusals, changes of clocks, and a brute-force model of cron."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.machines import cron
from stepwell.machines.schedule_expressions import InvalidExpressionError, has_agreeing_unit, next_time, parse


def following(expression: str, after: str, count: int = 3, zone: str = "UTC") -> list[str]:
    """The next `count` moments as local times; `after` is UTC."""
    found, moment = [], datetime.fromisoformat(after).replace(tzinfo=UTC).timestamp()
    for _ in range(count):
        moment_or_none = next_time(parse(expression), moment, ZoneInfo(zone), 0.0)
        if moment_or_none is None:
            break
        moment = moment_or_none
        found.append(datetime.fromtimestamp(moment, ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M"))
    return found


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("cron(0 10 * * ? *)", ["2024-01-31T10:00", "2024-02-01T10:00", "2024-02-02T10:00"]),
        ("cron(15 12 * * ? *)", ["2024-01-31T12:15", "2024-02-01T12:15", "2024-02-02T12:15"]),
        ("cron(0 18 ? * MON-FRI *)", ["2024-01-31T18:00", "2024-02-01T18:00", "2024-02-02T18:00"]),
        ("cron(0 8 1 * ? *)", ["2024-02-01T08:00", "2024-03-01T08:00", "2024-04-01T08:00"]),
        ("cron(0/15 * * * ? *)", ["2024-01-31T09:45", "2024-01-31T10:00", "2024-01-31T10:15"]),
        ("cron(*/15 9 * * ? *)", ["2024-01-31T09:45", "2024-02-01T09:00", "2024-02-01T09:15"]),
        ("cron(0/5 8-17 ? * MON-FRI *)", ["2024-01-31T09:45", "2024-01-31T09:50", "2024-01-31T09:55"]),
        ("cron(0 9 ? * 2#1 *)", ["2024-02-05T09:00", "2024-03-04T09:00", "2024-04-01T09:00"]),
        ("cron(0 9 ? * TUE#5 *)", ["2024-04-30T09:00", "2024-07-30T09:00", "2024-10-29T09:00"]),
        ("cron(0 0 L * ? *)", ["2024-02-29T00:00", "2024-03-31T00:00", "2024-04-30T00:00"]),
        ("cron(0 12 LW * ? *)", ["2024-01-31T12:00", "2024-02-29T12:00", "2024-03-29T12:00"]),
        ("cron(0 12 3W * ? *)", ["2024-02-02T12:00", "2024-03-04T12:00", "2024-04-03T12:00"]),
        ("cron(0 12 1W * ? *)", ["2024-02-01T12:00", "2024-03-01T12:00", "2024-04-01T12:00"]),
        ("cron(0 12 31W * ? *)", ["2024-01-31T12:00", "2024-03-29T12:00", "2024-05-31T12:00"]),
        ("cron(0 9 ? * 6L *)", ["2024-02-23T09:00", "2024-03-29T09:00", "2024-04-26T09:00"]),
        ("cron(0 9 ? * L *)", ["2024-02-03T09:00", "2024-02-10T09:00", "2024-02-17T09:00"]),
        ("cron(0 9 ? * FRI-MON *)", ["2024-02-02T09:00", "2024-02-03T09:00", "2024-02-04T09:00"]),
        ("cron(0 9 ? * 2,4,6 *)", ["2024-02-02T09:00", "2024-02-05T09:00", "2024-02-07T09:00"]),
        ("cron(0-15/15 8-8 ? * 2,3,4,5,6,7 *)", ["2024-02-01T08:00", "2024-02-01T08:15", "2024-02-02T08:00"]),
        ("cron(0 9 1-31/30 1-1 ? *)", ["2025-01-01T09:00", "2025-01-31T09:00", "2026-01-01T09:00"]),
        ("cron(0 0 29 FEB ? *)", ["2024-02-29T00:00", "2028-02-29T00:00", "2032-02-29T00:00"]),
        ("cron(0 0 1 jan,jul ? 2025-2026)", ["2025-01-01T00:00", "2025-07-01T00:00", "2026-01-01T00:00"]),
        ("cron(0 0 1 1 ? 2030/2)", ["2030-01-01T00:00", "2032-01-01T00:00", "2034-01-01T00:00"]),
        ("cron(0 0 30 2 ? *)", []),
        ("cron(0 0 1 1 ? 2020)", []),
    ],
)
def test_cron(expression: str, expected: list[str]) -> None:
    assert following(expression, "2024-01-31T09:40:00") == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "every day",
        "rate(5)",
        "rate(0 minutes)",
        "rate(-1 days)",
        "rate(1.5 hours)",
        "rate(5 seconds)",
        "rate(5 weeks)",
        "rate(5minutes)",
        "rate(99999999999 days)",
        "cron(0 10 * * ?)",
        "cron(0 10 * * ? * *)",
        "cron(0 10 * * * *)",
        "cron(0 10 ? * ? *)",
        "cron(60 10 * * ? *)",
        "cron(0 24 * * ? *)",
        "cron(0 10 0 * ? *)",
        "cron(0 10 32 * ? *)",
        "cron(0 10 * 13 ? *)",
        "cron(0 10 ? * 8 *)",
        "cron(0 10 ? * 0 *)",
        "cron(0 10 ? * MON#6 *)",
        "cron(0 10 ? * XXX *)",
        "cron(0 10 * * ? 1969)",
        "cron(0 10 * * ? 2200)",
        "cron(0 10 * * ? 2030-2020)",
        "cron(0/0 10 * * ? *)",
        "cron(0 10 5-1 * ? *)",
        "cron(, 10 * * ? *)",
        "cron(-5 10 * * ? *)",
        "cron(a 10 * * ? *)",
        "cron(0, 18, ?, *, MON-FRI, *)",
        "cron(٣ 10 * * ? *)",
        "at(2030-01-01)",
        "at(2030-13-01T00:00:00)",
        "at(2030-01-01T00:00:00Z)",
        "at(2030-01-01 00:00:00)",
        "at(2030-02-30T00:00:00)",
        "rate(1 minute)\n",
        "RATE(1 minute)",
    ],
)
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(InvalidExpressionError):
        parse(text)


@given(st.text(alphabet="0123456789*/,-?LW#()MONcrate at:T", max_size=30))
def test_any_text_is_an_expression_or_is_refused(text: str) -> None:
    for each in (text, f"cron({text})", f"rate({text})", f"at({text})"):
        try:
            parsed = parse(each)
        except InvalidExpressionError:
            continue
        next_time(parsed, 1e9, UTC, 0.0)


@pytest.mark.parametrize(
    ("text", "agrees"),
    [
        ("rate(1 minute)", True),
        ("rate(1 minutes)", False),
        ("rate(2 hours)", True),
        ("rate(2 hour)", False),
        ("cron(0 1 * * ? *)", True),
    ],
)
def test_units_agree(text: str, agrees: bool) -> None:
    parse(text)
    assert has_agreeing_unit(text) is agrees


def test_a_rate_counts_from_its_anchor() -> None:
    rate = parse("rate(5 minutes)")
    assert [next_time(rate, after, UTC, 1000.0) for after in (0.0, 999.9, 1000.0, 1299.9, 1300.0)] == [
        1000.0,
        1000.0,
        1300.0,
        1300.0,
        1600.0,
    ]


def test_at_is_a_local_time_and_comes_once() -> None:
    at = parse("at(2024-07-01T09:00:00)")
    moment = datetime(2024, 7, 1, 13, tzinfo=UTC).timestamp()
    assert next_time(at, moment - 1, ZoneInfo("America/New_York"), 0.0) == moment
    assert next_time(at, moment, ZoneInfo("America/New_York"), 0.0) is None


def test_a_skipped_local_time_is_skipped() -> None:
    spring = following("cron(30 2 * * ? *)", "2024-03-09T00:00:00", 3, "America/New_York")
    assert spring == ["2024-03-09T02:30", "2024-03-11T02:30", "2024-03-12T02:30"]
    assert next_time(parse("at(2024-03-10T02:30:00)"), 0.0, ZoneInfo("America/New_York"), 0.0) is None


def test_a_doubled_local_time_comes_once() -> None:
    autumn = following("cron(30 1 * * ? *)", "2024-11-02T12:00:00", 3, "America/New_York")
    assert autumn == ["2024-11-03T01:30", "2024-11-04T01:30", "2024-11-05T01:30"]
    within_second_pass = following("cron(30 1 * * ? *)", "2024-11-03T06:10:00", 1, "America/New_York")
    assert within_second_pass == ["2024-11-04T01:30"]


FIELD_OF_DAYS = st.sampled_from(["*", "1", "15", "29,31", "L", "1W", "15W", "31W", "LW", "*/7", "5-9"])
FIELD_OF_WEEKDAYS = st.sampled_from(["*", "1", "MON-FRI", "7,2", "L", "3L", "2#1", "6#5", "FRI-SUN", "2/2"])
FIELD_OF_MONTHS = st.sampled_from(["*", "2", "JAN-MAR", "*/5", "11-2"])


def model(day: str, weekday: str, month: str, today: date) -> bool:
    """Whether `today` is meant: decided day by day, in other words than the code's."""
    length = calendar.monthrange(today.year, today.month)[1]
    months = {"*": range(1, 13), "2": [2], "JAN-MAR": [1, 2, 3], "*/5": [1, 6, 11], "11-2": [11, 12, 1, 2]}
    if today.month not in months[month]:
        return False
    aws = today.isoweekday() % 7 + 1
    if weekday != "?":
        answers = {
            "*": True,
            "1": aws == 1,
            "MON-FRI": 2 <= aws <= 6,
            "7,2": aws in (7, 2),
            "L": aws == 7,
            "3L": aws == 3 and today.day + 7 > length,
            "2#1": aws == 2 and today.day <= 7,
            "6#5": aws == 6 and today.day > 28,
            "FRI-SUN": aws in (6, 7, 1),
            "2/2": aws in (2, 4, 6),
        }
        return answers[weekday]

    def nearest(wanted: int) -> bool:
        if wanted > length:
            return False
        working = [n for n in range(1, length + 1) if date(today.year, today.month, n).isoweekday() <= 5]
        return today.day == min(working, key=lambda n: (abs(n - wanted), n))

    answers = {
        "*": True,
        "1": today.day == 1,
        "15": today.day == 15,
        "29,31": today.day in (29, 31),
        "L": today.day == length,
        "1W": nearest(1),
        "15W": nearest(15),
        "31W": nearest(31),
        "LW": nearest(length),
        "*/7": today.day % 7 == 1,
        "5-9": 5 <= today.day <= 9,
    }
    return answers[day]


@settings(max_examples=60)
@given(
    st.one_of(
        st.tuples(FIELD_OF_DAYS, st.just("?")),
        st.tuples(st.just("?"), FIELD_OF_WEEKDAYS),
    ),
    FIELD_OF_MONTHS,
    st.dates(date(1999, 1, 1), date(2040, 12, 31)),
)
def test_days_agree_with_a_model(fields: tuple[str, str], month: str, start: date) -> None:
    day, weekday = fields
    parsed = cron.parse(f"0 0 {day} {month} {weekday} *")
    end = start + timedelta(days=400)
    begin = datetime.combine(start, datetime.min.time())
    found = []
    for moment in cron.moments(parsed, begin):
        if moment.date() > end:
            break
        found.append(moment.date())
    everyday = (start + timedelta(days=n) for n in range(401))
    assert found == [today for today in everyday if model(day, weekday, month, today)]


@given(
    st.sets(st.integers(0, 59), min_size=1, max_size=4),
    st.sets(st.integers(0, 23), min_size=1, max_size=4),
    st.sampled_from(["UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]),
    st.integers(1_700_000_000, 1_760_000_000),
)
def test_times_agree_with_a_walk_over_all_minutes(
    minutes: set[int], hours: set[int], zone_name: str, after: int
) -> None:
    zone = ZoneInfo(zone_name)
    text = f"cron({','.join(map(str, minutes))} {','.join(map(str, hours))} * * ? *)"
    found = next_time(parse(text), float(after), zone, 0.0)
    expected = None
    for second in range(after - after % 60 + 60, after + 3 * 86_400, 60):
        local = datetime.fromtimestamp(second, zone)
        if local.minute in minutes and local.hour in hours and local.fold == 0:
            expected = float(second)
            break
    assert found == expected
