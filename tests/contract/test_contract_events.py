"""What happens is told: events of jobs and packages reach queues, and a schedule starts a pipeline."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from served import ROLE, Server, ended_execution, eventually

pytestmark = pytest.mark.contract


def queue(server: Server, name: str) -> tuple[str, str]:
    """The URL and ARN of a new queue."""
    sqs = server.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return url, arn


def listen(server: Server, name: str, pattern: dict[str, Any]) -> str:
    """A rule of that pattern that tells a new queue; the queue's URL."""
    url, arn = queue(server, name)
    events = server.client("events")
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    return url


def heard(server: Server, url: str) -> list[dict[str, Any]]:
    """The events that have come, taken from the queue."""
    sqs = server.client("sqs")
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", [])
    for message in found:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return [json.loads(message["Body"]) for message in found]


def processing(name: str) -> dict[str, Any]:
    return {
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1}
        },
        "AppSpecification": {"ImageUri": "python:3.11", "ContainerEntrypoint": ["true"]},
        "RoleArn": ROLE,
        **({"ProcessingJobName": name} if name else {}),
    }


def test_the_life_of_a_job_is_told(server: Server) -> None:
    pattern = {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Processing Job State Change"],
        "detail": {"ProcessingJobName": [{"prefix": "told-"}]},
    }
    url = listen(server, "jobs", pattern)
    server.client("sagemaker").create_processing_job(**processing("told-1"))
    server.client("sagemaker").create_processing_job(**processing("untold-1"))
    told: list[str] = []

    def ended() -> bool:
        told.extend(event["detail"]["ProcessingJobStatus"] for event in heard(server, url))
        return "Completed" in told

    eventually(ended)
    assert set(told) == {"InProgress", "Completed"}


def test_executions_and_their_steps_are_told(server: Server) -> None:
    url = listen(
        server, "executions", {"source": ["aws.sagemaker"], "detail": {"pipelineArn": [{"suffix": "/told"}]}}
    )
    sagemaker = server.client("sagemaker")
    steps = [{"Name": "Only", "Type": "Processing", "Arguments": processing("")}]
    definition = json.dumps({"Version": "2020-12-01", "Steps": steps})
    sagemaker.create_pipeline(PipelineName="told", PipelineDefinition=definition, RoleArn=ROLE)
    arn = sagemaker.start_pipeline_execution(PipelineName="told")["PipelineExecutionArn"]
    ended_execution(sagemaker, arn)
    told: list[tuple[str, str]] = []

    def ended() -> bool:
        for event in heard(server, url):
            detail = event["detail"]
            assert detail["pipelineExecutionArn"] == arn
            told.append(
                ("step", detail["currentStepStatus"])
                if "stepName" in detail
                else ("execution", detail["currentPipelineExecutionStatus"])
            )
        return ("execution", "Succeeded") in told and ("step", "Succeeded") in told

    eventually(ended)
    assert {("execution", "Executing"), ("step", "Executing")} <= set(told)


def test_a_schedule_starts_a_pipeline_once(server: Server) -> None:
    sagemaker = server.client("sagemaker")
    steps = [{"Name": "Only", "Type": "Processing", "Arguments": processing("")}]
    definition = json.dumps({"Version": "2020-12-01", "Steps": steps})
    pipeline = sagemaker.create_pipeline(PipelineName="scheduled", PipelineDefinition=definition, RoleArn=ROLE)
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    server.client("scheduler").create_schedule(
        Name="now",
        ScheduleExpression=f"at({moment})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": pipeline["PipelineArn"], "RoleArn": ROLE, "SageMakerPipelineParameters": {}},
    )

    def started() -> Any:
        return sagemaker.list_pipeline_executions(PipelineName="scheduled")["PipelineExecutionSummaries"]

    eventually(started)
    assert len(started()) == 1
    assert ended_execution(sagemaker, started()[0]["PipelineExecutionArn"])["PipelineExecutionStatus"] == "Succeeded"


def test_nonsense_is_refused(server: Server) -> None:
    events, scheduler = server.client("events"), server.client("scheduler")
    with pytest.raises(events.exceptions.InvalidEventPatternException):
        events.put_rule(Name="bad", EventPattern='{"source": "not a list"}')
    with pytest.raises(scheduler.exceptions.ValidationException):
        scheduler.create_schedule(
            Name="bad",
            ScheduleExpression="every full moon",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": "arn:aws:sqs:us-east-1:123456789012:x", "RoleArn": ROLE},
        )
