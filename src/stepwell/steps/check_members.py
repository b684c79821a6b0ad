"""Room steps: what QualityCheck and ClarifyCheck have in common. In: CreateProcessingJob's members. Out: S3 URIs.

They compare data or a model with a baseline and may register a new one. Spec 01, sections 4 and 5.
"""

from __future__ import annotations

from stepwell.steps import forms
from stepwell.steps.forms import Form, Models
from stepwell.steps.kinds import JOB_MEMBERS

MEMBERS = JOB_MEMBERS | {
    "CheckType",
    "ModelPackageGroupName",
    "SkipCheck",
    "FailOnViolation",
    "RegisterNewBaseline",
    "SuppliedBaselineConstraints",
}

CONSTRAINTS = ("CalculatedBaselineConstraints", "BaselineUsedForDriftCheckConstraints")
STATISTICS = ("CalculatedBaselineStatistics", "BaselineUsedForDriftCheckStatistics")


def arguments(models: Models) -> Form:
    """The processing job that does the check; its name and role may be left out."""
    request = forms.request(models, "sagemaker", "CreateProcessingJob")
    return forms.changed(request, optional=("ProcessingJobName", "RoleArn"))


def uris(*names: str) -> Form:
    """Properties that are S3 URIs."""
    return forms.structure(dict.fromkeys(names, forms.TEXT))
