"""Room machines: whether a step that went wrong is tried again, and when.

In: the step's RetryPolicies, what went wrong, how often and since when it was tried. Out: the moment of the next
attempt, or None. Spec 02, section 7; developer guide, "Retry Policy for Pipeline Steps". Where AWS is silent: the
first policy that names the exception decides, and attempts are counted over all exceptions of the step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stepwell.definition.retries import LONGEST_INTERVAL, RetryPolicy

SERVICE_FAULT = "Step.SERVICE_FAULT"
THROTTLING = "Step.THROTTLING"
JOB_INTERNAL_ERROR = "SageMaker.JOB_INTERNAL_ERROR"
CAPACITY_ERROR = "SageMaker.CAPACITY_ERROR"
RESOURCE_LIMIT = "SageMaker.RESOURCE_LIMIT"

CODES: Mapping[str, str] = {
    "InternalFailure": SERVICE_FAULT,
    "InternalServerError": SERVICE_FAULT,
    "InternalServerException": SERVICE_FAULT,
    "ServiceException": SERVICE_FAULT,
    "ServiceUnavailable": SERVICE_FAULT,
    "ServiceUnavailableException": SERVICE_FAULT,
    "RequestLimitExceeded": THROTTLING,
    "Throttling": THROTTLING,
    "ThrottlingException": THROTTLING,
    "ThrottledException": THROTTLING,
    "TooManyRequestsException": THROTTLING,
    "ResourceLimitExceeded": RESOURCE_LIMIT,
}
"""Error code of a creation -> the exception type that policies name."""

REASONS: Mapping[str, str] = {
    "InternalServerError": JOB_INTERNAL_ERROR,
    "CapacityError": CAPACITY_ERROR,
    "ResourceLimitExceeded": RESOURCE_LIMIT,
}
"""What stands before the first colon of a job's FailureReason -> the exception type that policies name."""

AUTOMATIC = (RetryPolicy((SERVICE_FAULT, THROTTLING), ""),)
"""What happens to these two where no policy names them; that it does is AWS's word, how often is ours."""


@dataclass(frozen=True, slots=True)
class Attempts:
    """How a step was tried so far: `made` attempts (1: only the first), the first of them at `since`."""

    made: int
    since: float


def of_refusal(code: str) -> str | None:
    """The exception type of a creation that answered an error of this code; None: nothing retries it."""
    return CODES.get(code)


def of_failure(reason: str) -> str | None:
    """The exception type of a job that failed with this FailureReason; None: nothing retries it."""
    return REASONS.get(reason.partition(":")[0].strip())


def next_attempt(
    policies: Sequence[RetryPolicy], exception: str | None, attempts: Attempts, now: float
) -> float | None:
    """When to try again (epoch seconds); None: never."""
    policy = _policy(policies, exception)
    if policy is None:
        return None
    if policy.max_attempts is not None and attempts.made > policy.max_attempts:
        return None
    due = now + _delay(policy, attempts.made)
    expiry = policy.expire_after_minutes
    return None if expiry is not None and due > attempts.since + expiry * 60 else due


def is_covered(policies: Sequence[RetryPolicy], exception: str | None) -> bool:
    """Whether some policy speaks of the exception, however often it allows."""
    return _policy(policies, exception) is not None


def _policy(policies: Sequence[RetryPolicy], exception: str | None) -> RetryPolicy | None:
    return next((policy for policy in (*policies, *AUTOMATIC) if exception in policy.exceptions), None)


def _delay(policy: RetryPolicy, retry: int) -> float:
    """Seconds before that retry (1 is the first); never more than the longest interval that can be asked for."""
    try:
        grown = policy.interval_seconds * policy.backoff_rate ** (retry - 1)
    except OverflowError:
        grown = float(LONGEST_INTERVAL)
    return min(grown, float(LONGEST_INTERVAL))
