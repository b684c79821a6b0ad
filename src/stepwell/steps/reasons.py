"""Room steps: the FailureReason of a step, in AWS's words.

In: what went wrong. Out: the text that ListPipelineExecutionSteps shows, at most 1024 characters. Sources: spec
02, section 3, "FailureReason texts (step)".
"""

from __future__ import annotations

from collections.abc import Mapping

LONGEST = 1024

RETRYABLE: Mapping[str, str] = {
    "ResourceLimitExceeded": "SAGEMAKER_RESOURCE_LIMIT",
}
"""Error codes of creations that a retry policy could cover -> AWS's name of the exception type."""


def create_refused(
    operation: str, code: str, message: str, execution_arn: str, step: str, *, tried: bool = False
) -> str:
    """The creation answered an error. `operation` is such as sagemaker:CreateTrainingJob.

    `tried`: a retry policy covers the error and allows no further attempt.
    """
    text = f"ClientError: Failed to invoke {operation}. Error Details: {message or 'null'}"
    if code in RETRYABLE:
        text += (
            f"\nRetry not appropriate on execution of step with PipelineExecutionArn {execution_arn} and StepId "
            f"{step}. "
        )
        if tried:
            text += f"The retry policy for the exception type {RETRYABLE[code]} allows no further attempt."
        else:
            text += f"No retry policy configured for the exception type {RETRYABLE[code]}."
    return limited(text)


def job_failed(reason: str) -> str:
    """What the step made has failed with this FailureReason."""
    return limited(f"ClientError: {reason}")


def unbuilt(type_: str) -> str:
    """Honest or loud: the type is AWS's, and Stepwell cannot run it yet."""
    return f"Stepwell cannot run steps of type {type_} yet. docs/coverage.md lists the types it runs."


def limited(text: str) -> str:
    """`text`, cut to what the API allows."""
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
