"""Experiments and trials: made, shown, listed, changed, deleted in order; names in any case; ExperimentConfig."""

from __future__ import annotations

import json

import pytest
from experiment_callers import EXPERIMENT_ARN, Callers, callers
from job_requests import ROLE, SCOPE, processing, training
from registry_door import refused

from stepwell.base.documents import Document
from stepwell.services.registry import Site


@pytest.fixture
def made(site: Site) -> Callers:
    return callers(site)


def test_an_experiment_is_shown_as_it_was_made(made: Callers) -> None:
    tags = [{"Key": "team", "Value": "blue"}]
    answer = made.sagemaker("CreateExperiment", ExperimentName="Churn-1", Description="why they leave", Tags=tags)
    assert answer == {"ExperimentArn": f"{EXPERIMENT_ARN}/Churn-1"}
    shown = made.sagemaker("DescribeExperiment", ExperimentName="Churn-1")
    assert (shown["ExperimentName"], shown["DisplayName"]) == ("Churn-1", "Churn-1")
    assert shown["Description"] == "why they leave"
    assert shown["CreatedBy"] == shown["LastModifiedBy"] == {"IamIdentity": {"Arn": SCOPE.principal}}
    assert made.sagemaker("ListTags", ResourceArn=answer["ExperimentArn"])["Tags"] == tags


def test_an_experiment_is_changed_and_keeps_the_rest(made: Callers) -> None:
    made.sagemaker("CreateExperiment", ExperimentName="e", Description="old")
    made.sagemaker("UpdateExperiment", ExperimentName="E", DisplayName="Shown")
    shown = made.sagemaker("DescribeExperiment", ExperimentName="e")
    assert (shown["DisplayName"], shown["Description"]) == ("Shown", "old")
    made.sagemaker("UpdateExperiment", ExperimentName="e", Description="")
    assert made.sagemaker("DescribeExperiment", ExperimentName="e")["Description"] == ""


@pytest.mark.parametrize("name", ["Churn", "churn", "CHURN"])
def test_a_name_is_taken_in_any_case(made: Callers, name: str) -> None:
    made.sagemaker("CreateExperiment", ExperimentName="Churn")
    refused(
        "ValidationException",
        "Experiment names must be unique within an AWS account and region. "
        f"Experiment with name ({name}) already exists.",
        lambda: made.sagemaker("CreateExperiment", ExperimentName=name),
    )
    assert made.sagemaker("DescribeExperiment", ExperimentName=name)["ExperimentName"] == "Churn"


@pytest.mark.parametrize(
    ("operation", "request_", "arn"),
    [
        ("DescribeExperiment", {"ExperimentName": "x"}, f"Experiment '{EXPERIMENT_ARN}/x'"),
        ("UpdateExperiment", {"ExperimentName": "x"}, "experiment/x' does not exist."),
        ("DeleteExperiment", {"ExperimentName": "x"}, "experiment/x' does not exist."),
        ("CreateTrial", {"TrialName": "t", "ExperimentName": "x"}, "experiment/x' does not exist."),
        ("DescribeTrial", {"TrialName": "x"}, "Trial 'arn:aws:sagemaker:eu-west-1:123456789012:experiment-trial/x'"),
        ("UpdateTrial", {"TrialName": "x"}, "experiment-trial/x' does not exist."),
        ("DeleteTrial", {"TrialName": "x"}, "experiment-trial/x' does not exist."),
        ("ListTrials", {"ExperimentName": "x"}, "experiment/x' does not exist."),
        ("ListTrials", {"TrialComponentName": "x"}, "experiment-trial-component/x' does not exist."),
        ("ListTrialComponents", {"TrialName": "x"}, "experiment-trial/x' does not exist."),
        ("ListTrialComponents", {"ExperimentName": "x"}, "experiment/x' does not exist."),
    ],
)  # fmt: skip
def test_what_is_missing_is_named(made: Callers, operation: str, request_: Document, arn: str) -> None:
    refused("ResourceNotFound", arn, lambda: made.sagemaker(operation, **request_))


