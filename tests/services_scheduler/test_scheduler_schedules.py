"""Schedules and groups through the door: what is kept, what is shown, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stepwell.base import clock
from stepwell.base.documents import Document
from stepwell.base.faults import Fault

Scheduler = Callable[..., Document]
HERE = "eu-west-1:123456789012"
ROLE = "arn:aws:iam::123456789012:role/Scheduler"
PIPELINE = f"arn:aws:sagemaker:{HERE}:pipeline/Train"
TARGET: Document = {"Arn": PIPELINE, "RoleArn": ROLE, "SageMakerPipelineParameters": {"PipelineParameterList": []}}
GOOD: Document = {
    "Name": "s",
    "ScheduleExpression": "rate(1 hour)",
    "FlexibleTimeWindow": {"Mode": "OFF"},
    "Target": TARGET,
}


def refused(scheduler: Scheduler, operation: str, **params: Any) -> Fault:
    with pytest.raises(Fault) as caught:
        scheduler(operation, **params)
    return caught.value


def test_what_the_sdk_does_to_put_and_delete_a_trigger(scheduler: Scheduler) -> None:
    schedule = {**GOOD, "Name": "Train", "ScheduleExpression": "cron(0 12 * * ? *)", "State": "ENABLED"}
    fault = refused(scheduler, "UpdateSchedule", **schedule)
    assert (fault.code, fault.status) == ("ResourceNotFoundException", 404)
    arn = scheduler("CreateSchedule", **schedule)["ScheduleArn"]
    assert arn == f"arn:aws:scheduler:{HERE}:schedule/default/Train"
    assert scheduler("UpdateSchedule", **schedule)["ScheduleArn"] == arn
    assert scheduler("GetSchedule", Name="Train")["Target"]["Arn"] == PIPELINE
    scheduler("DeleteSchedule", Name="Train")
    assert refused(scheduler, "GetSchedule", Name="Train").message == "Schedule Train does not exist."
    assert refused(scheduler, "DeleteSchedule", Name="Train").code == "ResourceNotFoundException"


def test_a_schedule_is_shown_with_its_defaults(scheduler: Scheduler) -> None:
    before = clock.now()
    scheduler("CreateSchedule", **GOOD)
    shown = scheduler("GetSchedule", Name="s")
    created = shown.pop("CreationDate")
    assert before <= created == shown.pop("LastModificationDate")
    assert shown == {
        **GOOD,
        "Arn": f"arn:aws:scheduler:{HERE}:schedule/default/s",
        "GroupName": "default",
        "State": "ENABLED",
        "ScheduleExpressionTimezone": "UTC",
        "ActionAfterCompletion": "NONE",
        "Target": {**TARGET, "RetryPolicy": {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}},
    }


def test_an_update_replaces_everything_but_the_creation(scheduler: Scheduler) -> None:
    scheduler("CreateSchedule", **GOOD, Description="first", ScheduleExpressionTimezone="Europe/Berlin")
    created = scheduler("GetSchedule", Name="s")["CreationDate"]
    scheduler("UpdateSchedule", **GOOD, State="DISABLED")
    shown = scheduler("GetSchedule", Name="s")
    assert (shown["State"], shown["ScheduleExpressionTimezone"], shown["CreationDate"]) == (
        "DISABLED",
        "UTC",
        created,
    )
    assert "Description" not in shown


def test_a_name_is_taken_unless_the_token_is_the_same(scheduler: Scheduler) -> None:
    arn = scheduler("CreateSchedule", **GOOD, ClientToken="one")["ScheduleArn"]
    assert scheduler("CreateSchedule", **GOOD, ClientToken="one")["ScheduleArn"] == arn
    for params in (GOOD, {**GOOD, "ClientToken": "two"}):
        fault = refused(scheduler, "CreateSchedule", **params)
        assert (fault.code, fault.message, fault.status) == (
            "ConflictException",
            "Schedule s already exists.",
            409,
        )


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"ScheduleExpression": "every day"}, "ValidationException", "Invalid Schedule Expression every day."),
        (
            {"ScheduleExpression": "cron(0 10 * * * *)"},
            "ValidationException",
            "Invalid Schedule Expression cron(0 10 * * * *).",
        ),
        ({"ScheduleExpression": "rate(0 hours)"}, "ValidationException", "Invalid Schedule Expression"),
        ({"ScheduleExpression": "at(tomorrow)"}, "ValidationException", "Invalid Schedule Expression"),
        ({"ScheduleExpressionTimezone": "Mars/Base"}, "ValidationException", "ScheduleExpressionTimezone Mars/Base"),
        ({"ScheduleExpressionTimezone": "../../etc/passwd"}, "ValidationException", "ScheduleExpressionTimezone"),
        ({"ScheduleExpressionTimezone": "/etc/passwd"}, "ValidationException", "ScheduleExpressionTimezone"),
        (
            {"StartDate": 1.0},
            "ValidationException",
            "The StartDate you specify cannot be earlier than 5 minutes ago.",
        ),
        ({"EndDate": 1.0}, "ValidationException", "EndDate"),
        ({"StartDate": 9e9, "EndDate": 8e9}, "ValidationException", "later than the StartDate"),
        ({"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}}, "ValidationException", "MaximumWindowInMinutes"),
        ({"GroupName": "none"}, "ResourceNotFoundException", "Schedule group none does not exist."),
        ({"Target": {**TARGET, "Arn": "nonsense"}}, "ValidationException", "correct format"),
        ({"Target": {**TARGET, "Arn": f"arn:aws:sns:{HERE}:t"}}, "NotImplementedException", "cannot invoke"),
        (
            {"Target": {**TARGET, "Arn": "arn:aws:sagemaker:us-east-1:123456789012:pipeline/P"}},
            "ValidationException",
            "account and region",
        ),
        ({"Target": {**TARGET, "Arn": f"arn:aws:sqs:{HERE}:q.fifo"}}, "ValidationException", "MessageGroupId"),
        (
            {"Target": {"Arn": "arn:aws:scheduler:::aws-sdk:sagemaker:noSuchThing", "RoleArn": ROLE}},
            "ValidationException",
            "sagemaker:noSuchThing is not an operation",
        ),
        (
            {"Target": {"Arn": "arn:aws:scheduler:::aws-sdk:sagemaker:describePipeline", "RoleArn": ROLE}},
            "ValidationException",
            "correct format",
        ),
        (
            {"Target": {"Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "RoleArn": ROLE, "Input": "x"}},
            "ValidationException",
            "JSON object",
        ),
        (
            {"Target": {**TARGET, "DeadLetterConfig": {"Arn": PIPELINE}}},
            "ValidationException",
            "target.deadLetterConfig.arn",
        ),
    ],
)
def test_bad_schedules_are_refused_and_leave_nothing(
    scheduler: Scheduler, changes: Document, code: str, message: str
) -> None:
    fault = refused(scheduler, "CreateSchedule", **{**GOOD, **changes})
    assert fault.code == code and message in fault.message
    assert scheduler("ListSchedules")["Schedules"] == []


def test_dates_do_not_matter_to_a_single_time(scheduler: Scheduler) -> None:
    scheduler("CreateSchedule", **{**GOOD, "ScheduleExpression": "at(2150-01-01T00:00:00)", "StartDate": 1.0})
    assert scheduler("GetSchedule", Name="s")["StartDate"] == 1.0


def test_schedules_are_listed_by_page_group_state_and_prefix(scheduler: Scheduler) -> None:
    scheduler("CreateScheduleGroup", Name="g")
    for name, group, state in (("b", "g", "ENABLED"), ("a", "default", "DISABLED"), ("c", "default", "ENABLED")):
        scheduler("CreateSchedule", **{**GOOD, "Name": name, "GroupName": group, "State": state})

    def names(**params: Any) -> list[str]:
        return [each["Name"] for each in scheduler("ListSchedules", **params)["Schedules"]]

    assert names() == ["a", "b", "c"]
    assert (names(GroupName="g"), names(State="DISABLED"), names(NamePrefix="c")) == (["b"], ["a"], ["c"])
    page = scheduler("ListSchedules", MaxResults=2)
    assert page["Schedules"][0]["Target"] == {"Arn": PIPELINE}
    assert names(NextToken=page["NextToken"]) == ["c"]
    assert refused(scheduler, "ListSchedules", GroupName="h").code == "ResourceNotFoundException"


def test_groups(scheduler: Scheduler) -> None:
    arn = scheduler("CreateScheduleGroup", Name="g", Tags=[{"Key": "a", "Value": "1"}], ClientToken="t")[
        "ScheduleGroupArn"
    ]
    assert arn == f"arn:aws:scheduler:{HERE}:schedule-group/g"
    assert scheduler("CreateScheduleGroup", Name="g", ClientToken="t")["ScheduleGroupArn"] == arn
    assert refused(scheduler, "CreateScheduleGroup", Name="g").code == "ConflictException"
    assert refused(scheduler, "CreateScheduleGroup", Name="default").code == "ConflictException"
    assert scheduler("GetScheduleGroup", Name="g")["State"] == "ACTIVE"
    assert scheduler("GetScheduleGroup", Name="default")["Name"] == "default"
    groups = scheduler("ListScheduleGroups")["ScheduleGroups"]
    assert [group["Name"] for group in groups] == ["default", "g"]
    assert [g["Name"] for g in scheduler("ListScheduleGroups", NamePrefix="g")["ScheduleGroups"]] == ["g"]
    scheduler("TagResource", ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}])
    scheduler("UntagResource", ResourceArn=arn, TagKeys=["a"])
    assert scheduler("ListTagsForResource", ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    scheduler("CreateSchedule", **{**GOOD, "GroupName": "g"})
    scheduler("DeleteScheduleGroup", Name="g")
    assert scheduler("ListSchedules")["Schedules"] == []
    assert refused(scheduler, "GetScheduleGroup", Name="g").code == "ResourceNotFoundException"
    assert refused(scheduler, "ListTagsForResource", ResourceArn=arn).code == "ResourceNotFoundException"
    assert refused(scheduler, "DeleteScheduleGroup", Name="default").code == "ValidationException"
