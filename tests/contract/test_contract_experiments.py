"""Experiments through real clients: by boto3, by the SDK's Run, from within jobs, and by pipelines."""

from __future__ import annotations

import json
import os
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from served import ROLE, Server, ended_execution, eventually
from stepwell.cli import connection, demo_client

pytestmark = [pytest.mark.contract, pytest.mark.timeout(600)]

CLUSTER = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}


def training(script: str, *metrics: str) -> dict[str, Any]:
    """What a training job that runs a shell script takes, but for its name and role."""
    return {
        "AlgorithmSpecification": {
            "TrainingImage": "python:3.11",
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["bash", "-c", script],
            "MetricDefinitions": [{"Name": name, "Regex": f"{name}=([0-9.]+)"} for name in metrics],
        },
        "OutputDataConfig": {"S3OutputPath": "s3://experiments/models"},
        "ResourceConfig": CLUSTER,
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        "HyperParameters": {"depth": "3", "loss": "mse"},
    }


def processing(script: str) -> dict[str, Any]:
    """The same of a processing job."""
    return {
        "AppSpecification": {"ImageUri": "python:3.11", "ContainerEntrypoint": ["bash", "-c", script]},
        "ProcessingResources": {"ClusterConfig": CLUSTER},
    }


def described(server: Server, name: str) -> dict[str, Any]:
    return dict(server.client("sagemaker").describe_trial_component(TrialComponentName=name))


def test_the_whole_of_an_experiment_by_boto3(server: Server) -> None:
    sagemaker, metrics = server.client("sagemaker"), server.client("sagemaker-metrics")
    sagemaker.create_experiment(ExperimentName="By-Hand", Tags=[{"Key": "team", "Value": "blue"}])
    with pytest.raises(ClientError) as twice:
        sagemaker.create_experiment(ExperimentName="by-hand")
    assert twice.value.response["Error"] == {
        "Code": "ValidationException",
        "Message": "Experiment names must be unique within an AWS account and region. "
        "Experiment with name (by-hand) already exists.",
    }
    sagemaker.create_trial(TrialName="first-try", ExperimentName="By-Hand")
    started = datetime(2024, 5, 17, 12, tzinfo=UTC)
    sagemaker.create_trial_component(
        TrialComponentName="by-hand-fit",
        StartTime=started,
        Parameters={"rate": {"NumberValue": 0.1}},
        InputArtifacts={"train": {"Value": "s3://experiments/train", "MediaType": "text/csv"}},
    )
    with pytest.raises(ClientError) as refused:
        sagemaker.update_trial_component(
            TrialComponentName="by-hand-fit", Parameters={"rate": {"NumberValue": float("nan")}}
        )
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    sagemaker.associate_trial_component(TrialComponentName="by-hand-fit", TrialName="first-try")
    now = datetime.now(UTC)
    data = [{"MetricName": "loss", "Value": 1.0 / (step + 1), "Timestamp": now, "Step": step} for step in range(9)]
    answer = metrics.batch_put_metrics(
        TrialComponentName="by-hand-fit",
        MetricData=[*data, {"MetricName": "loss", "Value": 1.0, "Timestamp": now + timedelta(days=1)}],
    )
    assert answer["Errors"] == [{"Code": "VALIDATION_ERROR", "MetricIndex": 9}]
    shown = described(server, "by-hand-fit")
    assert shown["StartTime"] == started
    assert (shown["Metrics"][0]["Count"], shown["Metrics"][0]["Last"]) == (9, pytest.approx(1 / 9))
    query = {"MetricName": "loss", "ResourceArn": shown["TrialComponentArn"], "MetricStat": "Last"}
    query |= {"Period": "IterationNumber", "XAxisType": "IterationNumber", "Start": 0}
    (history,) = metrics.batch_get_metrics(MetricQueries=[query])["MetricQueryResults"]
    assert (history["Status"], history["XAxisValues"]) == ("Complete", list(range(9)))
    with pytest.raises(ClientError, match="is linked to 1 or more trials and cannot be deleted"):
        sagemaker.delete_trial_component(TrialComponentName="by-hand-fit")
    sagemaker.disassociate_trial_component(TrialComponentName="by-hand-fit", TrialName="first-try")
    sagemaker.delete_trial_component(TrialComponentName="by-hand-fit")
    sagemaker.delete_trial(TrialName="first-try")
    sagemaker.delete_experiment(ExperimentName="By-Hand")
    with pytest.raises(sagemaker.exceptions.ResourceNotFound):
        sagemaker.describe_experiment(ExperimentName="By-Hand")


