"""Metrics through real clients: put and asked in both protocols, printed by jobs, through kill -9, in the SDK."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import botocore.data
import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from rich.console import Console

from served import ROLE, Server, eventually
from stepwell.cli import connection, demo_client

pytestmark = [pytest.mark.contract, pytest.mark.timeout(600)]

TRAINING = "/aws/sagemaker/TrainingJobs"
SINCE = datetime.now(UTC) - timedelta(hours=1)


def query_client(server: Server, folder: Path) -> Any:
    """A boto3 client that speaks query, as those before 2025 did."""
    own = next((Path(botocore.data.__path__[0]) / "cloudwatch").glob("*/service-2.json.gz"))
    model = json.loads(gzip.decompress(own.read_bytes()))
    model["metadata"].update({"protocol": "query", "protocols": ["query"]})
    target = folder / "cloudwatch" / own.parent.name
    target.mkdir(parents=True)
    (target / own.name).write_bytes(gzip.compress(json.dumps(model).encode()))
    session = botocore.session.Session()
    session.get_component("data_loader").search_paths.insert(0, str(folder))
    return session.create_client(
        "cloudwatch",
        endpoint_url=server.address["endpoint"],
        region_name="us-east-1",
        aws_access_key_id=server.address["access_key_id"],
        aws_secret_access_key=server.address["secret_access_key"],
        config=Config(retries={"total_max_attempts": 1}),
    )


@pytest.fixture(params=["json", "query"])
def cloudwatch(request: pytest.FixtureRequest, server: Server, tmp_path: Path) -> Any:
    return server.client("cloudwatch") if request.param == "json" else query_client(server, tmp_path)


def train(server: Server, name: str, script: str, definitions: list[dict[str, str]], **members: Any) -> None:
    """A training job that runs a shell script."""
    server.client("sagemaker").create_training_job(
        **{
            "TrainingJobName": name,
            "AlgorithmSpecification": {
                "TrainingImage": "python:3.11",
                "TrainingInputMode": "File",
                "ContainerEntrypoint": ["bash", "-c", script],
                "MetricDefinitions": definitions,
            },
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": "s3://metrics/models"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
            **members,
        }
    )


def trained(server: Server, name: str) -> dict[str, Any]:
    sagemaker = server.client("sagemaker")

    def look() -> Any:
        job = sagemaker.describe_training_job(TrainingJobName=name)
        return job if job["TrainingJobStatus"] not in ("InProgress", "Stopping") else None

    return dict(eventually(look))


def total(server: Server, metric: str, dimension: str, value: str, stat: str = "SampleCount") -> float:
    """A statistic of all points of one series."""
    found = server.client("cloudwatch").get_metric_statistics(
        Namespace=TRAINING,
        MetricName=metric,
        Dimensions=[{"Name": dimension, "Value": value}],
        StartTime=SINCE,
        EndTime=SINCE + timedelta(days=1),
        Period=86400,
        Statistics=[stat],
    )
    return float(sum(each[stat] for each in found["Datapoints"]))


def test_points_of_clients(cloudwatch: Any, request: pytest.FixtureRequest) -> None:
    space = f"mine/{request.node.callspec.id}"
    now = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=10)
    place = [{"Name": "Arm", "Value": "left & right"}, {"Name": "Zone", "Value": "a" * 60}]
    data = [
        {"MetricName": "size", "Dimensions": place, "Timestamp": now + timedelta(seconds=10 * n), "Value": 1.5 * n}
        for n in range(200)
    ]
    cloudwatch.put_metric_data(Namespace=space, MetricData=data)  # more than 10 KiB: sent compressed
    counted = {"MetricName": "many", "Timestamp": now, "Values": [1.0, 10.0], "Counts": [2, 4], "Unit": "Count"}
    cloudwatch.put_metric_data(Namespace=space, MetricData=[counted])

    pages = cloudwatch.get_paginator("list_metrics").paginate(Namespace=space)
    listed = [metric for page in pages for metric in page["Metrics"]]
    assert [(each["MetricName"], each["Dimensions"]) for each in listed] == [("many", []), ("size", place)]

    asked = {"Namespace": space, "MetricName": "many", "StartTime": now, "EndTime": now + timedelta(hours=1)}
    answer = cloudwatch.get_metric_statistics(**asked, Period=60, Statistics=["SampleCount", "Sum", "Maximum"])
    assert answer["Datapoints"] == [
        {"Timestamp": now, "SampleCount": 6.0, "Sum": 42.0, "Maximum": 10.0, "Unit": "Count"}
    ]
    query = {
        "Id": "size",
        "MetricStat": {
            "Metric": {"Namespace": space, "MetricName": "size", "Dimensions": place},
            "Period": 60,
            "Stat": "Maximum",
        },
    }
    paginator = cloudwatch.get_paginator("get_metric_data")
    times = {"StartTime": now, "EndTime": now + timedelta(hours=1)}
    pages = list(paginator.paginate(MetricDataQueries=[query], **times, PaginationConfig={"PageSize": 10}))
    values = [value for page in pages for value in page["MetricDataResults"][0]["Values"]]
    assert values == [298.5, *(1.5 * (6 * minute + 5) for minute in range(32, -1, -1))]
    assert len(pages) == 4

    with pytest.raises(ClientError) as refused:
        cloudwatch.put_metric_data(Namespace=space, MetricData=[{**counted, "Value": 1.0}])
    assert refused.value.response["Error"]["Code"] == "InvalidParameterCombination"
    with pytest.raises(ClientError) as refused:
        cloudwatch.put_metric_data(Namespace=":mine", MetricData=[counted])
    assert refused.value.response["Error"]["Code"] == "ValidationError"


def test_a_job_prints_and_puts_metrics_and_is_watched(server: Server) -> None:
    server.client("s3").create_bucket(Bucket="metrics")
    put = "import boto3; data = [{'MetricName': 'put', 'Value': 7.0}]; client = boto3.client('cloudwatch')"
    put += "; client.put_metric_data(Namespace='jobs', MetricData=data)"
    script = f'echo "loss=2.5" >&2; echo "loss=0.5"; python3 -c "{put}"; sleep 2; echo "acc: 0.75,"'
    definitions = [{"Name": "loss", "Regex": "loss=([0-9.]+)"}, {"Name": "acc", "Regex": "acc: (.*?),"}]
    train(server, "metered", script, definitions)
    eventually(lambda: total(server, "loss", "TrainingJobName", "metered") == 2)
    job = trained(server, "metered")
    assert (job["TrainingJobStatus"], job.get("FailureReason")) == ("Completed", None)
    assert [(each["MetricName"], each["Value"]) for each in job["FinalMetricDataList"]] == [
        ("loss", 0.5),
        ("acc", 0.75),
    ]
    assert total(server, "loss", "TrainingJobName", "metered", "Sum") == 3.0
    assert total(server, "CPUUtilization", "Host", "metered/algo-1") >= 1
    assert total(server, "MemoryUtilization", "Host", "metered/algo-1", "Maximum") > 0
    cloudwatch = server.client("cloudwatch")
    listed = cloudwatch.list_metrics(Dimensions=[{"Name": "Host", "Value": "metered/algo-1"}])["Metrics"]
    assert {each["MetricName"] for each in listed} == {"CPUUtilization", "MemoryUtilization", "DiskUtilization"}
    assert [each["MetricName"] for each in cloudwatch.list_metrics(Namespace="jobs")["Metrics"]] == ["put"]


def test_a_bad_pattern_hangs_nothing_and_is_said(server: Server) -> None:
    server.client("s3").create_bucket(Bucket="metrics")
    definitions = [
        {"Name": "slow", "Regex": "(a+)+$"},
        {"Name": "open", "Regex": "loss=("},
        {"Name": "loss", "Regex": "loss=([0-9.]+)"},
    ]
    train(server, "evil", f"echo {'a' * 60}!; echo loss=1.5", definitions)
    job = trained(server, "evil")
    assert [(each["MetricName"], each["Value"]) for each in job["FinalMetricDataList"]] == [("loss", 1.5)]
    logs = server.client("logs")
    (stream,) = logs.describe_log_streams(logGroupName=TRAINING, logStreamNamePrefix="evil/")["logStreams"]
    events = logs.get_log_events(logGroupName=TRAINING, logStreamName=stream["logStreamName"], startFromHead=True)
    said = [event["message"] for event in events["events"] if event["message"].startswith("The metric ")]
    assert [line.split(":")[0] for line in sorted(said)] == [
        "The metric open is not looked for",
        "The metric slow is not looked for",
    ]


@pytest.mark.chaos
def test_no_point_is_lost_or_doubled_when_the_server_is_killed(own_server: Server) -> None:
    own_server.client("s3").create_bucket(Bucket="metrics")
    script = "for i in $(seq 1 80); do echo loss=$i; sleep 0.05; done"
    train(own_server, "survivor", script, [{"Name": "loss", "Regex": "loss=([0-9.]+)"}])
    for seen in (5, 30):
        eventually(lambda: total(own_server, "loss", "TrainingJobName", "survivor") >= seen)  # noqa: B023
        own_server.kill()
        time.sleep(0.3)
        own_server.start()
    job = trained(own_server, "survivor")
    assert job["FinalMetricDataList"][0]["Value"] == 80.0
    assert total(own_server, "loss", "TrainingJobName", "survivor") == 80
    assert total(own_server, "loss", "TrainingJobName", "survivor", "Sum") == 80 * 81 / 2


ANALYTICS = """
import sys, time
from sagemaker import Session, get_execution_role
from sagemaker.analytics import TrainingJobAnalytics
from sagemaker.estimator import Estimator

