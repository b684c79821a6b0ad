"""Room definition, resolve and values: what expressions come to while an execution runs."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from stepwell.base.faults import Fault
from stepwell.definition.expressions import Get, Join, JsonGet, PropertyFileReference, Tree
from stepwell.definition.json_text import JSON
from stepwell.definition.model import Pipeline, PropertyFile, Step
from stepwell.definition.paths import parse_json_path, parse_path
from stepwell.definition.resolve import ResolutionError, as_text, conform, resolve
from stepwell.definition.values import StoredValues
from stepwell.spec.models import operation

EVAL = Step("Eval", "Processing", {}, "/Steps/0", property_files=(PropertyFile("Report", "out", "/a/r.json", "/x"),))
PROPERTIES: dict[str, JSON] = {
    "Eval": {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": {"S3Uri": "s3://b/out/"}}]}},
    "Train": {"ModelArtifacts": {"S3ModelArtifacts": "s3://b/model.tar.gz"}},
    "Choose": {"Outcome": True},
}
FILES = {
    "s3://b/out/a/r.json": '{"metrics": {"auc": {"value": 0.75}}, "ok": true, "none": null, "list": ["x", "y"]}',
    "s3://b/results.json": '{"Result": 7}',
    "s3://b/nested": '{"a": "{\\"b\\": 1}"}',
    "s3://b/broken": "{",
    "s3://b/nan": '{"loss": NaN, "most": 1e999}',
    "s3://b/deep": "[" * 100_000,
}


@dataclass
class Reads:
    """Counts what was read, and reads from FILES."""

    uris: list[str] = field(default_factory=list)

    def __call__(self, uri: str) -> str:
        self.uris.append(uri)
        if uri not in FILES:
            raise Fault("NoSuchKey", "The specified key does not exist.", 404)
        return FILES[uri]


def values() -> StoredValues:
    return StoredValues(
        pipeline=Pipeline((EVAL,)),
        parameters={"Count": 3, "Rate": 0.5, "Whole": 2.0, "Flag": False, "Text": "x"},
        execution={"PipelineExecutionId": "abcdefghijkl"},
        experiment={"ExperimentName": "e"},
        properties=PROPERTIES.get,
        read_text=Reads(),
    )


def get(text: str) -> Get:
    return Get(parse_path(text))


def json_get(path: str, source: PropertyFileReference | str | Get | Join | None = None) -> JsonGet:
    return JsonGet(source or PropertyFileReference("Eval", "Report"), parse_json_path(path), path)


@pytest.mark.parametrize(
    ("tree", "value"),
    [
        (1, 1),
        (None, None),
        ({"a": [get("Parameters.Count")]}, {"a": [3]}),
        (get("Parameters.Flag"), False),
        (get("Execution.PipelineExecutionId"), "abcdefghijkl"),
        (get("PipelineExperimentConfig.ExperimentName"), "e"),
        (get("Steps.Train.ModelArtifacts.S3ModelArtifacts"), "s3://b/model.tar.gz"),
        (get("Steps.Choose.Outcome"), True),
        (get("Steps.Eval.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri"), "s3://b/out/"),
        (Join("-", ("a", 3, 0.5, True, None)), "a-3-0.5-true-null"),
        (Join("/", (get("Parameters.Count"), get("Parameters.Whole"), get("Parameters.Flag"))), "3/2.0/false"),
        (Join("", (Join("+", (1, 2)), json_get("ok"))), "1+2true"),
        (Join(", ", ()), ""),
        (json_get("metrics.auc.value"), 0.75),
        (json_get("$.metrics['auc'].value"), 0.75),
        (json_get("list[1]"), "y"),
        (json_get("none"), None),
        (json_get("Result", "s3://b/results.json"), 7),
        (json_get("Result", Join("/", ("s3://b", "results.json"))), 7),
    ],
)
def test_expressions_come_to_values(tree: Tree, value: JSON) -> None:
    assert resolve(tree, values()) == value


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (get("Parameters.None"), "Parameters.None is undefined."),
        (get("Execution.TrainingJobName"), "Execution.TrainingJobName is undefined."),
        (get("PipelineExperimentConfig.TrialName"), "PipelineExperimentConfig.TrialName is undefined."),
        (get("Steps.Later.X"), "Steps.Later.X is undefined."),
        (get("Steps.Train.ModelArtifacts.Other[0]"), "Steps.Train.ModelArtifacts.Other[0] is undefined."),
        (get("ForEach.CurrentItem"), "ForEach.CurrentItem is undefined."),
        (Join("", (get("Steps.Choose"),)), 'Expected a scalar value but found {"Outcome": true}.'),
        (
            json_get("metrics.f1"),
            "Invalid json path 'metrics.f1': in s3://b/out/a/r.json there is nothing at f1. Known: auc.",
        ),
        (
            json_get("x[0]"),
            "Invalid json path 'x[0]': in s3://b/out/a/r.json there is nothing at x. Known: metrics, ok, none, list.",
        ),
        (json_get("list[5]"), "Invalid json path 'list[5]': in s3://b/out/a/r.json there is nothing at [5]."),
        (
            json_get("metrics"),
            "Invalid json path 'metrics': in s3://b/out/a/r.json it leads to an object, not to a scalar value.",
        ),
        (
            json_get("loss", "s3://b/nan"),
            "Invalid json path 'loss': in s3://b/nan it leads to NaN, which is no JSON number.",
        ),
        (
            json_get("most", "s3://b/nan"),
            "Invalid json path 'most': in s3://b/nan it leads to Infinity, which is no JSON number.",
        ),
        (json_get("a", PropertyFileReference("Eval", "Other")), "Steps.Eval.PropertyFiles.Other is undefined."),
        (json_get("a", PropertyFileReference("No", "Report")), "Steps.No.PropertyFiles.Report is undefined."),
        (json_get("a", "s3://b/broken"), "Contents of file s3://b/broken are not in valid JSON format."),
        (json_get("a", "s3://b/deep"), "Contents of file s3://b/deep are not in valid JSON format."),
        (
            json_get("a", "s3://b/none"),
            "Received an error while reading file s3://b/none from S3: NoSuchKey: The specified key does not exist.",
        ),
    ],
)
def test_what_has_no_value_says_why(tree: Tree, message: str) -> None:
    with pytest.raises(ResolutionError) as refused:
        resolve(tree, values())
    assert str(refused.value) == message


def test_an_output_without_uri_leaves_its_file_undefined() -> None:
    bare = StoredValues(Pipeline((EVAL,)), {}, {}, lambda _: {}, Reads())
    with pytest.raises(ResolutionError, match=r"Steps\.Eval\.ProcessingOutputConfig.* is undefined\."):
        resolve(json_get("a"), bare)


def test_nothing_is_read_before_it_is_needed() -> None:
    reads = Reads()
    asked: list[str] = []
    lazy = StoredValues(Pipeline(()), {"P": 1}, {}, lambda step: asked.append(step), reads)
    assert resolve([get("Parameters.P"), 2], lazy) == [1, 2]
    assert (reads.uris, asked) == ([], [])


def test_a_step_may_know_more_variables() -> None:
    assert resolve(get("Execution.TrainingJobName"), values().with_execution(TrainingJobName="t")) == "t"


@pytest.mark.parametrize(
    ("value", "text"),
    [(3, "3"), (-1, "-1"), (0.5, "0.5"), (2.0, "2.0"), (True, "true"), (False, "false"), (None, "null"), ("é", "é")],
)
def test_scalars_as_text(value: bool | int | float | str | None, text: str) -> None:
    assert as_text(value) == text


def test_numbers_become_text_where_the_operation_wants_it() -> None:
    shape = operation("sagemaker", "CreateTrainingJob").input_shape
    assert shape is not None
    request: JSON = {
        "HyperParameters": {"depth": 3, "rate": 0.1, "flag": True, "text": "t"},
        "AlgorithmSpecification": {"ContainerArguments": ["--n", 5], "TrainingInputMode": "File"},
        "ResourceConfig": {"InstanceCount": 2, "VolumeSizeInGB": 30},
        "EnableManagedSpotTraining": True,
        "NotThere": {"n": 1},
        "Tags": "not a list",
    }
    assert conform(request, shape) == {
        "HyperParameters": {"depth": "3", "rate": "0.1", "flag": "true", "text": "t"},
        "AlgorithmSpecification": {"ContainerArguments": ["--n", "5"], "TrainingInputMode": "File"},
        "ResourceConfig": {"InstanceCount": 2, "VolumeSizeInGB": 30},
        "EnableManagedSpotTraining": True,
        "NotThere": {"n": 1},
        "Tags": "not a list",
    }


@pytest.mark.parametrize(
    ("item", "path", "value"),
    [
        ("a", "ForEach.CurrentItem", "a"),
        (3, "ForEach.CurrentItem", 3),
        ('{"name": "n", "sizes": [1, 2]}', "ForEach.CurrentItem.name", "n"),
        ('{"name": "n", "sizes": [1, 2]}', "ForEach.CurrentItem['sizes'][1]", 2),
        ({"name": {"first": "f"}}, "ForEach.CurrentItem.name.first", "f"),
        ('{"inner": "{\\"deep\\": true}"}', "ForEach.CurrentItem.inner.deep", True),
    ],
)
def test_items_of_a_loop_are_entered_even_as_text(item: JSON, path: str, value: JSON) -> None:
    assert resolve(get(path), values().with_item(item)) == value


@pytest.mark.parametrize(
    ("item", "path"),
    [("a", "ForEach.CurrentItem.name"), ("[" * 100_000, "ForEach.CurrentItem[0]"), ("{}", "ForEach.CurrentItem.x")],
)
def test_items_that_have_no_such_part(item: JSON, path: str) -> None:
    with pytest.raises(ResolutionError, match="is undefined"):
        resolve(get(path), values().with_item(item))


def test_there_is_no_item_outside_of_a_loop() -> None:
    with pytest.raises(ResolutionError, match=r"ForEach\.CurrentItem is undefined"):
        resolve(get("ForEach.CurrentItem"), values())


def test_files_that_hold_json_as_text_are_not_entered() -> None:
    """JsonGet reads one document; only properties and items may hold another one inside (spec 01, section 4)."""
    with pytest.raises(ResolutionError, match="Invalid json path"):
        resolve(json_get("a.b", "s3://b/nested"), values())
