"""Tuning jobs that are over: what may begin from them, and how their training jobs are listed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tuning_world import World, config, continuous, definition

from stepwell.base.documents import Document
from stepwell.base.faults import Fault

NAMES = "The set of tunable plus static HyperParameter names is not the same across current and parent tuning jobs."
FIELDS = "Only the following fields in TrainingJobDefinition are allowed to change: ["
CHANNEL = {
    "ChannelName": "train",
    "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/other"}},
}
OTHER_IMAGE = {**definition()["AlgorithmSpecification"], "TrainingImage": "python:3.12"}


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world with the tuning job `parent`, which is over."""
    world = World(Path(tmp_path_factory.mktemp("parent")))
    asked = {"HyperParameterTuningJobConfig": config(6, 3), "TrainingJobDefinition": definition()}
    world.run(world.create("parent", **asked), lambda values: float(values["x"]))
    yield world
    world.database.close()


def child(kind: str, tuning: Document | None = None, **members: Any) -> Document:
    parents = [{"HyperParameterTuningJobName": "parent"}]
    return {
        "HyperParameterTuningJobConfig": tuning or config(),
        "TrainingJobDefinition": definition(**members),
        "WarmStartConfig": {"WarmStartType": kind, "ParentHyperParameterTuningJobs": parents},
    }


def ranges(**kinds: Any) -> Document:
    return config(ParameterRanges=kinds)


SWAPPED = ranges(ContinuousParameterRanges=[continuous("fixed")])


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (child("TransferLearning", StaticHyperParameters={}), NAMES),
        (child("TransferLearning", StaticHyperParameters={"fixed": "1", "more": "1"}), NAMES),
        (child("IdenticalDataAndAlgorithm", InputDataConfig=[CHANNEL]), FIELDS + "outputDataConfig, static"),
        (child("IdenticalDataAndAlgorithm", AlgorithmSpecification=OTHER_IMAGE), FIELDS + "outputDataConfig"),
        (child("TransferLearning", Environment={"A": "b"}), FIELDS + "algorithmSpecification, inputDataConfig, out"),
        (
            child(
                "TransferLearning",
                config(HyperParameterTuningJobObjective={"Type": "Maximize", "MetricName": "loss"}),
            ),
            "The objective metric must be the same as in the parent hyperparameter tuning job parent.",
        ),
        (
            child(
                "TransferLearning",
                ranges(IntegerParameterRanges=[{"Name": "x", "MinValue": "0", "MaxValue": "9"}]),
            ),
            "The type of a hyperparameter must not change between parent and current tuning jobs: x.",
        ),
        (child("TransferLearning", config(745)), "would make 751"),
    ],
)
def test_what_cannot_begin_from_a_parent(parent: World, asked: Document, said: str) -> None:
    with pytest.raises(Fault) as caught:
        parent.create("child", **asked)
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("same", child("IdenticalDataAndAlgorithm")),
        ("range", child("IdenticalDataAndAlgorithm", ranges(ContinuousParameterRanges=[continuous("x", "0", "9")]))),
        ("swap", child("TransferLearning", SWAPPED, StaticHyperParameters={"x": "1"})),
        ("data", child("TransferLearning", InputDataConfig=[CHANNEL])),
        ("image", child("TransferLearning", AlgorithmSpecification=OTHER_IMAGE)),
        ("value", child("TransferLearning", StaticHyperParameters={"fixed": "2"})),
        ("room", child("IdenticalDataAndAlgorithm", OutputDataConfig={"S3OutputPath": "s3://bucket/new"})),
    ],
)  # fmt: skip
def test_what_may_begin_from_a_parent(parent: World, name: str, asked: Document) -> None:
    parent.create(name, **asked)
    assert parent.describe(name)["WarmStartConfig"] == asked["WarmStartConfig"]


def test_too_many_changes_of_static_hyperparameters(tmp_path: Path) -> None:
    world = World(tmp_path)
    before, after = ({f"s{number}": value for number in range(6)} for value in ("1", "2"))
    asked = {
        "HyperParameterTuningJobConfig": config(1, 1),
        "TrainingJobDefinition": definition(StaticHyperParameters=before),
    }
    world.run(world.create("parent", **asked), lambda _: 1.0)
    with pytest.raises(Fault, match="cannot be more than 10; found 12"):
        world.create("child", **child("TransferLearning", StaticHyperParameters=after))


def values(summaries: list[Document]) -> list[float]:
    return [each["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for each in summaries]


def test_training_jobs_by_their_objective(parent: World) -> None:
    found = values(parent.listed("parent", SortBy="FinalObjectiveMetricValue"))
    assert found == sorted(found)
    assert len(found) == 6
    downwards = parent.listed("parent", SortBy="FinalObjectiveMetricValue", SortOrder="Descending")
    assert values(downwards) == found[::-1]


@pytest.mark.parametrize("more", [{}, {"SortBy": "FinalObjectiveMetricValue", "SortOrder": "Descending"}])
def test_pages_of_training_jobs(parent: World, more: Document) -> None:
    operation, name = "ListTrainingJobsForHyperParameterTuningJob", {"HyperParameterTuningJobName": "parent"}
    whole = [each["TrainingJobName"] for each in parent.listed("parent", **more)]
    paged: list[str] = []
    token: dict[str, str] = {}
    for _ in range(4):
        page = parent.call(operation, **name, **more, **token, MaxResults=2)
        paged += [each["TrainingJobName"] for each in page["TrainingJobSummaries"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert paged == whole
    assert len(whole) == 6


def test_training_jobs_by_name_unless_asked_otherwise(parent: World) -> None:
    names = [each["TrainingJobName"] for each in parent.listed("parent")]
    assert [name.split("-")[1] for name in names] == ["001", "002", "003", "004", "005", "006"]
    assert [each["TrainingJobName"] for each in parent.listed("parent", SortOrder="Descending")] == names[::-1]
    assert parent.listed("parent", StatusEquals="Failed") == []
    assert parent.listed("parent", StatusEquals="Failed", SortBy="FinalObjectiveMetricValue") == []


def test_what_a_summary_shows(parent: World) -> None:
    first = parent.listed("parent")[0]
    assert set(first) == {
        "TrainingJobName",
        "TrainingJobArn",
        "TrainingJobStatus",
        "CreationTime",
        "TrainingStartTime",
        "TrainingEndTime",
        "TunedHyperParameters",
        "ObjectiveStatus",
        "FinalHyperParameterTuningJobObjectiveMetric",
    }
    assert first["FinalHyperParameterTuningJobObjectiveMetric"]["Type"] == "Minimize"


def test_deleting_a_tuning_job_leaves_its_training_jobs(tmp_path: Path) -> None:
    world = World(tmp_path)
    asked = {"HyperParameterTuningJobConfig": config(2, 2), "TrainingJobDefinition": definition()}
    world.run(world.create("tune", **asked), lambda _: 1.0)
    world.call("DeleteHyperParameterTuningJob", HyperParameterTuningJobName="tune")
    assert len(world.jobs()) == 2
    with pytest.raises(Fault):
        world.listed()
    with pytest.raises(Fault, match="status Completed"):
        world.run(world.create("tune", **asked), lambda _: 1.0)
        world.call("StopHyperParameterTuningJob", HyperParameterTuningJobName="tune")
