"""Room checks: every step can run in some execution. One that needs both branches of a condition never does.

Needing is having to wait for the success of a step in a branch: by reference, by DependsOn, or by standing there.
Waiting for a failure (a trigger) needs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from stepwell.checks.running import Subject
from stepwell.definition.graph import Graph, Requirement
from stepwell.definition.problems import Problem

_BITS = {"IfSteps": 0b01, "ElseSteps": 0b10}


def check(subject: Subject) -> Iterator[Problem]:
    """One problem for each step that no outcome of a condition lets run; those that only follow it are not told."""
    conditions = [step.name for step in subject.pipeline.steps if step.conditions or step.type == "Condition"]
    places = {name: 2 * number for number, name in enumerate(conditions)}
    both = sum(0b01 << place for place in places.values())
    needed: dict[str, int] = {}
    for name in _in_order(subject.graph):
        requirements = subject.graph.requirements[name]
        taken = 0
        for requirement in requirements:
            taken |= _needed(requirement, needed, places)
        conflict = taken & (taken >> 1) & both
        if conflict:
            condition = conditions[((conflict & -conflict).bit_length() - 1) // 2]
            message = f"Step '{name}' can never run: it needs steps of both branches of condition '{condition}'."
            yield Problem(subject.pipeline.named[name].pointer, message)
        needed[name] = 0 if conflict else taken


def _needed(requirement: Requirement, needed: dict[str, int], places: dict[str, int]) -> int:
    """The branches, as bits, that must be taken for `requirement` to hold."""
    if requirement.trigger != "Completed":
        return 0
    own = 0
    if requirement.branch in _BITS and requirement.step in places:
        own = _BITS[requirement.branch] << places[requirement.step]
    return needed[requirement.step] | own


def _in_order(graph: Graph) -> Iterator[str]:
    """The steps, each behind all it waits for; those in a circle, or behind one, are left out."""
    waiting = {step: len(requirements) for step, requirements in graph.requirements.items()}
    free = [step for step, count in reversed(waiting.items()) if count == 0]
    while free:
        step = free.pop()
        yield step
        for waiter in graph.waiters[step]:
            waiting[waiter.step] -= 1
            if waiting[waiter.step] == 0:
                free.append(waiter.step)
