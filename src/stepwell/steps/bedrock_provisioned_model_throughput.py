"""Room steps: BedrockProvisionedModelThroughput, reserved capacity for a model.

In: CreateProvisionedModelThroughput's members. Out: GetProvisionedModelThroughput's. Pipelines write the members of
Bedrock's requests and answers in Pascal case. Spec 01, section 5.
"""

from __future__ import annotations

from stepwell.steps import forms
from stepwell.steps.forms import pascal
from stepwell.steps.kinds import JOB_MEMBERS, StepType

TYPE = StepType(
    "BedrockProvisionedModelThroughput",
    "unbuilt",
    members=JOB_MEMBERS,
    arguments=lambda models: forms.request(models, "bedrock", "CreateProvisionedModelThroughput", pascal),
    properties=lambda models: forms.answer(models, "bedrock", "GetProvisionedModelThroughput", pascal),
)