def test_the_jobs_of_a_pipeline_are_components_of_its_trial(server: Server) -> None:
    server.client("s3").create_bucket(Bucket="experiments")
    sagemaker = server.client("sagemaker")
    steps = [
        {"Name": "Prepare", "Type": "Processing", "Arguments": processing("true")},
        {
            "Name": "Fit",
            "Type": "Training",
            "DependsOn": ["Prepare"],
            "DisplayName": "Fit it",
            "Arguments": training("echo loss=4; echo loss=2", "loss"),
        },
    ]
    names = {
        "ExperimentName": {"Get": "Execution.PipelineName"},
        "TrialName": {"Get": "Execution.PipelineExecutionId"},
    }
    definition = {"Version": "2020-12-01", "PipelineExperimentConfig": names, "Steps": steps}
    sagemaker.create_pipeline(
        PipelineName="Tracked", PipelineDefinition=json.dumps(definition), RoleArn=ROLE, ClientRequestToken="t" * 32
    )
    arn = sagemaker.start_pipeline_execution(PipelineName="Tracked", ClientRequestToken="s" * 32)[
        "PipelineExecutionArn"
    ]
    execution = arn.rpartition("/")[2]
    shown = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
    assert shown["PipelineExperimentConfig"] == {"ExperimentName": "Tracked", "TrialName": execution}
    trial = sagemaker.describe_trial(TrialName=execution)
    assert (trial["ExperimentName"], trial["Source"]["SourceArn"]) == ("Tracked", arn)
    assert ended_execution(sagemaker, arn)["PipelineExecutionStatus"] == "Succeeded"

    listed = sagemaker.list_trial_components(TrialName=execution, SortOrder="Ascending")["TrialComponentSummaries"]
    assert [each["TrialComponentSource"]["SourceType"] for each in listed] == [
        "SageMakerProcessingJob",
        "SageMakerTrainingJob",
    ]
    assert [each["Status"]["PrimaryStatus"] for each in listed] == ["Completed", "Completed"]
    fit = described(server, listed[1]["TrialComponentName"])
    assert fit["DisplayName"] == "Fit-it"
    assert fit["Parameters"]["depth"] == {"NumberValue": 3.0}
    assert fit["OutputArtifacts"]["SageMaker.ModelArtifact"]["Value"].startswith("s3://experiments/models/")
    metric = fit["Metrics"][0]
    assert (metric["Max"], metric["Min"], metric["Last"], metric["Count"], metric["Avg"]) == (4.0, 2.0, 2.0, 2, 3.0)
    job = sagemaker.describe_training_job(TrainingJobName=fit["Source"]["SourceArn"].rpartition("/")[2])
    assert job["ExperimentConfig"] == {
        "ExperimentName": "Tracked",
        "TrialName": execution,
        "TrialComponentDisplayName": "Fit-it",
    }

    sagemaker.delete_pipeline(PipelineName="Tracked", ClientRequestToken="d" * 32)
    assert sagemaker.describe_experiment(ExperimentName="Tracked")["ExperimentName"] == "Tracked"


