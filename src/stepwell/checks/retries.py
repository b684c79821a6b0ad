"""Room checks: retry policies cover only what can happen to their step. Spec 01, section 5 (RetryPolicies)."""

from __future__ import annotations

from collections.abc import Iterator

from stepwell.checks.running import Subject
from stepwell.definition.problems import Problem, below

WITHOUT_JOBS = frozenset({"Model", "RegisterModel"})
"""Types that run no job, so that no job of theirs can fail; the SDKs refuse the same."""


def check(subject: Subject) -> Iterator[Problem]:
    """One problem for each policy about jobs at a step that runs none."""
    for step in subject.pipeline.steps:
        if step.type not in WITHOUT_JOBS:
            continue
        for policy in step.retries:
            wrong = [name for name in policy.exceptions if name.startswith("SageMaker.")]
            if wrong:
                message = f"A step of type {step.type} runs no job: it cannot be retried on {', '.join(wrong)}."
                yield Problem(below(policy.pointer, "ExceptionType"), message)
