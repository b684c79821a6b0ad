"""Room steps: Tuning, a hyperparameter tuning job. In: CreateHyperParameterTuningJob's members. Out: its Describe's.

Beyond these its properties hold TrainingJobSummaries, best first (spec 01, section 4).
"""

from __future__ import annotations

from stepwell.steps import forms
from stepwell.steps.forms import Form, Models
from stepwell.steps.kinds import JOB_MEMBERS, StepType


def _arguments(models: Models) -> Form:
    request = forms.request(models, "sagemaker", "CreateHyperParameterTuningJob")
    return forms.changed(request, optional=("HyperParameterTuningJobName",))


def _properties(models: Models) -> Form:
    summaries = forms.answer(models, "sagemaker", "ListTrainingJobsForHyperParameterTuningJob")
    described = forms.answer(models, "sagemaker", "DescribeHyperParameterTuningJob")
    return forms.changed(described, {"TrainingJobSummaries": summaries.members["TrainingJobSummaries"]})


TYPE = StepType("Tuning", "unbuilt", members=JOB_MEMBERS, arguments=_arguments, properties=_properties)
