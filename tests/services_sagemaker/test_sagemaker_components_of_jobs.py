"""The trial component of a job follows it, and leaves alone what clients did."""

from __future__ import annotations

import pytest
from experiment_callers import Callers, callers
from job_requests import an_input, an_output, channel, processing
from registry_door import refused

from stepwell.services.registry import Site
from stepwell.services.sagemaker import recording
from stepwell.store import metric_points, resources
from stepwell.store.metric_points import Metric, Point

NAME = "j-aws-training-job"
JOB_ARN = "arn:aws:sagemaker:eu-west-1:123456789012:training-job/j"


@pytest.fixture
def made(site: Site) -> Callers:
    return callers(site)


def test_a_job_has_its_component_as_soon_as_it_is_asked_for(made: Callers) -> None:
    made.a_training_job("j", HyperParameters={"depth": "3", "loss": "mse"}, InputDataConfig=[channel("train")])
    shown = made.component(NAME)
    assert shown["Source"] == {"SourceArn": JOB_ARN, "SourceType": "SageMakerTrainingJob"}
    assert shown["Status"]["PrimaryStatus"] == "InProgress"
    assert shown["Parameters"]["depth"] == {"NumberValue": 3.0}
    assert shown["InputArtifacts"]["train"] == {"Value": "s3://b/train"}
    assert shown["DisplayName"] == NAME
    assert "Job" not in shown
    assert made.listed(SourceArn=JOB_ARN) == made.listed(SourceArn=JOB_ARN.lower()) == [NAME]
    assert made.listed(SourceArn=JOB_ARN + "x") == made.listed(SourceArn="nonsense") == []


def test_a_processing_job_has_one_too(made: Callers) -> None:
    request = processing(
        "p", ProcessingInputs=[an_input("in")], ProcessingOutputConfig={"Outputs": [an_output("out")]}
    )
    made.sagemaker("CreateProcessingJob", **request)
    shown = made.component("p-aws-processing-job")
    assert shown["Source"]["SourceType"] == "SageMakerProcessingJob"
    assert shown["InputArtifacts"]["in"]["Value"] == "s3://b/in"
    assert shown["OutputArtifacts"]["out"]["Value"] == "s3://b/out"


def test_it_follows_the_job_to_its_end(made: Callers) -> None:
    made.a_training_job("j")
    assert made.component(NAME)["Status"]["PrimaryStatus"] == "InProgress"
    made.job_goes_on("InProgress", TrainingStartTime=100.0)
    assert made.component(NAME)["StartTime"] == 100.0
    made.job_goes_on(
        "Completed",
        TrainingStartTime=100.0,
        TrainingEndTime=200.0,
        SecondaryStatus="Completed",
        ModelArtifacts={"S3ModelArtifacts": "s3://b/m/model.tar.gz"},
    )
    shown = made.component(NAME)
    assert (shown["StartTime"], shown["EndTime"]) == (100.0, 200.0)
    assert shown["Status"] == {
        "PrimaryStatus": "Completed",
        "Message": "Status: Completed, secondary status: Completed, failure reason: .",
    }
    assert shown["OutputArtifacts"] == {"SageMaker.ModelArtifact": {"Value": "s3://b/m/model.tar.gz"}}


def test_what_clients_changed_stays(made: Callers) -> None:
    made.a_training_job("j", HyperParameters={"depth": "3"})
    made.sagemaker(
        "UpdateTrialComponent",
        TrialComponentName=NAME,
        DisplayName="mine",
        Parameters={"note": {"StringValue": "good"}},
        ParametersToRemove=["depth"],
        OutputArtifacts={"plot": {"Value": "s3://b/plot"}},
    )
    made.job_goes_on("Completed", TrainingEndTime=200.0, ModelArtifacts={"S3ModelArtifacts": "s3://b/m"})
    shown = made.component(NAME)
    assert shown["DisplayName"] == "mine"
    assert "note" in shown["Parameters"] and "depth" not in shown["Parameters"]
    assert set(shown["OutputArtifacts"]) == {"plot", "SageMaker.ModelArtifact"}


def test_deleted_by_a_client_it_stays_deleted(made: Callers) -> None:
    made.a_training_job("j")
    made.sagemaker("DeleteTrialComponent", TrialComponentName=NAME)
    made.job_goes_on("Completed")
    assert made.listed() == []
    made.a_training_job("other")
    assert made.listed() == ["other-aws-training-job"]


def test_taken_out_of_its_trial_it_stays_out(made: Callers) -> None:
    made.an_experiment("t")
    made.a_training_job("j", ExperimentConfig={"ExperimentName": "e", "TrialName": "t"})
    assert made.listed(TrialName="t") == [NAME]
    made.sagemaker("DisassociateTrialComponent", TrialComponentName=NAME, TrialName="t")
    made.job_goes_on("Completed")
    assert made.listed(TrialName="t") == []
    assert made.listed() == [NAME]


def test_a_trial_is_not_deleted_while_a_job_is_on_its_way_into_it(made: Callers) -> None:
    made.an_experiment("t")
    made.a_training_job("j", ExperimentConfig={"TrialName": "t"})
    refused("ValidationException", "is linked to", lambda: made.sagemaker("DeleteTrial", TrialName="t"))


