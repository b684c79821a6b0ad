"""Room steps: Lambda, a call of a Lambda function. In: FunctionArn, and Arguments as its event.

Out: the OutputParameters that the step declares. Spec 01, section 5.
"""

from __future__ import annotations

from stepwell.steps import forms
from stepwell.steps.kinds import StepType

TYPE = StepType(
    "Lambda",
    "lambda",
    members=frozenset({"FunctionArn", "OutputParameters", "CacheConfig"}),
    required=("FunctionArn",),
    arguments=lambda _: forms.mapping(forms.FREE),
    properties=lambda _: forms.structure({"OutputParameters": forms.mapping(forms.FREE)}),
)
