"""Room steps: Transform, a batch transform job. In: CreateTransformJob's members. Out: DescribeTransformJob's."""

from __future__ import annotations

from stepwell.steps import forms
from stepwell.steps.kinds import JOB_MEMBERS, StepType

TYPE = StepType(
    "Transform",
    "unbuilt",
    members=JOB_MEMBERS,
    arguments=lambda models: forms.changed(
        forms.request(models, "sagemaker", "CreateTransformJob"), optional=("TransformJobName",)
    ),
    properties=lambda models: forms.answer(models, "sagemaker", "DescribeTransformJob"),
)
