"""Room steps: how steps end, and what is said of it."""

from __future__ import annotations

import pytest

from stepwell.base.documents import Document
from stepwell.spec.models import operation
from stepwell.steps import condition, fail, reasons, registry
from stepwell.steps.kinds import Job
from stepwell.steps.outcomes import Failed, Outcome, Stopped, Succeeded

ARN = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/p/execution/abcdefghijkl"


def job(type_: str) -> Job:
    found = registry.of(type_).job
    assert found is not None
    return found


UNTOLD = Failed("No failure reason was given.")


@pytest.mark.parametrize(
    ("type_", "member", "status", "outcome"),
    [
        (type_, member, status, outcome)
        for type_, member in (("Training", "TrainingJobStatus"), ("Processing", "ProcessingJobStatus"))
        for status, outcome in (
            ("InProgress", None),
            ("Stopping", None),
            ("Completed", Succeeded()),
            ("Failed", UNTOLD),
            ("Stopped", Stopped()),
        )
    ]
    + [
        ("RegisterModel", "ModelPackageStatus", "Pending", None),
        ("RegisterModel", "ModelPackageStatus", "InProgress", None),
        ("RegisterModel", "ModelPackageStatus", "Deleting", None),
        ("RegisterModel", "ModelPackageStatus", "Completed", Succeeded()),
        ("RegisterModel", "ModelPackageStatus", "Failed", UNTOLD),
    ],
)
def test_the_status_of_a_description_is_an_outcome(
    type_: str, member: str, status: str, outcome: Outcome | None
) -> None:
    shape = operation("sagemaker", job(type_).describe).output_shape
    assert shape is not None
    assert status in shape.members[member].shape.enum
    assert job(type_).outcome({member: status}) == outcome


def test_models_are_there_at_once() -> None:
    assert job("Model").outcome({}) == Succeeded()


@pytest.mark.parametrize(
    ("type_", "response", "reason"),
    [
        ("Training", {"TrainingJobStatus": "Failed", "FailureReason": "AlgorithmError: x"}, "AlgorithmError: x"),
        (
            "RegisterModel",
            {
                "ModelPackageStatus": "Failed",
                "ModelPackageStatusDetails": {
                    "ValidationStatuses": [{"FailureReason": "a"}, {"Status": "Completed"}, {"FailureReason": "b"}]
                },
            },
            "a; b",
        ),
    ],
)
def test_a_failure_has_its_reason(type_: str, response: Document, reason: str) -> None:
    assert job(type_).outcome(response) == Failed(reason)


def test_a_failed_jobs_reason_in_awss_words() -> None:
    assert reasons.job_failed("AlgorithmError: x, exit code: 1") == "ClientError: AlgorithmError: x, exit code: 1"


@pytest.mark.parametrize(
    ("code", "message", "text"),
    [
        (
            "ValidationException",
            "1 validation error detected",
            "ClientError: Failed to invoke sagemaker:CreateTrainingJob. Error Details: 1 validation error detected",
        ),
        (
            "AccessDenied",
            "",
            "ClientError: Failed to invoke sagemaker:CreateTrainingJob. Error Details: null",
        ),
        (
            "ResourceLimitExceeded",
            "The limit is 0.",
            "ClientError: Failed to invoke sagemaker:CreateTrainingJob. Error Details: The limit is 0.\n"
            f"Retry not appropriate on execution of step with PipelineExecutionArn {ARN} and StepId Train. "
            "No retry policy configured for the exception type SAGEMAKER_RESOURCE_LIMIT.",
        ),
    ],
)
def test_a_refused_creation_in_awss_words(code: str, message: str, text: str) -> None:
    assert reasons.create_refused("sagemaker:CreateTrainingJob", code, message, ARN, "Train") == text


def test_reasons_are_at_most_1024_characters() -> None:
    assert reasons.job_failed("x" * 2000) == "ClientError: " + "x" * 1008 + "..."
    assert len(reasons.job_failed("x" * 2000)) == 1024
    assert reasons.limited("x" * 1024) == "x" * 1024


def test_a_type_that_cannot_run_says_so() -> None:
    assert reasons.unbuilt("Tuning").startswith("Stepwell cannot run steps of type Tuning yet.")


@pytest.mark.parametrize(("outcome", "text"), [(True, "True"), (False, "False")])
def test_a_condition_shows_its_outcome(outcome: bool, text: str) -> None:
    assert condition.properties(outcome) == {"Outcome": outcome}
    assert condition.metadata(outcome) == {"Condition": {"Outcome": text}}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [({"ErrorMessage": "MSE > 6"}, "MSE > 6"), ({"ErrorMessage": ""}, ""), ({"ErrorMessage": 3}, "3"), ({}, "")],
)
def test_a_fail_step_has_its_message(arguments: Document, text: str) -> None:
    assert fail.message(arguments) == text
    assert fail.metadata(text) == {"Fail": {"ErrorMessage": text}}
