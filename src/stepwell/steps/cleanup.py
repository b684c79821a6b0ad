"""Room steps: Cleanup, which deletes what earlier steps wrote to S3. In: Resources.S3, steps and maybe URIs.

Without S3Uris the outputs are found by themselves, which goes for Training and Athena steps only; steps with a
VpcConfig cannot be cleaned up. It has no properties. Spec 01, section 5.
"""

from __future__ import annotations

from stepwell.steps import forms
from stepwell.steps.forms import Form, Models
from stepwell.steps.kinds import StepType


def _arguments(_: Models) -> Form:
    members = {"StepName": forms.TEXT, "S3Uris": forms.listing(forms.TEXT)}
    source = forms.structure(members, required=("StepName",))
    resources = forms.structure({"S3": forms.listing(source)}, required=("S3",))
    return forms.structure({"Resources": resources}, required=("Resources",))


TYPE = StepType("Cleanup", "cleanup", has_properties=False, arguments=_arguments)
