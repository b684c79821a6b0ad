"""Schedules and rules that keep time: each occurrence starts one execution, also after a crash and a long night."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from event_installation import HERE, ROLE, Installation

from stepwell.base import clock

FUNCTION = f"arn:aws:lambda:{HERE}:function:deploy"
OFF = {"Mode": "OFF"}


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Installation]:
    installation = Installation(tmp_path)
    yield installation
    installation.database.close()


def schedule(here: Installation, expression: str, **more: Any) -> None:
    target = more.pop("Target", {"Arn": FUNCTION, "RoleArn": ROLE})
    params = {"Name": "s", "ScheduleExpression": expression, "FlexibleTimeWindow": OFF, "Target": target, **more}
    here.call("scheduler", "CreateSchedule", **params)


def test_a_rate_fires_at_once_and_then_by_its_rate(here: Installation) -> None:
    schedule(here, "rate(5 minutes)")
    now = clock.now()
    here.tick(now)
    assert len(here.invoked) == 1
    here.tick(now + 299)
    assert len(here.invoked) == 1
    here.tick(now + 300)
    here.tick(now + 600)
    assert len(here.invoked) == 3
    event = json.loads(here.invoked[0])
    assert (event["source"], event["detail-type"], event["detail"]) == ("aws.scheduler", "Scheduled Event", "{}")
    assert event["resources"] == [f"arn:aws:scheduler:{HERE}:schedule/default/s"]


def test_a_rate_counts_from_its_start_date(here: Installation) -> None:
    now = clock.now()
    schedule(here, "rate(5 minutes)", StartDate=float(int(now)))  # the SDK sends the present, cut to seconds
    schedule(here, "rate(5 minutes)", StartDate=now + 100, Name="later")
    here.tick(now + 1)
    assert len(here.invoked) == 1
    here.tick(now + 101)
    assert len(here.invoked) == 2
    here.tick(float(int(now)) + 300)
    assert len(here.invoked) == 3


def test_each_occurrence_starts_one_execution_whatever_dies(here: Installation) -> None:
    parameters = {"PipelineParameterList": [{"Name": "From", "Value": "clock"}]}
    target = {"Arn": here.pipeline(), "RoleArn": ROLE, "SageMakerPipelineParameters": parameters}
    schedule(here, "rate(1 hour)", Target=target)
    now = clock.now()
    for moment in (now, now + 3600, now + 7200):
        here.tick_dying(moment)
    started = here.executions()
    assert len(started) == 3
    assert started[0]["PipelineParameters"] == [{"Name": "From", "Value": "clock"}]


def test_after_a_long_night_one_run_is_made_up_for(here: Installation) -> None:
    schedule(here, "rate(1 minute)")
    now = clock.now()
    here.tick(now + 8 * 3600)
    assert len(here.invoked) == 1
    here.tick(now + 8 * 3600 + 60)
    assert len(here.invoked) == 2


def test_what_is_older_than_the_retry_policy_is_left_out(here: Installation) -> None:
    policy = {"Arn": FUNCTION, "RoleArn": ROLE, "RetryPolicy": {"MaximumEventAgeInSeconds": 60}}
    schedule(here, "rate(1 day)", Target=policy)
    now = clock.now()
    here.tick(now + 3600)
    assert here.invoked == []
    here.tick(now + 86_400 + 10)
    assert len(here.invoked) == 1


def test_once_fires_once_and_can_go_away_by_itself(here: Installation) -> None:
    soon = clock.now() + 120
    text = datetime.fromtimestamp(soon, UTC).strftime("at(%Y-%m-%dT%H:%M:%S)")
    schedule(here, text, ActionAfterCompletion="DELETE")
    schedule(here, text, Name="stays")
    here.tick(soon + 1)
    here.tick(soon + 100_000)
    assert len(here.invoked) == 2 and here.waiting() == []
    names = [each["Name"] for each in here.call("scheduler", "ListSchedules")["Schedules"]]
    assert names == ["stays"]


def test_disabled_deleted_and_replaced_schedules(here: Installation) -> None:
    schedule(here, "rate(1 minute)", State="DISABLED")
    now = clock.now()
    here.tick(now + 600)
    assert here.invoked == [] and here.waiting() == []
    target = {"Arn": FUNCTION, "RoleArn": ROLE, "Input": '{"at":"<aws.scheduler.scheduled-time>"}'}
    here.call(
        "scheduler",
        "UpdateSchedule",
        Name="s",
        ScheduleExpression="cron(0 0 1 1 ? 2150)",
        ScheduleExpressionTimezone="Asia/Tokyo",
        FlexibleTimeWindow=OFF,
        Target=target,
    )
    here.tick(now + 600)
    assert here.invoked == []
    here.tick(5_680_249_200.0)
    assert here.invoked == [b'{"at":"2149-12-31T15:00:00Z"}']
    schedule(here, "rate(1 minute)", Name="t")
    here.call("scheduler", "DeleteSchedule", Name="t")
    here.tick(now + 600)
    assert len(here.invoked) == 1 and here.waiting() == []


def test_writing_a_schedule_once_more_does_not_fire_it_once_more(here: Installation) -> None:
    schedule(here, "rate(1 hour)")
    now = clock.now()
    here.tick(now)
    here.call(
        "scheduler",
        "UpdateSchedule",
        Name="s",
        ScheduleExpression="rate(1 hour)",
        FlexibleTimeWindow=OFF,
        Target={"Arn": FUNCTION, "RoleArn": ROLE},
    )
    here.tick(clock.now())
    assert len(here.invoked) == 1
    here.tick(now + 3600)
    assert len(here.invoked) == 2


def test_a_universal_target_is_called_with_its_input(here: Installation) -> None:
    here.pipeline()
    arn = "arn:aws:scheduler:::aws-sdk:sagemaker:startPipelineExecution"
    request = json.dumps({"PipelineName": "Train", "PipelineExecutionDisplayName": "nightly"})
    schedule(here, "rate(1 day)", Target={"Arn": arn, "RoleArn": ROLE, "Input": request})
    here.tick(clock.now())
    (started,) = here.call("sagemaker", "ListPipelineExecutions", PipelineName="Train")["PipelineExecutionSummaries"]
    assert started["PipelineExecutionDisplayName"] == "nightly"


def test_a_universal_target_turns_text_into_bytes(here: Installation) -> None:
    request = json.dumps({"FunctionName": FUNCTION, "InvocationType": "Event", "Payload": '{"a":1}'})
    arn = "arn:aws:scheduler:::aws-sdk:lambda:invoke"
    schedule(here, "rate(1 day)", Target={"Arn": arn, "RoleArn": ROLE, "Input": request})
    here.tick(clock.now())
    assert here.invoked == [b'{"a":1}']


def test_dead_letters_of_a_schedule_say_which_occurrence_it_was(here: Installation) -> None:
    dead = {"Arn": f"arn:aws:sqs:{HERE}:gone", "RoleArn": ROLE, "DeadLetterConfig": {"Arn": here.queue("dead")}}
    schedule(here, "rate(1 day)", Target={**dead, "Input": "hello"})
    here.tick(clock.now())
    (message,) = here.messages("dead")
    shown = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert message["Body"] == "hello"
    assert shown["SCHEDULE_ARN"] == f"arn:aws:scheduler:{HERE}:schedule/default/s"
    assert {"SCHEDULED_TIME", "EXECUTION_ID", "ERROR_CODE", "TARGET_ARN", "IS_PAYLOAD_TRUNCATED"} <= set(shown)


def test_a_rule_with_a_rate_fires_after_its_first_pause(here: Installation) -> None:
    arn = here.call("events", "PutRule", Name="r", ScheduleExpression="rate(1 minute)")["RuleArn"]
    here.call("events", "PutTargets", Rule="r", Targets=[{"Id": "a", "Arn": FUNCTION}, {"Id": "b", "Arn": FUNCTION}])
    now = clock.now()
    here.tick(now)
    assert here.invoked == []
    here.tick(now + 61)
    first, second = (json.loads(payload) for payload in here.invoked)
    assert first == second
    assert (first["source"], first["detail-type"], first["detail"]) == ("aws.events", "Scheduled Event", {})
    assert first["resources"] == [arn]
    here.call("events", "DisableRule", Name="r")
    here.tick(now + 600)
    assert len(here.invoked) == 2
    here.call("events", "EnableRule", Name="r")
    here.call("events", "RemoveTargets", Rule="r", Ids=["a", "b"])
    here.call("events", "DeleteRule", Name="r")
    here.tick(now + 600)
    assert here.waiting() == []


def test_scheduled_events_do_not_go_over_the_bus(here: Installation) -> None:
    here.rule({"Id": "f", "Arn": FUNCTION}, pattern='{"source":["aws.events"]}', name="listener")
    here.call("events", "PutRule", Name="r", ScheduleExpression="rate(1 minute)")
    here.tick(clock.now() + 61)
    assert here.invoked == []
