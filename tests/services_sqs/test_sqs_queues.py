"""Queues: names, attributes, listing, dead-letter sources, tags and permissions."""

from __future__ import annotations

import json

import pytest
from sqs_callers import NOON, Sqs, refused

from stepwell.services.sqs import settings

HOST = "http://127.0.0.1:4566/123456789012"
ARN = "arn:aws:sqs:eu-west-1:123456789012"


def test_a_queue_has_its_url_and_defaults(sqs: Sqs) -> None:
    assert sqs.queue("mine") == f"{HOST}/mine"
    assert sqs("GetQueueUrl", QueueName="mine") == {"QueueUrl": f"{HOST}/mine"}
    assert sqs.attributes(f"{HOST}/mine") == {
        "QueueArn": f"{ARN}:mine",
        "CreatedTimestamp": str(int(NOON)),
        "LastModifiedTimestamp": str(int(NOON)),
        "ApproximateNumberOfMessages": "0",
        "ApproximateNumberOfMessagesNotVisible": "0",
        "ApproximateNumberOfMessagesDelayed": "0",
        "VisibilityTimeout": "30",
        "MaximumMessageSize": "1048576",
        "MessageRetentionPeriod": "345600",
        "DelaySeconds": "0",
        "ReceiveMessageWaitTimeSeconds": "0",
        "SqsManagedSseEnabled": "true",
    }
    assert sqs("GetQueueAttributes", QueueUrl=f"{HOST}/mine") == {}


def test_a_fifo_queue_shows_what_it_is(sqs: Sqs) -> None:
    found = sqs.attributes(sqs.queue("mine.fifo", FifoQueue="true"))
    assert [found[name] for name in settings.FIFO_DEFAULTS] == ["true", "false", "queue", "perQueue"]


def test_creating_again_is_success_unless_attributes_differ(sqs: Sqs) -> None:
    url = sqs.queue(VisibilityTimeout="45")
    assert url == sqs.queue() == sqs.queue(VisibilityTimeout="45", DelaySeconds="0")
    different = "A queue already exists with the same name and a different value for attribute DelaySeconds"
    refused("QueueNameExists", different, lambda: sqs.queue(DelaySeconds="1"))


@pytest.mark.parametrize("name", ["", "a b", "x" * 81, "é", "a.b", "a.fifo", "a/../b"])
def test_names_of_standard_queues(sqs: Sqs, name: str) -> None:
    refused("InvalidParameterValue", "1 to 80 in length", lambda: sqs.queue(name))


@pytest.mark.parametrize("name", ["a", ".fifo", "x" * 76 + ".fifo", "a b.fifo", "a.fifo.fifo"])
def test_names_of_fifo_queues(sqs: Sqs, name: str) -> None:
    refused("InvalidParameterValue", ".fifo suffix", lambda: sqs.queue(name, FifoQueue="true"))


