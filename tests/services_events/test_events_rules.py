"""Rules, targets, buses, tags and own events through the door."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.services.registry import Site
from stepwell.store import outbox, work

Events = Callable[..., Document]
PATTERN = json.dumps({"source": ["aws.sagemaker"]})
ROLE = "arn:aws:iam::123456789012:role/Events"
HERE = "eu-west-1:123456789012"
FUNCTION = f"arn:aws:lambda:{HERE}:function:deploy"
PIPELINE = f"arn:aws:sagemaker:{HERE}:pipeline/Train"


def refused(events: Events, operation: str, **params: Any) -> Fault:
    with pytest.raises(Fault) as caught:
        events(operation, **params)
    return caught.value


def test_a_rule_is_put_described_replaced_and_deleted(events: Events) -> None:
    arn = events("PutRule", Name="r", EventPattern=PATTERN, Description="first")["RuleArn"]
    assert arn == f"arn:aws:events:{HERE}:rule/r"
    shown = events("DescribeRule", Name="r")
    assert (shown["EventPattern"], shown["State"], shown["EventBusName"]) == (PATTERN, "ENABLED", "default")
    assert shown["CreatedBy"] == "123456789012"
    events("PutRule", Name="r", EventPattern='{"source":["x"]}', State="DISABLED")
    shown = events("DescribeRule", Name="r")
    assert (shown["EventPattern"], shown["State"], "Description" in shown) == ('{"source":["x"]}', "DISABLED", False)
    events("DeleteRule", Name="r")
    assert refused(events, "DescribeRule", Name="r").message == "Rule r does not exist on EventBus default."
    events("DeleteRule", Name="r")


@pytest.mark.parametrize(
    ("params", "code", "message"),
    [
        ({}, "ValidationException", "Parameter(s) EventPattern or ScheduleExpression must be specified."),
        (
            {"ScheduleExpression": "rate(3 minute)"},
            "ValidationException",
            "Parameter ScheduleExpression is not valid.",
        ),
        (
            {"ScheduleExpression": "rate(1 minutes)"},
            "ValidationException",
            "Parameter ScheduleExpression is not valid.",
        ),
        ({"ScheduleExpression": "rate(0 days)"}, "ValidationException", "Parameter ScheduleExpression is not valid."),
        (
            {"ScheduleExpression": "cron(* * * *)"},
            "ValidationException",
            "Parameter ScheduleExpression is not valid.",
        ),
        ({"ScheduleExpression": "every day"}, "ValidationException", "Parameter ScheduleExpression is not valid."),
        (
            {"ScheduleExpression": "at(2030-01-01T00:00:00)"},
            "ValidationException",
            "Parameter ScheduleExpression is not valid.",
        ),
        (
            {"EventPattern": '{"a":1}'},
            "InvalidEventPatternException",
            'Event pattern is not valid. Reason: "a" must be an object or an array\n '
            'at [Source: (String)"{"a":1}"; line: 1, column: 7]',
        ),
        (
            {"EventPattern": PATTERN, "EventBusName": "no"},
            "ResourceNotFoundException",
            "Event bus no does not exist.",
        ),
    ],
)
def test_bad_rules_are_refused(events: Events, params: Document, code: str, message: str) -> None:
    fault = refused(events, "PutRule", Name="r", **params)
    assert (fault.code, fault.message) == (code, message)
    assert events("ListRules")["Rules"] == []


def test_rules_are_switched_and_listed_by_page(events: Events) -> None:
    for name in ("b", "a", "c"):
        events("PutRule", Name=name, EventPattern=PATTERN)
    events("DisableRule", Name="a")
    page = events("ListRules", Limit=2)
    assert [(rule["Name"], rule["State"]) for rule in page["Rules"]] == [("a", "DISABLED"), ("b", "ENABLED")]
    rest = events("ListRules", Limit=2, NextToken=page["NextToken"])
    assert [rule["Name"] for rule in rest["Rules"]] == ["c"] and "NextToken" not in rest
    events("EnableRule", Name="a")
    assert events("DescribeRule", Name="a")["State"] == "ENABLED"
    assert [rule["Name"] for rule in events("ListRules", NamePrefix="b")["Rules"]] == ["b"]


def test_only_rules_that_keep_time_wake_the_clock(events: Events, site: Site) -> None:
    events("PutRule", Name="pattern", EventPattern=PATTERN)
    events("PutRule", Name="off", ScheduleExpression="rate(1 hour)", State="DISABLED")
    with site.database.read() as connection:
        assert work.ready(connection, 1e12, 10) == []
    events("EnableRule", Name="off")
    with site.database.read() as connection:
        assert work.ready(connection, 1e12, 10) == [(f"arn:aws:events:{HERE}:rule/off", "schedule")]


def test_targets_are_put_listed_and_removed(events: Events) -> None:
    events("PutRule", Name="r", EventPattern=PATTERN)
    parameters = {"PipelineParameterList": [{"Name": "a", "Value": "b"}]}
    pipeline = {"Id": "p", "Arn": PIPELINE, "RoleArn": ROLE, "SageMakerPipelineParameters": parameters}
    answer = events("PutTargets", Rule="r", Targets=[pipeline, {"Id": "f", "Arn": FUNCTION, "Input": '{"a":1}'}])
    assert answer == {"FailedEntryCount": 0, "FailedEntries": []}
    assert events("ListTargetsByRule", Rule="r")["Targets"] == [
        {"Id": "f", "Arn": FUNCTION, "Input": '{"a":1}'},
        pipeline,
    ]
    events("PutTargets", Rule="r", Targets=[{"Id": "f", "Arn": FUNCTION}])
    assert {"Id": "f", "Arn": FUNCTION} in events("ListTargetsByRule", Rule="r")["Targets"]
    assert events("ListRuleNamesByTarget", TargetArn=FUNCTION)["RuleNames"] == ["r"]
    assert refused(events, "DeleteRule", Name="r").message == "Rule can't be deleted since it has targets."
    events("RemoveTargets", Rule="r", Ids=["f", "p", "never"])
    assert events("ListTargetsByRule", Rule="r")["Targets"] == []
    events("DeleteRule", Name="r")


@pytest.mark.parametrize(
    ("target", "code", "message"),
    [
        ({"Arn": "nonsense"}, "ValidationException", "Provided Arn is not in correct format"),
        ({"Arn": PIPELINE}, "ValidationException", f"RoleArn is required for target {PIPELINE}."),
        ({"Arn": f"arn:aws:sqs:{HERE}:q.fifo"}, "ValidationException", "SqsParameters must be specified"),
        ({"Arn": "arn:aws:sqs:us-east-1:123456789012:q"}, "ValidationException", "account and region"),
        ({"Arn": "arn:aws:sqs:eu-west-1:210987654321:q"}, "ValidationException", "account and region"),
        ({"Arn": f"arn:aws:sns:{HERE}:topic"}, "NotImplementedException", "cannot bring events to"),
        ({"Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage"}, "ValidationException", "not in correct format"),
        ({"Arn": FUNCTION, "Input": "{"}, "ValidationException", "JSON syntax error in input for target t."),
        ({"Arn": FUNCTION, "Input": "{}", "InputPath": "$.x"}, "ValidationException", "Only one of Input"),
        ({"Arn": FUNCTION, "InputPath": "detail"}, "ValidationException", "Invalid InputPath for target t"),
        ({"Arn": FUNCTION, "DeadLetterConfig": {"Arn": FUNCTION}}, "ValidationException", "DeadLetterConfig"),
    ],
)
def test_bad_targets_are_refused(events: Events, target: Document, code: str, message: str) -> None:
    events("PutRule", Name="r", EventPattern=PATTERN)
    good = {"Id": "good", "Arn": FUNCTION}
    fault = refused(events, "PutTargets", Rule="r", Targets=[good, {"Id": "t", **target}])
    assert fault.code == code and message in fault.message
    assert events("ListTargetsByRule", Rule="r")["Targets"] == []


def test_a_rule_has_at_most_five_targets(events: Events) -> None:
    events("PutRule", Name="r", EventPattern=PATTERN)
    events("PutTargets", Rule="r", Targets=[{"Id": str(i), "Arn": FUNCTION} for i in range(5)])
    assert refused(events, "PutTargets", Rule="r", Targets=[{"Id": "6", "Arn": FUNCTION}]).code == (
        "LimitExceededException"
    )
    events("PutTargets", Rule="r", Targets=[{"Id": "0", "Arn": FUNCTION}])


def test_buses_are_made_and_hold_rules_of_their_own(events: Events) -> None:
    assert events("CreateEventBus", Name="mine")["EventBusArn"] == f"arn:aws:events:{HERE}:event-bus/mine"
    assert refused(events, "CreateEventBus", Name="mine").code == "ResourceAlreadyExistsException"
    arn = events("PutRule", Name="r", EventPattern=PATTERN, EventBusName="mine")["RuleArn"]
    assert arn == f"arn:aws:events:{HERE}:rule/mine/r"
    assert events("ListRules")["Rules"] == []
    assert events("ListRules", EventBusName=f"arn:aws:events:{HERE}:event-bus/mine")["Rules"][0]["Name"] == "r"
    assert refused(events, "DeleteEventBus", Name="mine").message == "Event bus can't be deleted since it has rules."
    assert "default event bus" in (
        refused(events, "PutRule", Name="s", ScheduleExpression="rate(1 hour)", EventBusName="mine").message
    )
    events("DeleteRule", Name="r", EventBusName="mine")
    events("DeleteEventBus", Name="mine")
    assert [bus["Name"] for bus in events("ListEventBuses")["EventBuses"]] == ["default"]
    assert events("DescribeEventBus")["Arn"] == f"arn:aws:events:{HERE}:event-bus/default"
    assert refused(events, "DeleteEventBus", Name="default").code == "ValidationException"


def test_tags_live_and_die_with_their_rule(events: Events) -> None:
    arn = events("PutRule", Name="r", EventPattern=PATTERN, Tags=[{"Key": "a", "Value": "1"}])["RuleArn"]
    events("TagResource", ResourceARN=arn, Tags=[{"Key": "b", "Value": "2"}])
    events("UntagResource", ResourceARN=arn, TagKeys=["a"])
    assert events("ListTagsForResource", ResourceARN=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    events("DeleteRule", Name="r")
    assert refused(events, "ListTagsForResource", ResourceARN=arn).code == "ResourceNotFoundException"


def test_own_events_are_taken_one_by_one(events: Events, site: Site) -> None:
    entries = [
        {"Source": "me", "DetailType": "d", "Detail": "{}"},
        {"Source": "aws.sagemaker", "DetailType": "d", "Detail": "{}"},
        {"Source": "me", "DetailType": "d", "Detail": "[]"},
        {"Source": "me", "Detail": "{}"},
    ]
    answer = events("PutEvents", Entries=entries)
    assert answer["FailedEntryCount"] == 3 and "EventId" in answer["Entries"][0]
    assert [entry.get("ErrorCode") for entry in answer["Entries"]] == [
        None,
        "NotAuthorizedForSourceException",
        "MalformedDetail",
        "InvalidArgument",
    ]
    with site.database.read() as connection:
        assert work.ready(connection, 1e12, 10) == [], "nobody listens"
    events("PutRule", Name="r", EventPattern=PATTERN)
    events("PutEvents", Entries=entries[:1])
    with site.database.read() as connection:
        assert len(work.ready(connection, 1e12, 10)) == 1


def test_patterns_can_be_tried(events: Events) -> None:
    event = {"id": "1", "account": "1", "source": "aws.sagemaker", "time": "2021-01-01T00:00:00Z"}
    event |= {"region": "r", "detail-type": "t"}
    whole = json.dumps({**event, "resources": []})
    assert events("TestEventPattern", EventPattern=PATTERN, Event=whole) == {"Result": True}
    assert events("TestEventPattern", EventPattern='{"source":["x"]}', Event=whole) == {"Result": False}
    assert "resources is a required" in (
        refused(events, "TestEventPattern", EventPattern=PATTERN, Event=json.dumps(event)).message
    )
    assert refused(events, "TestEventPattern", EventPattern="x", Event=whole).code == "InvalidEventPatternException"


def test_the_default_bus_of_another_region_is_another_bus(events: Events, site: Site) -> None:
    events("PutRule", Name="r", EventPattern=PATTERN)
    with site.database.read() as connection:
        assert outbox.is_heard(connection, Scope("123456789012", "eu-west-1"))
        assert not outbox.is_heard(connection, Scope("123456789012", "us-east-1"))
