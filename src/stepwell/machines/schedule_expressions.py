"""Room machines: schedule expressions, at(), rate() and cron(). In: text. Out: the moments they name. Pure.

Moments are epoch seconds. A rate counts from its anchor and knows no time zone; at and cron are local times of a
zone. A local time that a change of clocks skips is skipped, one that comes twice counts once (EventBridge Scheduler
user guide, "Daylight savings time").
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TypeAlias

from stepwell.machines import cron
from stepwell.machines.cron import Cron, InvalidCronError

UNITS = {"minute": 60, "hour": 3600, "day": 86400}
_CALL = re.compile(r"(at|rate|cron)\((.*)\)")
_RATE = re.compile(r"([0-9]{1,9}) +(minute|hour|day)(s?)")
_AT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}")


class InvalidExpressionError(ValueError):
    """The text is no schedule expression. The message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class At:
    """Once, at this local time."""

    local: datetime


@dataclass(frozen=True, slots=True)
class Rate:
    """Every so many seconds from the anchor on."""

    seconds: int


Expression: TypeAlias = At | Rate | Cron


def parse(text: str) -> Expression:
    """The expression of `text`. Raises InvalidExpressionError."""
    found = _CALL.fullmatch(text)
    if found is None:
        raise InvalidExpressionError("it is none of at(...), rate(...) and cron(...)")
    match found[1]:
        case "at":
            return _at(found[2])
        case "rate":
            return _rate(found[2])
    try:
        return cron.parse(found[2])
    except InvalidCronError as error:
        raise InvalidExpressionError(str(error)) from error


def has_agreeing_unit(text: str) -> bool:
    """Whether a rate says `1 minute` and `2 minutes`: rules of EventBridge insist on it, Scheduler does not."""
    found = _RATE.fullmatch(text.removeprefix("rate(").removesuffix(")"))
    return found is None or (int(found[1]) == 1) == (not found[3])


def _at(text: str) -> At:
    if not _AT.fullmatch(text):
        raise InvalidExpressionError("at() takes yyyy-mm-ddThh:mm:ss")
    try:
        return At(datetime.fromisoformat(text))
    except ValueError as error:
        raise InvalidExpressionError(str(error)) from error


def _rate(text: str) -> Rate:
    found = _RATE.fullmatch(text)
    if found is None or int(found[1]) == 0:
        raise InvalidExpressionError("rate() takes a positive number and minutes, hours or days")
    return Rate(int(found[1]) * UNITS[found[2]])


def next_time(expression: Expression, after: float, zone: tzinfo, anchor: float) -> float | None:
    """The first moment later than `after`; None when there is none. `anchor` is where a rate begins to count."""
    match expression:
        case At(local):
            moment = _moment(local, zone)
            return moment if moment is not None and moment > after else None
        case Rate(seconds):
            return anchor if after < anchor else anchor + (math.floor((after - anchor) / seconds) + 1) * seconds
        case Cron():
            return _next_of_cron(expression, after, zone)


def _next_of_cron(expression: Cron, after: float, zone: tzinfo) -> float | None:
    local = datetime.fromtimestamp(after, UTC).astimezone(zone).replace(tzinfo=None, fold=0)
    # the clocks may have gone back since: begin early enough, what is not later than `after` is passed over
    start = local - timedelta(minutes=1)
    for candidate in cron.moments(expression, start):
        moment = _moment(candidate, zone)
        if moment is not None and moment > after:
            return moment
    return None


def _moment(local: datetime, zone: tzinfo) -> float | None:
    """Epoch seconds of a local time, the first of two; None for one that the clocks skip."""
    try:
        moment = local.replace(tzinfo=zone).astimezone(UTC)
    except OverflowError:
        return None
    if moment.astimezone(zone).replace(tzinfo=None, fold=0) != local:
        return None
    return moment.timestamp()