session = Session()
estimator = Estimator(
    "python:3.11", get_execution_role(), 1, "ml.m5.large", sagemaker_session=session,
    container_entry_point=["bash", "-c", "for i in $(seq 9); do echo \\"loss=0.$i; acc: 0.9$i\\"; sleep 1; done"],
    metric_definitions=[{"Name": "loss", "Regex": "loss=(.*?);"}, {"Name": "acc", "Regex": r"acc: ([0-9\\.]+)"}],
)
estimator.fit(wait=False, job_name=sys.argv[1])
while True:
    job = estimator.latest_training_job.describe()
    assert job["TrainingJobStatus"] == "InProgress", "the job ended before a value was seen"
    if "TrainingStartTime" in job:
        live = TrainingJobAnalytics(sys.argv[1], sagemaker_session=session).dataframe()
        if len(live) and set(live["metric_name"]) == {"loss", "acc"}:
            break
    time.sleep(0.2)
estimator.latest_training_job.wait()
whole = estimator.training_job_analytics.dataframe()
losses = whole[whole["metric_name"] == "loss"]
assert 0.1 <= losses["value"].mean() <= 0.9, whole
assert set(whole["timestamp"]) <= {0.0, 60.0}, whole
"""


def test_the_analytics_of_the_sdk(server: Server, tmp_path: Path) -> None:
    python = demo_client.client_python(Console(quiet=True), Path.home() / ".cache" / "stepwell" / "clients")
    reached = connection.access(server.data)
    assert reached
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STEPWELL_", "PYTHON"))}
    script = tmp_path / "analytics.py"
    script.write_text(ANALYTICS)
    done = subprocess.run(
        [str(python), str(script), "analysed"],
        env={**own, **connection.variables(server.data, reached, own)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Training job completed" in done.stdout
