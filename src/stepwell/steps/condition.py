"""Room steps: Condition, which takes one of its two branches. The engine evaluates it; nothing is created.

In: the outcome of `definition.conditions.evaluate_all`. Out: what the step's properties and Metadata are then.
"""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.definition.parse_steps import CONDITION_MEMBERS
from stepwell.steps import forms
from stepwell.steps.kinds import StepType

TYPE = StepType(
    "Condition",
    "condition",
    arguments=lambda _: forms.structure(dict.fromkeys(CONDITION_MEMBERS, forms.FREE)),
    properties=lambda _: forms.structure({"Outcome": forms.FLAG}),
)
"""The parser has taken conditions and branches out of its Arguments: they are named for who writes them otherwise."""


def properties(outcome: bool) -> Document:
    """What Steps.<name>.Outcome reads."""
    return {"Outcome": outcome}


def metadata(outcome: bool) -> Document:
    """The step's Metadata; AWS writes the outcome as "True" or "False"."""
    return {"Condition": {"Outcome": str(outcome)}}