@pytest.mark.parametrize(
    ("code", "attributes"),
    [
        ("InvalidAttributeValue", {"VisibilityTimeout": "43201"}),
        ("InvalidAttributeValue", {"VisibilityTimeout": "-1"}),
        ("InvalidAttributeValue", {"VisibilityTimeout": ""}),
        ("InvalidAttributeValue", {"DelaySeconds": "901"}),
        ("InvalidAttributeValue", {"DelaySeconds": "1.5"}),
        ("InvalidAttributeValue", {"MaximumMessageSize": "1023"}),
        ("InvalidAttributeValue", {"MaximumMessageSize": "1048577"}),
        ("InvalidAttributeValue", {"MessageRetentionPeriod": "59"}),
        ("InvalidAttributeValue", {"MessageRetentionPeriod": "²"}),
        ("InvalidAttributeValue", {"ReceiveMessageWaitTimeSeconds": "21"}),
        ("InvalidAttributeValue", {"Policy": "not json"}),
        ("InvalidAttributeValue", {"RedrivePolicy": "[]"}),
        ("InvalidAttributeValue", {"SqsManagedSseEnabled": "maybe"}),
        ("InvalidAttributeName", {"ContentBasedDeduplication": "true"}),
        ("InvalidAttributeName", {"FifoQueue": "false"}),
        ("InvalidAttributeName", {"QueueArn": "x"}),
        ("InvalidAttributeName", {"ApproximateNumberOfMessages": "1"}),
        ("InvalidAttributeName", {"KmsMasterKeyId": "k", "SqsManagedSseEnabled": "true"}),
        ("InvalidParameterValue", {"RedrivePolicy": '{"deadLetterTargetArn": "dummy", "maxReceiveCount": 42}'}),
        ("InvalidParameterValue", {"RedrivePolicy": f'{{"deadLetterTargetArn": "{ARN}:none"}}'}),
        ("InvalidParameterValue", {"RedrivePolicy": f'{{"deadLetterTargetArn": "{ARN}:q", "maxReceiveCount": 0}}'}),
        ("InvalidParameterValue", {"RedriveAllowPolicy": '{"redrivePermission": "byQueue"}'}),
    ],
)
def test_attributes_that_cannot_be(sqs: Sqs, code: str, attributes: dict[str, str]) -> None:
    refused(code, "", lambda: sqs.queue("new", **attributes))
    refused("QueueDoesNotExist", "", lambda: sqs("GetQueueUrl", QueueName="new"))
    url = sqs.queue("old")
    before = sqs.attributes(url)
    refused(code, "", lambda: sqs("SetQueueAttributes", QueueUrl=url, Attributes=attributes))
    assert sqs.attributes(url) == before


def test_attributes_are_set_and_taken_away(sqs: Sqs) -> None:
    url = sqs.queue(KmsMasterKeyId="alias/mine")
    assert sqs.attributes(url, "SqsManagedSseEnabled") == {"SqsManagedSseEnabled": "false"}
    changes = {"VisibilityTimeout": "007", "Policy": '{"Version": "2012-10-17"}', "KmsMasterKeyId": ""}
    sqs("SetQueueAttributes", QueueUrl=url, Attributes=changes, now=NOON + 9)
    found = sqs.attributes(url)
    assert (found["VisibilityTimeout"], found["Policy"]) == ("7", '{"Version": "2012-10-17"}')
    assert (found["CreatedTimestamp"], found["LastModifiedTimestamp"]) == (str(int(NOON)), str(int(NOON) + 9))
    assert "KmsMasterKeyId" not in found
    sqs("SetQueueAttributes", QueueUrl=url, Attributes={"Policy": ""})
    assert "Policy" not in sqs.attributes(url)
    refused(
        "InvalidAttributeName", "Unknown", lambda: sqs("SetQueueAttributes", QueueUrl=url, Attributes={"All": "1"})
    )


def test_the_kind_of_a_queue_stays(sqs: Sqs) -> None:
    url = sqs.fifo()
    sqs("SetQueueAttributes", QueueUrl=url, Attributes={"FifoQueue": "true"})
    act = {"QueueUrl": url, "Attributes": {"FifoQueue": "false"}}
    refused("InvalidAttributeValue", "Modifying queue type", lambda: sqs("SetQueueAttributes", **act))
    high = {"FifoThroughputLimit": "perMessageGroupId"}
    refused("InvalidAttributeValue", "", lambda: sqs("SetQueueAttributes", QueueUrl=url, Attributes=high))
    sqs("SetQueueAttributes", QueueUrl=url, Attributes={**high, "DeduplicationScope": "messageGroup"})


@pytest.mark.parametrize(
    "operation",
    [
        "DeleteQueue",
        "PurgeQueue",
        "GetQueueAttributes",
        "ListQueueTags",
        "ReceiveMessage",
        "ListDeadLetterSourceQueues",
    ],
)
@pytest.mark.parametrize("where", [f"{HOST}/gone", "http://127.0.0.1:4566/999999999999/q", f"{ARN}:gone"])
def test_a_queue_that_is_not_there(sqs: Sqs, operation: str, where: str) -> None:
    sqs.queue("q")
    refused("QueueDoesNotExist", "The specified queue does not exist.", lambda: sqs(operation, QueueUrl=where))


