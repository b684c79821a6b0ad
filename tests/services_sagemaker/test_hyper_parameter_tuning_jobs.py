"""The noun HyperParameterTuningJob: what is stored, what is refused and how, lists, stops, deletions."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from registry_door import SCOPE, SageMaker, arn, opened, refused

from stepwell.base.documents import Document

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
REAL = {"Name": "x", "MinValue": "0", "MaxValue": "1"}
WHOLE = {"Name": "n", "MinValue": "1", "MaxValue": "3"}
NAMED = {"Name": "k", "Values": ["a", "b"]}


@pytest.fixture
def sagemaker(tmp_path: Path) -> Iterator[SageMaker]:
    with opened(tmp_path) as found:
        yield found


def request(name: str = "tune") -> Document:
    """A CreateHyperParameterTuningJob request for boto3's smallest use."""
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "auc"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 2},
            "ParameterRanges": {"ContinuousParameterRanges": [REAL]},
        },
        "TrainingJobDefinition": definition(),
    }


def definition(**more: Any) -> Document:
    return {
        "AlgorithmSpecification": {
            "TrainingImage": "python:3.11",
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "auc", "Regex": "auc=([0-9.]+)"}],
        },
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
        **more,
    }


def changed(**members: Any) -> Document:
    """The request with other members, whose names are paths: `config__Strategy`."""
    found = copy.deepcopy(request())
    roots = {"config": "HyperParameterTuningJobConfig", "definition": "TrainingJobDefinition"}
    for path, value in members.items():
        *way, last = path.split("__")
        place = found
        for name in way:
            place = place.setdefault(roots.get(name, name), {})
        if value is None:
            del place[last]
        else:
            place[last] = value
    return found


def several(*definitions: Document, **members: Any) -> Document:
    """A request with several definitions."""
    found = changed(TrainingJobDefinition=None, **members)
    for member in ("HyperParameterTuningJobObjective", "ParameterRanges"):
        if f"config__{member}" not in members:
            found["HyperParameterTuningJobConfig"].pop(member)
    return {**found, "TrainingJobDefinitions": list(definitions)}


def one_of_several(name: str, **more: Any) -> Document:
    objective = {"Type": "Maximize", "MetricName": "auc"}
    ranges = {"ContinuousParameterRanges": [REAL]}
    return definition(
        **{"DefinitionName": name, "TuningObjective": objective, "HyperParameterRanges": ranges, **more}
    )


def described(sagemaker: SageMaker, name: str = "tune") -> Document:
    return sagemaker("DescribeHyperParameterTuningJob", HyperParameterTuningJobName=name)


def test_what_is_asked_for_is_shown_with_its_defaults(sagemaker: SageMaker) -> None:
    asked = request()
    made = sagemaker("CreateHyperParameterTuningJob", **asked)
    assert made == {"HyperParameterTuningJobArn": arn("hyper-parameter-tuning-job/tune")}
    found = described(sagemaker)
    assert found["HyperParameterTuningJobStatus"] == "InProgress"
    config = asked["HyperParameterTuningJobConfig"]
    assert found["HyperParameterTuningJobConfig"] == {**config, "TrainingJobEarlyStoppingType": "Off"}
    assert found["TrainingJobDefinition"] == {
        **asked["TrainingJobDefinition"],
        "StaticHyperParameters": {"_tuning_objective_metric": "auc"},
        "EnableNetworkIsolation": False,
        "EnableInterContainerTrafficEncryption": False,
        "EnableManagedSpotTraining": False,
    }
    assert found["TrainingJobStatusCounters"] == dict.fromkeys(
        ("Completed", "InProgress", "RetryableError", "NonRetryableError", "Stopped"), 0
    )
    assert found["ObjectiveStatusCounters"] == {"Succeeded": 0, "Pending": 0, "Failed": 0}
    assert found["ConsumedResources"] == {"RuntimeInSeconds": 0}
    assert "Progress" not in found


