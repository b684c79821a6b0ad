"""Room steps: BedrockModelImport, a model brought into Bedrock.

In: CreateModelImportJob's members. Out: GetModelImportJob's. Pipelines write the members of Bedrock's requests and
answers in Pascal case. Spec 01, section 5.
"""

from __future__ import annotations

from stepwell.steps import forms
from stepwell.steps.forms import pascal
from stepwell.steps.kinds import JOB_MEMBERS, StepType

TYPE = StepType(
    "BedrockModelImport",
    "unbuilt",
    members=JOB_MEMBERS,
    arguments=lambda models: forms.request(models, "bedrock", "CreateModelImportJob", pascal),
    properties=lambda models: forms.answer(models, "bedrock", "GetModelImportJob", pascal),
)