@pytest.mark.parametrize("where", ["q", "", "http://[", "http://h/a/b/c", f"{HOST}/", "arn:aws:s3:::bucket", "arn:x"])
def test_addresses_that_are_none(sqs: Sqs, where: str) -> None:
    sqs.queue("q")
    refused("InvalidAddress", "", lambda: sqs("PurgeQueue", QueueUrl=where))


@pytest.mark.parametrize(
    "where",
    [
        "https://sqs.eu-west-1.amazonaws.com/123456789012/q",
        "https://eu-west-1.queue.amazonaws.com/123456789012/q",
        "http://any.example:1/123456789012/q/",
        "/123456789012/q",
        f"{ARN}:q",
    ],
)
def test_a_queue_goes_by_many_addresses(sqs: Sqs, where: str) -> None:
    sqs.queue("q")
    assert sqs.attributes(where, "QueueArn") == {"QueueArn": f"{ARN}:q"}
    elsewhere = where.replace("eu-west-1", "us-east-1")
    if elsewhere != where:
        refused("QueueDoesNotExist", "", lambda: sqs.attributes(elsewhere))


def test_queues_are_listed_in_pages(sqs: Sqs) -> None:
    assert sqs("ListQueues") == {}
    for name in ("b2", "a", "b1", "B1", "b3"):
        sqs.queue(name)
    assert sqs("ListQueues", QueueNamePrefix="b") == {"QueueUrls": [f"{HOST}/b1", f"{HOST}/b2", f"{HOST}/b3"]}
    first = sqs("ListQueues", MaxResults=3)
    second = sqs("ListQueues", MaxResults=3, NextToken=first["NextToken"])
    assert first["QueueUrls"] + second["QueueUrls"] == [f"{HOST}/{name}" for name in ("B1", "a", "b1", "b2", "b3")]
    assert "NextToken" not in second
    refused("InvalidParameterValue", "MaxResults", lambda: sqs("ListQueues", MaxResults=1001))
    refused("InvalidParameterValue", "NextToken", lambda: sqs("ListQueues", NextToken="é"))


def test_sources_of_dead_letters(sqs: Sqs) -> None:
    dead = sqs.queue("dead")
    policy = {"deadLetterTargetArn": f"{ARN}:dead", "maxReceiveCount": "3"}
    first = sqs.queue("first", RedrivePolicy=json.dumps(policy))
    second = sqs.queue("second")
    assert sqs.attributes(first, "RedrivePolicy") == {
        "RedrivePolicy": f'{{"deadLetterTargetArn":"{ARN}:dead","maxReceiveCount":3}}'
    }
    sqs("SetQueueAttributes", QueueUrl=second, Attributes={"RedrivePolicy": json.dumps(policy)})
    assert sqs("ListDeadLetterSourceQueues", QueueUrl=dead) == {"queueUrls": [first, second]}
    assert sqs("ListDeadLetterSourceQueues", QueueUrl=dead, MaxResults=1)["queueUrls"] == [first]
    permission = {"QueueUrl": first, "Label": "l", "AWSAccountIds": ["111111111111"], "Actions": ["*"]}
    sqs("AddPermission", **permission)
    sqs("SetQueueAttributes", QueueUrl=second, Attributes={"RedrivePolicy": ""})
    assert sqs("ListDeadLetterSourceQueues", QueueUrl=dead) == {"queueUrls": [first]}
    act = {"QueueUrl": dead, "Attributes": {"RedrivePolicy": json.dumps(policy)}}
    refused("InvalidParameterValue", "its own", lambda: sqs("SetQueueAttributes", **act))
    fifo = {"FifoQueue": "true", "RedrivePolicy": json.dumps(policy)}
    refused("InvalidParameterValue", "same type", lambda: sqs.queue("x.fifo", **fifo))


