"""Room steps: Callback, a message to a queue, and the wait for its answer.

In: SqsQueueUrl, and Arguments as the message's. Out: the OutputParameters that the step declares. Spec 01, section 5.
"""

from __future__ import annotations

from stepwell.steps import forms
from stepwell.steps.kinds import StepType

TYPE = StepType(
    "Callback",
    "callback",
    members=frozenset({"SqsQueueUrl", "OutputParameters", "CacheConfig"}),
    required=("SqsQueueUrl",),
    arguments=lambda _: forms.mapping(forms.FREE),
    properties=lambda _: forms.structure({"OutputParameters": forms.mapping(forms.FREE)}),
)
