"""Room definition: RetryPolicies, when and how often a step is tried again.

In: a list of policies. Out: RetryPolicy values with every default filled in. Which policy an error falls under, and
when the next attempt is due, is for machines/. Spec 01, section 5; spec 02, section 7.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from stepwell.definition.json_text import JSON
from stepwell.definition.problems import below, described, shown, suggestion
from stepwell.definition.reading import Reading

INTERVAL_SECONDS, LONGEST_INTERVAL = 1, 43_200
BACKOFF_RATE = 2.0
HIGHEST_BACKOFF_RATE = 1_000.0
"""Ours: AWS names no limit, and the wait before the twentieth attempt has to stay a number."""
MAX_ATTEMPTS, MOST_ATTEMPTS = 5, 20
LONGEST_EXPIRY = 14_400

EXCEPTIONS = (
    "Step.SERVICE_FAULT",
    "Step.THROTTLING",
    "SageMaker.JOB_INTERNAL_ERROR",
    "SageMaker.CAPACITY_ERROR",
    "SageMaker.RESOURCE_LIMIT",
    "Emr.RESOURCE_LIMIT",
)
ALIASES = {"SageMaker.JOB_CAPACITY_ERROR": "SageMaker.CAPACITY_ERROR"}
"""A name in older guides -> the name of today."""

_MEMBERS = ("ExceptionType", "IntervalSeconds", "BackoffRate", "MaxAttempts", "ExpireAfterMin")
_Number: TypeAlias = int | float


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exactly one of `max_attempts` and `expire_after_minutes` is set. `pointer`: where the policy stands."""

    exceptions: tuple[str, ...]
    pointer: str
    interval_seconds: int = INTERVAL_SECONDS
    backoff_rate: float = BACKOFF_RATE
    max_attempts: int | None = MAX_ATTEMPTS
    """Attempts after the first; 0: none."""
    expire_after_minutes: int | None = None
    """Counted from the first attempt."""


def parse_retries(value: JSON, pointer: str, reading: Reading) -> tuple[RetryPolicy, ...]:
    """The policies of a step in their order; those that cannot be read are noted and left out."""
    if value is None:
        return ()
    found = (
        _policy(item, below(pointer, index), reading) for index, item in enumerate(reading.array(value, pointer))
    )
    return tuple(policy for policy in found if policy is not None)


def _policy(value: JSON, pointer: str, reading: Reading) -> RetryPolicy | None:
    document = reading.mapping(value, pointer)
    if document is not value:
        return None
    reading.only(document, _MEMBERS, pointer, "RetryPolicy")
    interval = _number(document, "IntervalSeconds", pointer, reading, (0, LONGEST_INTERVAL))
    rate = _number(document, "BackoffRate", pointer, reading, (0.0, HIGHEST_BACKOFF_RATE))
    attempts = _number(document, "MaxAttempts", pointer, reading, (0, MOST_ATTEMPTS))
    expiry = _number(document, "ExpireAfterMin", pointer, reading, (0, LONGEST_EXPIRY))
    if document.get("MaxAttempts") is not None and document.get("ExpireAfterMin") is not None:
        reading.refuse(pointer, "Only one of 'MaxAttempts' and 'ExpireAfterMin' can be given in a RetryPolicy.")
    return RetryPolicy(
        exceptions=tuple(_exceptions(document, pointer, reading)),
        pointer=pointer,
        interval_seconds=INTERVAL_SECONDS if interval is None else int(interval),
        backoff_rate=BACKOFF_RATE if rate is None else float(rate),
        max_attempts=_attempts(attempts, expiry),
        expire_after_minutes=None if expiry is None else int(expiry),
    )


def _attempts(attempts: _Number | None, expiry: _Number | None) -> int | None:
    if attempts is not None:
        return int(attempts)
    return MAX_ATTEMPTS if expiry is None else None


def _exceptions(document: dict[str, JSON], pointer: str, reading: Reading) -> Iterator[str]:
    """The exception types; AWS's schema has one string where the SDKs write a list."""
    inside = below(pointer, "ExceptionType")
    given = reading.required(document, "ExceptionType", pointer)
    if given == []:
        reading.refuse(inside, "A RetryPolicy must name at least one exception type.")
    items = [given] if isinstance(given, str) else reading.array(given, inside) if given is not None else []
    for index, item in enumerate(items):
        here = inside if isinstance(given, str) else below(inside, index)
        name = reading.text(item, here)
        if name in EXCEPTIONS or name in ALIASES:
            yield ALIASES.get(name, name)
        elif name == item:
            reading.refuse(here, f"Unknown exception type '{shown(name)}'.{suggestion(name, EXCEPTIONS)}")


def _number(
    document: dict[str, JSON], member: str, pointer: str, reading: Reading, limits: tuple[_Number, _Number]
) -> _Number | None:
    """The number `member` between `limits`, whole if these are; None when absent, or refused."""
    value = document.get(member)
    if value is None:
        return None
    lowest, highest = limits
    any_number = isinstance(lowest, float)
    if isinstance(value, int | float) and not isinstance(value, bool) and lowest <= value <= highest:
        number = float(value) if any_number else int(value)
        if number == value:
            return number
    wanted = "a number" if any_number else "a whole number"
    message = f"Expecting {wanted} from {lowest:g} to {highest:g}, but found {described(value)}."
    reading.refuse(below(pointer, member), message)
    return None
