"""Queues over HTTP: unmodified boto3, the query protocol of older clients, long polls, and kill -9."""

from __future__ import annotations

import gzip
import json
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen
from xml.etree import ElementTree

import botocore.session
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from sqs_callers import ACCOUNT

from served import Server
from stepwell.gateway import old_query
from stepwell.spec import models

NAMESPACE = "{http://queue.amazonaws.com/doc/2012-11-05/}"


def code_of(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def query_client(server: Server, folder: Path) -> Any:
    """A boto3 client that speaks query, as those before 2023 did."""
    form = old_query.form_of(models.service("sqs"))
    assert form is not None
    model = {
        "version": "2.0",
        "metadata": dict(form.metadata),
        "operations": {name: form.operation(name).traits for name in form.operation_names},
        "shapes": form._raw_shapes,
    }
    target = folder / "sqs" / "2012-11-05"
    target.mkdir(parents=True)
    with gzip.open(target / "service-2.json.gz", "wt") as stream:
        json.dump(model, stream)
    session = botocore.session.Session()
    session.get_component("data_loader").search_paths.insert(0, str(folder))
    return session.create_client(
        "sqs",
        endpoint_url=server.address["endpoint"],
        region_name="us-east-1",
        aws_access_key_id=server.address["access_key_id"],
        aws_secret_access_key=server.address["secret_access_key"],
        config=Config(retries={"total_max_attempts": 1}),
    )


@pytest.fixture(params=["json", "query"])
def client(request: pytest.FixtureRequest, server: Server, tmp_path: Path) -> Any:
    made = server.client("sqs") if request.param == "json" else query_client(server, tmp_path)
    assert made.meta.service_model.metadata["protocol"] == request.param
    return made


def test_a_queue_from_beginning_to_end(client: Any, request: pytest.FixtureRequest) -> None:
    name = request.node.name.replace("[", "-").rstrip("]")
    url = client.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "45"}, tags={"a": "b"})["QueueUrl"]
    assert client.get_queue_url(QueueName=name)["QueueUrl"] == url
    assert url in client.list_queues(QueueNamePrefix=name)["QueueUrls"]
    assert client.list_queue_tags(QueueUrl=url)["Tags"] == {"a": "b"}
    attributes = {
        "text": {"DataType": "String", "StringValue": "é&<"},
        "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    sent = client.send_message(QueueUrl=url, MessageBody="a & <b>\n", MessageAttributes=attributes)
    found = client.receive_message(
        QueueUrl=url, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"], WaitTimeSeconds=1
    )
    (message,) = found["Messages"]
    assert (message["Body"], message["MessageId"]) == ("a & <b>\n", sent["MessageId"])
    assert message["MessageAttributes"] == attributes
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    handle = message["ReceiptHandle"]
    client.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=60)
    client.delete_message(QueueUrl=url, ReceiptHandle=handle)
    batch = client.send_message_batch(
        QueueUrl=url, Entries=[{"Id": "a", "MessageBody": "1"}, {"Id": "b", "MessageBody": "\x01"}]
    )
    assert [entry["Id"] for entry in batch["Successful"]] == ["a"]
    assert [(entry["Id"], entry["Code"]) for entry in batch["Failed"]] == [("b", "InvalidMessageContents")]
    shown = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (shown["ApproximateNumberOfMessages"], shown["VisibilityTimeout"]) == ("1", "45")
    client.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "1"})
    client.tag_queue(QueueUrl=url, Tags={"c": "d"})
    client.untag_queue(QueueUrl=url, TagKeys=["a"])
    assert client.list_queue_tags(QueueUrl=url)["Tags"] == {"c": "d"}
    client.add_permission(QueueUrl=url, Label="l", AWSAccountIds=[ACCOUNT], Actions=["SendMessage", "ReceiveMessage"])
    client.purge_queue(QueueUrl=url)
    assert "Messages" not in client.receive_message(QueueUrl=url)
    client.delete_queue(QueueUrl=url)


