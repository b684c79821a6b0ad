"""Room steps: ForEach, which runs the steps of its body once for each item. Its children are <body>-<index>.

The parser has taken everything out of its Arguments (definition.loops). Out: counts, and the properties of its
children: IterationOutputs[i].<body>, and Selected for the turn that a Selector picks. Spec 01, sections 4 and 6.
"""

from __future__ import annotations

from stepwell.steps import forms
from stepwell.steps.kinds import StepType

COUNTS = ("InputItemCount", "TotalStepCount", "SucceededStepCount", "FailedStepCount", "StoppedStepCount")

TYPE = StepType(
    "ForEach",
    "foreach",
    arguments=lambda _: forms.structure({}),
    properties=lambda _: forms.structure(
        {
            "Status": forms.TEXT,
            "IterationOutputs": forms.listing(forms.mapping(forms.FREE)),
            "Selected": forms.mapping(forms.FREE),
            **dict.fromkeys(COUNTS, forms.WHOLE),
        }
    ),
)
