"""Room machines: cron expressions as AWS writes them. In: six fields. Out: the days and times they name. Pure.

Fields: minutes, hours, day of month, month, day of week (1 is Sunday), year 1970-2199. One of the two day fields is
`?`. Beside lists, ranges and steps there are L (last day; last weekday of its kind), W (nearest working day) and #
(the n-th weekday of its kind). Source: EventBridge user guide, "Cron expressions reference". No cron library that we
know reads exactly this dialect: they differ in the number of Sunday, in `?`, W, L and in the year.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time

MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
MONTHS = {name: number for number, name in enumerate(MONTH_NAMES, start=1)}
WEEKDAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), start=1)}
LAST_YEAR = 2199

DayRule = Callable[[int, int], "set[int]"]
"""(year, month) -> days of that month."""


class InvalidCronError(ValueError):
    """The fields are no cron expression of AWS."""


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression. Weekdays count from 1, Sunday."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    months: frozenset[int]
    years: frozenset[int]
    days: tuple[DayRule, ...]
    """A day is meant if any of these names it."""


def parse(fields: str) -> Cron:
    """The expression of six fields, without `cron(` and `)`. Raises InvalidCronError."""
    parts = fields.upper().split()
    if len(parts) != 6:
        raise InvalidCronError(f"six fields are needed, not {len(parts)}")
    minutes, hours, day, month, weekday, year = parts
    if (day == "?") == (weekday == "?"):
        raise InvalidCronError("exactly one of day-of-month and day-of-week must be ?")
    if weekday == "?":
        days = tuple(_day_rule(item) for item in day.split(","))
    else:
        days = tuple(_weekday_rule(item) for item in weekday.split(","))
    return Cron(
        tuple(sorted(_numbers(minutes, 0, 59))),
        tuple(sorted(_numbers(hours, 0, 23))),
        frozenset(_numbers(month, 1, 12, MONTHS)),
        frozenset(_numbers(year, 1970, LAST_YEAR, wraps=False)),
        days,
    )


def moments(cron: Cron, start: datetime) -> Iterator[datetime]:
    """Every moment of the expression from `start` on (a local time without zone), in order."""
    for year, month in _months(cron, start):
        meant = set().union(*(rule(year, month) for rule in cron.days))
        for day in sorted(meant):
            today = date(year, month, day)
            if today >= start.date():
                yield from _moments_of(cron, today, start)


def _moments_of(cron: Cron, today: date, start: datetime) -> Iterator[datetime]:
    begins = start.time() if today == start.date() else time(0)
    for hour in cron.hours:
        if hour >= begins.hour:
            for minute in cron.minutes:
                if time(hour, minute) >= begins:
                    yield datetime.combine(today, time(hour, minute))


def _months(cron: Cron, start: datetime) -> Iterator[tuple[int, int]]:
    for year in sorted(cron.years):
        for month in sorted(cron.months):
            if (year, month) >= (start.year, start.month):
                yield year, month


def _numbers(
    field: str, lowest: int, highest: int, names: Mapping[str, int] | None = None, *, wraps: bool = True
) -> set[int]:
    found: set[int] = set()
    for item in field.split(","):
        found |= _item(item, lowest, highest, names or {}, wraps=wraps)
    return found


def _item(item: str, lowest: int, highest: int, names: Mapping[str, int], *, wraps: bool) -> set[int]:
    """The numbers of one item of a list: `*`, `5`, `1-5`, each with `/step`."""
    span, slash, step_text = item.partition("/")
    step = _number(step_text, 1, highest, {}) if slash else 1
    if span == "*":
        return set(range(lowest, highest + 1, step))
    first_text, dash, last_text = span.partition("-")
    first = _number(first_text, lowest, highest, names)
    if not dash:
        return set(range(first, highest + 1, step)) if slash else {first}
    last = _number(last_text, lowest, highest, names)
    if first <= last:
        return set(range(first, last + 1, step))
    if not wraps:
        raise InvalidCronError(f"the range {span} ends before it begins")
    size = highest - lowest + 1
    return {lowest + (number - lowest) % size for number in range(first, last + size + 1, step)}


def _number(text: str, lowest: int, highest: int, names: Mapping[str, int]) -> int:
    if text in names:
        return names[text]
    if not re.fullmatch(r"[0-9]{1,4}", text) or not lowest <= int(text) <= highest:
        raise InvalidCronError(f"{text!r} is no number from {lowest} to {highest}")
    return int(text)


def _day_rule(item: str) -> DayRule:
    if item == "L":
        return lambda year, month: {_length(year, month)}
    if item in ("LW", "WL"):
        return lambda year, month: {_working_day(year, month, _length(year, month))}
    if item.endswith("W"):
        wanted = _number(item[:-1], 1, 31, {})
        return lambda year, month: {_working_day(year, month, wanted)} if wanted <= _length(year, month) else set()
    days = _item(item, 1, 31, {}, wraps=False)
    return lambda year, month: {day for day in days if day <= _length(year, month)}


def _weekday_rule(item: str) -> DayRule:
    if item == "L":
        return lambda year, month: _weekdays(year, month, {7})
    if item.endswith("L"):
        last = _number(item[:-1], 1, 7, WEEKDAYS)
        return lambda year, month: {max(_weekdays(year, month, {last}))}
    kind, sharp, count_text = item.partition("#")
    if sharp:
        weekday, count = _number(kind, 1, 7, WEEKDAYS), _number(count_text, 1, 5, {})
        return lambda year, month: set(sorted(_weekdays(year, month, {weekday}))[count - 1 : count])
    weekdays = _item(item, 1, 7, WEEKDAYS, wraps=True)
    return lambda year, month: _weekdays(year, month, weekdays)


def _length(year: int, month: int) -> int:
    return calendar.monthrange(year, month)[1]


def _weekday(year: int, month: int, day: int) -> int:
    """1 for Sunday to 7 for Saturday."""
    return date(year, month, day).isoweekday() % 7 + 1


def _weekdays(year: int, month: int, wanted: set[int]) -> set[int]:
    return {day for day in range(1, _length(year, month) + 1) if _weekday(year, month, day) in wanted}


def _working_day(year: int, month: int, day: int) -> int:
    """The Monday to Friday that is nearest to the day, within its month."""
    weekday = date(year, month, day).isoweekday()
    if weekday == 6:
        return day - 1 if day > 1 else day + 2
    if weekday == 7:
        return day + 1 if day < _length(year, month) else day - 2
    return day
