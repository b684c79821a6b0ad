"""Functions through real boto3 and a real server: invoked, logged, calling back, called once whatever is killed."""

from __future__ import annotations

import base64
import io
import json
import random
import time
import zipfile
from collections import Counter
from typing import Any
from urllib.request import urlopen

import pytest
from botocore.exceptions import BotoCoreError

from served import ROLE, Server, eventually

CALLS_BACK = """
import boto3

def handler(event, context):
    boto3.client("s3").put_object(Bucket=event["bucket"], Key="seen", Body=b"by the function")
    return boto3.client("sts").get_caller_identity()["Arn"]
"""
RUNS = """
import time

def handler(event, context):
    print("RAN", event)
    time.sleep(0.2)
"""


def archive(source: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        made.writestr("index.py", source)
    return buffer.getvalue()


def create(functions: Any, name: str, source: str, **members: Any) -> None:
    functions.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=ROLE,
        Handler="index.handler",
        Code={"ZipFile": archive(source)},
        **members,
    )


@pytest.mark.contract
def test_a_function_from_creation_to_deletion(server: Server) -> None:
    functions = server.client("lambda")
    create(functions, "served", "def handler(event, context):\n    print('seen')\n    return {'got': event}\n")
    functions.get_waiter("function_active_v2").wait(FunctionName="served")
    functions.update_function_configuration(FunctionName="served", Timeout=10)
    functions.get_waiter("function_updated_v2").wait(FunctionName="served")
    with pytest.raises(functions.exceptions.ResourceConflictException, match="Function already exist: served"):
        create(functions, "served", "")
    answer = functions.invoke(FunctionName="served", Payload=b'{"a": 1}', LogType="Tail")
    assert (answer["StatusCode"], json.load(answer["Payload"])) == (200, {"got": {"a": 1}})
    assert "seen\nEND RequestId" in base64.b64decode(answer["LogResult"]).decode()
    groups = server.client("logs").describe_log_streams(logGroupName="/aws/lambda/served")
    assert len(groups["logStreams"]) == 1
    assert [each["FunctionName"] for each in functions.get_paginator("list_functions").paginate().search("Functions")]
    functions.delete_function(FunctionName="served")
    with pytest.raises(functions.exceptions.ResourceNotFoundException, match="Function not found: arn:aws:lambda"):
        functions.invoke(FunctionName="served")


@pytest.mark.contract
def test_a_function_uses_this_server_as_its_role(server: Server) -> None:
    functions, objects = server.client("lambda"), server.client("s3")
    objects.create_bucket(Bucket="from-lambda")
    create(functions, "calls-back", CALLS_BACK, Timeout=60, MemorySize=256)
    answer = functions.invoke(FunctionName="calls-back", Payload=json.dumps({"bucket": "from-lambda"}))
    assert json.load(answer["Payload"]) == "arn:aws:sts::123456789012:assumed-role/SageMakerRole/calls-back"
    assert objects.get_object(Bucket="from-lambda", Key="seen")["Body"].read() == b"by the function"


@pytest.mark.contract
def test_code_in_s3_versions_and_tags(server: Server) -> None:
    functions, objects = server.client("lambda"), server.client("s3")
    objects.create_bucket(Bucket="lambda-code")
    objects.put_object(
        Bucket="lambda-code", Key="f.zip", Body=archive("def handler(event, context):\n    return 1\n")
    )
    functions.create_function(
        FunctionName="stored",
        Runtime="python3.11",
        Role=ROLE,
        Handler="index.handler",
        Code={"S3Bucket": "lambda-code", "S3Key": "f.zip"},
        Publish=True,
    )
    arn = functions.create_alias(FunctionName="stored", Name="live", FunctionVersion="1")["AliasArn"]
    functions.update_function_code(
        FunctionName="stored", ZipFile=archive("def handler(event, context):\n    return 2\n")
    )
    assert json.load(functions.invoke(FunctionName=arn)["Payload"]) == 1
    assert json.load(functions.invoke(FunctionName="stored")["Payload"]) == 2
    function = functions.get_function(FunctionName="stored")["Configuration"]["FunctionArn"]
    functions.tag_resource(Resource=function, Tags={"k": "v"})
    assert functions.list_tags(Resource=function)["Tags"] == {"k": "v"}
    functions.untag_resource(Resource=function, TagKeys=["k"])
    assert functions.list_tags(Resource=function)["Tags"] == {}
    assert functions.delete_alias(FunctionName="stored", Name="live")["ResponseMetadata"]["HTTPStatusCode"] == 204


@pytest.mark.chaos
def test_a_function_is_called_once_whatever_is_killed_when(own_server: Server) -> None:
    create(own_server.client("lambda"), "once", RUNS, Timeout=60)
    chance, taken, given = random.Random(11), set[int](), 0
    for _ in range(4):
        functions = own_server.client("lambda")
        for _ in range(3):
            given += 1
            try:
                functions.invoke(FunctionName="once", InvocationType="Event", Payload=str(given))
                taken.add(given)
            except BotoCoreError:
                continue
        time.sleep(chance.random() * 0.4)
        own_server.kill()
        own_server.start()
    eventually(lambda: work_left(own_server) == 0)
    found = own_server.client("logs").get_paginator("filter_log_events")
    pages = found.paginate(logGroupName="/aws/lambda/once", filterPattern="RAN")
    runs = Counter(int(event["message"].split()[1]) for page in pages for event in page["events"])
    assert taken
    assert {number: runs[number] for number in taken} == dict.fromkeys(taken, 1)
    assert set(runs.values()) == {1}


def work_left(server: Server) -> int:
    with urlopen(f"{server.address['endpoint']}/_stepwell/work") as answer:
        return int(json.load(answer)["work"])