def test_an_experiment_that_cannot_be_is_said_at_the_start(server: Server) -> None:
    sagemaker = server.client("sagemaker")
    sagemaker.create_experiment(ExperimentName="taken")
    sagemaker.create_trial(TrialName="taken-trial", ExperimentName="taken")
    fails = [{"Name": "F", "Type": "Fail", "Arguments": {"ErrorMessage": "x"}}]
    for name, config, problem in (
        ("spaced", {"ExperimentName": "not a name"}, "PipelineExperimentConfig: .*experimentName"),
        ("others", {"ExperimentName": "mine", "TrialName": "taken-trial"}, "belongs to experiment 'taken'"),
    ):
        definition = {"Version": "2020-12-01", "PipelineExperimentConfig": config, "Steps": fails}
        sagemaker.create_pipeline(
            PipelineName=name, PipelineDefinition=json.dumps(definition), RoleArn=ROLE, ClientRequestToken=name * 8
        )
        with pytest.raises(ClientError, match=problem):
            sagemaker.start_pipeline_execution(PipelineName=name)
        assert sagemaker.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"] == []
    with pytest.raises(sagemaker.exceptions.ResourceNotFound):
        sagemaker.describe_experiment(ExperimentName="mine")


RUN = """
import sys
from sagemaker import Session
from sagemaker.analytics import ExperimentAnalytics
from sagemaker.experiments import Run, list_runs, load_run

session = Session()
with Run(experiment_name="My-Study", run_name="First", sagemaker_session=session) as run:
    run.log_parameters({"depth": 3, "loss": "mse"})
    for step in range(25):
        run.log_metric("accuracy", step / 25, step=step)
    with open("note.txt", "w") as note:
        note.write("hello")
    run.log_file("note.txt", name="note")
    run.log_artifact("data", "s3://experiments/data", is_output=False)
    # what log_precision_recall and log_confusion_matrix end in; they themselves need scikit-learn
    run._log_graph_artifact({"precision": [1.0]}, "PrecisionRecallCurve", True, "pr")
    run._log_graph_artifact({"confusionMatrix": [[1, 0], [1, 1]]}, "ConfusionMatrix", True, "cm")

with load_run(experiment_name="My-Study", run_name="first", sagemaker_session=session) as again:
    again.log_parameter("note", "loaded")
assert [each.run_name for each in list_runs("my-study", sagemaker_session=session)] == ["first"]

frame = ExperimentAnalytics(experiment_name="my-study", sagemaker_session=session).dataframe()
row = frame.iloc[0]
assert len(frame) == 1 and row["TrialComponentName"] == "my-study-first", frame
assert (row["depth"], row["loss"], row["note"]) == (3.0, "mse", "loaded"), frame
assert (row["accuracy - Max"], row["accuracy - Count"], row["accuracy - Last"]) == (0.96, 25, 0.96), frame
assert row["data - Value"] == "s3://experiments/data", frame
assert row["Experiments"] == ["my-study"] and row["Trials"] == ["Default-Run-Group-my-study"], frame
print("ok")
"""


def test_the_runs_of_the_sdk_and_their_data_frames(server: Server, tmp_path: Path) -> None:
    server.client("s3").create_bucket(Bucket="experiments")
    done = by_sdk(server, tmp_path, RUN)
    assert done.returncode == 0, done.stdout + done.stderr
    sagemaker = server.client("sagemaker")
    run = described(server, "my-study-first")
    assert run["Status"]["PrimaryStatus"] == "Completed"
    assert run["StartTime"] <= run["EndTime"]
    charts = sagemaker.list_associations(SourceArn=run["TrialComponentArn"])["AssociationSummaries"]
    assert {each["DestinationType"] for each in charts} == {"PrecisionRecallCurve", "ConfusionMatrix"}
    assert run["OutputArtifacts"]["note"]["MediaType"] == "text/plain"


