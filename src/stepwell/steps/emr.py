"""Room steps: EMR, a step of a cluster. In: StepConfig, and ClusterId or ClusterConfig. Out: emr's Step.

ClusterConfig is RunJobFlow's request without what the pipeline decides: the cluster ends when the step has ended.
Spec 01, section 5.
"""

from __future__ import annotations

from stepwell.steps import forms
from stepwell.steps.forms import Form, Models
from stepwell.steps.kinds import JOB_MEMBERS, StepType


def _arguments(models: Models) -> Form:
    flow = forms.request(models, "emr", "RunJobFlow")
    step = flow.members["Steps"].inner
    instances = forms.changed(
        flow.members["Instances"], without=("KeepJobFlowAliveWhenNoSteps", "TerminationProtected")
    )
    cluster = forms.changed(flow, without=("Name", "Steps", "AutoTerminationPolicy"), more={"Instances": instances})
    members = {
        "StepConfig": forms.changed(step, optional=("Name",)),
        "ClusterId": forms.TEXT,
        "ClusterConfig": cluster,
        "ExecutionRoleArn": forms.TEXT,
    }
    return forms.structure(members, required=("StepConfig",))


def _properties(models: Models) -> Form:
    described = forms.answer(models, "emr", "DescribeStep").members["Step"]
    return forms.changed(described, {"ClusterId": forms.TEXT})


TYPE = StepType("EMR", "unbuilt", members=JOB_MEMBERS, arguments=_arguments, properties=_properties)
