"""Lambda, Callback, ForEach and Cleanup steps through real boto3, against a real server."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest
from botocore.exceptions import ClientError
from test_contract_engine import create, processing, run

from served import ROLE, Server, ended_execution, eventually, steps_of

pytestmark = pytest.mark.contract


@pytest.fixture
def sagemaker(server: Server) -> Any:
    return server.client("sagemaker")


def function(server: Server, name: str, body: str, **more: Any) -> str:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writing:
        writing.writestr("index.py", f"import time\ndef handler(event, context):\n    {body}\n")
    client = server.client("lambda", config={"read_timeout": 120})
    code = {"ZipFile": archive.getvalue()}
    made = client.create_function(
        FunctionName=name, Runtime="python3.11", Role=ROLE, Handler="index.handler", Code=code, **more
    )
    return str(made["FunctionArn"])


def lambda_step(
    name: str, arn: Any, outputs: dict[str, str], arguments: Any = None, **members: Any
) -> dict[str, Any]:
    declared = [{"OutputName": output, "OutputType": type_} for output, type_ in outputs.items()]
    return {
        "Name": name,
        "Type": "Lambda",
        "Arguments": arguments or {},
        "FunctionArn": arn,
        "OutputParameters": declared,
        **members,
    }


def callback_step(name: str, queue: str, outputs: dict[str, str], **members: Any) -> dict[str, Any]:
    declared = [{"OutputName": output, "OutputType": type_} for output, type_ in outputs.items()]
    return {
        "Name": name,
        "Type": "Callback",
        "Arguments": {"number": 7},
        "SqsQueueUrl": queue,
        "OutputParameters": declared,
        **members,
    }


def message(server: Server, queue: str) -> dict[str, Any]:
    sqs = server.client("sqs")
    got = eventually(lambda: sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages"))[0]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=got["ReceiptHandle"])
    return dict(json.loads(got["Body"]))


def test_a_lambda_step_answers_typed_outputs(server: Server, sagemaker: Any) -> None:
    arn = function(server, "double", "return {'twice': event['number'] * 2, 'word': 'x', 'unasked': 1}")
    equal = {"Type": "Equals", "LeftValue": {"Get": "Steps.Double.OutputParameters['twice']"}, "RightValue": 14}
    steps = [
        lambda_step("Double", arn, {"twice": "Integer", "word": "String"}, {"number": {"Get": "Parameters.Number"}}),
        {"Name": "Is14", "Type": "Condition", "Arguments": {"Conditions": [equal], "IfSteps": [], "ElseSteps": []}},
    ]
    create(sagemaker, "lambda", steps, Parameters=[{"Name": "Number", "Type": "Integer", "DefaultValue": 7}])
    _, ended, listed = run(sagemaker, "lambda")
    assert ended["PipelineExecutionStatus"] == "Succeeded", listed
    outputs = [{"Name": "twice", "Value": "14"}, {"Name": "word", "Value": "x"}]
    assert listed["Double"]["Metadata"] == {"Lambda": {"Arn": arn, "OutputParameters": outputs}}
    assert listed["Is14"]["Metadata"] == {"Condition": {"Outcome": "True"}}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise ValueError('broken')", "ValueError: broken"),
        ("return {'other': 1}", "output parameters that the step declares: wanted"),
        ("return 'text'", "no JSON object"),
        ("return {'wanted': 'no number'}", "'wanted' is not of type Integer"),
        ("time.sleep(60)", "Sandbox.Timedout"),
    ],
)
def test_a_lambda_step_fails_with_its_function(
    server: Server, sagemaker: Any, request: Any, body: str, said: str
) -> None:
    name = f"bad-{request.node.callspec.indices['body']}"
    arn = function(server, name, body, Timeout=1)
    create(sagemaker, name, [lambda_step("Bad", arn, {"wanted": "Integer"})])
    _, ended, listed = run(sagemaker, name)
    assert ended["PipelineExecutionStatus"] == "Failed"
    assert said in listed["Bad"]["FailureReason"]


def test_a_lambda_step_whose_function_is_gone(server: Server, sagemaker: Any) -> None:
    arn = function(server, "gone", "return {}")
    create(sagemaker, "gone", [lambda_step("Gone", arn, {})])
    server.client("lambda").delete_function(FunctionName="gone")
    _, _, listed = run(sagemaker, "gone")
    assert listed["Gone"]["FailureReason"].startswith("ClientError: Failed to invoke lambda:InvokeFunction. ")


def test_a_stop_waits_for_the_function(server: Server, sagemaker: Any) -> None:
    arn = function(server, "slow", "time.sleep(2); return {}", Timeout=30)
    create(sagemaker, "slow", [lambda_step("Slow", arn, {}), processing("After", "true", DependsOn=["Slow"])])
    execution = sagemaker.start_pipeline_execution(PipelineName="slow")["PipelineExecutionArn"]
    eventually(lambda: steps_of(sagemaker, execution).get("Slow", {}).get("StepStatus") == "Executing")
    sagemaker.stop_pipeline_execution(PipelineExecutionArn=execution)
    assert (
        sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution)["PipelineExecutionStatus"] == "Stopping"
    )
    assert ended_execution(sagemaker, execution)["PipelineExecutionStatus"] == "Stopped"
    assert {name: step["StepStatus"] for name, step in steps_of(sagemaker, execution).items()} == {"Slow": "Stopped"}


def test_a_callback_is_answered_once(server: Server, sagemaker: Any) -> None:
    queue = server.client("sqs").create_queue(QueueName="callbacks")["QueueUrl"]
    create(sagemaker, "callback", [callback_step("Ask", queue, {"score": "Float"})])
    arn = sagemaker.start_pipeline_execution(PipelineName="callback")["PipelineExecutionArn"]
    got = message(server, queue)
    token = got["token"]
    assert (len(token), token.isalnum()) == (10, True)
    assert got == {"token": token, "pipelineExecutionArn": arn, "arguments": {"number": 7}}
    answer = {
        "CallbackToken": token,
        "OutputParameters": [{"Name": "score", "Value": "0.5"}],
        "ClientRequestToken": "a" * 32,
    }
    for _ in range(2):
        sent = sagemaker.send_pipeline_execution_step_success(**answer)
        assert sent["PipelineExecutionArn"] == arn
    assert ended_execution(sagemaker, arn)["PipelineExecutionStatus"] == "Succeeded"
    shown = steps_of(sagemaker, arn)["Ask"]["Metadata"]["Callback"]
    assert shown == {
        "CallbackToken": token,
        "SqsQueueUrl": queue,
        "OutputParameters": [{"Name": "score", "Value": "0.5"}],
    }
    with pytest.raises(ClientError, match="not waiting") as used:
        sagemaker.send_pipeline_execution_step_failure(CallbackToken=token)
    assert used.value.response["Error"]["Code"] == "ConflictException"
    with pytest.raises(ClientError, match="does not exist") as unknown:
        sagemaker.send_pipeline_execution_step_success(CallbackToken="abcdefghij")
    assert unknown.value.response["Error"]["Code"] == "ResourceNotFound"


def test_a_callback_that_fails_and_one_without_a_queue(server: Server, sagemaker: Any) -> None:
    queue = server.client("sqs").create_queue(QueueName="failing-callbacks")["QueueUrl"]
    create(sagemaker, "failing-callback", [callback_step("Ask", queue, {})])
    arn = sagemaker.start_pipeline_execution(PipelineName="failing-callback")["PipelineExecutionArn"]
    token = message(server, queue)["token"]
    sagemaker.send_pipeline_execution_step_failure(CallbackToken=token, FailureReason="nobody was there")
    assert ended_execution(sagemaker, arn)["PipelineExecutionStatus"] == "Failed"
    assert steps_of(sagemaker, arn)["Ask"]["FailureReason"] == "nobody was there"
    server.client("sqs").delete_queue(QueueUrl=queue)
    _, _, listed = run(sagemaker, "failing-callback")
    assert listed["Ask"]["FailureReason"].startswith("ClientError: Failed to invoke sqs:SendMessage. ")


def test_a_stop_asks_for_the_answer(server: Server, sagemaker: Any) -> None:
    queue = server.client("sqs").create_queue(QueueName="stopped-callbacks")["QueueUrl"]
    create(sagemaker, "stopped-callback", [callback_step("Ask", queue, {})])
    arn = sagemaker.start_pipeline_execution(PipelineName="stopped-callback")["PipelineExecutionArn"]
    asked = message(server, queue)
    sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    assert message(server, queue) == {**asked, "status": "Stopping"}
    assert steps_of(sagemaker, arn)["Ask"]["StepStatus"] == "Stopping"
    sagemaker.send_pipeline_execution_step_success(CallbackToken=asked["token"])
    assert ended_execution(sagemaker, arn)["PipelineExecutionStatus"] == "Stopped"
    assert steps_of(sagemaker, arn)["Ask"]["StepStatus"] == "Stopped"


def test_a_loop_runs_its_body_for_each_item(server: Server, sagemaker: Any) -> None:
    arn = function(server, "score", "return {'score': event['item']}")
    item = {"Get": "ForEach.CurrentItem"}
    loop = {
        "Name": "Loop",
        "Type": "ForEach",
        "Arguments": {
            "IterableItems": [0.5, 0.75, 0.25],
            "MaxConcurrency": 2,
            "Selector": {"Pick": "MaxBy", "Field": {"Get": "IterationOutput.Score.OutputParameters['score']"}},
            "ForEachBody": [lambda_step("Score", arn, {"score": "Float"}, {"item": item})],
        },
    }
    best = {"Get": "Steps.Loop.Selected.OutputParameters['score']"}
    third = {"Get": "Steps.Loop.IterationOutputs[2].Score.OutputParameters['score']"}
    create(
        sagemaker,
        "loop",
        [
            loop,
            lambda_step(
                "Best", arn, {"score": "String"}, {"item": {"Std:Join": {"On": "|", "Values": [best, third]}}}
            ),
        ],
    )
    _, ended, listed = run(sagemaker, "loop")
    assert ended["PipelineExecutionStatus"] == "Succeeded", listed
    assert set(listed) == {"Loop", "Score-0", "Score-1", "Score-2", "Best"}
    assert listed["Score-1"]["IterationContext"] == {"ParentStepName": "Loop", "Index": 1, "Item": "0.75"}
    assert listed["Loop"]["Metadata"]["ForEach"] == {
        "Status": "Succeeded",
        "InputItemCount": 3,
        "TotalStepCount": 3,
        "SucceededStepCount": 3,
        "FailedStepCount": 0,
        "StoppedStepCount": 0,
        "Selector": {"StepName": "Score-1", "Index": 1},
    }
    assert listed["Best"]["Metadata"]["Lambda"]["OutputParameters"] == [{"Name": "score", "Value": "0.75|0.25"}]


def test_a_failing_turn_fails_the_loop(server: Server, sagemaker: Any) -> None:
    arn = function(server, "third", "return {'ok': 1 // (2 - event['item'])}")
    body = lambda_step("Try", arn, {"ok": "Integer"}, {"item": {"Get": "ForEach.CurrentItem"}})
    arguments = {"IterableItems": [1, 2, 3], "MaxConcurrency": 1, "ForEachBody": [body]}
    create(sagemaker, "failing-loop", [{"Name": "Loop", "Type": "ForEach", "Arguments": arguments}])
    _, ended, listed = run(sagemaker, "failing-loop")
    assert ended["PipelineExecutionStatus"] == "Failed"
    assert set(listed) == {"Loop", "Try-0", "Try-1"}
    assert listed["Loop"]["FailureReason"] == "1 of 2 steps of the loop failed."


def test_a_cleanup_step_deletes_what_earlier_steps_wrote(server: Server, sagemaker: Any) -> None:
    s3 = server.client("s3")
    s3.create_bucket(Bucket="cleaned")
    for key in ("scratch/a", "scratch/b", "kept"):
        s3.put_object(Bucket="cleaned", Key=key, Body=b"x")
    sources = [{"StepName": "Work", "S3Uris": ["s3://cleaned/scratch/"]}]
    clean = {"Name": "Clean", "Type": "Cleanup", "Arguments": {"Resources": {"S3": sources}}, "DependsOn": ["Work"]}
    create(sagemaker, "cleaned", [processing("Work", "true"), clean])
    _, ended, listed = run(sagemaker, "cleaned")
    assert ended["PipelineExecutionStatus"] == "Succeeded", listed
    assert listed["Clean"]["Metadata"] == {"Cleanup": {"CleanedSteps": ["Work"]}}
    assert [item["Key"] for item in s3.list_objects_v2(Bucket="cleaned")["Contents"]] == ["kept"]
