"""Room steps: Tuning, a hyperparameter tuning job. In: CreateHyperParameterTuningJob's members. Out: its Describe's.

Beyond these its properties hold TrainingJobSummaries, best first (spec 01, section 4).
"""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.steps import forms
from stepwell.steps.forms import Form, Models
from stepwell.steps.kinds import JOB_MEMBERS, Addition, Job, StepType
from stepwell.steps.outcomes import by_status

MOST_SUMMARIES = 50
"""So many of the best training jobs a step remembers (developer guide; get_top_model_s3_uri of the SDK)."""


def _arguments(models: Models) -> Form:
    request = forms.request(models, "sagemaker", "CreateHyperParameterTuningJob")
    return forms.changed(request, optional=("HyperParameterTuningJobName",))


def _properties(models: Models) -> Form:
    summaries = forms.answer(models, "sagemaker", "ListTrainingJobsForHyperParameterTuningJob")
    described = forms.answer(models, "sagemaker", "DescribeHyperParameterTuningJob")
    return forms.changed(described, {"TrainingJobSummaries": summaries.members["TrainingJobSummaries"]})


def _summaries(described: Document) -> Addition:
    """The best training jobs of the tuning job, best first."""
    best = described.get("BestTrainingJob", {}).get("FinalHyperParameterTuningJobObjectiveMetric", {})
    order = "Ascending" if best.get("Type") == "Minimize" else "Descending"
    params = {
        "HyperParameterTuningJobName": described["HyperParameterTuningJobName"],
        "SortBy": "FinalObjectiveMetricValue",
        "SortOrder": order,
        "MaxResults": MOST_SUMMARIES,
    }
    return Addition("ListTrainingJobsForHyperParameterTuningJob", params, "TrainingJobSummaries")


TYPE = StepType(
    "Tuning",
    "job",
    Job(
        noun="HyperParameterTuningJob",
        metadata_key="TuningJob",
        outcome=by_status("HyperParameterTuningJobStatus"),
        stop="StopHyperParameterTuningJob",
        name_length=32,
        role_member="",
        addition=_summaries,
    ),
    members=JOB_MEMBERS,
    arguments=_arguments,
    properties=_properties,
)
