"""Room checks: what a condition compares can be compared, as far as the types are known before anything runs.

What is known of them is in operand_kinds. Spec 01, section 5 (Conditions); the words are those of the failure that
it would be when the condition is evaluated.
"""

from __future__ import annotations

from collections.abc import Iterator

from stepwell.checks.operand_kinds import OperandKinds
from stepwell.checks.running import Subject
from stepwell.definition.conditions import ORDERED_KINDS, Comparison, Condition, In, Not, Or
from stepwell.definition.problems import Problem, below


def check(subject: Subject) -> Iterator[Problem]:
    """One problem for each comparison that would fail whatever the values are."""
    kinds = OperandKinds(subject)
    for step in subject.pipeline.steps:
        for index, condition in enumerate(step.conditions):
            yield from _conditions(condition, below(step.pointer, "Arguments", "Conditions", index), kinds)


def _conditions(condition: Condition, pointer: str, kinds: OperandKinds) -> Iterator[Problem]:
    match condition:
        case Comparison():
            yield from _comparison(condition, pointer, kinds)
        case In(query, values):
            wanted, found = kinds.of(query), {kinds.of(value) for value in values}
            if wanted and found and None not in found and wanted not in found:
                listed = ", ".join(sorted(filter(None, found)))
                message = (
                    f"QueryValue is of type {wanted}, and all Values are of type {listed}: none is ever the same."
                )
                yield Problem(pointer, message)
        case Not(inner):
            yield from _conditions(inner, below(pointer, "Condition"), kinds)
        case Or(inner):
            for index, one in enumerate(inner):
                yield from _conditions(one, below(pointer, "Conditions", index), kinds)


def _comparison(condition: Comparison, pointer: str, kinds: OperandKinds) -> Iterator[Problem]:
    left, right = kinds.of(condition.left), kinds.of(condition.right)
    unsupported = f"Condition of type {condition.type} not supported between"
    larger = (("LeftValue", kinds.large(condition.left)), ("RightValue", kinds.large(condition.right)))
    told = [Problem(below(pointer, member), large) for member, large in larger if large is not None]
    if told:
        yield from told
        return
    if left and right and left != right:
        yield Problem(pointer, f"{unsupported} LeftValue of type {left} and RightValue of type {right}.")
    elif condition.type not in ("Equals", "NotEquals") and (left or right) not in (None, *ORDERED_KINDS):
        yield Problem(pointer, f"{unsupported} values of type {left or right}.")
