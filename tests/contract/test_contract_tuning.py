"""Hyperparameter tuning as users know it: the SDK's HyperparameterTuner, a TuningStep, boto3, and a kill -9."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from served import ROLE, Server, ended_execution, eventually, steps_of
from stepwell.cli import connection, demo_client

pytestmark = [pytest.mark.contract, pytest.mark.timeout(600)]

SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
USER = Path(__file__).with_name("tuning_user.py")
SCRIPT = """\
import argparse, signal, sys, time

parser = argparse.ArgumentParser()
parser.add_argument("--level", type=float)
parser.add_argument("--seconds", type=float, default=0)
given = parser.parse_args()
print(f"level={given.level};", flush=True)
time.sleep(given.seconds)
"""


@pytest.fixture(scope="module")
def client() -> Path:
    """The Python of the examples' client environment: SageMaker SDK 2."""
    return demo_client.client_python(Console(quiet=True), Path.home() / ".cache" / "stepwell" / "clients")


def user(server: Server, client: Path, what: str) -> dict[str, Any]:
    """What the user's script found."""
    reached = connection.access(server.data)
    assert reached
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STEPWELL_"))}
    environment = {**own, **connection.variables(server.data, reached, own)}
    command = [str(client), str(USER), what, ROLE]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_the_sdks_tuner(server: Server, client: Path) -> None:
    pytest.importorskip("optuna", reason="the SDK's default strategy is Bayesian, which needs optuna")
    found = user(server, client, "alone")
    assert found["strategy"] == "Bayesian"
    assert found["statuses"] == ["Completed"]
    assert len(found["names"]) == 5
    assert found["best"] == found["same"] == found["names"][found["losses"].index(min(found["losses"]))]
    assert float(found["hyperparameters"]["offset"]) == 0.5
    assert found["model"].endswith(f"/models/{found['best']}/output/model.tar.gz")
    assert {"rate", "depth", "kind", "TrainingElapsedTimeSeconds"} <= set(found["columns"])


def test_a_tuning_step_and_its_best_model(server: Server, client: Path) -> None:
    found = user(server, client, "piped")
    first, second = found["first"], found["second"]
    assert {step["StepStatus"] for step in first.values()} == {"Succeeded"}, first
    tuning_job = first["Tune"]["Metadata"]["TuningJob"]["Arn"].rpartition("/")[2]
    assert len(tuning_job) <= 32
    sagemaker = server.client("sagemaker")
    described = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=tuning_job)
    best = described["BestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
    assert found["losses"] == [pytest.approx(best, abs=1e-5)]
    assert second["Tune"]["CacheHitResult"]["SourcePipelineExecutionArn"]
    assert second["Tune"]["Metadata"] == first["Tune"]["Metadata"]


def script(server: Server, bucket: str) -> str:
    """The training script in S3, in a bucket of the test's own."""
    s3 = server.client("s3")
    s3.create_bucket(Bucket=bucket)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as writing:
        entry = tarfile.TarInfo("train.py")
        entry.size = len(SCRIPT)
        writing.addfile(entry, io.BytesIO(SCRIPT.encode()))
    s3.put_object(Bucket=bucket, Key="code.tar.gz", Body=archive.getvalue())
    return f"s3://{bucket}/code.tar.gz"


def tuning(bucket: str, code: str, most: int = 4, parallel: int = 2, **static: str) -> dict[str, Any]:
    """A CreateHyperParameterTuningJob request without its name."""
    hyperparameters = {"sagemaker_program": "train.py", "sagemaker_submit_directory": code, **static}
    return {
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "level"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": most, "MaxParallelTrainingJobs": parallel},
            "ParameterRanges": {"ContinuousParameterRanges": [{"Name": "level", "MinValue": "0", "MaxValue": "1"}]},
        },
        "TrainingJobDefinition": {
            "StaticHyperParameters": hyperparameters,
            "AlgorithmSpecification": {
                "TrainingImage": SKLEARN,
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "level", "Regex": "level=([0-9.]+);"}],
            },
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/out"},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
        },
    }


def ended(sagemaker: Any, name: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        return found if found["HyperParameterTuningJobStatus"] not in ("InProgress", "Stopping") else None

    return dict(eventually(look))


def trials(sagemaker: Any, name: str) -> list[dict[str, Any]]:
    return list(
        sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)[
            "TrainingJobSummaries"
        ]
    )


