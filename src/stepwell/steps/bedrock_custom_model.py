"""Room steps: BedrockCustomModel, a model of one's own in Bedrock.

In: CreateCustomModel's members. Out: GetCustomModel's. Pipelines write the members of Bedrock's requests and answers
in Pascal case. Spec 01, section 5.
"""

from __future__ import annotations

from stepwell.steps import forms
from stepwell.steps.forms import pascal
from stepwell.steps.kinds import JOB_MEMBERS, StepType

TYPE = StepType(
    "BedrockCustomModel",
    "unbuilt",
    members=JOB_MEMBERS,
    arguments=lambda models: forms.request(models, "bedrock", "CreateCustomModel", pascal),
    properties=lambda models: forms.answer(models, "bedrock", "GetCustomModel", pascal),
)
