"""Room machines: one step run alone, with values that were given instead of computed. Pure.

In: a pipeline, a step, given values. Out: what the step reads, the Values that know the given ones, and the request
it makes with its outputs moved to a place of their own and its mark: what it derives from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from stepwell.base.documents import Document
from stepwell.definition import references
from stepwell.definition.expressions import PropertyFileReference
from stepwell.definition.json_text import JSON
from stepwell.definition.model import Pipeline, Step
from stepwell.definition.paths import Path, PathError, get_through_text
from stepwell.definition.resolve import ResolutionError
from stepwell.definition.values import StoredValues
from stepwell.steps.requests import EXECUTION_TAG

PREFIX = "stepwell-spins"
"""Below it, in the bucket that a request names, stands what a spun step writes."""
DERIVED_FROM = "stepwell:derived-from"
"""The tag of what a spun step made: the execution whose values it took, else the pipeline."""
SPIN = "stepwell:spin"
"""The tag that names the spin."""

_WRITTEN = frozenset(
    {
        "CheckpointConfig",
        "DebugHookConfig",
        "OutputDataConfig",
        "ProfilerConfig",
        "S3Output",
        "TensorBoardOutputConfig",
        "TransformOutput",
    }
)
"""Members of requests that say where a job writes, and the members of these that are URIs."""
_URIS = ("S3OutputPath", "S3Uri")


@dataclass(frozen=True, slots=True)
class SpunValues(StoredValues):
    """The values of a step that runs alone: what is given counts before what is stored."""

    given: Mapping[Path, JSON] = field(default_factory=dict)

    def lookup(self, path: Path) -> JSON:
        """The value at `path`. Raises ResolutionError."""
        for known in sorted(self.given, key=lambda each: -len(each.parts)):
            if _covers(known, path):
                try:
                    return get_through_text(self.given[known], path.parts[len(known.parts) :])
                except PathError as error:
                    raise ResolutionError(f"{path} is undefined in the value that is given for {known}.") from error
        return StoredValues.lookup(self, path)


@dataclass(frozen=True, slots=True)
class Origin:
    """A spin: its id, and the ARN of what its values came from."""

    id: str
    derived_from: str


def _covers(known: Path, path: Path) -> bool:
    """Whether the value at `known` holds the one at `path`."""
    is_same = (known.root, known.name) == (path.root, path.name)
    return is_same and path.parts[: len(known.parts)] == known.parts


def reads(pipeline: Pipeline, step: Step) -> list[Path]:
    """What the step reads, each path once, as the definition has them. Of a property file, where its output is."""
    found: dict[Path, None] = {}
    for reference in references.of_step(step):
        match reference.target:
            case PropertyFileReference(name, file):
                declared = pipeline.property_file(name, file)
                output = declared.output_name if declared else file
                parts = ("ProcessingOutputConfig", "Outputs", output, "S3Output", "S3Uri")
                found[Path("Steps", name, parts)] = None
            case path:
                found[path] = None
    return list(found)


def is_read(given: Path, read: list[Path]) -> bool:
    """Whether a value at `given` would be used by who reads these."""
    return any(_covers(given, path) for path in read)


def missing(read: list[Path], values: StoredValues) -> list[Path]:
    """Which of these have no value. What the execution itself says is always there."""
    return [path for path in read if path.root != "Execution" and not _is_known(path, values)]


def _is_known(path: Path, values: StoredValues) -> bool:
    try:
        values.lookup(path)
    except ResolutionError:
        return False
    return True


def derived(request: Document, origin: Origin, execution: str) -> Document:
    """The request of a spun step: it writes to a place of its own, and says what it derives from.

    `execution` is the ARN under which its expressions were resolved: there is no such execution.
    """
    moved: Document = {name: _moved(value, origin.id, name in _WRITTEN) for name, value in request.items()}
    if "Tags" in moved:
        kept = [tag for tag in moved["Tags"] if tag.get("Key") != EXECUTION_TAG]
        marks = [{"Key": DERIVED_FROM, "Value": origin.derived_from}, {"Key": SPIN, "Value": origin.id}]
        moved["Tags"] = [*kept, *marks]
    if moved.get("MetadataProperties", {}).get("GeneratedBy") == execution:
        moved["MetadataProperties"] = {**moved["MetadataProperties"], "GeneratedBy": origin.derived_from}
    return moved


def _moved(value: JSON, spin: str, is_written: bool) -> JSON:
    match value:
        case dict():
            return {
                name: place(child, spin)
                if is_written and name in _URIS and isinstance(child, str)
                else _moved(child, spin, name in _WRITTEN)
                for name, child in value.items()
            }
        case list():
            return [_moved(child, spin, is_written=False) for child in value]
        case _:
            return value


def place(uri: str, spin: str) -> str:
    """Where a spun step writes what it would have written to `uri`; what is no S3 URI stays for the API to refuse."""
    if not uri.startswith("s3://"):
        return uri
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return f"s3://{bucket}/{PREFIX}/{spin}/{key}"


def results(described: Document) -> Iterator[tuple[str, str]]:
    """What a job left, from its description: a name and an S3 URI each."""
    model = described.get("ModelArtifacts", {}).get("S3ModelArtifacts")
    if model:
        yield "model", model
    for output in described.get("ProcessingOutputConfig", {}).get("Outputs", ()):
        uri = output.get("S3Output", {}).get("S3Uri")
        if uri:
            yield str(output["OutputName"]), uri
    for member in ("CheckpointConfig", "TransformOutput"):
        for name in _URIS:
            uri = described.get(member, {}).get(name)
            if uri:
                yield member, uri
    best = described.get("BestTrainingJob", {}).get("TrainingJobName")
    if best:
        yield "best training job", best


def metrics(described: Document) -> dict[str, float]:
    """The metrics of a job, from its description."""
    found = {each["MetricName"]: float(each["Value"]) for each in described.get("FinalMetricDataList", ())}
    best = described.get("BestTrainingJob", {}).get("FinalHyperParameterTuningJobObjectiveMetric")
    if best:
        found[str(best["MetricName"])] = float(best["Value"])
    return found
