"""Search and GetSearchSuggestions: the record of every kind of resource, pages, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from experiment_callers import Callers, callers

from stepwell.base import clock
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.services.registry import Site
from stepwell.services.sagemaker import component_metrics, recording, search_index, search_lookup, search_records
from stepwell.spec import models
from stepwell.store import metric_points, search_entries, search_properties, search_rows
from stepwell.store.metric_points import Point

IMAGE = "683313688378.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:1.7-1"
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
DEFINITION = '{"Version": "2020-12-01", "Parameters": [{"Name": "Rate", "Type": "Float", "DefaultValue": 0.5}], ' + (
    '"Steps": [{"Name": "End", "Type": "Fail", "Arguments": {"ErrorMessage": "over"}}]}'
)


@pytest.fixture
def user(site: Site) -> Callers:
    return callers(site)


def found(user: Callers, resource: str, **request: Any) -> list[Document]:
    answer = user.sagemaker("Search", Resource=resource, **request)
    records = []
    for result in answer["Results"]:
        [(member, record)] = result.items()
        assert member == search_records.SEARCHED[resource].shown_as
        records.append(record)
    return records


def where(name: str, operator: str, value: str = "") -> Document:
    return {"Filters": [{"Name": name, "Operator": operator, **({"Value": value} if value else {})}]}


def is_description(record: Document, described: Document, *but: str) -> None:
    """The record has what Describe answers, as far as its shape has it, and besides only these members."""
    expected = {name: value for name, value in described.items() if name in record}
    assert {name: value for name, value in record.items() if name not in but} == expected


def test_a_training_job(user: Callers) -> None:
    user.a_training_job("one", Tags=[{"Key": "team", "Value": "blue"}], HyperParameters={"depth": "4"})
    user.a_training_job("two", HyperParameters={"depth": "6"})
    [record] = found(user, "TrainingJob", SearchExpression=where("HyperParameters.depth", "LessThan", "5"))
    described = user.sagemaker("DescribeTrainingJob", TrainingJobName="one")
    is_description(record, described, "Tags")
    assert record["Tags"] == [{"Key": "team", "Value": "blue"}]
    shape = models.service("sagemaker").shape("TrainingJob")
    assert set(record) == (set(described) & set(shape.members)) | {"Tags"}
    assert found(user, "TrainingJob", SearchExpression=where("Tags.team", "Equals", "blue")) == [record]
    user.job_goes_on("Completed", "two", FinalMetricDataList=[{"MetricName": "auc", "Value": 0.9, "Timestamp": 1.0}])
    [best] = found(user, "TrainingJob", SearchExpression=where("Metrics.auc", "GreaterThan", "0.8"))
    assert best["TrainingJobName"] == "two"


def test_registry_records(user: Callers) -> None:
    user.sagemaker("CreateModelPackageGroup", ModelPackageGroupName="group", Tags=[{"Key": "a", "Value": "b"}])
    container = {"Image": IMAGE, "ModelDataUrl": "s3://b/model.tar.gz"}
    specification = {
        "Containers": [container],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    made = user.sagemaker("CreateModelPackage", ModelPackageGroupName="group", InferenceSpecification=specification)[
        "ModelPackageArn"
    ]
    user.sagemaker("CreateModel", ModelName="model", PrimaryContainer=container, ExecutionRoleArn=ROLE)
    [group] = found(user, "ModelPackageGroup", SearchExpression=where("ModelPackageGroupName", "Equals", "group"))
    is_description(group, user.sagemaker("DescribeModelPackageGroup", ModelPackageGroupName="group"), "Tags")
    [package] = found(user, "ModelPackage", SearchExpression=where("ModelPackageVersion", "Equals", "1"))
    is_description(package, user.sagemaker("DescribeModelPackage", ModelPackageName=made), "LastModifiedTime")
    for name in ("ModelName", "Model.ModelName"):
        [model] = found(user, "Model", SearchExpression=where(name, "Equals", "model"), SortBy="CreationTime")
        is_description(model["Model"], user.sagemaker("DescribeModel", ModelName="model"), "Tags")


def test_pipelines_their_versions_and_executions(user: Callers) -> None:
    user.sagemaker(
        "CreatePipeline", PipelineName="p", PipelineDefinition=DEFINITION, RoleArn=ROLE, ClientRequestToken="x" * 32
    )
    arn = user.sagemaker("StartPipelineExecution", PipelineName="p", ClientRequestToken="y" * 32)[
        "PipelineExecutionArn"
    ]
    [pipeline] = found(user, "Pipeline", SearchExpression=where("PipelineName", "Contains", "p"))
    is_description(pipeline, user.sagemaker("DescribePipeline", PipelineName="p"))
    assert "PipelineDefinition" not in pipeline
    [execution] = found(
        user, "PipelineExecution", SearchExpression=where("PipelineParameters.Value", "Equals", "0.5")
    )
    described = user.sagemaker("DescribePipelineExecution", PipelineExecutionArn=arn)
    is_description(execution, described, "PipelineParameters")
    assert execution["PipelineParameters"] == [{"Name": "Rate", "Value": "0.5"}]
    [version] = found(user, "PipelineVersion", SearchExpression=where("PipelineVersionId", "Equals", "1"))
    assert version["LastExecutedPipelineExecutionArn"] == arn
    assert version["LastExecutedPipelineExecutionStatus"] == "Executing"
    user.sagemaker(
        "UpdatePipelineVersion",
        PipelineArn=pipeline["PipelineArn"],
        PipelineVersionId=1,
        PipelineVersionAliasOperations={"Add": ["live"]},
    )
    wanted = where("PipelineVersionAliases", "Equals", "live")
    assert [each["PipelineVersionId"] for each in found(user, "PipelineVersion", SearchExpression=wanted)] == [1]


def test_experiments_trials_and_components(user: Callers) -> None:
    user.an_experiment("t", name="e")
    user.a_training_job("j", ExperimentConfig={"ExperimentName": "e", "TrialName": "t"})
    [component] = found(user, "ExperimentTrialComponent", SearchExpression=where("Parents.TrialName", "Equals", "t"))
    described = user.component("j-aws-training-job")
    is_description(component, described, "Parents", "SourceDetail")
    assert component["Parents"] == [{"TrialName": "t", "ExperimentName": "e"}]
    detail = component["SourceDetail"]
    assert detail["SourceArn"] == described["Source"]["SourceArn"]
    assert detail["TrainingJob"]["TrainingJobName"] == "j"
    name = "SourceDetail.TrainingJob.TrainingJobName"
    assert found(user, "ExperimentTrialComponent", SearchExpression=where(name, "Equals", "j")) == [component]
    [trial] = found(user, "ExperimentTrial", SearchExpression=where("ExperimentName", "Equals", "e"))
    is_description(trial, user.sagemaker("DescribeTrial", TrialName="t"), "TrialComponentSummaries")
    assert [each["TrialComponentName"] for each in trial["TrialComponentSummaries"]] == ["j-aws-training-job"]
    [experiment] = found(user, "Experiment")
    is_description(experiment, user.sagemaker("DescribeExperiment", ExperimentName="e"))


@pytest.mark.parametrize("few", [0, 1000])
def test_pages(user: Callers, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    monkeypatch.setattr(search_lookup, "FEW", few)
    user.components(*(f"c{number:02}" for number in range(23)))
    request: Document = {"Resource": "ExperimentTrialComponent", "SortBy": "TrialComponentName"}
    first = user.sagemaker("Search", **request)
    assert [each["TrialComponent"]["TrialComponentName"] for each in first["Results"]][:2] == ["c22", "c21"]
    assert len(first["Results"]) == 10
    assert first["TotalHits"] == {"Value": 11, "Relation": "GreaterThanOrEqualTo"}
    second = user.sagemaker("Search", **request, NextToken=first["NextToken"])
    third = user.sagemaker("Search", **request, NextToken=second["NextToken"])
    assert len(third["Results"]) == 3
    assert third["TotalHits"] == {"Value": 23, "Relation": "EqualTo"}
    assert "NextToken" not in third


@pytest.mark.parametrize("few", [0, 1000])
def test_a_component_in_several_trials_is_found_once(
    user: Callers, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(search_lookup, "FEW", few)
    user.an_experiment("t1", "t2", "t3")
    user.components("both", trial="t1")
    user.sagemaker("AssociateTrialComponent", TrialComponentName="both", TrialName="t3")
    user.components("one", trial="t2")
    for order, expected in (("Ascending", ["both", "one"]), ("Descending", ["both", "one"])):
        records = found(user, "ExperimentTrialComponent", SortBy="Parents.TrialName", SortOrder=order)
        assert [each["TrialComponentName"] for each in records] == expected


def test_the_index_follows_every_change(user: Callers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_lookup, "FEW", 0)
    user.an_experiment("t")
    user.components("a", "b")
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:experiment-trial-component/a"

    def names(name: str, operator: str, value: str = "") -> list[str]:
        request = {"SearchExpression": where(name, operator, value), "SortBy": "TrialComponentName"}
        return [each["TrialComponentName"] for each in found(user, "ExperimentTrialComponent", **request)]

    assert names("Tags.team", "NotEquals", "blue") == ["b", "a"]
    user.sagemaker("AddTags", ResourceArn=arn, Tags=[{"Key": "team", "Value": "blue"}])
    assert names("Tags.team", "Equals", "blue") == ["a"]
    user.sagemaker("AddTags", ResourceArn=arn, Tags=[{"Key": "team", "Value": "red"}])
    assert names("Tags.team", "NotEquals", "blue") == ["b", "a"]
    user.sagemaker("DeleteTags", ResourceArn=arn, TagKeys=["team"])
    assert names("Tags.team", "NotExists") == ["b", "a"]
    assert names("Parents.TrialName", "Exists") == []
    user.sagemaker("AssociateTrialComponent", TrialComponentName="b", TrialName="t")
    assert names("Parents.TrialName", "NotEquals", "t") == ["a"]
    user.sagemaker("DisassociateTrialComponent", TrialComponentName="b", TrialName="t")
    assert names("Parents.TrialName", "NotEquals", "t") == ["b", "a"]
    datum = {"MetricName": "loss", "Timestamp": user.component("a")["CreationTime"], "Value": 0.5}
    assert names("Metrics.loss", "LessThan", "1") == []
    user.metrics("BatchPutMetrics", TrialComponentName="a", MetricData=[datum])
    assert names("Metrics.loss", "LessThan", "1") == ["a"]
    user.sagemaker("DeleteTrialComponent", TrialComponentName="a")
    assert names("Metrics.loss", "LessThan", "1") == []


def test_entries_go_with_their_resource_and_are_kept_only_of_what_is_searched(
    user: Callers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_lookup, "FEW", 0)
    user.components("a", "b")
    found(user, "ExperimentTrialComponent", SortBy="TrialComponentName")
    with user.site.database.read() as connection:
        known = search_properties.of(connection, user.scope, "experiment-trial-component")
        assert [(each.name, each.progress) for each in known] == [("TrialComponentName", None)]
        before = search_entries.found(connection, known[0].id, search_entries.present(), 10)
        assert len(before) == 2
        assert len(search_entries.of(connection, before[:1])) == 1
    user.sagemaker("DeleteTrialComponent", TrialComponentName="a")
    with user.site.database.read() as connection:
        assert len(search_entries.found(connection, known[0].id, search_entries.present(), 10)) == 1


def test_a_build_goes_on_where_another_one_ended(user: Callers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_lookup, "FEW", 0)
    monkeypatch.setattr(search_index, "BUILT_TOGETHER", 2)
    user.components(*"abcdef")
    recording.catch_up(user.site)
    kind = "experiment-trial-component"
    with user.site.database.write() as transaction:
        search_properties.add(transaction, user.scope, kind, ["DisplayName"])
        known = search_properties.of(transaction.connection, user.scope, kind)
        third = search_rows.after(transaction.connection, kind, user.scope, 0, 3)[-1].id
        search_properties.advance(transaction, known, third)
    wanted = {"SearchExpression": where("DisplayName", "Exists"), "SortBy": "DisplayName", "SortOrder": "Ascending"}
    # the first three were never written here: whoever ended there would have written them
    assert [each["DisplayName"] for each in found(user, "ExperimentTrialComponent", **wanted)] == ["d", "e", "f"]
    user.sagemaker("UpdateTrialComponent", TrialComponentName="a", DisplayName="z")
    assert [each["DisplayName"] for each in found(user, "ExperimentTrialComponent", **wanted)] == ["d", "e", "f", "z"]


def test_metrics_of_a_running_job_are_searched_as_they_come(user: Callers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_lookup, "FEW", 0)
    definitions = [{"Name": "loss", "Regex": "loss=(.*)"}]
    user.a_training_job("j", AlgorithmSpecification={
        "TrainingImage": IMAGE, "TrainingInputMode": "File", "MetricDefinitions": definitions
    })  # fmt: skip
    wanted = {"SearchExpression": where("Metrics.loss", "LessThan", "1"), "SortBy": "Metrics.loss"}
    assert found(user, "ExperimentTrialComponent", **wanted) == []
    printed(user, "j", 0.5)
    [record] = found(user, "ExperimentTrialComponent", **wanted)
    assert record["Metrics"][0]["Last"] == 0.5
    printed(user, "j", 2.0)
    assert found(user, "ExperimentTrialComponent", **wanted) == []
    printed(user, "j", 0.25)
    user.job_goes_on("Completed")
    [record] = found(user, "ExperimentTrialComponent", **wanted)
    assert record["Metrics"][0]["Last"] == 0.25


def printed(user: Callers, job: str, value: float) -> None:
    """The job printed a value of its metric."""
    with user.site.database.write() as transaction:
        metric = component_metrics.job_series(job, "loss")
        metric_points.add(transaction, user.scope, [(metric, Point(clock.now(), value))])


@pytest.mark.parametrize("resource", sorted(search_records.NEVER_MADE))
def test_what_cannot_exist_is_not_found(user: Callers, resource: str) -> None:
    answer = user.sagemaker("Search", Resource=resource)
    assert answer == {"Results": [], "TotalHits": {"Value": 0, "Relation": "EqualTo"}}
    with pytest.raises(Fault, match="Unknown property name: Nope"):
        user.sagemaker("Search", Resource=resource, SearchExpression=where("Nope", "Exists"))


def test_every_resource_of_the_model_is_answered() -> None:
    named = models.service("sagemaker").shape("ResourceType").enum
    assert set(named) == search_records.SEARCHED.keys() | search_records.NEVER_MADE.keys()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"SortBy": "Nope"}, "Unknown property name: Nope"),
        ({"SortBy": "Metrics"}, "cannot be used to sort"),
        ({"NextToken": "bm9uc2Vuc2U"}, "NextToken is not valid"),
        ({"NextToken": "WyJ4IiwgMV0"}, "NextToken is not valid"),
        ({"SearchExpression": {}}, "at least one subexpression, filter, or nested filter"),
    ],
)
def test_what_is_refused(user: Callers, asked: Document, message: str) -> None:
    with pytest.raises(Fault) as raised:
        user.sagemaker("Search", Resource="ExperimentTrialComponent", **asked)
    assert raised.value.code == "ValidationException"
    assert message in raised.value.message


def test_other_accounts_share_nothing(user: Callers) -> None:
    user.components("a")
    request = {"Resource": "ExperimentTrialComponent", "CrossAccountFilterOption": "CrossAccount"}
    assert user.sagemaker("Search", **request)["Results"] == []
    request["CrossAccountFilterOption"] = "SameAccount"
    visible = [{"Key": "a", "Value": "b"}]
    assert len(user.sagemaker("Search", **request, VisibilityConditions=visible)["Results"]) == 1


def test_suggestions(user: Callers) -> None:
    user.a_training_job(
        "j", HyperParameters={"learning_rate": "0.1", "Layers": "3"}, Tags=[{"Key": "lab", "Value": "x"}]
    )

    def names(hint: str) -> list[str]:
        query = {"PropertyNameQuery": {"PropertyNameHint": hint}}
        answer = user.sagemaker("GetSearchSuggestions", Resource="TrainingJob", SuggestionQuery=query)
        return [each["PropertyName"] for each in answer["PropertyNameSuggestions"]]

    assert names("hyperparameters.") == ["HyperParameters.Layers", "HyperParameters.learning_rate"]
    assert names("la") == ["HyperParameters.Layers", "LabelingJobArn", "LastModifiedTime", "Tags.lab"]
    assert names("ResourceConfig.Inst") == ["ResourceConfig.InstanceCount", "ResourceConfig.InstanceType"]
    assert names("nothing") == []


def test_a_tuning_job(user: Callers) -> None:
    image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/mine:1"
    user.sagemaker(
        "CreateHyperParameterTuningJob",
        HyperParameterTuningJobName="tune",
        HyperParameterTuningJobConfig={
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 3, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": {"ContinuousParameterRanges": [{"Name": "eta", "MinValue": "0", "MaxValue": "1"}]},
        },
        TrainingJobDefinition={
            "AlgorithmSpecification": {
                "TrainingImage": image,
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "loss", "Regex": "loss=(.*)"}],
            },
            "StaticHyperParameters": {"depth": "5"},
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        },
    )
    for wanted in (
        where("TrainingJobDefinition.StaticHyperParameters.depth", "GreaterThan", "4"),
        where("HyperParameterTuningJobConfig.ParameterRanges.ContinuousParameterRanges.Name", "Equals", "eta"),
        where("ConsumedResources.RuntimeInSeconds", "LessThan", "3600"),
    ):
        [record] = found(user, "HyperParameterTuningJob", SearchExpression=wanted)
        described = user.sagemaker("DescribeHyperParameterTuningJob", HyperParameterTuningJobName="tune")
        is_description(record, described)
