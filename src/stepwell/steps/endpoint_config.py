"""Room steps: EndpointConfig, which models an endpoint serves.

In: CreateEndpointConfig's. Out: DescribeEndpointConfig's. The SDK refuses DataCaptureConfig and ExplainerConfig (spec
01, section 5).
"""

from __future__ import annotations

from stepwell.steps import forms
from stepwell.steps.kinds import JOB_MEMBERS, StepType

TYPE = StepType(
    "EndpointConfig",
    "unbuilt",
    members=JOB_MEMBERS,
    arguments=lambda models: forms.changed(
        forms.request(models, "sagemaker", "CreateEndpointConfig"), without=("DataCaptureConfig", "ExplainerConfig")
    ),
    properties=lambda models: forms.answer(models, "sagemaker", "DescribeEndpointConfig"),
)
