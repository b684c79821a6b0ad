"""Room machines: what a tuning job searches. In: ParameterRanges of a request. Out: ranges, and points in them.

Every range is seen as the interval from 0 to 1, scaled as the request asks, so that whoever searches need not know
of scales, whole numbers and names. Values are texts, as training jobs take them. Sources: the developer guide,
"Define hyperparameter ranges"; AWS does not say how Auto chooses, so that is ours (docs/decisions/0018).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from stepwell.base.documents import Document

Scale: TypeAlias = Literal["Linear", "Logarithmic", "ReverseLogarithmic"]
Values: TypeAlias = Mapping[str, str]
"""Hyperparameter -> its value, as text."""

WIDE = 100.0
"""Auto takes a logarithmic scale for ranges whose ends are so many times apart."""
OWN_PREFIXES = ("sagemaker_", "_")
"""Hyperparameters of the toolkits: Autotune leaves them as they are."""


class RangeProblem(Exception):
    """A range that cannot be searched. The text is fit for a ValidationException."""


@dataclass(frozen=True, slots=True)
class Number:
    """All numbers, or all whole numbers, from `low` to `high`."""

    name: str
    low: float
    high: float
    scale: Scale = "Linear"
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """One of these texts."""

    name: str
    values: tuple[str, ...]


Range: TypeAlias = Number | Choice


def parsed(ranges: Document) -> tuple[Range, ...]:
    """The ranges of a ParameterRanges document, but for AutoParameters. Raises RangeProblem."""
    whole = [_number(each, is_whole=True) for each in ranges.get("IntegerParameterRanges", ())]
    real = [_number(each, is_whole=False) for each in ranges.get("ContinuousParameterRanges", ())]
    named = [_choice(each) for each in ranges.get("CategoricalParameterRanges", ())]
    return (*whole, *real, *named)


def at(range_: Range, unit: float) -> str:
    """The value that lies at `unit` (0 to 1) of the range."""
    match range_:
        case Choice(_, values):
            return values[min(int(unit * len(values)), len(values) - 1)]
        case Number(is_whole=True):
            found = round(_scaled(unit, range_.low - 0.5, range_.high + 0.5, range_.scale))
            return str(int(min(max(found, range_.low), range_.high)))
        case _:
            return repr(min(max(_scaled(unit, range_.low, range_.high, range_.scale), range_.low), range_.high))


def position(range_: Range, value: str | None) -> float | None:
    """Where a value lies in the range (0 to 1); None when it is not in it."""
    if isinstance(range_, Choice):
        return (range_.values.index(value) + 0.5) / len(range_.values) if value in range_.values else None
    try:
        number = float(value or "")
    except ValueError:
        return None
    if not range_.low <= number <= range_.high:
        return None
    low, high = (range_.low - 0.5, range_.high + 0.5) if range_.is_whole else (range_.low, range_.high)
    return _unscaled(number, low, high, range_.scale)


def combinations(ranges: Sequence[Range]) -> int | None:
    """How many different points there are; None: without end."""
    count = 1
    for each in ranges:
        if isinstance(each, Choice):
            count *= len(each.values)
        elif each.is_whole:
            count *= int(each.high - each.low) + 1
        else:
            return None
    return count


def combination(ranges: Sequence[Range], index: int) -> dict[str, str]:
    """The point number `index` (from 0) of ranges whose points can be counted; the last range turns fastest."""
    found: dict[str, str] = {}
    for each in reversed(ranges):
        size = len(each.values) if isinstance(each, Choice) else int(each.high - each.low) + 1
        index, place = divmod(index, size)
        found[each.name] = each.values[place] if isinstance(each, Choice) else str(int(each.low) + place)
    return {each.name: found[each.name] for each in ranges}


def from_hint(name: str, hint: str) -> Range:
    """The range that Autotune searches around an example value: texts stay as they are, numbers move."""
    if name.startswith(OWN_PREFIXES):
        return Choice(name, (hint,))
    try:
        number = float(hint)
    except ValueError:
        return Choice(name, ("true", "false") if hint.lower() in ("true", "false") else (hint,))
    if not math.isfinite(number):
        return Choice(name, (hint,))
    is_whole = hint.lstrip("+-").isdigit()
    low, high = _around(abs(number), is_whole=is_whole)
    if number < 0:
        return Number(name, -high, -low, "Linear", is_whole)
    return Number(name, low, high, "Logarithmic" if low > 0 else "Linear", is_whole)


def _around(size: float, *, is_whole: bool) -> tuple[float, float]:
    if is_whole:
        return (max(1.0, size // 4), size * 4) if size else (0.0, 10.0)
    if size == 0:
        return 0.0, 1.0
    return size / 10, min(1.0, size * 10) if size <= 1 else size * 10


def _number(asked: Document, *, is_whole: bool) -> Number:
    name = asked["Name"]
    low, high = (_end(name, member, asked[member], is_whole=is_whole) for member in ("MinValue", "MaxValue"))
    if low > high:
        raise RangeProblem(
            f"The range of the hyperparameter [{name}] is reversed: MinValue [{asked['MinValue']}] is greater than "
            f"MaxValue [{asked['MaxValue']}]. Provide a MinValue that is less than the MaxValue."
        )
    scale = asked.get("ScalingType", "Auto")
    if scale == "Logarithmic" and low <= 0:
        raise RangeProblem(
            f"Logarithmic scaling works only for ranges that have only values greater than 0; the hyperparameter "
            f"[{name}] begins at [{asked['MinValue']}]."
        )
    if scale == "ReverseLogarithmic" and (is_whole or not 0 <= low <= high < 1):
        raise RangeProblem(
            f"ReverseLogarithmic scaling works only for continuous ranges that are entirely within the range "
            f"0<=x<1.0; the hyperparameter [{name}] is not."
        )
    chosen: Scale = _auto(low, high, is_whole=is_whole) if scale == "Auto" else scale
    return Number(name, low, high, chosen, is_whole)


def _end(name: str, member: str, text: str, *, is_whole: bool) -> float:
    try:
        number = float(int(text)) if is_whole else float(text)
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number) or abs(number) > 1e300:
        kind = "an integer" if is_whole else "a number"
        raise RangeProblem(f"The {member} [{text}] of the hyperparameter [{name}] is not {kind}.")
    return number


def _choice(asked: Document) -> Choice:
    name, values = asked["Name"], tuple(asked["Values"])
    if len(set(values)) < len(values):
        raise RangeProblem(f"The values of the categorical hyperparameter [{name}] must be unique; found {values}.")
    return Choice(name, values)


def _auto(low: float, high: float, *, is_whole: bool) -> Scale:
    if low > 0 and high / low >= WIDE:
        return "Logarithmic"
    if not is_whole and 0 <= low <= high < 1 and (1 - low) / (1 - high) >= WIDE:
        return "ReverseLogarithmic"
    return "Linear"


def _scaled(unit: float, low: float, high: float, scale: Scale) -> float:
    match scale:
        case "Linear":
            return low + unit * (high - low)
        case "Logarithmic":
            return math.exp(math.log(low) + unit * (math.log(high) - math.log(low)))
        case "ReverseLogarithmic":
            return 1 - _scaled(unit, 1 - low, 1 - high, "Logarithmic")


def _unscaled(number: float, low: float, high: float, scale: Scale) -> float:
    if low == high:
        return 0.5
    match scale:
        case "Linear":
            return (number - low) / (high - low)
        case "Logarithmic":
            return (math.log(number) - math.log(low)) / (math.log(high) - math.log(low))
        case "ReverseLogarithmic":
            return _unscaled(1 - number, 1 - low, 1 - high, "Logarithmic")
