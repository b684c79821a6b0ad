"""Room machines: the probable cause of a difference between two runs. In: facts about them. Out: a Cause.

The order of the questions is that of certainty: what is known to be another comes before what only looks like it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from stepwell.machines.time_traces import Trace

Name: TypeAlias = Literal[
    "library", "input", "time", "random id", "missing seed", "nondeterminism", "outside", "unknown"
]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about a file that differs."""

    environments: tuple[str, str] = ("", "")
    """Then and now."""
    differing_input: str = ""
    """An input of the job that is already another, because the job that made it differs."""
    trace: Trace = ""
    seeds: Mapping[str, str] = field(default_factory=dict)
    runs: int = 1
    """How often it was run again."""
    runs_differ: bool = False
    """Whether these runs differ from one another."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why, in a word and in a sentence."""

    name: Name
    sentence: str


def cause(facts: Facts) -> Cause:
    """The most probable cause of the difference."""
    then, now = facts.environments
    if then != now:
        return Cause(
            "library",
            f"another library version: it ran in the environment {then or 'of its image'}, "
            f"and this one is {now or 'of its image'}",
        )
    if facts.differing_input:
        return Cause("input", f"it follows from {facts.differing_input}, which differs already")
    if facts.trace == "time":
        return Cause("time", "a timestamp inside: nothing differs but times of day")
    if facts.trace == "random id":
        return Cause("random id", "a random id inside: nothing differs but UUIDs (and times)")
    if facts.runs > 1 and not facts.runs_differ:
        return Cause(
            "outside",
            f"all {facts.runs} new runs agree with each other: what was different is not among what was noted "
            "(another processor, data read past the channels)",
        )
    how = f"{facts.runs} new runs differ from each other too" if facts.runs_differ else "one run tells no more"
    if not facts.seeds:
        return Cause(
            "missing seed",
            f"a missing seed: no hyperparameter, variable or argument looks like one ({how})"
            + ("" if facts.runs_differ else "; --audit 2 shows whether it differs every time"),
        )
    given = ", ".join(f"{name}={value}" for name, value in facts.seeds.items())
    return Cause(
        "nondeterminism" if facts.runs_differ else "unknown",
        f"threads or another source of chance that {given} does not fix ({how})"
        + ("" if facts.runs_differ else "; --audit 2 shows whether it differs every time"),
    )
