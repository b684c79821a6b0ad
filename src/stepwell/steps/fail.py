"""Room steps: Fail, which ends the execution as Failed with a message. The engine does it; nothing is created.

In: the resolved Arguments. Out: the step's message and Metadata. Other steps cannot depend on it.
"""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.definition.resolve import as_text
from stepwell.steps import forms
from stepwell.steps.kinds import StepType
from stepwell.steps.reasons import limited

TYPE = StepType(
    "Fail",
    "fail",
    has_properties=False,
    arguments=lambda _: forms.structure({"ErrorMessage": forms.TEXT}, required=("ErrorMessage",)),
)


def message(arguments: Document) -> str:
    """The FailureReason; an empty one means that the step shows none (spec 02, section 3)."""
    return limited(as_text(arguments.get("ErrorMessage", "")))


def metadata(text: str) -> Document:
    """The step's Metadata."""
    return {"Fail": {"ErrorMessage": text}}
