"""Random definitions: every kind of step that waits for something, in every order that can run.

A step may wait for earlier ones (DependsOn, triggers), read what they wrote, and stand in a branch of an earlier
Condition; a ForEach has a body of up to three steps that wait for and read each other. What a step reads goes into
its arguments as `r_<step>`, so that invariants find it again in what the step has made.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as some

Document = dict[str, Any]
Taken = frozenset[tuple[str, str]]
"""Branches, as (condition, IfSteps or ElseSteps)."""

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"
QUEUE = "http://none/123456789012/work"
MOST_RETRIES = 2
POLICIES = [{"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "IntervalSeconds": 50, "MaxAttempts": MOST_RETRIES}]
CACHE = {"Enabled": True, "ExpireAfter": "P1D"}
OUTPUTS = {"text": "String", "flag": "Boolean", "number": "Integer", "items": "String"}
MAKERS = ("Processing", "Lambda", "Callback")
TYPES = ["Processing"] * 4 + ["Lambda", "Callback"] * 2 + ["Condition"] * 2 + ["Fail"] + ["ForEach"] * 2
OTHER = {"IfSteps": "ElseSteps", "ElseSteps": "IfSteps"}


def step(name: str, type_: str, reads: Document | None = None, **members: Any) -> Document:
    """A step that makes something: a job, a call of a function, or a message."""
    made: Document = {"Name": name, "Type": type_, **members}
    match type_:
        case "Processing":
            cluster = {"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1}
            arguments: Document = {
                "ProcessingResources": {"ClusterConfig": cluster},
                "AppSpecification": {"ImageUri": "python:3.11"},
            }
            return {**made, "Arguments": {**arguments, **({"Environment": reads} if reads else {})}}
        case "Lambda":
            made["FunctionArn"] = FUNCTION
        case "Callback":
            made["SqsQueueUrl"] = QUEUE
    declared = [{"OutputName": output, "OutputType": kind} for output, kind in OUTPUTS.items()]
    return {**made, "OutputParameters": declared, "Arguments": {"step": name, **(reads or {})}}


def condition(name: str, if_steps: list[Document], else_steps: list[Document], *asked: Document) -> Document:
    arguments = {"Conditions": list(asked), "IfSteps": if_steps, "ElseSteps": else_steps}
    return {"Name": name, "Type": "Condition", "Arguments": arguments}


def loop(name: str, items: Any, body: list[Document], at_once: int = 1, **arguments: Any) -> Document:
    given = {"IterableItems": items, "MaxConcurrency": at_once, "ForEachBody": body, **arguments}
    return {"Name": name, "Type": "ForEach", "Arguments": given}


def text(expression: Document) -> Document:
    """What an expression comes to, as a text: variables of jobs take nothing else."""
    return {"Std:Join": {"On": "", "Values": [expression]}}


ITEM = text({"Get": "ForEach.CurrentItem"})
YES = {"Type": "Equals", "LeftValue": 1, "RightValue": 1}
NO = {"Type": "Equals", "LeftValue": 1, "RightValue": 2}


def written(source: Document, name: str = "") -> dict[str, Document]:
    """How `source` is read: the argument's name, and the expression."""
    name = name or f"Steps.{source['Name']}"
    key = f"r_{source['Name']}"
    match source["Type"]:
        case "Processing":
            return {key: text({"Get": f"{name}.ProcessingJobName"})}
        case "Condition":
            return {key: text({"Get": f"{name}.Outcome"})}
        case "ForEach":
            first = source["Arguments"]["ForEachBody"][0]
            found = written(first, f"{name}.IterationOutputs[0].{first['Name']}")
            return {f"{key}_{first['Name']}": expression for expression in found.values()}
        case _:
            return {key: text({"Get": f"{name}.OutputParameters['text']"})}


