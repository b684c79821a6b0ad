"""Room steps: Job, a job of any category. In: CreateJob's members. Out: DescribeJob's.

JobConfigDocument is the text of a JSON document, and property paths lead into it. Spec 01, sections 4 and 5.
"""

from __future__ import annotations

from stepwell.steps import forms
from stepwell.steps.forms import Form, Models
from stepwell.steps.kinds import JOB_MEMBERS, StepType


def _arguments(models: Models) -> Form:
    request = forms.request(models, "sagemaker", "CreateJob")
    return forms.changed(request, optional=("JobName", "RoleArn"))


def _properties(models: Models) -> Form:
    return forms.changed(forms.answer(models, "sagemaker", "DescribeJob"), {"JobConfigDocument": forms.FREE})


TYPE = StepType("Job", "unbuilt", members=JOB_MEMBERS, arguments=_arguments, properties=_properties)