@pytest.mark.parametrize(
    ("asked", "most"),
    [
        (
            changed(
                config__Strategy="Grid",
                config__ParameterRanges={"CategoricalParameterRanges": [NAMED, {**NAMED, "Name": "j"}]},
                config__ResourceLimits={"MaxParallelTrainingJobs": 2},
            ),
            4,
        ),
        (changed(config__ResourceLimits={"MaxParallelTrainingJobs": 2, "MaxRuntimeInSeconds": 600}), 10_000),
        (
            changed(
                config__ResourceLimits={"MaxParallelTrainingJobs": 2},
                config__ParameterRanges={"IntegerParameterRanges": [WHOLE]},
                config__TuningJobCompletionCriteria={"TargetObjectiveMetricValue": 0.9},
            ),
            3,
        ),
        (changed(config__ResourceLimits={"MaxParallelTrainingJobs": 2}, Autotune={"Mode": "Enabled"}), 20),
    ],
)
def test_how_many_training_jobs_when_the_request_does_not_say(
    sagemaker: SageMaker, asked: Document, most: int
) -> None:
    sagemaker("CreateHyperParameterTuningJob", **asked)
    limits = described(sagemaker)["HyperParameterTuningJobConfig"]["ResourceLimits"]
    assert limits["MaxNumberOfTrainingJobs"] == most


def test_autotune_finds_ranges_and_ends_when_nothing_improves(sagemaker: SageMaker) -> None:
    hints = [{"Name": "eta", "ValueHint": "0.1"}, {"Name": "objective", "ValueHint": "binary:logistic"}]
    asked = changed(config__ParameterRanges={"AutoParameters": hints}, Autotune={"Mode": "Enabled"})
    sagemaker("CreateHyperParameterTuningJob", **asked)
    found = described(sagemaker)
    criteria = found["HyperParameterTuningJobConfig"]["TuningJobCompletionCriteria"]
    assert criteria == {"ConvergenceDetected": {"CompleteOnConvergence": "Enabled"}}
    assert found["Autotune"] == {"Mode": "Enabled"}


def test_a_builtin_algorithm_brings_its_metrics(sagemaker: SageMaker) -> None:
    algorithm = {"TrainingImage": XGBOOST, "TrainingInputMode": "File"}
    objective = {"Type": "Maximize", "MetricName": "validation:auc"}
    asked = changed(definition__AlgorithmSpecification=algorithm, config__HyperParameterTuningJobObjective=objective)
    sagemaker("CreateHyperParameterTuningJob", **asked)
    found = described(sagemaker)["TrainingJobDefinition"]
    assert found["AlgorithmSpecification"] == {**algorithm, "MetricDefinitions": []}
    assert found["StaticHyperParameters"] == {"_tuning_objective_metric": "validation:auc"}


def test_frameworks_are_told_their_objective_as_json(sagemaker: SageMaker) -> None:
    static = {"sagemaker_program": '"train.py"', "epochs": "3"}
    sagemaker("CreateHyperParameterTuningJob", **changed(definition__StaticHyperParameters=static))
    found = described(sagemaker)["TrainingJobDefinition"]["StaticHyperParameters"]
    assert found == {**static, "_tuning_objective_metric": '"auc"'}


def test_the_older_resources_are_shown_beside_the_newer(sagemaker: SageMaker) -> None:
    cluster = definition()["ResourceConfig"]
    asked = changed(definition__ResourceConfig=None, definition__HyperParameterTuningResourceConfig=cluster)
    sagemaker("CreateHyperParameterTuningJob", **asked)
    found = described(sagemaker)["TrainingJobDefinition"]
    assert found["HyperParameterTuningResourceConfig"] == found["ResourceConfig"] == cluster


def test_several_definitions(sagemaker: SageMaker) -> None:
    sagemaker("CreateHyperParameterTuningJob", **several(one_of_several("a"), one_of_several("b")))
    found = described(sagemaker)
    assert "TrainingJobDefinition" not in found
    assert [each["DefinitionName"] for each in found["TrainingJobDefinitions"]] == ["a", "b"]