def test_errors_have_the_codes_that_clients_know(client: Any) -> None:
    with pytest.raises(ClientError) as caught:
        client.get_queue_url(QueueName="none")
    assert code_of(caught) == "AWS.SimpleQueueService.NonExistentQueue"
    url = client.create_queue(QueueName="errors")["QueueUrl"]
    with pytest.raises(ClientError) as caught:
        client.create_queue(QueueName="errors", Attributes={"DelaySeconds": "1"})
    assert code_of(caught) == "QueueAlreadyExists"
    entries = [{"Id": "same", "MessageBody": "x"}] * 2
    with pytest.raises(ClientError) as caught:
        client.send_message_batch(QueueUrl=url, Entries=entries)
    assert code_of(caught) == "AWS.SimpleQueueService.BatchEntryIdsNotDistinct"
    with pytest.raises(ClientError) as caught:
        client.delete_message(QueueUrl=url, ReceiptHandle="x")
    assert code_of(caught) == "ReceiptHandleIsInvalid"
    with pytest.raises(ClientError) as caught:
        client.receive_message(QueueUrl=url, MaxNumberOfMessages=11)
    assert code_of(caught) == "InvalidParameterValue"
    client.delete_queue(QueueUrl=url)


def test_modelled_exceptions_of_boto3(server: Server) -> None:
    client = server.client("sqs")
    with pytest.raises(client.exceptions.QueueDoesNotExist):
        client.send_message(QueueUrl=f"{server.address['endpoint']}/{ACCOUNT}/none", MessageBody="x")
    url = client.create_queue(QueueName="modelled")["QueueUrl"]
    with pytest.raises(client.exceptions.QueueNameExists):
        client.create_queue(QueueName="modelled", Attributes={"DelaySeconds": "1"})
    with pytest.raises(client.exceptions.EmptyBatchRequest):
        client.send_message_batch(QueueUrl=url, Entries=[])
    with pytest.raises(client.exceptions.TooManyEntriesInBatchRequest):
        entries = [{"Id": str(number), "ReceiptHandle": "x"} for number in range(11)]
        client.delete_message_batch(QueueUrl=url, Entries=entries)
    with pytest.raises(client.exceptions.InvalidMessageContents):
        client.send_message(QueueUrl=url, MessageBody="\x00")
    with pytest.raises(client.exceptions.InvalidAttributeValue):
        client.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "many"})


