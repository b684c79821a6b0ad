"""Room machines, pipeline_retries: the truth table of every retry."""

from __future__ import annotations

import pytest

from stepwell.definition.retries import RetryPolicy
from stepwell.machines import pipeline_retries as retries
from stepwell.machines.pipeline_retries import Attempts, next_attempt

CAPACITY = "SageMaker.CAPACITY_ERROR"
INTERNAL = "SageMaker.JOB_INTERNAL_ERROR"


def policy(*exceptions: str, **members: float | None) -> RetryPolicy:
    return RetryPolicy(exceptions or (CAPACITY,), "", **members)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "exception"),
    [
        ("ThrottlingException", "Step.THROTTLING"),
        ("TooManyRequestsException", "Step.THROTTLING"),
        ("InternalFailure", "Step.SERVICE_FAULT"),
        ("ServiceUnavailable", "Step.SERVICE_FAULT"),
        ("ResourceLimitExceeded", "SageMaker.RESOURCE_LIMIT"),
        ("ValidationException", None),
        ("NotImplementedException", None),
        ("ResourceInUse", None),
    ],
)
def test_error_codes(code: str, exception: str | None) -> None:
    assert retries.of_refusal(code) == exception


@pytest.mark.parametrize(
    ("reason", "exception"),
    [
        ("CapacityError: Unable to provision", CAPACITY),
        ("InternalServerError: We encountered an internal error.", INTERNAL),
        ("InternalServerError", INTERNAL),
        ("AlgorithmError: InternalServerError: no", None),
        ("ClientError: bad image", None),
        ("", None),
    ],
)
def test_failure_reasons(reason: str, exception: str | None) -> None:
    assert retries.of_failure(reason) == exception


@pytest.mark.parametrize(
    ("given", "exception", "made", "since", "due"),
    [
        pytest.param([], CAPACITY, 1, 100.0, None, id="no policy"),
        pytest.param([], None, 1, 100.0, None, id="nothing retries it"),
        pytest.param([policy()], INTERNAL, 1, 100.0, None, id="a policy for something else"),
        pytest.param([policy()], CAPACITY, 1, 100.0, 101.0, id="defaults, first retry"),
        pytest.param([policy()], CAPACITY, 2, 100.0, 102.0, id="defaults, second retry"),
        pytest.param([policy()], CAPACITY, 5, 100.0, 116.0, id="defaults, last retry"),
        pytest.param([policy()], CAPACITY, 6, 100.0, None, id="defaults, five retries are made"),
        pytest.param([policy(max_attempts=0)], CAPACITY, 1, 100.0, None, id="never"),
        pytest.param([policy(interval_seconds=10, backoff_rate=1.5)], CAPACITY, 3, 100.0, 122.5, id="backoff"),
        pytest.param([policy(interval_seconds=0)], CAPACITY, 3, 100.0, 100.0, id="at once"),
        pytest.param([policy(backoff_rate=0.0)], CAPACITY, 2, 100.0, 100.0, id="no backoff"),
        pytest.param(
            [policy(interval_seconds=43_200, backoff_rate=1000.0, max_attempts=20)], CAPACITY, 20, 0.0, 43_300.0,
            id="never longer than the longest interval",
        ),
        pytest.param(
            [policy(max_attempts=None, expire_after_minutes=1)], CAPACITY, 1, 41.0, 101.0, id="just before the expiry"
        ),
        pytest.param(
            [policy(max_attempts=None, expire_after_minutes=1)], CAPACITY, 1, 40.0, None, id="after the expiry"
        ),
        pytest.param(
            [policy(max_attempts=None, expire_after_minutes=0)], CAPACITY, 1, 100.0, None, id="expired from the start"
        ),
        pytest.param(
            [policy(INTERNAL), policy(CAPACITY, max_attempts=0), policy(CAPACITY)], CAPACITY, 1, 100.0, None,
            id="the first that names it decides",
        ),
        pytest.param([], "Step.THROTTLING", 1, 100.0, 101.0, id="throttling without a policy"),
        pytest.param([], "Step.SERVICE_FAULT", 5, 100.0, 116.0, id="a service fault without a policy"),
        pytest.param([], "Step.SERVICE_FAULT", 6, 100.0, None, id="not for ever"),
        pytest.param([policy("Step.THROTTLING", max_attempts=0)], "Step.THROTTLING", 1, 100.0, None, id="overridden"),
    ],
)  # fmt: skip
def test_when_the_next_attempt_is_due(
    given: list[RetryPolicy], exception: str | None, made: int, since: float, due: float | None
) -> None:
    assert next_attempt(given, exception, Attempts(made, since), 100.0) == due


def test_what_is_covered() -> None:
    assert retries.is_covered([policy(max_attempts=0)], CAPACITY)
    assert retries.is_covered([], "Step.THROTTLING")
    assert not retries.is_covered([policy()], INTERNAL)
    assert not retries.is_covered([policy()], None)
