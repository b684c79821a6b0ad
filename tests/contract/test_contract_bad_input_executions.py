"""Executions that are started, stopped and deleted at the wrong moment, twice, or a thousand at once."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from test_contract_bad_input import refusal
from test_contract_engine import create, run
from test_contract_engine_neighbours import callback_step, message

from served import ROLE, Server, ended_execution, eventually, steps_of

pytestmark = pytest.mark.contract

CLIENTS = 32
STARTS = 1000
MOST_GROWTH = 64 * 1024
"""Kibibytes of memory by which a server may grow over a thousand starts; they take some eight."""
STOP = {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}
ASK = {
    "Name": "Ask",
    "Type": "Condition",
    "Arguments": {
        "Conditions": [{"Type": "Equals", "LeftValue": {"Get": "Parameters.Number"}, "RightValue": 1}],
        "IfSteps": [],
        "ElseSteps": [STOP],
    },
}
NUMBER = [{"Name": "Number", "Type": "Integer", "DefaultValue": 1}]


@pytest.fixture
def sagemaker(server: Server) -> Any:
    return server.client("sagemaker")


@pytest.fixture
def waiting(server: Server, sagemaker: Any, request: Any) -> tuple[str, str, str]:
    """An execution that waits for an answer to its callback: its pipeline, its ARN, the token."""
    name = re.sub("[^a-zA-Z0-9]+", "-", request.node.name).strip("-")
    queue = server.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    create(sagemaker, name, [callback_step("Ask", queue, {})])
    arn = sagemaker.start_pipeline_execution(PipelineName=name)["PipelineExecutionArn"]
    return name, arn, message(server, queue)["token"]


def test_a_second_stop_is_accepted_until_it_has_stopped(sagemaker: Any, waiting: tuple[str, str, str]) -> None:
    _, arn, token = waiting
    for _ in range(2):
        assert sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionArn"] == arn
    sagemaker.send_pipeline_execution_step_failure(CallbackToken=token)
    assert ended_execution(sagemaker, arn)["PipelineExecutionStatus"] == "Stopped"
    error = refusal(sagemaker.stop_pipeline_execution, PipelineExecutionArn=arn)
    assert error["Code"] == "ValidationException"
    assert error["Message"] == f"Only an execution that is Executing can be stopped. '{arn}' is Stopped."


def test_a_stop_that_is_sent_again_is_answered_as_before(sagemaker: Any, waiting: tuple[str, str, str]) -> None:
    """boto3 sends a request again, with its token, when the answer got lost; the execution may have ended by then."""
    _, arn, token = waiting
    stop = {"PipelineExecutionArn": arn, "ClientRequestToken": "stop" * 8}
    assert sagemaker.stop_pipeline_execution(**stop)["PipelineExecutionArn"] == arn
    sagemaker.send_pipeline_execution_step_failure(CallbackToken=token)
    assert ended_execution(sagemaker, arn)["PipelineExecutionStatus"] == "Stopped"
    assert sagemaker.stop_pipeline_execution(**stop)["PipelineExecutionArn"] == arn
    assert sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"] == "Stopped"

    sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn)
    eventually(lambda: steps_of(sagemaker, arn).get("Ask", {}).get("StepStatus") == "Executing")
    sagemaker.stop_pipeline_execution(**stop)
    assert sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"] == "Stopping"
    again = steps_of(sagemaker, arn)["Ask"]["Metadata"]["Callback"]["CallbackToken"]
    sagemaker.send_pipeline_execution_step_failure(CallbackToken=again)
    assert ended_execution(sagemaker, arn)["PipelineExecutionStatus"] == "Stopped"


def test_what_has_ended_cannot_be_stopped(sagemaker: Any) -> None:
    create(sagemaker, "ended", [ASK], Parameters=NUMBER)
    arn, ended, _ = run(sagemaker, "ended")
    assert ended["PipelineExecutionStatus"] == "Succeeded"
    assert "is Succeeded" in refusal(sagemaker.stop_pipeline_execution, PipelineExecutionArn=arn)["Message"]


@pytest.mark.parametrize("is_stopping", [False, True])
def test_a_pipeline_that_runs_is_not_deleted(
    sagemaker: Any, waiting: tuple[str, str, str], is_stopping: bool
) -> None:
    name, arn, token = waiting
    if is_stopping:
        sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    error = refusal(sagemaker.delete_pipeline, PipelineName=name)
    assert error["Code"] == "ConflictException"
    status = "Stopping" if is_stopping else "Executing"
    assert f"while execution '{arn}' is {status}. Stop it or wait for it first." in error["Message"]
    assert steps_of(sagemaker, arn)["Ask"]["StepStatus"] == status
    sagemaker.send_pipeline_execution_step_success(CallbackToken=token)
    ended = ended_execution(sagemaker, arn)["PipelineExecutionStatus"]
    assert ended == ("Stopped" if is_stopping else "Succeeded")

    sagemaker.delete_pipeline(PipelineName=name)
    gone = [
        (sagemaker.describe_pipeline_execution, {"PipelineExecutionArn": arn}),
        (sagemaker.list_pipeline_execution_steps, {"PipelineExecutionArn": arn}),
        (sagemaker.stop_pipeline_execution, {"PipelineExecutionArn": arn}),
        (sagemaker.retry_pipeline_execution, {"PipelineExecutionArn": arn}),
        (sagemaker.list_pipeline_executions, {"PipelineName": name}),
        (sagemaker.start_pipeline_execution, {"PipelineName": name}),
        (sagemaker.delete_pipeline, {"PipelineName": name}),
        (sagemaker.send_pipeline_execution_step_success, {"CallbackToken": token}),
    ]
    for call, members in gone:
        assert refusal(call, **members)["Code"] == "ResourceNotFound"


def test_a_start_that_is_sent_again_is_answered_as_before(sagemaker: Any) -> None:
    """Whatever has become of the pipeline: by now it could not be started like that."""
    create(sagemaker, "again", [STOP])
    start = {"PipelineName": "again", "ClientRequestToken": "again" * 8}
    arn = sagemaker.start_pipeline_execution(**start)["PipelineExecutionArn"]
    required = {"Version": "2020-12-01", "Parameters": [{"Name": "Required"}], "Steps": [STOP]}
    sagemaker.update_pipeline(PipelineName="again", PipelineDefinition=json.dumps(required))
    assert "'Required'" in refusal(sagemaker.start_pipeline_execution, PipelineName="again")["Message"]
    assert sagemaker.start_pipeline_execution(**start)["PipelineExecutionArn"] == arn
    other = refusal(sagemaker.start_pipeline_execution, **start, PipelineExecutionDisplayName="other")
    assert "used before with different parameters" in other["Message"]
    assert len(sagemaker.list_pipeline_executions(PipelineName="again")["PipelineExecutionSummaries"]) == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"PipelineParameters": [{"Name": "Numbr", "Value": "1"}]}, "Did you mean 'Number'?"),
        ({"PipelineParameters": [{"Name": "Colour", "Value": "1"}]}, "Unknown parameter 'Colour'. Known: Number."),
        ({"PipelineParameters": [{"Name": "Number", "Value": "1.5"}]}, "'1.5' is not of type Integer."),
        ({"PipelineVersionId": 7}, "Version 7 of pipeline"),
        ({"PipelineVersionAlias": "prod"}, "alias 'prod' of pipeline 'unstarted' does not exist."),
    ],
)
def test_a_start_that_cannot_be_starts_nothing(sagemaker: Any, given: dict[str, Any], said: str) -> None:
    try:
        create(sagemaker, "unstarted", [ASK], Parameters=NUMBER)
    except ClientError as standing:
        assert "already exists" in str(standing)
    error = refusal(sagemaker.start_pipeline_execution, PipelineName="unstarted", **given)
    assert error["Code"] in ("ValidationException", "ResourceNotFound")
    assert said in error["Message"]
    assert sagemaker.list_pipeline_executions(PipelineName="unstarted")["PipelineExecutionSummaries"] == []


@pytest.mark.parametrize(
    "expression",
    ["nonsense", "rate(0 minutes)", "rate(5 parsecs)", "cron(0 12 * * *)", "cron(61 12 * * ? *)", "at(yesterday)"],
)
def test_a_schedule_that_is_none(server: Server, sagemaker: Any, expression: str) -> None:
    scheduler = server.client("scheduler")
    target = {"Arn": "arn:aws:sagemaker:us-east-1:123456789012:pipeline/any", "RoleArn": ROLE}
    schedule = {"Name": "none", "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": target}
    error = refusal(scheduler.create_schedule, **schedule, ScheduleExpression=expression)
    assert (error["Code"], error["Message"]) == (
        "ValidationException",
        f"Invalid Schedule Expression {expression}.",
    )
    assert refusal(scheduler.get_schedule, Name="none")["Code"] == "ResourceNotFoundException"
    rule = refusal(server.client("events").put_rule, Name="none", ScheduleExpression=expression)
    assert (rule["Code"], rule["Message"]) == ("ValidationException", "Parameter ScheduleExpression is not valid.")


def kibibytes(server: Server) -> int:
    """Memory that the server's process holds."""
    assert server.process
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))


