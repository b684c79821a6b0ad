"""Room runtime: what differs between kinds of jobs. In: a kind's ARN resource type. Out: its contract and its words.

To add a kind: its `plan` in `container/`, its `Kind` in `machines/job_outcomes.py`, and its line in `KINDS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stepwell.base.documents import Document
from stepwell.container import processing, training
from stepwell.container.plan import Plan
from stepwell.images import commands
from stepwell.images.catalog import Image
from stepwell.machines.job_outcomes import Kind


@dataclass(frozen=True, slots=True)
class JobKind:
    """One kind of job. `word` begins the members of its Describe answer, such as ProcessingStartTime."""

    name: Kind
    word: str
    log_group: str
    plan: Callable[[str, str, Document], Plan]
    """The plan of (name, ARN, document). Raises Refusal."""
    command: Callable[[Image, Document], tuple[str, ...]]
    """What the image runs, given the member `specification` of the document."""
    specification: str


KINDS = {
    "processing-job": JobKind(
        "processing",
        "Processing",
        "/aws/sagemaker/ProcessingJobs",
        processing.plan,
        commands.processing_command,
        "AppSpecification",
    ),
    "training-job": JobKind(
        "training",
        "Training",
        "/aws/sagemaker/TrainingJobs",
        training.plan,
        commands.training_command,
        "AlgorithmSpecification",
    ),
}