def test_deleting_goes_from_the_inside_out(made: Callers) -> None:
    made.an_experiment("t")
    made.components("c", trial="t")
    held = "is linked to 1 or more trials and cannot be deleted."
    refused("ValidationException", held, lambda: made.sagemaker("DeleteExperiment", ExperimentName="e"))
    refused(
        "ValidationException",
        "is linked to 1 or more trial components and cannot be deleted.",
        lambda: made.sagemaker("DeleteTrial", TrialName="t"),
    )
    refused("ValidationException", held, lambda: made.sagemaker("DeleteTrialComponent", TrialComponentName="c"))
    made.sagemaker("DisassociateTrialComponent", TrialComponentName="C", TrialName="T")
    made.sagemaker("DeleteTrialComponent", TrialComponentName="c")
    assert made.sagemaker("DeleteTrial", TrialName="t") == {"TrialArn": f"{EXPERIMENT_ARN}-trial/t"}
    made.sagemaker("DeleteExperiment", ExperimentName="e")
    assert made.sagemaker("ListExperiments")["ExperimentSummaries"] == []
    made.an_experiment("t")  # and the names are free again


def test_tags_go_with_what_had_them(made: Callers) -> None:
    made.sagemaker("CreateExperiment", ExperimentName="e", Tags=[{"Key": "a", "Value": "b"}])
    made.sagemaker("DeleteExperiment", ExperimentName="e")
    made.sagemaker("CreateExperiment", ExperimentName="e")
    assert made.sagemaker("ListTags", ResourceArn=f"{EXPERIMENT_ARN}/e")["Tags"] == []


def test_a_trial_says_its_experiment_and_its_properties(made: Callers) -> None:
    made.sagemaker("CreateExperiment", ExperimentName="Churn")
    properties = {"CommitId": "abc", "Repository": "git"}
    made.sagemaker("CreateTrial", TrialName="t", ExperimentName="churn", MetadataProperties=properties)
    made.sagemaker("UpdateTrial", TrialName="t", DisplayName="foo")
    shown = made.sagemaker("DescribeTrial", TrialName="T")
    assert (shown["TrialName"], shown["ExperimentName"], shown["DisplayName"]) == ("t", "Churn", "foo")
    assert shown["MetadataProperties"] == properties


def test_trials_are_listed_by_experiment_and_by_component(made: Callers) -> None:
    made.an_experiment("b", "a", name="one")
    made.an_experiment("c", name="two")
    made.components("x")
    for trial in ("a", "c"):
        made.sagemaker("AssociateTrialComponent", TrialComponentName="x", TrialName=trial)

    def names(**request: object) -> list[str]:
        return [each["TrialName"] for each in made.sagemaker("ListTrials", **request)["TrialSummaries"]]

    assert names(SortBy="Name", SortOrder="Ascending") == ["a", "b", "c"]
    assert names(ExperimentName="one", SortBy="CreationTime", SortOrder="Ascending") == ["b", "a"]
    assert names(ExperimentName="one") == ["a", "b"]
    assert names(TrialComponentName="x", SortBy="Name") == ["c", "a"]
    refused(
        "ValidationException",
        "cannot be given together",
        lambda: made.sagemaker("ListTrials", ExperimentName="one", TrialComponentName="x"),
    )


def test_pages_of_trials_follow_each_other(made: Callers) -> None:
    made.an_experiment(*(f"t{number}" for number in range(5)))
    seen, token = [], {}
    while True:
        page = made.sagemaker("ListTrials", ExperimentName="e", MaxResults=2, SortBy="Name", **token)
        seen.append([each["TrialName"] for each in page["TrialSummaries"]])
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert seen == [["t4", "t3"], ["t2", "t1"], ["t0"]]


