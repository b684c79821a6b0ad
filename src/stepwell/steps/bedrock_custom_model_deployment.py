"""Room steps: BedrockCustomModelDeployment, an endpoint for such a model.

In: CreateCustomModelDeployment's members. Out: GetCustomModelDeployment's. Pipelines write the members of Bedrock's
requests and answers in Pascal case. Spec 01, section 5.
"""

from __future__ import annotations

from stepwell.steps import forms
from stepwell.steps.forms import pascal
from stepwell.steps.kinds import JOB_MEMBERS, StepType

TYPE = StepType(
    "BedrockCustomModelDeployment",
    "unbuilt",
    members=JOB_MEMBERS,
    arguments=lambda models: forms.request(models, "bedrock", "CreateCustomModelDeployment", pascal),
    properties=lambda models: forms.answer(models, "bedrock", "GetCustomModelDeployment", pascal),
)