def test_a_component_outlives_its_job_and_serves_the_next_of_that_name(made: Callers) -> None:
    made.a_training_job("j", HyperParameters={"depth": "3"})
    made.job_goes_on("Completed", TrainingEndTime=200.0)
    made.sagemaker("DeleteTrainingJob", TrainingJobName="j")
    assert made.component(NAME)["Status"]["PrimaryStatus"] == "Completed"
    forget(made)
    made.a_training_job("j", HyperParameters={"depth": "4"})
    shown = made.component(NAME)
    assert shown["Parameters"]["depth"] == {"NumberValue": 4.0}
    assert shown["Status"]["PrimaryStatus"] == "InProgress"
    assert "EndTime" not in shown


def forget(made: Callers) -> None:
    """What the machine does with a deleted job at last."""
    with made.site.database.write() as transaction:
        resources.remove(transaction, made.job("j").key)


def test_a_job_of_a_pipeline_makes_what_it_is_in_again(made: Callers) -> None:
    execution = "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/p/execution/abc"
    tags = [{"Key": "sagemaker:pipeline-execution-arn", "Value": execution}]
    config = {"ExperimentName": "p", "TrialName": "abc"}
    made.a_training_job("j", ExperimentConfig=config, Tags=tags)
    made.a_training_job("k", ExperimentConfig=config, Tags=tags)
    assert sorted(made.listed(TrialName="abc")) == [NAME, "k-aws-training-job"]
    assert made.sagemaker("DescribeTrial", TrialName="abc")["Source"]["SourceArn"] == execution
    experiment = made.sagemaker("DescribeExperiment", ExperimentName="p")
    assert experiment["Source"]["SourceArn"] == "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/p"


def test_a_pipeline_does_not_take_the_trial_of_another_experiment(made: Callers) -> None:
    made.an_experiment("abc", name="other")
    execution = "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/p/execution/abc"
    tags = [{"Key": "sagemaker:pipeline-execution-arn", "Value": execution}]
    config = {"ExperimentName": "p", "TrialName": "abc"}
    refused(
        "ValidationException",
        "belongs to experiment 'other', not to 'p'.",
        lambda: made.a_training_job("j", ExperimentConfig=config, Tags=tags),
    )
    refused("ResourceNotFound", "experiment/p'", lambda: made.sagemaker("DescribeExperiment", ExperimentName="p"))


def test_jobs_whose_names_differ_in_case_have_their_own(made: Callers) -> None:
    made.a_training_job("Job")
    made.a_training_job("job")
    assert sorted(made.listed()) == ["Job-aws-training-job", "job-aws-training-job"]
    assert made.component("job-aws-training-job")["Source"]["SourceArn"].endswith("/job")


def test_a_run_knows_the_jobs_that_were_started_within_it(made: Callers) -> None:
    made.an_experiment("t")
    made.components("e-run", trial="t")
    config = {"ExperimentName": "e", "TrialName": "t", "RunName": "e-run"}
    made.a_training_job("j", ExperimentConfig=config, **printing("loss"))
    keep(made, "j", "loss", (10.0, 4.0), (20.0, 2.0))
    made.job_goes_on("Completed", TrainingEndTime=200.0)
    shown = made.component("e-run")
    assert shown["Sources"] == [{"SourceArn": JOB_ARN, "SourceType": "SageMakerTrainingJob"}]
    assert [(each["MetricName"], each["SourceArn"], each["Last"]) for each in shown["Metrics"]] == [
        ("loss", JOB_ARN, 2.0)
    ]
    assert sorted(made.listed(TrialName="t")) == ["e-run", NAME]


def test_what_a_job_prints_is_summed_up_while_it_runs_and_kept_after_it_is_gone(made: Callers) -> None:
    made.a_training_job("j", **printing("loss", "never"))
    keep(made, "j", "loss", (10.0, 4.0))
    assert [each["Count"] for each in made.component(NAME)["Metrics"]] == [1]
    keep(made, "j", "loss", (30.0, 1.0), (20.0, 1.0))
    made.job_goes_on("Completed", TrainingEndTime=200.0)
    expected = {
        "MetricName": "loss",
        "SourceArn": JOB_ARN,
        "TimeStamp": 30.0,
        "Max": 4.0,
        "Min": 1.0,
        "Last": 1.0,
        "Count": 3,
        "Avg": 2.0,
        "StdDev": 2**0.5,
    }
    assert made.component(NAME)["Metrics"] == [expected]
    recording.catch_up(made.site)
    forget(made)
    assert made.component(NAME)["Metrics"] == [expected]


def printing(*names: str) -> dict[str, object]:
    """Members of a training job whose log is searched for these metrics."""
    definitions = [{"Name": name, "Regex": f"{name}=(.*)"} for name in names]
    image = {"TrainingImage": "python:3.11", "TrainingInputMode": "File", "MetricDefinitions": definitions}
    return {"AlgorithmSpecification": image}


def keep(made: Callers, job: str, name: str, *points: tuple[float, float]) -> None:
    """What the reader of the job's log would find."""
    metric = Metric("/aws/sagemaker/TrainingJobs", name, (("TrainingJobName", job),))
    with made.site.database.write() as transaction:
        metric_points.add(transaction, made.scope, ((metric, Point(*point)) for point in points))
