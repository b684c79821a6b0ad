"""Room machines: what has to run to make something again. In: jobs with the exact bytes they read and wrote. Out: a
Plan: the jobs in order, and which of their inputs come from one another.

Pure: services/sagemaker/reproductions.py reads the rows, cli/sealed.py runs the plan.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from stepwell.base.documents import Document

PROGRAM = "sagemaker_program"
SUBMITTED = "sagemaker_submit_directory"
CODE = "code"
REPACKER = "_repack_script_launcher.sh"
REPACKER_3 = "/_repack_model.py"
"""The program of the SDK's repacking jobs: the model that they are given is made by another job."""

_SEED = re.compile(r"(?:^|[^a-z])(?:seed|random[_-]?state|rng)|seed(?:$|[^a-z])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Held:
    """One object that a job read or wrote; `channel` is the name of the input or output, `blob` names the bytes."""

    channel: str
    bucket: str
    key: str
    size: int
    blob: str

    @property
    def uri(self) -> str:
        """Where it lay."""
        return f"s3://{self.bucket}/{self.key}"

    @property
    def place(self) -> tuple[str, str]:
        return self.bucket, self.key


@dataclass(frozen=True, slots=True)
class NotedJob:
    """A job that ended, and all that is needed to run it again. Times are epoch seconds."""

    arn: str
    kind: str
    """The resource type of its ARN."""
    name: str
    status: str
    created: float
    ended: float
    request: Document
    """What its Create operation was given, without its name."""
    document: Document
    """What Describe answers besides names, status and times."""
    environment: str
    """The name of the environment it ran in; empty for an image that brings its own, and for none."""
    inputs: tuple[Held, ...] = ()
    outputs: tuple[Held, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def image(self) -> str:
        """The URI of its image."""
        application = self.request.get("AppSpecification") or self.request.get("AlgorithmSpecification") or {}
        return str(application.get("ImageUri") or application.get("TrainingImage") or "")

    @property
    def parameters(self) -> dict[str, str]:
        """Its hyperparameters as texts, without those that are the SDK's own."""
        given = self.request.get("HyperParameters") or {}
        return {name: _decoded(value) for name, value in given.items() if not name.startswith("sagemaker_")}

    @property
    def words(self) -> str:
        """Its kind in words."""
        return self.kind.replace("-", " ")


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be made again: what was asked for, and the URIs that count; without any, all that `jobs` wrote."""

    asked: str
    kind: str
    uris: tuple[str, ...]
    jobs: tuple[str, ...]
    """ARNs of the jobs that made it."""
    notes: tuple[str, ...] = ()
    """What a person should know, such as that the bytes at the URI are others by now."""

    def counts(self, uri: str) -> bool:
        """Whether an object is (a part of) what was asked for."""
        return not self.uris or any(uri == each or uri.startswith(each.rstrip("/") + "/") for each in self.uris)


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be run, in order."""

    target: Target
    jobs: tuple[NotedJob, ...]

    def made_again(self, job: NotedJob) -> dict[Held, str]:
        """Of the inputs of a job of the plan, those that jobs before it write, and which of them does."""
        makers: dict[tuple[str, str, str], str] = {}
        for before in self.jobs:
            if before.arn == job.arn:
                break
            makers.update({(*each.place, each.blob): before.arn for each in before.outputs})
        return {each: makers[*each.place, each.blob] for each in job.inputs if (*each.place, each.blob) in makers}

    def needed(self) -> list[tuple[NotedJob, Held]]:
        """Every object that must still be there, with the job that reads it."""
        return [(job, each) for job in self.jobs for each in _given(job, self.made_again(job))]

    def expected(self) -> list[tuple[NotedJob, Held]]:
        """Every object that is compared, with the job that wrote it."""
        return [(job, each) for job in self.jobs for each in job.outputs]


def _given(job: NotedJob, made: Mapping[Held, str]) -> Iterator[Held]:
    return (each for each in job.inputs if each not in made)


Makers = Callable[[Sequence[NotedJob]], Mapping[str, Sequence[NotedJob]]]
"""For each of these jobs, by ARN, the jobs that made its inputs."""


def plan(target: Target, last: Sequence[NotedJob], makers: Makers, *, whole: bool) -> Plan:
    """The jobs that made the target; with `whole` also all that made their inputs. A job that only repacked a model
    is never alone: the job whose model it repacked comes before it."""
    found = {job.arn: job for job in last}
    edges: dict[str, set[str]] = {}
    level = [job for job in last if whole or is_repacking(job)]
    while level:
        following: list[NotedJob] = []
        for arn, before in makers(level).items():
            edges.setdefault(arn, set()).update(each.arn for each in before)
            new = [each for each in before if each.arn not in found]
            found.update((each.arn, each) for each in new)
            following += [each for each in new if whole or is_repacking(each)]
        level = following
    return Plan(target, tuple(_in_order(found, edges)))


def _in_order(jobs: Mapping[str, NotedJob], edges: Mapping[str, set[str]]) -> list[NotedJob]:
    """Makers first; otherwise as they ended."""
    left = dict(sorted(jobs.items(), key=lambda item: (item[1].ended, item[0])))
    ordered: list[NotedJob] = []
    while left:
        ready = [arn for arn in left if not edges.get(arn, set()) & left.keys() - {arn}]
        first = ready[0] if ready else next(iter(left))
        ordered.append(left.pop(first))
    return ordered


def chosen_maker(candidates: Iterable[NotedJob], reader: NotedJob) -> NotedJob | None:
    """Of the jobs that wrote the bytes which `reader` read: that which had ended last before the reader did."""
    before = [each for each in candidates if each.arn != reader.arn and each.ended <= reader.ended]
    return max(before, key=lambda each: each.ended, default=None)


def is_repacking(job: NotedJob) -> bool:
    """Whether the job only put code beside a model: as the SDK 2 asks for it, or the SDK 3."""
    given = job.request.get("HyperParameters") or {}
    return _decoded(given.get(PROGRAM, "")) == REPACKER or any(each.uri.endswith(REPACKER_3) for each in job.inputs)


def seeds(job: NotedJob) -> dict[str, str]:
    """Hyperparameters, variables and arguments that look like seeds."""
    found = {name: value for name, value in job.parameters.items() if _SEED.search(name)}
    variables = job.request.get("Environment") or {}
    found.update({name: str(value) for name, value in variables.items() if _SEED.search(name)})
    words = _arguments(job.request)
    for position, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name.startswith("-") and _SEED.search(name):
            found[name.lstrip("-")] = value if equals else " ".join(words[position + 1 : position + 2])
    return found


def _arguments(request: Document) -> list[str]:
    application = request.get("AppSpecification") or request.get("AlgorithmSpecification") or {}
    return [str(each) for each in application.get("ContainerArguments") or ()]


def code(job: NotedJob) -> list[Held]:
    """What of its inputs is its code."""
    return [each for each in job.inputs if each.channel in (SUBMITTED, CODE)]


def again(job: NotedJob) -> Document:
    """The request that makes the job once more: its machine is not kept warm."""
    request = {name: value for name, value in job.request.items() if name != "Tags"}
    resources = request.get("ResourceConfig")
    if resources is not None:
        request["ResourceConfig"] = {
            name: value for name, value in resources.items() if name != "KeepAlivePeriodInSeconds"
        }
    return request


def buckets(tree: object) -> Iterator[str]:
    """Every bucket that a request names."""
    match tree:
        case str():
            text = _decoded(tree)
            if text.startswith("s3://"):
                yield text.removeprefix("s3://").partition("/")[0]
        case Mapping():
            for value in tree.values():
                yield from buckets(value)
        case list() | tuple():
            for value in tree:
                yield from buckets(value)


def _decoded(value: object) -> str:
    """A hyperparameter of the SDK, which writes them as JSON."""
    try:
        found = json.loads(str(value))
    except ValueError:
        return str(value)
    return found if isinstance(found, str) else str(value)
