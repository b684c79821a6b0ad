"""What a definition demands, read from its JSON by the simulation itself and not by the engine that it judges.

In: the Steps of a definition. Out: an Order: what each step waits for, the loops, and who takes up which failure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]

BRANCHES = ("IfSteps", "ElseSteps")
HELD = (*BRANCHES, "ForEachBody")
ENDS = {"Completed": ("Succeeded",), "Failed": ("Failed",), "Stopped": ("Stopped",)}
ENDED = ("Succeeded", "Failed", "Stopped")
ACTIVE = ("Starting", "Executing", "Stopping")


@dataclass(frozen=True, slots=True)
class Need:
    """That `step` has ended with one of these statuses and, if a branch is named, has taken it."""

    step: str
    statuses: tuple[str, ...] = ("Succeeded",)
    branch: str = ""

    def is_met(self, entries: dict[str, Document]) -> bool:
        """Whether it holds, by what ListPipelineExecutionSteps says."""
        entry = entries.get(self.step)
        if entry is None or entry["StepStatus"] not in self.statuses:
            return False
        outcome = entry["Metadata"].get("Condition", {}).get("Outcome")
        return not self.branch or outcome == str(self.branch == "IfSteps")


class Order:
    """The demands of one definition. `steps` holds all of them by name; `loop_of` says which belong to a body."""

    def __init__(self, steps: list[Document]) -> None:
        self.steps: dict[str, Document] = {}
        self.loop_of: dict[str, str] = {}
        self._needs: dict[str, set[Need]] = {}
        for step, parent in _all(steps):
            self._add(step, parent)
        for name, loop in self.loop_of.items():
            self._needs[loop] |= {need for need in self._needs[name] if need.step not in self.loop_of}

    def _add(self, step: Document, parent: tuple[str, str] | None) -> None:
        name = step["Name"]
        self.steps[name] = step
        self._needs[name] = {Need(found) for found in _read({**step, "Arguments": _own(step)})}
        for need in step.get("DependsOn", []):
            wanted, trigger = (need["Step"], need["Trigger"]) if isinstance(need, dict) else (need, "Completed")
            self._needs[name].add(Need(wanted, ENDS.get(trigger, ENDED)))
        if parent is not None and parent[1] == "ForEachBody":
            self.loop_of[name] = parent[0]
        elif parent is not None:
            self._needs[name].add(Need(parent[0], branch=parent[1]))

    def needs(self, name: str) -> Iterator[Need]:
        """What must have happened before the step of that name begins; one of a turn is named <body>-<index>."""
        body, index = self.pattern(name)
        for need in self._needs[body]:
            is_sibling = index and need.step in self.loop_of
            yield Need(f"{need.step}-{index}", need.statuses) if is_sibling else need

    def pattern(self, name: str) -> tuple[str, str]:
        """Of the name of a step in a turn: that of the body's step, and the index; of any other: itself, and ""."""
        body, _, index = name.rpartition("-")
        return (body, index) if body in self.loop_of else (name, "")

    def type_of(self, name: str) -> str:
        return str(self.steps[self.pattern(name)[0]]["Type"])

    def bodies(self, loop: str) -> list[str]:
        return [name for name, holder in self.loop_of.items() if holder == loop]

    def outer(self) -> list[str]:
        """The steps that belong to no body."""
        return [name for name in self.steps if name not in self.loop_of]

    def breaks(self, entries: dict[str, Document]) -> list[str]:
        """The steps whose end breaks the execution: they failed or were stopped, and nobody waits for just that."""
        ends = {name: entry["StepStatus"] for name, entry in entries.items() if "IterationContext" not in entry}
        bad = {name: status for name, status in ends.items() if status in ("Failed", "Stopped")}
        taken = {need for needs in self._needs.values() for need in needs if need.statuses != ("Succeeded",)}
        return [
            name
            for name, status in bad.items()
            if not any(need.step == name and status in need.statuses for need in taken)
        ]


def _all(
    steps: list[Document], parent: tuple[str, str] | None = None
) -> Iterator[tuple[Document, tuple[str, str] | None]]:
    for step in steps:
        yield step, parent
        for held in HELD:
            yield from _all(step["Arguments"].get(held, []), (step["Name"], held))


def _own(step: Document) -> Document:
    """The step's Arguments without the steps that it holds."""
    return {name: value for name, value in step["Arguments"].items() if name not in HELD}


def _read(value: Any) -> Iterator[str]:
    """The steps that expressions in `value` read."""
    match value:
        case {"Get": str(path)} if path.startswith("Steps."):
            yield path.split(".")[1]
        case dict():
            for child in value.values():
                yield from _read(child)
        case list():
            for child in value:
                yield from _read(child)
