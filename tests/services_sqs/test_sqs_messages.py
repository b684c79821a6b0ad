"""Messages of standard queues: sending, receiving, hiding, deleting, dead letters, batches."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from sqlalchemy import event, text
from sqs_callers import NOON, Sqs, refused

from stepwell.base.faults import Fault
from stepwell.services.registry import Call
from stepwell.services.sqs import arrivals, digests, messages, receiving
from stepwell.store import queue_messages, queues

ARN = "arn:aws:sqs:eu-west-1:123456789012"
TRACE = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"}}


def string(value: str, kind: str = "String") -> dict[str, Any]:
    return {"DataType": kind, "StringValue": value}


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        # recorded on AWS between 2022 and 2023 (localstack, tests/aws/services/sqs/test_sqs.snapshot.json)
        ({"Foo": string("Bar")}, "ae7155c6026991b6d54b11589678bf9c"),
        (
            {"Help.Me": string("Me"), "Hello": string("There"), "General": string("Kenobi")},
            "4c360f3fdafd970e05fae2f149d997f5",
        ),
        (
            {
                "attr1": {
                    "DataType": "Binary",
                    "BinaryValue": b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01",
                }
            },
            "8cbe4db156db8a94db8b801b7addb984",
        ),
    ],
)
def test_sums_are_those_of_aws(sqs: Sqs, attributes: dict[str, Any], expected: str) -> None:
    url = sqs.queue()
    assert sqs.send(url, "msg", MessageAttributes=attributes)["MD5OfMessageAttributes"] == expected
    (message,) = sqs.receive(url, MessageAttributeNames=["All"])
    assert (message["MD5OfBody"], message["MD5OfMessageAttributes"]) == ("6e2baaf3b97dbeef01c0043275f9a0e7", expected)
    assert message["MessageAttributes"] == attributes


def test_a_message_comes_as_it_was_sent(sqs: Sqs) -> None:
    url = sqs.queue()
    sent = sqs.send(url, "hé \U0001f600\t\n", NOON + 0.25, MessageSystemAttributes=TRACE, MessageGroupId="tenant")
    assert set(sent) == {"MessageId", "MD5OfMessageBody", "MD5OfMessageSystemAttributes"}
    (message,) = sqs.receive(url, NOON + 1, AttributeNames=["All"])
    assert message.pop("ReceiptHandle")
    assert message == {
        "MessageId": sent["MessageId"],
        "Body": "hé \U0001f600\t\n",
        "MD5OfBody": sent["MD5OfMessageBody"],
        "Attributes": {
            "SenderId": "assumed-role/SageMakerRole/tester",
            "SentTimestamp": "1700000000250",
            "ApproximateReceiveCount": "1",
            "ApproximateFirstReceiveTimestamp": "1700000001000",
            "MessageGroupId": "tenant",
            "AWSTraceHeader": TRACE["AWSTraceHeader"]["StringValue"],
        },
    }


def test_attributes_are_given_to_who_asks_for_them(sqs: Sqs) -> None:
    url = sqs.queue(VisibilityTimeout="0")
    sqs.send(url, MessageAttributes={"a.b": string("1"), "a.c": string("2"), "b": string("3", "Number.int")})

    def names(**params: Any) -> tuple[list[str], list[str]]:
        (message,) = sqs.receive(url, **params)
        assert ("MD5OfMessageAttributes" in message) == ("MessageAttributes" in message)
        return sorted(message.get("MessageAttributes", {})), list(message.get("Attributes", {}))

    assert names() == ([], [])
    assert names(MessageAttributeNames=["a.*", "none"]) == (["a.b", "a.c"], [])
    assert names(MessageAttributeNames=[".*"]) == (["a.b", "a.c", "b"], [])
    assert names(MessageAttributeNames=["b", "c.*"]) == (["b"], [])
    chosen = ["ApproximateReceiveCount", "AWSTraceHeader"]
    assert names(MessageSystemAttributeNames=chosen) == ([], ["ApproximateReceiveCount"])
    request = {"QueueUrl": url, "AttributeNames": ["SentTimestamp"]}
    answer = receiving.receive_message(Call(sqs.door, sqs.door.site, sqs.scope, NOON), request)
    assert answer["Messages"][0]["Attributes"] == {"SentTimestamp": "1700000000000"}
    request = {"QueueUrl": url, "AttributeNames": ["Policy"]}
    call = Call(sqs.door, sqs.door.site, sqs.scope, NOON)
    refused("InvalidAttributeName", "Unknown Attribute Policy.", lambda: receiving.receive_message(call, request))


@pytest.mark.parametrize(
    ("code", "params"),
    [
        ("MissingParameter", {"MessageBody": ""}),
        ("InvalidMessageContents", {"MessageBody": "a\x00b"}),
        ("InvalidMessageContents", {"MessageBody": "\ufffe"}),
        ("InvalidMessageContents", {"MessageBody": "\x0b"}),
        ("InvalidParameterValue", {"MessageBody": "é" * 513}),
        ("InvalidParameterValue", {"MessageBody": "x" * 1024, "MessageAttributes": {"a": string("b")}}),
        ("InvalidParameterValue", {"MessageAttributes": {"a": string("")}}),
        ("InvalidParameterValue", {"MessageAttributes": {"a": {"DataType": "Binary", "BinaryValue": b""}}}),
        ("InvalidParameterValue", {"MessageAttributes": {"a": {"DataType": "Binary", "StringValue": "x"}}}),
        ("InvalidParameterValue", {"MessageAttributes": {"a": {**string("x"), "BinaryValue": b"x"}}}),
        ("InvalidParameterValue", {"MessageAttributes": {"a": string("x", "Text")}}),
        ("InvalidParameterValue", {"MessageAttributes": {"a": string("x", "String." + "y" * 256)}}),
        ("InvalidParameterValue", {"MessageAttributes": {"a": string("x", "Number")}}),
        ("InvalidParameterValue", {"MessageAttributes": {"a": string("1e999", "Number")}}),
        ("InvalidParameterValue", {"MessageAttributes": {"a b": string("x")}}),
        ("InvalidParameterValue", {"MessageAttributes": {"AWS.x": string("x")}}),
        ("InvalidParameterValue", {"MessageAttributes": {".x": string("x")}}),
        ("InvalidParameterValue", {"MessageAttributes": {"x..y": string("x")}}),
        ("InvalidParameterValue", {"MessageAttributes": {"x.": string("x")}}),
        ("InvalidParameterValue", {"MessageAttributes": {f"a{number}": string("x") for number in range(11)}}),
        ("UnsupportedOperation", {"MessageAttributes": {"a": {**string("x"), "StringListValues": ["y"]}}}),
        ("InvalidMessageContents", {"MessageAttributes": {"a": string("\x01")}}),
        ("InvalidParameterValue", {"MessageSystemAttributes": {"AWSTraceHeader": string("1", "Number")}}),
        ("InvalidParameterValue", {"DelaySeconds": 901}),
        ("InvalidParameterValue", {"DelaySeconds": -1}),
        ("InvalidParameterValue", {"MessageGroupId": "a b"}),
        ("InvalidParameterValue", {"MessageDeduplicationId": "x"}),
    ],
)
def test_what_may_not_be_sent(sqs: Sqs, code: str, params: dict[str, Any]) -> None:
    url = sqs.queue(MaximumMessageSize="1024")
    request = {"QueueUrl": url, "MessageBody": "x", **params}
    refused(code, "", lambda: sqs("SendMessage", **request))
    entries = [{"Id": "bad", **request}, {"Id": "good", "MessageBody": "y"}]
    answer = sqs("SendMessageBatch", QueueUrl=url, Entries=entries, now=NOON)
    assert [(entry["Id"], entry["Code"], entry["SenderFault"]) for entry in answer["Failed"]] == [("bad", code, True)]
    assert sqs.bodies(url) == ["y"]


def test_a_message_as_long_as_allowed(sqs: Sqs) -> None:
    url = sqs.queue()
    sqs.send(url, "x" * (1_048_576 - 8), MessageAttributes={"a": string("b")})
    too_long = "Message must be shorter than 1048576 bytes."
    refused("InvalidParameterValue", too_long, lambda: sqs.send(url, "x" * 1_048_577))


@pytest.mark.parametrize(
    "params",
    [
        {"MaxNumberOfMessages": 0},
        {"MaxNumberOfMessages": 11},
        {"WaitTimeSeconds": 21},
        {"WaitTimeSeconds": -1},
        {"VisibilityTimeout": 43_201},
        {"VisibilityTimeout": -1},
    ],
)
def test_bounds_of_receiving(sqs: Sqs, params: dict[str, int]) -> None:
    url = sqs.queue()
    refused("InvalidParameterValue", "if provided.", lambda: sqs("ReceiveMessage", QueueUrl=url, **params))


def test_a_received_message_is_hidden_until_its_time_is_over(sqs: Sqs) -> None:
    url = sqs.queue(VisibilityTimeout="30")
    sqs.send(url)
    (first,) = sqs.receive(url, NOON)
    assert (sqs.counts(url), sqs.bodies(url, NOON + 29.9)) == ((0, 1, 0), [])
    (second,) = sqs.receive(url, NOON + 30, VisibilityTimeout=5, MessageSystemAttributeNames=["All"])
    assert second["ReceiptHandle"] != first["ReceiptHandle"]
    assert second["Attributes"]["ApproximateReceiveCount"] == "2"
    assert second["Attributes"]["ApproximateFirstReceiveTimestamp"] == str(int(NOON * 1000))
    assert sqs.bodies(url, NOON + 34.9) == []
    sqs.delete(url, first, NOON + 34)
    assert sqs.counts(url, NOON + 35) == (1, 0, 0), "an old receipt deletes nothing"
    sqs.delete(url, second, NOON + 35)
    assert sqs.counts(url, NOON + 35) == (0, 0, 0), "the latest receipt holds until the next receive"
    assert sqs.delete(url, second, NOON + 36) == {}, "deleting again is success"


def test_visibility_is_changed_by_who_holds_the_message(sqs: Sqs) -> None:
    url = sqs.queue()
    sqs.send(url)
    (first,) = sqs.receive(url, NOON)
    sqs.hide(url, first, 100, NOON + 10)
    assert sqs.bodies(url, NOON + 109.9) == []
    sqs.hide(url, first, 0, NOON + 50)
    (second,) = sqs.receive(url, NOON + 50)
    stale = "Message does not exist or is not available for visibility timeout change."
    refused("InvalidParameterValue", stale, lambda: sqs.hide(url, first, 5, NOON + 51))
    refused("InvalidParameterValue", "Must be between", lambda: sqs.hide(url, second, 43_201, NOON + 50))
    beyond = "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]"
    refused("InvalidParameterValue", beyond, lambda: sqs.hide(url, second, 43_200, NOON + 51))
    sqs.hide(url, second, 5, NOON + 90)
    assert sqs.bodies(url, NOON + 94) == [], "who held it last may take it back after its time"
    sqs.delete(url, second)
    refused("InvalidParameterValue", stale, lambda: sqs.hide(url, second, 5))


def test_receipts_are_of_one_queue(sqs: Sqs) -> None:
    url, other = sqs.queue("a"), sqs.queue("b")
    sqs.send(url)
    (message,) = sqs.receive(url)
    good = message["ReceiptHandle"]
    refused("ReceiptHandleIsInvalid", good, lambda: sqs.delete(other, message))
    for handle in ("", "x", "é", good[:-4], good + "AAAA", "MTox", "a" * 5000, good.replace("=", "")[:-1] + "\n"):
        act = {"QueueUrl": url, "ReceiptHandle": handle}
        refused("ReceiptHandleIsInvalid", "is not a valid", lambda act=act: sqs("DeleteMessage", **act))
    assert sqs.counts(url) == (0, 1, 0)


def test_delays(sqs: Sqs) -> None:
    url = sqs.queue(DelaySeconds="60", VisibilityTimeout="100")
    sqs.send(url, "by the queue")
    sqs.send(url, "by itself", DelaySeconds=5)
    sqs.send(url, "at once", DelaySeconds=0)
    assert sqs.counts(url) == (1, 0, 2)
    assert sqs.bodies(url, NOON) == ["at once"]
    assert sqs.bodies(url, NOON + 5) == ["by itself"]
    assert sqs.bodies(url, NOON + 60) == ["by the queue"]


def test_messages_expire(sqs: Sqs) -> None:
    url = sqs.queue(MessageRetentionPeriod="60")
    sqs.send(url, "held")
    sqs.receive(url)
    sqs.send(url, "old")
    sqs.send(url, "new", NOON + 1)
    assert sqs.counts(url, NOON + 59) == (3, 0, 0)
    assert sqs.counts(url, NOON + 60) == (1, 0, 0)
    assert sqs.bodies(url, NOON + 60) == ["new"]
    with sqs.door.site.database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM queue_messages")).scalar() == 1


def test_what_was_received_too_often_goes_to_the_dead_letters(sqs: Sqs) -> None:
    dead = sqs.queue("dead", MessageRetentionPeriod="300")
    policy = json.dumps({"deadLetterTargetArn": f"{ARN}:dead", "maxReceiveCount": 2})
    url = sqs.queue("live", RedrivePolicy=policy, VisibilityTimeout="10")
    sent = sqs.send(url, "poison", MessageAttributes={"a": string("b")})
    sqs.send(url, "fresh", NOON + 15)
    (held,) = sqs.receive(url, NOON, 1)
    sqs.receive(url, NOON + 10, 1)
    assert sqs.bodies(url, NOON + 20) == ["fresh"]
    refused("InvalidParameterValue", "not available", lambda: sqs.hide(url, held, 0, NOON + 20))
    (letter,) = sqs.receive(dead, NOON + 20, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"])
    assert (letter["MessageId"], letter["MessageAttributes"]) == (sent["MessageId"], {"a": string("b")})
    assert letter["Attributes"]["DeadLetterQueueSourceArn"] == f"{ARN}:live"
    assert letter["Attributes"]["SentTimestamp"] == str(int(NOON * 1000))
    assert letter["Attributes"]["ApproximateReceiveCount"] == "1"
    assert sqs.counts(dead, NOON + 300) == (0, 0, 0), "it expires by when it was sent"


def test_messages_stay_when_there_is_nowhere_to_bury_them(sqs: Sqs) -> None:
    dead = sqs.queue("dead")
    policy = json.dumps({"deadLetterTargetArn": f"{ARN}:dead", "maxReceiveCount": 1})
    url = sqs.queue("live", RedrivePolicy=policy, VisibilityTimeout="0")
    sqs.send(url, "poison")
    sqs("DeleteQueue", QueueUrl=dead)
    assert [sqs.bodies(url) for _ in range(3)] == [["poison"]] * 3


def test_one_look_passes_over_many_dead_letters(sqs: Sqs) -> None:
    dead = sqs.queue("dead")
    policy = json.dumps({"deadLetterTargetArn": f"{ARN}:dead", "maxReceiveCount": 1})
    url = sqs.queue("live", RedrivePolicy=policy, VisibilityTimeout="1")
    for number in range(25):
        sqs.send(url, str(number))
    while sqs.receive(url):
        continue
    sqs.send(url, "fresh", NOON + 9)
    assert sqs.bodies(url, NOON + 9) == ["fresh"]
    assert sqs.counts(dead, NOON + 9) == (25, 0, 0)


def test_purging(sqs: Sqs) -> None:
    url = sqs.queue()
    for _ in range(3):
        sqs.send(url)
    sqs.receive(url, most=1)
    sqs("PurgeQueue", QueueUrl=url)
    sqs("PurgeQueue", QueueUrl=url)
    assert sqs.counts(url) == (0, 0, 0)


def test_batches_answer_for_each_entry(sqs: Sqs) -> None:
    url = sqs.queue()
    entries = [{"Id": str(number), "MessageBody": f"m{number}", "DelaySeconds": 0} for number in range(10)]
    answer = sqs("SendMessageBatch", QueueUrl=url, Entries=entries, now=NOON)
    assert [entry["Id"] for entry in answer["Successful"]] == [str(number) for number in range(10)]
    assert answer["Failed"] == []
    found = sqs.receive(url)
    assert [message["Body"] for message in found] == [f"m{number}" for number in range(10)]
    handles = [{"Id": str(number), "ReceiptHandle": m["ReceiptHandle"]} for number, m in enumerate(found)]
    changes = [{**handle, "VisibilityTimeout": 0} for handle in handles[:3]]
    changes += [{**handles[3], "VisibilityTimeout": -1}, handles[4], {"Id": "x", "ReceiptHandle": "x"}]
    answer = sqs("ChangeMessageVisibilityBatch", QueueUrl=url, Entries=changes, now=NOON)
    assert answer["Successful"] == [{"Id": "0"}, {"Id": "1"}, {"Id": "2"}]
    assert [(entry["Id"], entry["Code"]) for entry in answer["Failed"]] == [
        ("3", "InvalidParameterValue"),
        ("4", "MissingParameter"),
        ("x", "MissingParameter"),
    ]
    assert sqs.counts(url) == (3, 7, 0)
    answer = sqs("DeleteMessageBatch", QueueUrl=url, Entries=[*handles[:9], {"Id": "x", "ReceiptHandle": "x"}])
    assert (len(answer["Successful"]), answer["Failed"][0]["Code"]) == (9, "ReceiptHandleIsInvalid")
    assert sqs.counts(url) == (0, 1, 0)


@pytest.mark.parametrize(
    ("code", "text_", "ids"),
    [
        ("EmptyBatchRequest", "at least one SendMessageBatchRequestEntry", []),
        ("TooManyEntriesInBatchRequest", "You have sent 11.", [str(number) for number in range(11)]),
        ("BatchEntryIdsNotDistinct", "Id a repeated.", ["a", "b", "a"]),
        ("InvalidBatchEntryId", "at most 80 letters", ["x" * 81]),
        ("InvalidBatchEntryId", "at most 80 letters", ["a:b"]),
        ("InvalidBatchEntryId", "at most 80 letters", [""]),
    ],
)
def test_batches_that_are_wrong_as_a_whole(sqs: Sqs, code: str, text_: str, ids: list[str]) -> None:
    url = sqs.queue()
    entries = [{"Id": entry, "MessageBody": "x"} for entry in ids]
    refused(code, text_, lambda: sqs("SendMessageBatch", QueueUrl=url, Entries=entries))
    assert sqs.counts(url) == (0, 0, 0)


def test_a_batch_that_is_too_long(sqs: Sqs) -> None:
    url = sqs.queue()
    entries = [{"Id": entry, "MessageBody": "x" * 524_288} for entry in ("a", "b")]
    sqs("SendMessageBatch", QueueUrl=url, Entries=entries)
    entries[0]["MessageBody"] += "x"
    refused("BatchRequestTooLong", "1048577 bytes", lambda: sqs("SendMessageBatch", QueueUrl=url, Entries=entries))


def test_only_so_many_messages_are_in_flight(sqs: Sqs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "MOST_IN_FLIGHT", 2)
    url = sqs.queue()
    for _ in range(3):
        sqs.send(url)
    assert len(sqs.receive(url, most=2)) == 2
    refused("OverLimit", "in flight", lambda: sqs.receive(url))


@pytest.mark.parametrize("delay", [0, 1])
def test_who_waits_is_woken_in_time(sqs: Sqs, monkeypatch: pytest.MonkeyPatch, delay: int) -> None:
    """By the send itself, or when the delay is over: not by looking again and again."""
    monkeypatch.setattr(arrivals, "NAP", 3600.0)
    url, found = sqs.queue(), list[str]()
    request = {"QueueUrl": url, "WaitTimeSeconds": 20}

    def wait() -> None:
        found.extend(message["Body"] for message in sqs("ReceiveMessage", **request)["Messages"])

    waiter = threading.Thread(target=wait)
    waiter.start()
    sqs("SendMessage", QueueUrl=url, MessageBody="come", DelaySeconds=delay)
    waiter.join(10)
    assert found == ["come"]
    assert arrivals._listening == {}


def test_a_room_sends_in_its_own_transaction(sqs: Sqs) -> None:
    url, database = sqs.queue(), sqs.door.site.database
    with pytest.raises(RuntimeError), database.write() as transaction:
        messages.send(transaction, sqs.scope, url, "lost with its transaction", NOON)
        raise RuntimeError
    with database.write() as transaction:
        attributes = {"a": string("b")}
        sent = messages.send(transaction, sqs.scope, f"{ARN}:q", "kept", NOON, attributes=attributes, delay=3)
        with pytest.raises(Fault):
            messages.send(transaction, sqs.scope, url + "x", "nowhere", NOON)
    assert sqs.bodies(url, NOON + 2) == []
    (message,) = sqs.receive(url, NOON + 3, MessageAttributeNames=["All"])
    assert (message["Body"], message["MessageId"]) == ("kept", sent["MessageId"])
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert sent["MD5OfMessageBody"] == digests.of_body("kept")


@pytest.mark.parametrize("name", ["q", "q.fifo"])
def test_cost_does_not_grow_with_what_is_queued(sqs: Sqs, name: str) -> None:
    """Every statement of a send, a receive, a change and a delete finds its rows by an index."""
    url = sqs.queue(name) if name == "q" else sqs.fifo(name)
    statements: list[tuple[str, Any]] = []
    engine = sqs.door.site.database._engine

    def note(_conn: object, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        statements.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    group = {"MessageGroupId": "g"} if name == "q.fifo" else {}
    sqs.send(url, **group)
    (message,) = sqs.receive(url)
    sqs.hide(url, message, 10)
    sqs.delete(url, message)
    event.remove(engine, "before_cursor_execute", note)
    with sqs.door.site.database.read() as connection:
        for statement, parameters in statements:
            if not statement.startswith(("SELECT", "UPDATE", "DELETE")):
                continue
            values = parameters[0] if isinstance(parameters, list) else parameters
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
            steps = [row[3] for row in plan if row[3] != "SCAN CONSTANT ROW"]
            assert all("SCAN" not in step and "TEMP B-TREE" not in step for step in steps), (statement, steps)


def test_a_queue_is_found_again_by_its_row(sqs: Sqs) -> None:
    sqs.queue()
    with sqs.door.site.database.read() as connection:
        queue = queues.find(connection, "123456789012", "eu-west-1", "q")
        assert queue is not None
        assert (queue.arn, queue_messages.next_due(connection, queue, 60)) == (f"{ARN}:q", None)