INNER = """
import json, os, time
import boto3

sagemaker = boto3.client("sagemaker")
if "TRAINING_JOB_ARN" in os.environ:
    arn = os.environ["TRAINING_JOB_ARN"]
    job = sagemaker.describe_training_job(TrainingJobName=arn.rpartition("/")[2])
else:
    with open("/opt/ml/config/processingjobconfig.json") as config:
        arn = json.load(config)["ProcessingJobArn"]
    job = sagemaker.describe_processing_job(ProcessingJobName=arn.rpartition("/")[2])
(own,) = sagemaker.list_trial_components(SourceArn=arn.lower())["TrialComponentSummaries"]
run = job["ExperimentConfig"]["RunName"]
value = {"StringValue": own["TrialComponentName"]}
sagemaker.update_trial_component(TrialComponentName=run, Parameters={"inside": value})
boto3.client("sagemaker-metrics").batch_put_metrics(
    TrialComponentName=run, MetricData=[{"MetricName": "inner", "Value": 0.5, "Timestamp": time.time(), "Step": 1}]
)
"""
"""What the SDK's load_run() asks for and logs in a job; the SDK itself is not in the job's image."""
STARTED = """
import sys
from sagemaker import Session, get_execution_role
from sagemaker.estimator import Estimator
from sagemaker.experiments import Run
from sagemaker.processing import ScriptProcessor

session, role, python, script = Session(), get_execution_role(), "python3", sys.argv[1]
code = session.upload_data(script, key_prefix="inner")
with Run(experiment_name="inside", run_name="training", sagemaker_session=session):
    estimator = Estimator(
        "python:3.11", role, 1, "ml.m5.large", sagemaker_session=session,
        container_entry_point=[python, "/opt/ml/input/data/code/inner.py"],
    )
    estimator.fit({"code": code}, job_name="run-in-training", logs="None")
with Run(experiment_name="inside", run_name="processing", sagemaker_session=session):
    processor = ScriptProcessor(role, "python:3.11", [python], 1, "ml.m5.large", sagemaker_session=session)
    processor.run(script, job_name="run-in-processing", logs=False)
"""


def test_a_job_finds_the_run_that_it_was_started_in(server: Server, tmp_path: Path) -> None:
    script = tmp_path / "inner.py"
    script.write_text(INNER)
    done = by_sdk(server, tmp_path, STARTED, str(script))
    assert done.returncode == 0, done.stdout + done.stderr
    for kind in ("training", "processing"):
        run = described(server, f"inside-{kind}")
        assert run["Parameters"] == {"inside": {"StringValue": f"run-in-{kind}-aws-{kind}-job"}}
        assert [(each["MetricName"], each["Last"]) for each in run["Metrics"]] == [("inner", 0.5)]
        assert [each["SourceArn"].rpartition("/")[2] for each in run["Sources"]] == [f"run-in-{kind}"]


@pytest.mark.chaos
def test_a_component_is_neither_lost_nor_doubled_when_the_server_is_killed(own_server: Server) -> None:
    own_server.client("s3").create_bucket(Bucket="experiments")
    own_server.client("sagemaker").create_experiment(ExperimentName="e")
    config = {"ExperimentName": "e"}
    for name in ("a", "b", "c"):
        own_server.client("sagemaker").create_training_job(
            TrainingJobName=name, RoleArn=ROLE, ExperimentConfig=config, **training("sleep 2; echo loss=1", "loss")
        )
        own_server.kill()
        time.sleep(0.2)
        own_server.start()
    sagemaker = own_server.client("sagemaker")

    def components() -> Any:
        listed = sagemaker.list_trial_components(ExperimentName="e", MaxResults=100)["TrialComponentSummaries"]
        return listed if all(each["Status"]["PrimaryStatus"] == "Completed" for each in listed) else None

    assert sorted(each["TrialComponentName"] for each in eventually(components)) == [
        f"{name}-aws-training-job" for name in ("a", "b", "c")
    ]
    assert [described(own_server, f"{name}-aws-training-job")["Metrics"][0]["Count"] for name in "abc"] == [1, 1, 1]


def sdk_python() -> Path:
    """The interpreter of a client's environment with the SageMaker SDK and scikit-learn."""
    return demo_client.client_python(Console(quiet=True), Path.home() / ".cache" / "stepwell" / "clients")


def by_sdk(server: Server, folder: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script as a client of the server would."""
    reached = connection.access(server.data)
    assert reached
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STEPWELL_", "PYTHON"))}
    file = folder / "client.py"
    file.write_text(script)
    return subprocess.run(
        [str(sdk_python()), str(file), *arguments],
        cwd=folder,
        env={**own, **connection.variables(server.data, reached, own)},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
