"""Room machines: what a job leaves in the lineage. In: a job, and the bytes it read and wrote. Out: artifacts.

What AWS makes artifacts of: the image, every input, every output (developer guide, "Tracking Entities for SageMaker
Jobs"; spec 04, section 3). Besides, their properties say which bytes these were, and of what is written which job,
code and environment it came from. To add a kind of job: its line in KINDS, and a function for its places.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from stepwell.base import contents
from stepwell.base.documents import Document

FINAL = frozenset({"Completed", "Failed", "Stopped"})
FETCHED_CODE = "sagemaker_submit_directory"
"""The hyperparameter that says where a toolkit fetches its code, and the channel that the code was noted under."""
PROGRAM = "sagemaker_program"
CODE = "code"
"""The processing input in which the SDK hands in scripts."""


@dataclass(frozen=True, slots=True)
class Held:
    """One object: its URI, its bytes, and how many they are. `blob` is the hash that names them."""

    uri: str
    size: int
    blob: str


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands. `kind` is the resource type of its ARN."""

    kind: str
    arn: str
    status: str
    document: Document
    reads: Mapping[str, Sequence[Held]] = field(default_factory=dict)
    """By the name of the input."""
    writes: Sequence[Held] = ()
    environment: str = ""
    """The name of the environment it ran in, which holds the hash of its locks."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """What there must be an artifact of. An artifact of that URI that stands keeps its type."""

    uri: str
    type: str
    properties: Document = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lineage:
    """What contributed to a job, and what it produced."""

    inputs: tuple[Artifact, ...]
    outputs: tuple[Artifact, ...]


@dataclass(frozen=True, slots=True)
class _Places:
    """Where a job of one kind reads and writes."""

    image: str
    inputs: tuple[tuple[str, str], ...]
    """Name and URI."""
    outputs: tuple[tuple[str, str], ...]
    """URI and type."""
    code: str
    """The name of the input that holds its code."""
    program: str


def of_job(job: Job) -> Lineage:
    """The job's artifacts. Until its end it has produced nothing."""
    places = KINDS[job.kind](job.document)
    inputs = [Artifact(places.image, "Image")] if places.image else []
    for name, uri in places.inputs:
        inputs.append(Artifact(uri, "DataSet", content(uri, job.reads.get(name, ()))))
    if job.status not in FINAL:
        return Lineage(_once(inputs), ())
    outputs = []
    for uri, type_ in places.outputs:
        written = [held for held in job.writes if _is_in(held.uri, uri)]
        if job.status == "Completed" or written:
            outputs.append(Artifact(uri, type_, {**content(uri, written), **_origin(job, places)}))
    return Lineage(_once(inputs), _once(outputs))


def content(uri: str, held: Iterable[Held]) -> Document:
    """Properties that say which bytes lie at `uri`; none when that is not known."""
    each = {piece.uri: piece for piece in held}
    if not each:
        return {}
    return {
        "ContentDigest": digest(uri, each.values()),
        "ObjectCount": str(len(each)),
        "ByteCount": str(sum(piece.size for piece in each.values())),
    }


def digest(uri: str, held: Iterable[Held]) -> str:
    """One hash of what lies at `uri`: equal for equal bytes under equal names, wherever they lie.

    The same as store/object_digests.py has for what lies there now: whoever compares the two sees a change.
    """
    return contents.digest(sorted((_relative(uri, piece.uri), piece.blob) for piece in held))


def _origin(job: Job, places: _Places) -> Document:
    """Properties that say where what the job wrote comes from."""
    code = job.reads.get(places.code, ())
    first = next(iter(code), None)
    found: Document = {"JobArn": job.arn}
    if first is not None:
        uri = dict(places.inputs).get(places.code, first.uri)
        found.update(CodeUri=uri, CodeDigest=first.blob if len(code) == 1 else digest(uri, code))
    if places.program:
        found["EntryPoint"] = places.program
    if job.environment:
        found["Environment"] = job.environment
    return found


def _training(document: Document) -> _Places:
    hyperparameters = document.get("HyperParameters", {})
    outputs = (
        (document.get("ModelArtifacts", {}).get("S3ModelArtifacts"), "Model"),
        (document.get("CheckpointConfig", {}).get("S3Uri"), "Checkpoint"),
        (document.get("TensorBoardOutputConfig", {}).get("S3OutputPath"), "TensorBoard"),
    )
    return _Places(
        document.get("AlgorithmSpecification", {}).get("TrainingImage", ""),
        tuple(
            (channel["ChannelName"], channel["DataSource"]["S3DataSource"]["S3Uri"])
            for channel in document.get("InputDataConfig", ())
            if "S3DataSource" in channel.get("DataSource", {})
        ),
        tuple((uri, type_) for uri, type_ in outputs if uri),
        FETCHED_CODE,
        _text(hyperparameters.get(PROGRAM, "")),
    )


def _processing(document: Document) -> _Places:
    application = document.get("AppSpecification", {})
    return _Places(
        application.get("ImageUri", ""),
        tuple(
            (each["InputName"], each["S3Input"]["S3Uri"])
            for each in document.get("ProcessingInputs", ())
            if "S3Input" in each
        ),
        tuple(
            (each["S3Output"]["S3Uri"], "DataSet")
            for each in document.get("ProcessingOutputConfig", {}).get("Outputs", ())
            if "S3Output" in each
        ),
        CODE,
        next((part for part in reversed(application.get("ContainerEntrypoint", ())) if "/" in part), ""),
    )


KINDS: Mapping[str, Callable[[Document], _Places]] = {"training-job": _training, "processing-job": _processing}


def _once(artifacts: Iterable[Artifact]) -> tuple[Artifact, ...]:
    """One for each URI, of the type that came first, with the properties of all."""
    found: dict[str, Artifact] = {}
    for each in artifacts:
        first = found.setdefault(each.uri, each)
        found[each.uri] = replace(first, properties={**each.properties, **first.properties})
    return tuple(found.values())


def _is_in(uri: str, place: str) -> bool:
    return uri == place or uri.startswith(place.rstrip("/") + "/")


def _relative(uri: str, piece: str) -> str:
    """What the URI of a piece says beyond the place it was found at; all of it for what a manifest named."""
    return piece[len(uri) :].lstrip("/") if piece.startswith(uri) else piece


def _text(value: object) -> str:
    """A hyperparameter of the SDK, which writes them as JSON."""
    try:
        return str(json.loads(str(value)))
    except ValueError:
        return str(value)