def test_a_dead_letter_queue_chooses_its_sources(sqs: Sqs) -> None:
    allowed = {"redrivePermission": "byQueue", "sourceQueueArns": [f"{ARN}:friend"]}
    sqs.queue("dead", RedriveAllowPolicy=json.dumps(allowed))
    policy = json.dumps({"deadLetterTargetArn": f"{ARN}:dead", "maxReceiveCount": 1})
    sqs.queue("friend", RedrivePolicy=policy)
    refused("InvalidParameterValue", "does not allow", lambda: sqs.queue("stranger", RedrivePolicy=policy))


def test_a_deleted_queue_is_gone_with_all_it_had(sqs: Sqs) -> None:
    url = sqs.queue()
    sqs("TagQueue", QueueUrl=url, Tags={"a": "b"})
    sqs.send(url)
    sqs("DeleteQueue", QueueUrl=url)
    refused("QueueDoesNotExist", "", lambda: sqs.send(url))
    assert sqs.queue() == url
    assert sqs.bodies(url) == []
    assert sqs("ListQueueTags", QueueUrl=url) == {}


def test_tags(sqs: Sqs) -> None:
    url = sqs("CreateQueue", QueueName="q", tags={"a": "1"})["QueueUrl"]
    sqs("TagQueue", QueueUrl=url, Tags={"a": "2", "b": ""})
    assert sqs("ListQueueTags", QueueUrl=url) == {"Tags": {"a": "2", "b": ""}}
    sqs("UntagQueue", QueueUrl=url, TagKeys=["a", "none"])
    assert sqs("ListQueueTags", QueueUrl=url) == {"Tags": {"b": ""}}
    for tags in ({"aws:x": "y"}, {"": "y"}, {"k": "v" * 257}, {str(number): "" for number in range(50)}):
        refused("InvalidParameterValue", "", lambda tags=tags: sqs("TagQueue", QueueUrl=url, Tags=tags))


def test_permissions_are_kept_in_the_policy(sqs: Sqs) -> None:
    url = sqs.queue()
    params = {"QueueUrl": url, "AWSAccountIds": ["111111111111"], "Actions": ["SendMessage"]}
    sqs("AddPermission", Label="one", **params)
    policy = json.loads(sqs.attributes(url, "Policy")["Policy"])
    assert policy == {
        "Version": "2008-10-17",
        "Id": f"{ARN}:q/SQSDefaultPolicy",
        "Statement": [
            {
                "Sid": "one",
                "Effect": "Allow",
                "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
                "Action": "SQS:SendMessage",
                "Resource": f"{ARN}:q",
            }
        ],
    }
    refused("InvalidParameterValue", "Already exists.", lambda: sqs("AddPermission", Label="one", **params))
    refused("InvalidParameterValue", "Label", lambda: sqs("AddPermission", Label="a b", **params))
    wrong = {**params, "Actions": ["CreateQueue"]}
    refused("InvalidParameterValue", "Only the queue owner", lambda: sqs("AddPermission", Label="two", **wrong))
    wrong = {**params, "AWSAccountIds": ["me"]}
    refused("InvalidParameterValue", "Unable to verify", lambda: sqs("AddPermission", Label="two", **wrong))
    wrong = {**params, "Actions": ["SendMessage"] * 8}
    refused("OverLimit", "maximum allowed is 7", lambda: sqs("AddPermission", Label="two", **wrong))
    sqs("RemovePermission", QueueUrl=url, Label="one")
    assert sqs.attributes(url, "Policy") == {}
    act = {"QueueUrl": url, "Label": "one"}
    refused("InvalidParameterValue", "can't find label.", lambda: sqs("RemovePermission", **act))


def test_regions_and_accounts_are_apart(sqs: Sqs) -> None:
    sqs.queue("q")
    other = Sqs(sqs.door, type(sqs.scope)("123456789012", "us-east-1", sqs.scope.principal))
    refused("QueueDoesNotExist", "", lambda: other("GetQueueUrl", QueueName="q"))
    refused("QueueDoesNotExist", "", lambda: sqs("GetQueueUrl", QueueName="q", QueueOwnerAWSAccountId="999999999999"))
