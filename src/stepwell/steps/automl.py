"""Room steps: AutoML, a job that tries models by itself. In: CreateAutoMLJob's members. Out: DescribeAutoMLJob's.

Its Arguments have neither ModelDeployConfig nor GenerateCandidateDefinitionsOnly; its properties also lead to the
reports about the best candidate (spec 01, sections 4 and 5).
"""

from __future__ import annotations

from stepwell.steps import forms
from stepwell.steps.forms import Form, Models
from stepwell.steps.kinds import JOB_MEMBERS, StepType

_REPORTS = ("ModelInsightsJsonReportPath", "ExplainabilityJsonReportPath")


def _arguments(models: Models) -> Form:
    request = forms.request(models, "sagemaker", "CreateAutoMLJob")
    refused = ("ModelDeployConfig", "GenerateCandidateDefinitionsOnly")
    return forms.changed(request, without=refused, optional=("AutoMLJobName", "RoleArn"))


def _properties(models: Models) -> Form:
    reports = forms.structure(dict.fromkeys(_REPORTS, forms.TEXT))
    described = forms.answer(models, "sagemaker", "DescribeAutoMLJob")
    return forms.changed(described, {"BestCandidateProperties": reports})


TYPE = StepType("AutoML", "unbuilt", members=JOB_MEMBERS, arguments=_arguments, properties=_properties)
