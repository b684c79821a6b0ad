"""A step run alone: what it reads, what given values mean, and where its request writes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stepwell.base.faults import Fault
from stepwell.definition.model import Pipeline
from stepwell.definition.parse import parse
from stepwell.definition.paths import Path, parse_path
from stepwell.definition.resolve import ResolutionError
from stepwell.machines import spins
from stepwell.machines.spins import DERIVED_FROM, SPIN, Origin, SpunValues
from stepwell.steps.requests import EXECUTION_TAG

REPORT = {"PropertyFileName": "report", "OutputName": "out", "FilePath": "r.json"}
DEFINITION = {
    "Version": "2020-12-01",
    "Parameters": [{"Name": "P", "Type": "String"}],
    "Steps": [
        {"Name": "Make", "Type": "Processing", "Arguments": {}, "PropertyFiles": [REPORT]},
        {
            "Name": "Use",
            "Type": "Training",
            "Arguments": {
                "A": {"Get": "Parameters.P"},
                "B": {"Get": "Steps.Make.X[0].Y"},
                "C": {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.Make.PropertyFiles.report"}, "Path": "a"}},
                "D": {"Get": "Execution.PipelineName"},
                "E": {"Get": "Parameters.P"},
            },
        },
    ],
}
OUTPUT = "Steps.Make.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri"


def pipeline() -> Pipeline:
    return parse(json.dumps(DEFINITION))


def read(uri: str) -> str:
    raise Fault("NoSuchKey", uri)


def values(stored: dict[str, Any], **given: Any) -> SpunValues:
    paths = {parse_path(name.replace("__", ".")): value for name, value in given.items()}
    return SpunValues(pipeline(), {}, {}, stored.get, read, given=paths)


def test_what_a_step_reads() -> None:
    whole = pipeline()
    assert [str(path) for path in spins.reads(whole, whole.named["Use"])] == [
        "Parameters.P",
        "Steps.Make.X[0].Y",
        str(parse_path(OUTPUT)),
        "Execution.PipelineName",
    ]


def test_what_is_missing() -> None:
    whole = pipeline()
    wanted = spins.reads(whole, whole.named["Use"])
    assert [str(path) for path in spins.missing(wanted, values({}))] == [
        "Parameters.P",
        "Steps.Make.X[0].Y",
        str(parse_path(OUTPUT)),
    ]
    known = values({"Make": {"X": [{"Y": 1}]}}, Parameters__P="p")
    assert [str(path) for path in spins.missing(wanted, known)] == [str(parse_path(OUTPUT))]


@pytest.mark.parametrize(
    ("given", "path", "expected"),
    [
        ({}, "Steps.Make.X.Y", "stored"),
        ({"Steps__Make__X__Y": "given"}, "Steps.Make.X.Y", "given"),
        ({"Steps__Make__X": {"Y": "given"}}, "Steps.Make.X.Y", "given"),
        ({"Steps__Make__X": '{"Y": "text"}'}, "Steps.Make.X.Y", "text"),
        ({"Steps__Make__X": {"Y": "outer"}, "Steps__Make__X__Y": "inner"}, "Steps.Make.X.Y", "inner"),
        ({"Steps__Make__X__Z": "given"}, "Steps.Make.X.Y", "stored"),
        ({"Steps__Other__X__Y": "given"}, "Steps.Make.X.Y", "stored"),
    ],
)
def test_what_is_given_counts_before_what_is_stored(given: dict[str, Any], path: str, expected: str) -> None:
    assert values({"Make": {"X": {"Y": "stored"}}}, **given).lookup(parse_path(path)) == expected


def test_a_given_value_that_lacks_what_is_read() -> None:
    with pytest.raises(ResolutionError, match=r"Steps.Make.X.Y is undefined in the value that is given for Steps"):
        values({"Make": {"X": {"Y": 1}}}, Steps__Make__X={}).lookup(parse_path("Steps.Make.X.Y"))


def test_given_values_stay_when_the_name_of_the_job_is_added() -> None:
    known = values({}, Steps__Make__X=1).with_execution(TrainingJobName="t")
    assert known.lookup(Path("Steps", "Make", ("X",))) == 1
    assert known.lookup(Path("Execution", "TrainingJobName")) == "t"


ORIGIN = Origin("spin12345678", "arn:source")
MOVED = "s3://b/stepwell-spins/spin12345678"


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"OutputDataConfig": {"S3OutputPath": "s3://b/o"}}, {"OutputDataConfig": {"S3OutputPath": f"{MOVED}/o"}}),
        ({"CheckpointConfig": {"S3Uri": "s3://b"}}, {"CheckpointConfig": {"S3Uri": f"{MOVED}/"}}),
        ({"TransformOutput": {"S3OutputPath": "s3://b/t"}}, {"TransformOutput": {"S3OutputPath": f"{MOVED}/t"}}),
        (
            {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "x", "S3Output": {"S3Uri": "s3://b/k"}}]}},
            {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "x", "S3Output": {"S3Uri": f"{MOVED}/k"}}]}},
        ),
        (
            {"TrainingJobDefinitions": [{"OutputDataConfig": {"S3OutputPath": "s3://b/o", "KmsKeyId": "s3://k"}}]},
            {"TrainingJobDefinitions": [{"OutputDataConfig": {"S3OutputPath": f"{MOVED}/o", "KmsKeyId": "s3://k"}}]},
        ),
        ({"ProcessingInputs": [{"S3Input": {"S3Uri": "s3://b/i"}}]},) * 2,
        ({"InputDataConfig": [{"DataSource": {"S3DataSource": {"S3Uri": "s3://b/i"}}}]},) * 2,
        ({"HyperParameters": {"S3OutputPath": "s3://b/i", "OutputDataConfig": "s3://b"}},) * 2,
        ({"OutputDataConfig": {"S3OutputPath": "no uri"}},) * 2,
    ],
)
def test_what_is_written_gets_a_place_of_its_own(request_: dict[str, Any], expected: dict[str, Any]) -> None:
    assert spins.derived(request_, ORIGIN, "arn:execution") == expected


def test_what_is_made_says_what_it_derives_from() -> None:
    tags = [{"Key": "team", "Value": "t"}, {"Key": EXECUTION_TAG, "Value": "arn:execution"}]
    request = {"Tags": tags, "MetadataProperties": {"GeneratedBy": "arn:execution", "CommitId": "c"}}
    assert spins.derived(request, ORIGIN, "arn:execution") == {
        "Tags": [
            {"Key": "team", "Value": "t"},
            {"Key": DERIVED_FROM, "Value": "arn:source"},
            {"Key": SPIN, "Value": "spin12345678"},
        ],
        "MetadataProperties": {"GeneratedBy": "arn:source", "CommitId": "c"},
    }


def test_results_of_jobs() -> None:
    described = {
        "ModelArtifacts": {"S3ModelArtifacts": "s3://b/m"},
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "o", "S3Output": {"S3Uri": "s3://b/o"}}]},
        "CheckpointConfig": {"S3Uri": "s3://b/c", "LocalPath": "/x"},
        "BestTrainingJob": {
            "TrainingJobName": "best",
            "FinalHyperParameterTuningJobObjectiveMetric": {"MetricName": "auc", "Value": 0.5},
        },
        "FinalMetricDataList": [{"MetricName": "loss", "Value": 2}],
    }
    assert list(spins.results(described)) == [
        ("model", "s3://b/m"),
        ("o", "s3://b/o"),
        ("CheckpointConfig", "s3://b/c"),
        ("best training job", "best"),
    ]
    assert spins.metrics(described) == {"loss": 2.0, "auc": 0.5}
    assert list(spins.results({})) == []