@pytest.mark.parametrize(
    ("operation", "request_"),
    [("CreateTrainingJob", training("j")), ("CreateProcessingJob", processing("j"))],
)
def test_a_job_needs_the_experiment_it_names(made: Callers, operation: str, request_: Document) -> None:
    def create(**config: str) -> Document:
        return made.sagemaker(operation, **request_, ExperimentConfig=config)

    refused("ResourceNotFound", "experiment/nope' does not exist.", lambda: create(ExperimentName="nope"))
    made.an_experiment("t")
    refused("ResourceNotFound", "experiment-trial/u'", lambda: create(ExperimentName="e", TrialName="u"))
    made.an_experiment("v", name="other")
    refused("ValidationException", "belongs to experiment 'other'", lambda: create(ExperimentName="e", TrialName="v"))
    assert made.listed() == []  # nothing half-made
    create(ExperimentName="e", TrialName="t")
    assert len(made.listed(TrialName="t")) == 1


def test_a_trial_is_made_for_a_job_that_names_none(made: Callers) -> None:
    made.an_experiment()
    made.a_training_job("Fit", ExperimentConfig={"ExperimentName": "e", "TrialComponentDisplayName": "shown"})
    config = made.sagemaker("DescribeTrainingJob", TrainingJobName="Fit")["ExperimentConfig"]
    assert config == {"ExperimentName": "e", "TrialComponentDisplayName": "shown", "TrialName": "Fit-trial"}
    assert made.listed(TrialName="Fit-trial") == ["Fit-aws-training-job"]
    assert made.component("Fit-aws-training-job")["DisplayName"] == "shown"


def test_a_job_that_is_refused_leaves_no_trial(made: Callers) -> None:
    made.an_experiment()
    made.a_training_job("j")
    refused(
        "ResourceInUse", "already exists", lambda: made.a_training_job("j", ExperimentConfig={"ExperimentName": "e"})
    )
    assert made.sagemaker("ListTrials")["TrialSummaries"] == []


@pytest.mark.parametrize(
    ("config", "experiment", "trial"),
    [
        ({"ExperimentName": {"Get": "Execution.PipelineName"}}, "p", None),
        ({"TrialName": "mine"}, "p", "mine"),
        ({"ExperimentName": "study", "TrialName": {"Get": "Parameters.Trial"}}, "study", "given"),
        ({}, "p", None),
        (None, None, None),
    ],
)
def test_a_pipeline_names_its_experiment_or_is_named_by_default(
    made: Callers, config: Document | None, experiment: str | None, trial: str | None
) -> None:
    definition = {
        "Version": "2020-12-01",
        "Parameters": [{"Name": "Trial", "Type": "String", "DefaultValue": "given"}],
        "PipelineExperimentConfig": config,
        "Steps": [{"Name": "F", "Type": "Fail", "Arguments": {"ErrorMessage": "x"}}],
    }
    made.sagemaker(
        "CreatePipeline",
        PipelineName="p",
        PipelineDefinition=json.dumps(definition),
        RoleArn=ROLE,
        ClientRequestToken="c" * 32,
    )
    token = {"ClientRequestToken": "s" * 32}
    arn = made.sagemaker("StartPipelineExecution", PipelineName="p", **token)["PipelineExecutionArn"]
    assert made.sagemaker("StartPipelineExecution", PipelineName="p", **token)["PipelineExecutionArn"] == arn
    shown = made.sagemaker("DescribePipelineExecution", PipelineExecutionArn=arn).get("PipelineExperimentConfig")
    experiments = made.sagemaker("ListExperiments")["ExperimentSummaries"]
    if experiment is None:
        assert (shown, experiments) == (None, [])
        return
    assert shown == {"ExperimentName": experiment, "TrialName": trial or arn.rpartition("/")[2]}
    assert [each["ExperimentName"] for each in experiments] == [experiment]
    trials = made.sagemaker("ListTrials", ExperimentName=experiment)["TrialSummaries"]
    assert [each["TrialName"] for each in trials] == [shown["TrialName"]]
