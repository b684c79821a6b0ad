"""How long a delivery is tried, and what becomes of it."""

from __future__ import annotations

import pytest

from stepwell.machines.delivery import (
    LONGEST_PAUSE,
    Attempt,
    Bury,
    Delivered,
    Delivery,
    Drop,
    Effect,
    Refused,
    decide,
    evolve,
)
from stepwell.machines.destinations import (
    CodePipeline,
    CodeProject,
    Destination,
    Function,
    LogGroup,
    Operation,
    Pipeline,
    Queue,
    destination,
    is_here,
)

BUSY = Refused("ThrottlingException", "slow down", True)
GONE = Refused("ResourceNotFound", "gone", False)


@pytest.mark.parametrize(
    ("delivery", "now", "expected"),
    [
        (Delivery(0, 0), 0, (Attempt(),)),
        (Delivery(0, 5, 1, BUSY), 4, ()),
        (Delivery(0, 5, 1, BUSY), 5, (Attempt(),)),
        (Delivery(0, 5, 1, BUSY, most_retries=0), 4, (Drop(),)),
        (Delivery(0, 5, 1, BUSY, most_retries=0, has_dead_letters=True), 4, (Bury("MaximumRetryAttempts"),)),
        (Delivery(0, 5, 3, BUSY, most_retries=2, has_dead_letters=True), 4, (Bury("MaximumRetryAttempts"),)),
        (Delivery(0, 5, 2, BUSY, most_retries=2), 5, (Attempt(),)),
        (Delivery(0, 61, 1, BUSY, most_seconds=60, has_dead_letters=True), 2, (Bury("MaximumEventAgeInSeconds"),)),
        (Delivery(0, 5, 1, BUSY, most_seconds=60), 61, (Drop(),)),
        (Delivery(0, 5, 1, GONE), 1, (Drop(),)),
        (Delivery(0, 5, 1, GONE, has_dead_letters=True), 1, (Bury(None),)),
    ],
)
def test_decisions(delivery: Delivery, now: float, expected: tuple[Effect, ...]) -> None:
    assert decide(delivery, now) == expected


def test_pauses_grow_to_a_bound_and_fill_a_day() -> None:
    delivery, now, attempts = Delivery(0.0, 0.0), 0.0, 0
    pauses = []
    while decide(delivery, now) == (Attempt(),):
        after = evolve(delivery, BUSY, now)
        assert after is not None
        pauses.append(after.due - now)
        delivery, now, attempts = after, after.due, attempts + 1
    assert pauses[:4] == [1.0, 2.0, 4.0, 8.0] and max(pauses) == LONGEST_PAUSE
    assert decide(delivery, now) == (Drop(),)
    assert 180 <= attempts <= 186 and 80_000 < now <= 87_000


def test_what_was_delivered_is_over() -> None:
    assert evolve(Delivery(0, 0), Delivered(), 1.0) is None


HERE = "eu-west-1:123456789012"


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        (f"arn:aws:sagemaker:{HERE}:pipeline/P", Pipeline("P")),
        (f"arn:aws:sagemaker:{HERE}:pipeline/P/execution/x", None),
        (f"arn:aws:sagemaker:{HERE}:training-job/P", None),
        (f"arn:aws:lambda:{HERE}:function:f:live", Function(f"arn:aws:lambda:{HERE}:function:f:live")),
        (f"arn:aws:lambda:{HERE}:function:", None),
        (f"arn:aws:sqs:{HERE}:q.fifo", Queue("q.fifo")),
        (f"arn:aws:logs:{HERE}:log-group:/aws/events/x", LogGroup("/aws/events/x")),
        (f"arn:aws:logs:{HERE}:log-group:/aws/events/x:*", LogGroup("/aws/events/x")),
        (f"arn:aws:codepipeline:{HERE}:p", CodePipeline("p")),
        (f"arn:aws:codebuild:{HERE}:project/p", CodeProject("p")),
        (
            "arn:aws:scheduler:::aws-sdk:sagemaker:startPipelineExecution",
            Operation("sagemaker", "startPipelineExecution"),
        ),
        ("arn:aws:scheduler:::aws-sdk:sagemaker:describePipeline", None),
        ("arn:aws:scheduler:::aws-sdk:sagemaker", None),
        (f"arn:aws:sns:{HERE}:t", None),
        ("nonsense", None),
    ],
)
def test_destinations(arn: str, expected: Destination | None) -> None:
    assert destination(arn) == expected
    assert is_here(arn, "123456789012", "eu-west-1") is (arn != "nonsense")
    assert Operation("sagemaker", "startPipelineExecution").name == "StartPipelineExecution"
