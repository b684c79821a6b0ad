"""Room definition, retries: policies with their defaults, and what is refused."""

from __future__ import annotations

import pytest

from stepwell.definition.json_text import JSON
from stepwell.definition.reading import Reading
from stepwell.definition.retries import RetryPolicy, parse_retries

FAULT = ("Step.SERVICE_FAULT",)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, RetryPolicy(FAULT, "/R/0", 1, 2.0, 5, None)),
        ({"MaxAttempts": 0}, RetryPolicy(FAULT, "/R/0", 1, 2.0, 0, None)),
        ({"MaxAttempts": 20, "IntervalSeconds": 43200}, RetryPolicy(FAULT, "/R/0", 43200, 2.0, 20, None)),
        ({"ExpireAfterMin": 14400, "BackoffRate": 1}, RetryPolicy(FAULT, "/R/0", 1, 1.0, None, 14400)),
        ({"ExpireAfterMin": 5, "MaxAttempts": None}, RetryPolicy(FAULT, "/R/0", 1, 2.0, None, 5)),
        ({"IntervalSeconds": 2.0, "BackoffRate": 0.5}, RetryPolicy(FAULT, "/R/0", 2, 0.5, 5, None)),
        ({"ExceptionType": "Step.SERVICE_FAULT"}, RetryPolicy(FAULT, "/R/0")),
        (
            {"ExceptionType": ["SageMaker.JOB_CAPACITY_ERROR"]},
            RetryPolicy(("SageMaker.CAPACITY_ERROR",), "/R/0"),
        ),
    ],
)
def test_policies(members: dict[str, JSON], expected: RetryPolicy) -> None:
    reading = Reading()
    assert parse_retries([{"ExceptionType": [*FAULT], **members}], "/R", reading) == (expected,)
    assert reading.problems == []


def test_no_policies() -> None:
    assert parse_retries(None, "/R", Reading()) == parse_retries([], "/R", Reading()) == ()


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        (
            {"MaxAttempts": 3, "ExpireAfterMin": 5},
            "Only one of 'MaxAttempts' and 'ExpireAfterMin' can be given in a RetryPolicy. (at /R/0)",
        ),
        (
            {"MaxAttempts": 21},
            "Expecting a whole number from 0 to 20, but found the number 21. (at /R/0/MaxAttempts)",
        ),
        (
            {"MaxAttempts": -1},
            "Expecting a whole number from 0 to 20, but found the number -1. (at /R/0/MaxAttempts)",
        ),
        (
            {"MaxAttempts": 1.5},
            "Expecting a whole number from 0 to 20, but found the number 1.5. (at /R/0/MaxAttempts)",
        ),
        ({"MaxAttempts": True}, "Expecting a whole number from 0 to 20, but found true. (at /R/0/MaxAttempts)"),
        (
            {"IntervalSeconds": 43201},
            "Expecting a whole number from 0 to 43200, but found the number 43201. (at /R/0/IntervalSeconds)",
        ),
        (
            {"ExpireAfterMin": 14401},
            "Expecting a whole number from 0 to 14400, but found the number 14401. (at /R/0/ExpireAfterMin)",
        ),
        ({"BackoffRate": "2"}, "Expecting a number from 0 to 1000, but found the text '2'. (at /R/0/BackoffRate)"),
        (
            {"BackoffRate": -0.1},
            "Expecting a number from 0 to 1000, but found the number -0.1. (at /R/0/BackoffRate)",
        ),
        ({"ExceptionType": None}, "Missing required member 'ExceptionType' (at /R/0)"),
        ({"ExceptionType": []}, "A RetryPolicy must name at least one exception type. (at /R/0/ExceptionType)"),
        ({"ExceptionType": [3]}, "Expecting a Json String. Found the number 3. (at /R/0/ExceptionType/0)"),
        (
            {"ExceptionType": ["Step.THROTLING"]},
            "Unknown exception type 'Step.THROTLING'. Did you mean 'Step.THROTTLING'? (at /R/0/ExceptionType/0)",
        ),
        (
            {"MaxAttempt": 1},
            "Unknown RetryPolicy member 'MaxAttempt'. Did you mean 'MaxAttempts'? (at /R/0/MaxAttempt)",
        ),
    ],
)
def test_wrong_policies(members: dict[str, JSON], problem: str) -> None:
    reading = Reading()
    parse_retries([{"ExceptionType": [*FAULT], **members}], "/R", reading)
    assert [str(found) for found in reading.problems] == [problem]


def test_policies_must_be_objects_in_an_array() -> None:
    reading = Reading()
    assert parse_retries([3], "/R", reading) == parse_retries({}, "/R", reading) == ()
    assert [found.pointer for found in reading.problems] == ["/R/0", "/R"]
