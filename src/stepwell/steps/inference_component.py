"""Room steps: InferenceComponent, a model on an endpoint.

In: CreateInferenceComponent's members. Out: its Describe's.
"""

from __future__ import annotations

from stepwell.steps import forms
from stepwell.steps.kinds import JOB_MEMBERS, StepType

TYPE = StepType(
    "InferenceComponent",
    "unbuilt",
    members=JOB_MEMBERS,
    arguments=lambda models: forms.request(models, "sagemaker", "CreateInferenceComponent"),
    properties=lambda models: forms.answer(models, "sagemaker", "DescribeInferenceComponent"),
)
