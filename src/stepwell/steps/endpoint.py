"""Room steps: Endpoint, which serves models. In: CreateEndpoint's members. Out: DescribeEndpoint's.

The SDK refuses DeploymentConfig (spec 01, section 5).
"""

from __future__ import annotations

from stepwell.steps import forms
from stepwell.steps.kinds import JOB_MEMBERS, StepType

TYPE = StepType(
    "Endpoint",
    "unbuilt",
    members=JOB_MEMBERS,
    arguments=lambda models: forms.changed(
        forms.request(models, "sagemaker", "CreateEndpoint"), without=("DeploymentConfig",)
    ),
    properties=lambda models: forms.answer(models, "sagemaker", "DescribeEndpoint"),
)