def ask(server: Server, method: str, path: str, fields: dict[str, str]) -> ElementTree.Element:
    """One signed query request, made of nothing but what the API Reference shows."""
    body, url = "", server.address["endpoint"] + path
    headers = {}
    if method == "POST":
        body, headers = urlencode(fields), {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    else:
        url += "?" + urlencode(fields)
    request = AWSRequest(method, url, data=body, headers=headers)
    keys = Credentials(server.address["access_key_id"], server.address["secret_access_key"])
    SigV4Auth(keys, "sqs", "us-east-1").add_auth(request)
    sent = Request(url, body.encode() or None, dict(request.headers), method=method)
    with urlopen(sent, timeout=30) as answer:
        assert answer.headers["Content-Type"] == "text/xml"
        return ElementTree.fromstring(answer.read())


def test_the_query_protocol_as_it_is_written_down(server: Server) -> None:
    fields = {"Action": "CreateQueue", "Version": "2012-11-05", "QueueName": "written"}
    numbered = {
        "Attribute.1.Name": "VisibilityTimeout",
        "Attribute.1.Value": "40",
        "Tag.1.Key": "k",
        "Tag.1.Value": "v",
    }
    created = ask(server, "POST", "/", {**fields, **numbered})
    assert created.tag == f"{NAMESPACE}CreateQueueResponse"
    url = f"{server.address['endpoint']}/{ACCOUNT}/written"
    assert created.findtext(f"{NAMESPACE}CreateQueueResult/{NAMESPACE}QueueUrl") == url
    assert created.findtext(f"{NAMESPACE}ResponseMetadata/{NAMESPACE}RequestId")
    path = f"/{ACCOUNT}/written"
    message = {"Action": "SendMessage", "MessageBody": "hello", "MessageAttribute.1.Name": "n"}
    value = {"MessageAttribute.1.Value.DataType": "String", "MessageAttribute.1.Value.StringValue": "v"}
    sent = ask(server, "GET", path, {**message, **value})
    assert sent.findtext(f".//{NAMESPACE}MD5OfMessageBody") == "5d41402abc4b2a76b9719d911017c592"
    wanted = {"Action": "ReceiveMessage", "AttributeName.1": "All", "MessageAttributeName.1": "All"}
    found = ask(server, "POST", path, wanted).find(f".//{NAMESPACE}Message")
    assert found is not None
    assert found.findtext(f"{NAMESPACE}Body") == "hello"
    names = [element.text for element in found.findall(f"{NAMESPACE}Attribute/{NAMESPACE}Name")]
    assert "SentTimestamp" in names
    assert found.findtext(f"{NAMESPACE}MessageAttribute/{NAMESPACE}Name") == "n"
    assert found.findtext(f"{NAMESPACE}MessageAttribute/{NAMESPACE}Value/{NAMESPACE}StringValue") == "v"
    handle = found.findtext(f"{NAMESPACE}ReceiptHandle") or ""
    entry = "DeleteMessageBatchRequestEntry.1."
    done = {"Action": "DeleteMessageBatch", f"{entry}Id": "one", f"{entry}ReceiptHandle": handle}
    assert (
        ask(server, "POST", path, done).findtext(f".//{NAMESPACE}DeleteMessageBatchResultEntry/{NAMESPACE}Id")
        == "one"
    )


def test_a_long_poll_ends_when_a_message_comes(server: Server) -> None:
    client = server.client("sqs")
    url = client.create_queue(QueueName="long", Attributes={"ReceiveMessageWaitTimeSeconds": "20"})["QueueUrl"]
    found: list[str] = []

    def poll() -> None:
        answer = server.client("sqs").receive_message(QueueUrl=url)
        found.extend(message["Body"] for message in answer.get("Messages", []))

    pollers = [threading.Thread(target=poll) for _ in range(3)]
    for poller in pollers:
        poller.start()
    for number in range(3):
        client.send_message(QueueUrl=url, MessageBody=str(number))
    for poller in pollers:
        poller.join(15)
    assert sorted(found) == ["0", "1", "2"]


def test_long_polls_leave_the_server_to_others(server: Server) -> None:
    client = server.client("sqs", config={"max_pool_connections": 50})
    url = client.create_queue(QueueName="crowd")["QueueUrl"]
    answers: list[Any] = []
    pollers = [
        threading.Thread(target=lambda: answers.append(client.receive_message(QueueUrl=url, WaitTimeSeconds=20)))
        for _ in range(40)
    ]
    for poller in pollers:
        poller.start()
    other = server.client("sqs")
    for number in range(40):
        other.send_message(QueueUrl=url, MessageBody=str(number))
    for poller in pollers:
        poller.join(15)
    assert sorted(int(answer["Messages"][0]["Body"]) for answer in answers) == list(range(40))


def test_nothing_acknowledged_is_lost_by_kill_9(own_server: Server) -> None:
    client = own_server.client("sqs")
    url = client.create_queue(QueueName="kept", Attributes={"VisibilityTimeout": "600"})["QueueUrl"]
    acknowledged: list[str] = []

    def sender() -> None:
        own = own_server.client("sqs")
        for number in range(10_000):
            try:
                own.send_message(QueueUrl=url, MessageBody=str(number))
            except Exception:
                return
            acknowledged.append(str(number))

    thread = threading.Thread(target=sender)
    thread.start()
    while len(acknowledged) < 20:
        threading.Event().wait(0.01)
    held = client.receive_message(QueueUrl=url)["Messages"][0]
    own_server.kill()
    thread.join(30)
    own_server.start()
    client = own_server.client("sqs")
    found: set[str] = set()
    while messages := client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found.update(message["Body"] for message in messages)
    assert held["Body"] not in found, "what is held stays hidden"
    assert {*acknowledged} - {held["Body"]} <= found
    client.delete_message(QueueUrl=url, ReceiptHandle=held["ReceiptHandle"])
    counts = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert int(counts["ApproximateNumberOfMessagesNotVisible"]) == len(found)
