"""Room steps: names derive from their cause."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from stepwell.spec.models import operation
from stepwell.steps.names import client_token, job_name

ARN = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/Abalone/execution/l040kjgtiq4n"


@pytest.mark.parametrize(
    ("step", "prefix", "form"),
    [
        ("AbaloneTrain", None, r"pipelines-l040kjgtiq4n-AbaloneTrain-[A-Za-z0-9]{10}"),
        ("create-provisioned-throughput", None, r"pipelines-l040kjgtiq4n-create-provisioned-t-[A-Za-z0-9]{10}"),
        ("abalone-createmodel-1", None, r"pipelines-l040kjgtiq4n-abalone-createmodel--[A-Za-z0-9]{10}"),
        ("my_step", None, r"pipelines-l040kjgtiq4n-my-step-[A-Za-z0-9]{10}"),
        ("Train", "churn", r"churn-l040kjgtiq4n-[A-Za-z0-9]{10}"),
        ("Train", "p" * 80, r"p{39}-l040kjgtiq4n-[A-Za-z0-9]{10}"),
    ],
)
def test_names_have_awss_form(step: str, prefix: str | None, form: str) -> None:
    name = job_name(ARN, step, 1, prefix)
    assert re.fullmatch(form, name)
    assert len(name) <= 63


def test_nouns_with_short_names_get_the_short_form() -> None:
    name = job_name(ARN, "HPTuningStep", 1, length=32)
    assert re.fullmatch(r"l040kjgtiq4n-HPTunin-[A-Za-z0-9]{10}", name)
    assert len(job_name(ARN, "HPTuningStep", 1, "prefix-of-it", length=32)) == 32


def test_the_same_cause_gives_the_same_name_and_another_cause_another() -> None:
    causes = [(ARN, "A", 1), (ARN, "A", 2), (ARN, "B", 1), (ARN[:-1] + "m", "A", 1)]
    names = [job_name(*cause) for cause in causes]
    assert names == [job_name(*cause) for cause in causes]
    assert len(set(names)) == len(names)
    tokens = [client_token(*cause) for cause in causes]
    assert len({*tokens, *names}) == 2 * len(names)


@pytest.mark.parametrize(
    ("service_operation", "member"),
    [
        ("CreateTrainingJob", "TrainingJobName"),
        ("CreateProcessingJob", "ProcessingJobName"),
        ("CreateModel", "ModelName"),
        ("CreateModelPackage", "ClientToken"),
    ],
)
@settings(deadline=None, max_examples=25)
@given(step=some.from_regex(r"[A-Za-z0-9\-_]{1,64}", fullmatch=True), attempt=some.integers(1, 21))
def test_names_are_legal(service_operation: str, member: str, step: str, attempt: int) -> None:
    shape = operation("sagemaker", service_operation).input_shape
    assert shape is not None
    traits = shape.members[member].shape.traits
    make = client_token if member == "ClientToken" else job_name
    name = make(ARN, step, attempt)
    assert re.fullmatch(traits["pattern"], name)
    assert len(name) <= traits["max"]