def start_many(server: Server, requests: list[dict[str, Any]]) -> list[str]:
    """All requests from CLIENTS clients at once, in their order: ARNs. boto3 may not send one again."""
    clients = [server.client("sagemaker") for _ in range(CLIENTS)]

    def start(number: int, request: dict[str, Any]) -> str:
        client = clients[number % CLIENTS]
        return str(client.start_pipeline_execution(PipelineName="many", **request)["PipelineExecutionArn"])

    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(start, itertools.count(), requests))


def statuses(sagemaker: Any) -> Counter[str]:
    pages = sagemaker.get_paginator("list_pipeline_executions").paginate(
        PipelineName="many", PaginationConfig={"PageSize": 100}
    )
    return Counter(row["PipelineExecutionStatus"] for page in pages for row in page["PipelineExecutionSummaries"])


def test_a_thousand_starts_at_once(own_server: Server) -> None:
    sagemaker = own_server.client("sagemaker")
    create(sagemaker, "many", [ASK], Parameters=NUMBER)
    before = kibibytes(own_server)
    given = [{"PipelineParameters": [{"Name": "Number", "Value": str(number % 2)}]} for number in range(STARTS)]
    started = start_many(own_server, given)
    assert len(set(started)) == STARTS

    same = start_many(own_server, [{"ClientRequestToken": "one-token-for-all-of-these-starts"}] * STARTS)
    assert len({*same}) == 1
    assert len({*started, *same}) == STARTS + 1

    ended = eventually(lambda: None if "Executing" in (found := statuses(sagemaker)) else found)
    assert ended == {"Failed": STARTS // 2, "Succeeded": STARTS // 2 + 1}
    for number in (0, 1, STARTS - 2, STARTS - 1):
        described = sagemaker.describe_pipeline_execution(PipelineExecutionArn=started[number])
        assert described["PipelineExecutionStatus"] == ("Succeeded" if number % 2 else "Failed")
    assert kibibytes(own_server) - before < MOST_GROWTH