def boosting(bucket: str) -> dict[str, Any]:
    """A tuning of the built-in XGBoost, whose training jobs need no server once they run."""
    channels = [
        {
            "ChannelName": name,
            "ContentType": "text/csv",
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/{name}"}},
        }
        for name in ("train", "validation")
    ]
    found = tuning(bucket, "")
    found["HyperParameterTuningJobConfig"] |= {
        "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:rmse"},
        "ParameterRanges": {"ContinuousParameterRanges": [{"Name": "eta", "MinValue": "0.01", "MaxValue": "0.5"}]},
    }
    found["TrainingJobDefinition"] |= {
        "StaticHyperParameters": {"num_round": "300", "objective": "reg:squarederror"},
        "AlgorithmSpecification": {"TrainingImage": XGBOOST, "TrainingInputMode": "File"},
        "InputDataConfig": channels,
    }
    return found


def test_a_server_that_is_killed_loses_no_training_job(own_server: Server) -> None:
    s3 = own_server.client("s3")
    s3.create_bucket(Bucket="killed-tuning")
    table = "".join(f"{x * 2},{x}\n" for x in range(50))
    for name in ("train", "validation"):
        s3.put_object(Bucket="killed-tuning", Key=f"{name}/data.csv", Body=table.encode())
    own_server.client("sagemaker").create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName="killed", **boosting("killed-tuning")
    )
    for wait in (0.3, 1.5, 1.0):
        time.sleep(wait)
        own_server.kill()
        own_server.start()
    sagemaker = own_server.client("sagemaker")
    found = ended(sagemaker, "killed")
    assert found["HyperParameterTuningJobStatus"] == "Completed"
    assert found["TrainingJobStatusCounters"]["Completed"] == 4
    listed = trials(sagemaker, "killed")
    assert [each["TrainingJobName"].split("-")[1] for each in listed] == ["001", "002", "003", "004"]
    made = sagemaker.list_training_jobs(NameContains="killed-")["TrainingJobSummaries"]
    assert {each["TrainingJobName"] for each in made} == {each["TrainingJobName"] for each in listed}


def test_stopping_a_pipeline_stops_what_its_tuning_runs(server: Server) -> None:
    code = script(server, "stopped-tuning")
    step = {"Name": "Tune", "Type": "Tuning", "Arguments": tuning("stopped-tuning", code, seconds="100")}
    sagemaker = server.client("sagemaker")
    definition = json.dumps({"Version": "2020-12-01", "Steps": [step]})
    sagemaker.create_pipeline(
        PipelineName="stopped-tuning", RoleArn=ROLE, ClientRequestToken="c" * 32, PipelineDefinition=definition
    )
    execution = sagemaker.start_pipeline_execution(PipelineName="stopped-tuning")["PipelineExecutionArn"]

    def name() -> str | None:
        made = steps_of(sagemaker, execution).get("Tune", {}).get("Metadata", {}).get("TuningJob", {}).get("Arn", "")
        return made.rpartition("/")[2] or None

    tuning_job = eventually(name)
    eventually(lambda: any("TrainingStartTime" in each for each in trials(sagemaker, tuning_job)))
    sagemaker.stop_pipeline_execution(PipelineExecutionArn=execution)
    assert ended_execution(sagemaker, execution)["PipelineExecutionStatus"] == "Stopped"
    assert ended(sagemaker, tuning_job)["HyperParameterTuningJobStatus"] == "Stopped"
    assert {each["TrainingJobStatus"] for each in trials(sagemaker, tuning_job)} == {"Stopped"}


def test_a_failed_tuning_job_fails_its_step(server: Server) -> None:
    code = script(server, "failed-tuning")
    arguments = tuning("failed-tuning", code, most=2)
    static = arguments["TrainingJobDefinition"]["StaticHyperParameters"]
    static["sagemaker_program"] = "none.py"
    sagemaker = server.client("sagemaker")
    definition = json.dumps(
        {"Version": "2020-12-01", "Steps": [{"Name": "T", "Type": "Tuning", "Arguments": arguments}]}
    )
    sagemaker.create_pipeline(
        PipelineName="failed-tuning", RoleArn=ROLE, ClientRequestToken="c" * 32, PipelineDefinition=definition
    )
    execution = sagemaker.start_pipeline_execution(PipelineName="failed-tuning")["PipelineExecutionArn"]
    assert ended_execution(sagemaker, execution)["PipelineExecutionStatus"] == "Failed"
    reason = steps_of(sagemaker, execution)["T"]["FailureReason"]
    assert reason.startswith("ClientError: No training job succeeded after 2 attempts.")