METRIC = (
    "A metric is required for this hyperparameter tuning job objective. Provide a metric in the metric definitions."
)
HYPERBAND = {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 9}}
FLEXIBLE = {"InstanceConfigs": [{"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5}]}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (changed(TrainingJobDefinition=None), "Provide either TrainingJobDefinition or TrainingJobDefinitions"),
        ({**request(), "TrainingJobDefinitions": [definition()]}, "and only one of these"),
        (changed(config__HyperParameterTuningJobObjective=None), "An objective is required"),
        (changed(config__HyperParameterTuningJobObjective={"Type": "Maximize", "MetricName": "f1"}), METRIC),
        (
            changed(definition__AlgorithmSpecification={"TrainingImage": "mine", "TrainingInputMode": "File"}),
            METRIC,
        ),
        (changed(definition__AlgorithmSpecification={"TrainingInputMode": "File"}), "must name an image"),
        (changed(config__ParameterRanges=None), "needs at least one hyperparameter range"),
        (
            changed(config__ParameterRanges={"ContinuousParameterRanges": [{**REAL, "MinValue": "2"}]}),
            "The range of the hyperparameter [x] is reversed: MinValue [2] is greater than MaxValue [1].",
        ),
        (
            changed(
                config__ParameterRanges={
                    "IntegerParameterRanges": [WHOLE],
                    "ContinuousParameterRanges": [{**REAL, "Name": "n"}],
                }
            ),
            "Names of hyperparameters to tune must be unique; found more than once: n.",
        ),
        (changed(definition__StaticHyperParameters={"x": "1"}), "cannot be both static and tunable: x."),
        (
            changed(
                config__ParameterRanges={
                    "ContinuousParameterRanges": [{**REAL, "Name": f"x{n}"} for n in range(20)],
                    "IntegerParameterRanges": [{**WHOLE, "Name": f"n{n}"} for n in range(11)],
                }
            ),
            "At most 30 hyperparameters can be searched over all ranges; found 31.",
        ),
        (
            changed(definition__StaticHyperParameters={f"s{n}": "1" for n in range(99)}),
            "A training job can have at most 100 hyperparameters",
        ),
        (
            changed(config__ParameterRanges={"AutoParameters": [{"Name": "x", "ValueHint": "1"}]}),
            "AutoParameters can be provided only when Autotune is enabled.",
        ),
        (changed(config__StrategyConfig=HYPERBAND), "StrategyConfig can be provided only for the strategy Hyperband"),
        (changed(config__Strategy="Grid"), "Only categorical parameters are supported when using the grid search"),
        (
            changed(config__Strategy="Grid", config__ParameterRanges={"CategoricalParameterRanges": [NAMED]}),
            "MaxNumberOfTrainingJobs [4] must equal the total number of distinct categorical combinations [2]",
        ),
        (
            changed(config__Strategy="Hyperband"),
            "MaxResource parameter is not provided and could not be inferred from provided static hyperparameters of "
            "TrainingJobDefinition.",
        ),
        (
            changed(
                config__Strategy="Hyperband",
                config__StrategyConfig=HYPERBAND,
                config__TrainingJobEarlyStoppingType="Auto",
            ),
            "TrainingJobEarlyStoppingType must be Off to use Hyperband",
        ),
        (
            changed(
                config__Strategy="Hyperband",
                config__StrategyConfig={"HyperbandStrategyConfig": {"MinResource": 10, "MaxResource": 9}},
            ),
            "MinResource [10] must be less than or equal to MaxResource [9]",
        ),
        (
            changed(
                config__Strategy="Hyperband",
                config__StrategyConfig={"HyperbandStrategyConfig": {"MaxResource": 20_001}},
            ),
            "less than or equal to 20000",
        ),
        (
            changed(config__ParameterRanges={"IntegerParameterRanges": [WHOLE]}),
            "You don't have enough combinations of hyperparameter ranges. The total number of hyperparameter "
            "combinations for the provided ranges [3.0] must be equal or greater than the value of MaxNumberOfJobs, "
            "[4]. Provide additional ranges.",
        ),
        (
            changed(config__ResourceLimits={"MaxParallelTrainingJobs": 2}),
            "MaxNumberOfTrainingJobs is required unless",
        ),
        (
            changed(definition__ResourceConfig=None),
            "needs either ResourceConfig or HyperParameterTuningResourceConfig",
        ),
        (
            changed(definition__HyperParameterTuningResourceConfig=FLEXIBLE),
            "needs either ResourceConfig or HyperParameterTuningResourceConfig",
        ),
        (
            changed(
                definition__ResourceConfig=None,
                definition__HyperParameterTuningResourceConfig={**FLEXIBLE, "InstanceCount": 1},
            ),
            "InstanceConfigs cannot be provided together with InstanceCount.",
        ),
        (
            changed(definition__ResourceConfig={"InstanceType": "ml.m5.large", "VolumeSizeInGB": 5}),
            "need an InstanceType and an InstanceCount of at least 1",
        ),
        (
            changed(definition__StoppingCondition={"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60}),
            "Invalid MaxWaitTimeInSeconds. It is only supported when EnableManagedSpotTraining is set to true",
        ),
        (
            changed(definition__OutputDataConfig={"S3OutputPath": "https://bucket/out"}),
            "The S3 URI 'https://bucket/out' of OutputDataConfig is not valid.",
        ),
        (several(definition(), one_of_several("b")), "needs a DefinitionName and a TuningObjective"),
        (several(one_of_several("a"), one_of_several("a")), "must be unique; found more than once: a."),
        (
            several(one_of_several("a"), config__ParameterRanges={"ContinuousParameterRanges": [REAL]}),
            "ParameterRanges of HyperParameterTuningJobConfig is for a single TrainingJobDefinition.",
        ),
        (
            several(
                one_of_several("a"),
                one_of_several("b", TuningObjective={"Type": "Minimize", "MetricName": "auc"}),
            ),
            "must have the same Type",
        ),
        (
            several(one_of_several("a"), config__TrainingJobEarlyStoppingType="Auto"),
            "Early stopping is available only when tuning a single algorithm.",
        ),
        (
            {
                **several(one_of_several("a")),
                "WarmStartConfig": {
                    "WarmStartType": "TransferLearning",
                    "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "p"}],
                },
            },
            "Warm start is available only when tuning a single algorithm.",
        ),
    ],
)
def test_bad_requests(sagemaker: SageMaker, asked: Document, said: str) -> None:
    refused("ValidationException", said, lambda: sagemaker("CreateHyperParameterTuningJob", **asked))
    assert sagemaker("ListHyperParameterTuningJobs")["HyperParameterTuningJobSummaries"] == []


@pytest.mark.parametrize(
    ("strategy", "limits", "said"),
    [
        ("Random", {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 101}, "is 100, with current"),
        ("Random", {"MaxNumberOfTrainingJobs": 10_001, "MaxParallelTrainingJobs": 1}, "is 10000"),
        ("Hyperband", {"MaxNumberOfTrainingJobs": 751, "MaxParallelTrainingJobs": 1}, "request delta of 751"),
    ],
)
def test_limits(sagemaker: SageMaker, strategy: str, limits: Document, said: str) -> None:
    more = {"config__StrategyConfig": HYPERBAND} if strategy == "Hyperband" else {}
    asked = changed(config__Strategy=strategy, config__ResourceLimits=limits, **more)
    refused("ResourceLimitExceeded", said, lambda: sagemaker("CreateHyperParameterTuningJob", **asked))


def test_the_model_says_the_rest(sagemaker: SageMaker) -> None:
    def create(asked: Document) -> Callable[[], object]:
        return lambda: sagemaker("CreateHyperParameterTuningJob", **asked)

    strategy = "Value 'Magic' at 'hyperParameterTuningJobConfig.strategy' failed to satisfy constraint"
    refused("ValidationException", strategy, create(changed(config__Strategy="Magic")))
    refused("ValidationException", "length less than or equal to 32", create(request("t" * 33)))


@pytest.mark.parametrize("static", ["9", '"9"'])
@pytest.mark.parametrize("name", ["epochs", "num_epochs", "n-epochs"])
def test_hyperband_infers_its_resource(sagemaker: SageMaker, name: str, static: str) -> None:
    asked = changed(config__Strategy="Hyperband", definition__StaticHyperParameters={name: static})
    sagemaker("CreateHyperParameterTuningJob", **asked)
    assert described(sagemaker)["HyperParameterTuningJobConfig"]["Strategy"] == "Hyperband"


def test_names_are_unique(sagemaker: SageMaker) -> None:
    sagemaker("CreateHyperParameterTuningJob", **request())
    said = "a hyperparameter tuning job with this name already exists"
    refused("ResourceInUse", said, lambda: sagemaker("CreateHyperParameterTuningJob", **request()))


@pytest.mark.parametrize(
    "operation",
    [
        "DescribeHyperParameterTuningJob",
        "StopHyperParameterTuningJob",
        "DeleteHyperParameterTuningJob",
        "ListTrainingJobsForHyperParameterTuningJob",
    ],
)
def test_a_tuning_job_that_is_not_there(sagemaker: SageMaker, operation: str) -> None:
    said = "can't find a tuning job with the name none"
    refused("ResourceNotFound", said, lambda: sagemaker(operation, HyperParameterTuningJobName="none"))


def test_stopping_twice_is_fine_and_deleting_waits_for_the_end(sagemaker: SageMaker) -> None:
    sagemaker("CreateHyperParameterTuningJob", **request())
    for _ in range(2):
        assert sagemaker("StopHyperParameterTuningJob", HyperParameterTuningJobName="tune") == {}
        assert described(sagemaker)["HyperParameterTuningJobStatus"] == "Stopping"
    said = "is in status Stopping. Stop it before you delete it."
    refused(
        "ResourceInUse",
        said,
        lambda: sagemaker("DeleteHyperParameterTuningJob", HyperParameterTuningJobName="tune"),
    )


def test_lists(sagemaker: SageMaker) -> None:
    for name in ("a-1", "b-2", "a-3"):
        sagemaker("CreateHyperParameterTuningJob", **request(name))
    sagemaker("StopHyperParameterTuningJob", HyperParameterTuningJobName="b-2")

    def names(**more: Any) -> list[str]:
        found = sagemaker("ListHyperParameterTuningJobs", **more)["HyperParameterTuningJobSummaries"]
        return [each["HyperParameterTuningJobName"] for each in found]

    assert set(names()) == {"a-1", "b-2", "a-3"}
    assert names(NameContains="a-", SortBy="Name", SortOrder="Ascending") == ["a-1", "a-3"]
    assert names(StatusEquals="Stopping") == ["b-2"]
    (summary,) = sagemaker("ListHyperParameterTuningJobs", NameContains="a-1")["HyperParameterTuningJobSummaries"]
    assert summary["Strategy"] == "Random"
    assert summary["ResourceLimits"] == {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 2}
    assert summary["ObjectiveStatusCounters"] == {"Succeeded": 0, "Pending": 0, "Failed": 0}


def test_tags(sagemaker: SageMaker) -> None:
    tags = [{"Key": "team", "Value": "blue"}]
    sagemaker("CreateHyperParameterTuningJob", **request(), Tags=tags)
    named = arn("hyper-parameter-tuning-job/tune")
    assert sagemaker("ListTags", ResourceArn=named)["Tags"] == tags
    assert "Tags" not in described(sagemaker)
    assert SCOPE.region in named


# Warm start


def warm(*parents: str, kind: str = "IdenticalDataAndAlgorithm", **members: Any) -> Document:
    named = [{"HyperParameterTuningJobName": parent} for parent in parents]
    config = {"WarmStartType": kind, "ParentHyperParameterTuningJobs": named}
    return {**changed(HyperParameterTuningJobName="child", **members), "WarmStartConfig": config}


def test_a_parent_must_be_over_and_must_be_there(sagemaker: SageMaker) -> None:
    sagemaker("CreateHyperParameterTuningJob", **request("parent"))
    refused(
        "ValidationException",
        "The parent hyperparameter tuning job parent is in status InProgress.",
        lambda: sagemaker("CreateHyperParameterTuningJob", **warm("parent")),
    )
    refused(
        "ResourceNotFound",
        "can't find a tuning job with the name none",
        lambda: sagemaker("CreateHyperParameterTuningJob", **warm("none")),
    )
    refused(
        "ValidationException",
        "found more than once: none",
        lambda: sagemaker("CreateHyperParameterTuningJob", **warm("none", "none")),
    )
