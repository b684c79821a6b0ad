"""Room definition: the Values of a running execution.

In: its parameters, execution variables and experiment names, a way to the stored properties of a step, and a way
to read an object. Out: what the expressions of its steps come to. The two ways are called only when needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from stepwell.base.faults import Fault
from stepwell.definition.expressions import PropertyFileReference
from stepwell.definition.json_text import JSON
from stepwell.definition.model import Pipeline
from stepwell.definition.paths import Path, PathError, get_through_text
from stepwell.definition.resolve import ResolutionError


@dataclass(frozen=True, slots=True)
class StoredValues:
    """Where the expressions of one execution of `pipeline` find their values."""

    pipeline: Pipeline
    parameters: Mapping[str, JSON]
    execution: Mapping[str, JSON]
    """Execution variables by name: PipelineName, PipelineExecutionId, StartDateTime, ..."""
    properties: Callable[[str], JSON]
    """Step name -> its properties (the Describe response of what it made); None while it has not succeeded."""
    read_text: Callable[[str], str]
    """S3 URI -> text. May raise Fault: the step that reads then fails with its code and message."""
    experiment: Mapping[str, JSON] = field(default_factory=dict)
    """ExperimentName and TrialName, if the pipeline has an experiment."""
    iteration: Mapping[str, JSON] = field(default_factory=dict)
    """CurrentItem, for the steps of a loop's body."""

    def with_execution(self, **variables: JSON) -> StoredValues:
        """The same, knowing further execution variables, such as the name of a step's own job."""
        return replace(self, execution={**self.execution, **variables})

    def with_item(self, item: JSON) -> StoredValues:
        """The same, for one turn of a loop: `item` is its ForEach.CurrentItem."""
        return replace(self, iteration={"CurrentItem": item})

    def lookup(self, path: Path) -> JSON:
        """The value at `path`. Raises ResolutionError.

        JSON that is held as text is entered: the document of a Job step, an item of a loop (spec 01, sections 4, 6).
        """
        try:
            return get_through_text(self._origin(path), path.parts)
        except PathError as error:
            raise ResolutionError(f"{path} is undefined.") from error

    def locate(self, reference: PropertyFileReference) -> str:
        """Where the step put the file: the URI of the output that holds it, and its path in there."""
        declared = self.pipeline.property_file(reference.step, reference.name)
        if declared is None:
            raise ResolutionError(f"Steps.{reference.step}.PropertyFiles.{reference.name} is undefined.")
        parts = ("ProcessingOutputConfig", "Outputs", declared.output_name, "S3Output", "S3Uri")
        uri = self.lookup(Path("Steps", reference.step, parts))
        return f"{str(uri).rstrip('/')}/{declared.file_path.lstrip('/')}"

    def read(self, uri: str) -> str:
        """The text of the object at `uri`. Raises ResolutionError."""
        try:
            return self.read_text(uri)
        except Fault as fault:
            text = f"Received an error while reading file {uri} from S3: {fault.code}: {fault.message}"
            raise ResolutionError(text) from fault

    def _origin(self, path: Path) -> JSON:
        match path.root:
            case "Parameters" if path.name in self.parameters:
                return self.parameters[path.name]
            case "Execution" if path.name in self.execution:
                return self.execution[path.name]
            case "PipelineExperimentConfig" if path.name in self.experiment:
                return self.experiment[path.name]
            case "ForEach" if path.name in self.iteration:
                return self.iteration[path.name]
            case "Steps" if (found := self.properties(path.name)) is not None:
                return found
            case _:
                raise PathError(f"nothing at {path}")
