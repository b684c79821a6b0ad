"""Room machines: what is said of a reproduction. In: how its jobs went. Out: values, as `--json` prints them.

cli/reproduce_lines.py shows them to people.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from stepwell.machines import comparison, reproduction
from stepwell.machines.comparison import Difference
from stepwell.machines.divergence import Cause
from stepwell.machines.reproduction import Held, Plan, Target

Verdict: TypeAlias = Literal["identical", "differs", "failed", "data gone", "ready"]


@dataclass(frozen=True, slots=True)
class Gone:
    """Bytes that a job read and that are no longer kept."""

    uri: str
    blob: str
    size: int
    what: str
    """Whose input it was."""
    now: str
    """What has become of the place it lay at."""


@dataclass(frozen=True, slots=True)
class ObjectReport:
    """One output, compared with each new run of its job."""

    uri: str
    is_asked_for: bool
    verdict: comparison.Verdict
    members: int
    differences: tuple[Difference, ...]
    """In the first run that differs."""
    notes: tuple[str, ...]
    cause: Cause | None
    varying: tuple[str, ...]
    """Members in which the new runs differ from each other."""


@dataclass(frozen=True, slots=True)
class JobReport:
    """One job: how its new runs went, and what they left."""

    arn: str
    name: str
    kind: str
    status: str
    reason: str
    seconds: tuple[float, ...]
    environments: tuple[str, str]
    """Then and now."""
    is_deterministic: bool | None
    """Whether all new runs and the first one left the same; None when it ran again but once."""
    objects: tuple[ObjectReport, ...]


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """One job that is run again, and what with."""

    arn: str
    image: str
    environment: str
    parameters: Mapping[str, str]
    seeds: Mapping[str, str]
    inputs: tuple[Held, ...]
    made_again: tuple[str, ...]
    """URIs of inputs that a job before it makes anew."""
    outputs: tuple[Held, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """The answer."""

    target: Target
    plan: tuple[PlannedJob, ...]
    verdict: Verdict
    runs: int
    jobs: tuple[JobReport, ...] = ()
    gone: tuple[Gone, ...] = ()

    @property
    def exit_code(self) -> int:
        return 0 if self.verdict in ("identical", "ready") else 1


def planned(plan: Plan) -> tuple[PlannedJob, ...]:
    """The jobs of a plan, as they are told."""
    return tuple(
        PlannedJob(
            job.arn,
            job.image,
            job.environment,
            job.parameters,
            reproduction.seeds(job),
            job.inputs,
            tuple(each.uri for each in plan.made_again(job)),
            job.outputs,
        )
        for job in plan.jobs
    )


def verdict(jobs: tuple[JobReport, ...]) -> Verdict:
    """What the whole comes to: the objects that were asked for count."""
    if any(job.status != "Completed" for job in jobs):
        return "failed"
    asked = [each for job in jobs for each in job.objects if each.is_asked_for]
    return "identical" if asked and all(each.verdict != "differs" for each in asked) else "differs"
