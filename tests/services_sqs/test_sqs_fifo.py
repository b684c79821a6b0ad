"""FIFO queues: order within groups, groups that block, deduplication, receipts that end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqs_callers import NOON, Sqs, refused

ARN = "arn:aws:sqs:eu-west-1:123456789012"


def send(sqs: Sqs, url: str, *bodies: str, now: float = NOON, **params: Any) -> list[str]:
    """Each body goes to the group of its first letter."""
    return [sqs.send(url, body, now, MessageGroupId=body[0], **params)["SequenceNumber"] for body in bodies]


def test_a_group_is_given_out_in_order_and_blocked_meanwhile(sqs: Sqs) -> None:
    url = sqs.fifo(VisibilityTimeout="30")
    send(sqs, url, "a1", "b1", "a2", "a3")
    (first,) = sqs.receive(url, most=1)
    assert first["Body"] == "a1"
    assert sqs.bodies(url) == ["b1"]
    assert sqs.bodies(url) == []
    sqs.delete(url, first)
    assert sqs.bodies(url, NOON + 1, 1) == ["a2"]
    assert sqs.bodies(url, NOON + 2, 1) == []
    assert sqs.bodies(url, NOON + 31, 10) == ["b1", "a2", "a3"]


def test_several_of_a_group_are_given_out_together(sqs: Sqs) -> None:
    url = sqs.fifo()
    send(sqs, url, "a1", "b1", "a2", "c1", "a3")
    found = sqs.receive(url, most=4)
    assert [message["Body"] for message in found] == ["a1", "a2", "a3", "b1"]
    sqs.delete(url, found[0])
    sqs.hide(url, found[1], 0)
    assert sqs.bodies(url) == ["c1"], "a3 is held, so a2 must wait"
    sqs.delete(url, found[2])
    assert sqs.bodies(url) == ["a2"]


def test_sequence_numbers_grow(sqs: Sqs) -> None:
    url = sqs.fifo()
    numbers = send(sqs, url, "a1", "b1", "a2")
    assert numbers == sorted(numbers)
    assert len({*numbers}) == 3
    assert {len(number) for number in numbers} == {20}
    found = sqs.receive(url, MessageSystemAttributeNames=["All"])
    assert sorted(message["Attributes"]["SequenceNumber"] for message in found) == numbers
    assert {message["Attributes"]["MessageGroupId"] for message in found} == {"a", "b"}
    assert all(len(message["Attributes"]["MessageDeduplicationId"]) == 64 for message in found)


def test_the_same_message_is_taken_once_in_five_minutes(sqs: Sqs) -> None:
    url = sqs.fifo()
    first = sqs.send(url, "x", MessageGroupId="g")
    (message,) = sqs.receive(url)
    sqs.delete(url, message)
    again = sqs.send(url, "x", NOON + 299.9, MessageGroupId="other")
    assert again == first
    assert sqs.bodies(url, NOON + 299.9) == []
    later = sqs.send(url, "x", NOON + 300, MessageGroupId="g")
    assert later["MessageId"] != first["MessageId"]
    assert sqs.bodies(url, NOON + 300) == ["x"]


def test_an_own_deduplication_id_counts_instead_of_the_body(sqs: Sqs) -> None:
    url = sqs.fifo()
    send(sqs, url, "x", MessageDeduplicationId="1")
    send(sqs, url, "x", MessageDeduplicationId="2")
    send(sqs, url, "xy", MessageDeduplicationId="2")
    assert sqs.bodies(url) == ["x", "x"]


def test_deduplication_within_groups(sqs: Sqs) -> None:
    url = sqs.fifo(DeduplicationScope="messageGroup", FifoThroughputLimit="perMessageGroupId")
    for group in ("a", "b", "a"):
        sqs.send(url, "x", MessageGroupId=group)
    assert sqs.bodies(url) == ["x", "x"]


@pytest.mark.parametrize(
    ("code", "part", "params"),
    [
        ("MissingParameter", "MessageGroupId", {}),
        ("InvalidParameterValue", "ContentBasedDeduplication enabled", {"MessageGroupId": "g"}),
        ("InvalidParameterValue", "MessageGroupId", {"MessageGroupId": "", "MessageDeduplicationId": "d"}),
        ("InvalidParameterValue", "MessageGroupId", {"MessageGroupId": "é", "MessageDeduplicationId": "d"}),
        ("InvalidParameterValue", "1 to 128", {"MessageGroupId": "g", "MessageDeduplicationId": "d" * 129}),
        (
            "InvalidParameterValue",
            "DelaySeconds",
            {"MessageGroupId": "g", "MessageDeduplicationId": "d", "DelaySeconds": 2},
        ),
    ],
)
def test_what_a_fifo_queue_refuses(sqs: Sqs, code: str, part: str, params: dict[str, Any]) -> None:
    url = sqs.fifo(ContentBasedDeduplication="false")
    refused(code, part, lambda: sqs.send(url, **params))
    assert sqs.counts(url) == (0, 0, 0)


def test_a_batch_without_groups_is_refused_whole(sqs: Sqs) -> None:
    url = sqs.fifo(ContentBasedDeduplication="false")
    entries = [{"Id": "a", "MessageBody": "x", "MessageGroupId": "g", "MessageDeduplicationId": "1"}]
    for bad in ({"MessageDeduplicationId": "2"}, {"MessageGroupId": "g"}):
        both = [*entries, {"Id": "b", "MessageBody": "y", **bad}]
        with pytest.raises(Exception, match=r"MessageGroupId|ContentBasedDeduplication"):
            sqs("SendMessageBatch", QueueUrl=url, Entries=both)
    assert sqs.counts(url) == (0, 0, 0)
    answer = sqs("SendMessageBatch", QueueUrl=url, Entries=entries, now=NOON)
    assert answer["Successful"][0]["SequenceNumber"]


def test_receipts_end_with_the_visibility(sqs: Sqs) -> None:
    url = sqs.fifo(VisibilityTimeout="10")
    send(sqs, url, "a1")
    (first,) = sqs.receive(url)
    expired = "Reason: The receipt handle has expired."
    refused("InvalidParameterValue", expired, lambda: sqs.delete(url, first, NOON + 10))
    refused("InvalidParameterValue", expired, lambda: sqs.hide(url, first, 5, NOON + 10))
    (second,) = sqs.receive(url, NOON + 10)
    refused("InvalidParameterValue", expired, lambda: sqs.delete(url, first, NOON + 11))
    sqs.delete(url, second, NOON + 11)
    assert sqs.delete(url, second, NOON + 12) == {}
    assert sqs.counts(url, NOON + 12) == (0, 0, 0)


def test_a_delayed_queue_keeps_its_order(sqs: Sqs) -> None:
    url = sqs.fifo(DelaySeconds="5")
    send(sqs, url, "a1")
    send(sqs, url, "a2", now=NOON + 3)
    assert sqs.bodies(url, NOON + 4) == []
    (first,) = sqs.receive(url, NOON + 5)
    sqs.delete(url, first, NOON + 5)
    assert sqs.bodies(url, NOON + 7) == []
    assert sqs.bodies(url, NOON + 8) == ["a2"]


def test_dead_letters_unblock_their_group(sqs: Sqs) -> None:
    dead = sqs.fifo("dead.fifo")
    policy = json.dumps({"deadLetterTargetArn": f"{ARN}:dead.fifo", "maxReceiveCount": 1})
    url = sqs.fifo("live.fifo", RedrivePolicy=policy, VisibilityTimeout="10")
    send(sqs, url, "a1", "a2")
    assert sqs.bodies(url, NOON, 1) == ["a1"]
    assert sqs.bodies(url, NOON + 10, 1) == ["a2"]
    (letter,) = sqs.receive(dead, NOON + 10, MessageSystemAttributeNames=["All"])
    assert letter["Body"] == "a1"
    assert letter["Attributes"]["DeadLetterQueueSourceArn"] == f"{ARN}:live.fifo"
    assert letter["Attributes"]["SentTimestamp"] == str(int((NOON + 10) * 1000)), "a FIFO queue counts anew"


def test_a_group_whose_last_message_died_is_gone(sqs: Sqs) -> None:
    """Otherwise it would be due for ever, and a long poll would look again and again."""
    sqs.fifo("dead.fifo")
    policy = json.dumps({"deadLetterTargetArn": f"{ARN}:dead.fifo", "maxReceiveCount": 1})
    url = sqs.fifo("live.fifo", RedrivePolicy=policy, VisibilityTimeout="10")
    send(sqs, url, "a1")
    assert [sqs.bodies(url, NOON + later) for later in (0, 10)] == [["a1"], []]
    with sqs.door.site.database.read() as connection:
        held = connection.execute(text("SELECT q.name FROM queue_groups g JOIN queues q ON q.id = g.queue_id"))
        assert held.scalars().all() == ["dead.fifo"]


def test_expired_messages_unblock_their_group(sqs: Sqs) -> None:
    url = sqs.fifo(MessageRetentionPeriod="60", VisibilityTimeout="1000")
    send(sqs, url, "a1")
    sqs.receive(url)
    send(sqs, url, "a2", now=NOON + 30)
    assert sqs.bodies(url, NOON + 59) == []
    assert sqs.bodies(url, NOON + 60) == ["a2"]


def test_purging_frees_groups(sqs: Sqs) -> None:
    url = sqs.fifo()
    send(sqs, url, "a1", "a2")
    sqs.receive(url, most=1)
    sqs("PurgeQueue", QueueUrl=url)
    send(sqs, url, "a3")
    assert sqs.bodies(url) == ["a3"]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.sampled_from("abc"), st.just(0)),
        st.tuples(st.just("receive"), st.just(""), st.integers(1, 4)),
        st.tuples(st.sampled_from(("delete", "hide", "show")), st.just(""), st.integers(0, 5)),
        st.tuples(st.just("later"), st.just(""), st.integers(1, 12)),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_a_fifo_queue_behaves_as_its_rules_say(sqs: Sqs, steps: Sequence[tuple[str, str, int]]) -> None:
    """Against a model in which a message is [body, visible at, held]; order and blocking must come out the same."""
    name = f"m{next(COUNTER)}.fifo"
    url, now, sent = sqs.fifo(name, VisibilityTimeout="10"), NOON, 0
    queued: list[list[Any]] = []
    held: list[tuple[dict[str, Any], list[Any]]] = []
    for step, group, number in steps:
        match step:
            case "send":
                sent += 1
                send(sqs, url, f"{group}{sent}", now=now)
                queued.append([f"{group}{sent}", now])
            case "receive":
                found = sqs.receive(url, now, number)
                blocked = {row[0][0] for row in queued if row[1] > now}
                free = [row for row in queued if row[0][0] not in blocked]
                assert len(found) == min(number, len(free))
                for letter in "abc":
                    got = [message["Body"] for message in found if message["Body"][0] == letter]
                    assert got == [row[0] for row in free if row[0][0] == letter][: len(got)]
                for message in found:
                    row = next(row for row in queued if row[0] == message["Body"])
                    row[1] = now + 10
                    held.append((message, row))
            case "later":
                now += number
            case _ if held:
                message, row = held[number % len(held)]
                latest = [other for other, of in held if of is row][-1]
                if row not in queued or row[1] <= now or message is not latest:
                    continue
                if step == "delete":
                    sqs.delete(url, message, now)
                    queued.remove(row)
                else:
                    row[1] = now + (0 if step == "show" else 3)
                    sqs.hide(url, message, 0 if step == "show" else 3, now)
    with sqs.door.site.database.read() as connection:
        lost = "SELECT count(*) FROM queue_groups g WHERE NOT EXISTS"
        lost += " (SELECT 1 FROM queue_messages m WHERE m.queue_id = g.queue_id AND m.group_id = g.name)"
        assert connection.execute(text(lost)).scalar() == 0


COUNTER = iter(range(10**9))
