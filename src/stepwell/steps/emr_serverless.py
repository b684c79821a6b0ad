"""Room steps: EMRServerless, a run of a job without a cluster. In: JobConfig and an application. Out: GetJobRun's.

What stands inside JobConfig and ApplicationConfig is StartJobRun's and CreateApplication's request, in their own
camel case. Spec 01, section 5.
"""

from __future__ import annotations

from stepwell.steps import forms
from stepwell.steps.forms import Form, Models
from stepwell.steps.kinds import JOB_MEMBERS, StepType


def _arguments(models: Models) -> Form:
    run = forms.request(models, "emr-serverless", "StartJobRun")
    application = forms.request(models, "emr-serverless", "CreateApplication")
    members = {
        "ExecutionRoleArn": forms.TEXT,
        "JobConfig": forms.changed(run, optional=("applicationId", "clientToken", "executionRoleArn")),
        "ApplicationId": forms.TEXT,
        "ApplicationConfig": forms.changed(application, optional=("clientToken",)),
    }
    return forms.structure(members, required=("JobConfig",))


TYPE = StepType(
    "EMRServerless",
    "unbuilt",
    members=JOB_MEMBERS,
    arguments=_arguments,
    properties=lambda models: forms.answer(models, "emr-serverless", "GetJobRun"),
)