@dataclass
class _Draft:
    """What was drawn so far. `needed` says of each step which branches must be taken for it to run."""

    draw: some.DrawFn
    steps: list[Document] = field(default_factory=list)
    branches: list[tuple[list[Document], Taken]] = field(default_factory=lambda: [([], frozenset())])
    needed: dict[str, Taken] = field(default_factory=dict)

    def add(self, number: int) -> None:
        held, taken = self.branches[self.draw(some.integers(0, len(self.branches) - 1))]
        name, type_ = f"S{number}", self.draw(some.sampled_from(TYPES))
        sources, taken = self._some_earlier(taken, 2)
        match type_:
            case "Condition":
                made = condition(name, [], [], self._asked(sources))
                self.branches += [
                    (made["Arguments"][branch], taken | {(name, branch)}) for branch in ("IfSteps", "ElseSteps")
                ]
            case "Fail":
                message = next((one for source in sources for one in written(source).values()), "no")
                made = {"Name": name, "Type": type_, "Arguments": {"ErrorMessage": message}}
            case "ForEach":
                made = self._loop(number, sources)
            case _:
                made = self._maker(name, type_, sources, is_cacheable=True)
        waited, taken = self._some_earlier(taken, 2)
        made["DependsOn"] = [self._need(source["Name"]) for source in waited]
        held.append(made)
        self.steps.append(made)
        self.needed[name] = taken

    def _some_earlier(self, taken: Taken, most: int) -> tuple[list[Document], Taken]:
        """Earlier steps that can run together with these branches, and the branches that they take besides."""
        earlier = [step for step in self.steps if step["Type"] != "Fail"]
        chosen = self.draw(some.lists(some.sampled_from(earlier), max_size=most, unique_by=id)) if earlier else []
        found = []
        for step in chosen:
            needed = self.needed[step["Name"]]
            if not any((condition, OTHER[branch]) in taken for condition, branch in needed):
                found.append(step)
                taken |= needed
        return found, taken

    def _need(self, name: str) -> Any:
        triggers = [{"Step": name, "Trigger": trigger} for trigger in ("Failed", "Any", "Any", "Stopped")]
        return self.draw(some.sampled_from([name] * 8 + triggers))

    def _maker(self, name: str, type_: str, sources: list[Document], *, is_cacheable: bool = False) -> Document:
        reads = {key: expression for source in sources for key, expression in written(source).items()}
        members: list[Document] = [{}, {}]
        if is_cacheable:
            members.append({"CacheConfig": CACHE})
        if type_ == "Processing":
            members.append({"RetryPolicies": POLICIES})
        return step(name, type_, reads, **self.draw(some.sampled_from(members)))

    def _asked(self, sources: list[Document]) -> Document:
        if not sources:
            return self.draw(some.sampled_from([YES, NO, {"Type": "Not", "Condition": YES}]))
        source = sources[0]
        if source["Type"] in ("Lambda", "Callback"):
            flag = {"Get": f"Steps.{source['Name']}.OutputParameters['flag']"}
            return {"Type": "Or", "Conditions": [NO, {"Type": "Equals", "LeftValue": flag, "RightValue": True}]}
        (read,) = written(source).values()
        return {"Type": "Equals", "LeftValue": read, "RightValue": "true"}

    def _loop(self, number: int, sources: list[Document]) -> Document:
        body: list[Document] = []
        for letter in "abc"[: self.draw(some.sampled_from([1, 2, 2, 3]))]:
            siblings = self.draw(some.lists(some.sampled_from(body), max_size=2, unique_by=id)) if body else []
            is_reading: bool = self.draw(some.booleans())
            read = siblings + (sources if is_reading else [])
            made = self._maker(f"B{number}{letter}", self.draw(some.sampled_from(MAKERS)), read)
            given = (
                made["Arguments"].setdefault("Environment", {}) if made["Type"] == "Processing" else made["Arguments"]
            )
            given["item"] = ITEM
            is_waiting: bool = self.draw(some.booleans())
            made["DependsOn"] = [self._need(body[-1]["Name"])] if body and is_waiting else []
            body.append(made)
        listed = [source["Name"] for source in sources if source["Type"] in ("Lambda", "Callback")]
        items: Any = [*range(self.draw(some.integers(1, 4)))]
        is_read: bool = self.draw(some.booleans())
        if listed and is_read:
            items = {"Get": f"Steps.{listed[0]}.OutputParameters['items']"}
        return loop(f"S{number}", items, body, self.draw(some.integers(1, 3)), **self._selector(body))

    def _selector(self, body: list[Document]) -> Document:
        numbered = [step["Name"] for step in body if step["Type"] != "Processing"]
        if not numbered:
            return {}
        field = {"Get": f"IterationOutput.{numbered[0]}.OutputParameters['number']"}
        return {"Selector": {"Pick": self.draw(some.sampled_from(["MaxBy", "MinBy"])), "Field": field}}


@some.composite
def definitions(draw: some.DrawFn) -> list[Document]:
    """The Steps of a definition: one to seven, and those of bodies."""
    draft = _Draft(draw)
    for number in range(draw(some.integers(1, 7))):
        draft.add(number)
    return draft.branches[0][0]
