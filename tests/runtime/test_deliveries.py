"""Events on their way from the outbox to targets: matched once, brought at least once, started once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from event_installation import HERE, ROLE, Installation

from stepwell.base import clock
from stepwell.base.faults import Fault

FUNCTION = f"arn:aws:lambda:{HERE}:function:deploy"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Installation]:
    installation = Installation(tmp_path)
    yield installation
    installation.database.close()


def test_an_event_reaches_the_targets_of_the_rules_it_fits(here: Installation) -> None:
    here.rule({"Id": "f", "Arn": FUNCTION}, {"Id": "g", "Arn": FUNCTION, "InputPath": "$.detail.n"})
    here.rule({"Id": "f", "Arn": FUNCTION}, pattern='{"source":["other"]}', name="other")
    event_id = here.emit("Something", {"n": 5}, now=1_615_824_193.25)
    here.tick(1_615_824_194)
    whole, part = sorted(here.invoked, key=len, reverse=True)
    assert part == b"5"
    assert json.loads(whole) == {
        "version": "0",
        "id": event_id,
        "detail-type": "Something",
        "source": "me",
        "account": "123456789012",
        "time": "2021-03-15T16:03:13Z",
        "region": "eu-west-1",
        "resources": ["r"],
        "detail": {"n": 5},
    }
    assert here.waiting() == []


def test_nobody_listens_nothing_is_written(here: Installation) -> None:
    assert here.emit() is None
    here.rule({"Id": "f", "Arn": FUNCTION})
    here.call("events", "DisableRule", Name="r")
    assert here.emit() is None
    assert here.waiting() == []


def test_own_events_go_the_same_way(here: Installation) -> None:
    here.rule({"Id": "f", "Arn": FUNCTION})
    entry = {"Source": "me", "DetailType": "d", "Detail": '{"a":1}'}
    answer = here.call("events", "PutEvents", Entries=[entry])
    here.tick(4e9)
    assert json.loads(here.invoked[0])["id"] == answer["Entries"][0]["EventId"]


def test_a_pipeline_is_started_once_whatever_dies(here: Installation) -> None:
    parameters = {"PipelineParameterList": [{"Name": "From", "Value": "$.detail.bucket"}]}
    target = {"Id": "p", "Arn": here.pipeline(), "RoleArn": ROLE, "SageMakerPipelineParameters": parameters}
    here.rule(target)
    here.emit(detail={"bucket": "s3://b"})
    here.tick_dying(1.0)
    (execution,) = here.executions()
    assert execution["PipelineParameters"] == [{"Name": "From", "Value": "s3://b"}]


def test_two_events_start_two_executions(here: Installation) -> None:
    here.rule({"Id": "p", "Arn": here.pipeline(), "RoleArn": ROLE})
    here.emit()
    here.emit()
    here.tick(1.0)
    assert len(here.executions()) == 2


def test_queues_get_messages_and_fifo_queues_get_each_once(here: Installation) -> None:
    fifo = {"Id": "o", "Arn": here.queue("o.fifo", FifoQueue="true"), "SqsParameters": {"MessageGroupId": "g"}}
    here.rule({"Id": "q", "Arn": here.queue("q"), "Input": '{"hello":1}'}, {**fifo, "Input": "[]"})
    here.emit()
    here.tick_dying(1.0)
    assert [message["Body"] for message in here.messages("o.fifo")] == ["[]"]
    assert {message["Body"] for message in here.messages("q")} == {'{"hello":1}'}


def test_a_log_group_gets_an_event(here: Installation) -> None:
    here.call("logs", "CreateLogGroup", logGroupName="/aws/events/x")
    here.rule({"Id": "l", "Arn": f"arn:aws:logs:{HERE}:log-group:/aws/events/x"})
    now = clock.now()  # log groups refuse what is older than two weeks
    here.emit("Told", now=now)
    here.tick_dying(now)
    (stream,) = here.call("logs", "DescribeLogStreams", logGroupName="/aws/events/x")["logStreams"]
    found = here.call("logs", "GetLogEvents", logGroupName="/aws/events/x", logStreamName=stream["logStreamName"])
    assert json.loads(found["events"][0]["message"])["detail-type"] == "Told"


def test_a_busy_target_is_tried_again_with_growing_pauses(here: Installation) -> None:
    here.rule({"Id": "f", "Arn": FUNCTION})
    here.refusals = [Fault("TooManyRequestsException", "busy", 429), Fault("ServiceException", "broken", 500)]
    here.emit()
    here.tick(0.0)
    here.tick(0.9)
    assert (len(here.refusals), here.invoked) == (1, [])
    here.tick(1.0)
    here.tick(2.9)
    assert (here.refusals, here.invoked) == ([], [])
    here.tick(3.0)
    assert len(here.invoked) == 1 and here.waiting() == []


def test_what_is_given_up_goes_to_the_dead_letters(here: Installation) -> None:
    dead = {"DeadLetterConfig": {"Arn": here.queue("dead")}, "RetryPolicy": {"MaximumRetryAttempts": 1}}
    arn = here.rule({"Id": "f", "Arn": FUNCTION, **dead})
    here.refusals = [Fault("TooManyRequestsException", "busy", 429)] * 2
    event_id = here.emit()
    here.tick(0.0)
    here.tick(1.0)
    (message,) = here.messages("dead")
    assert json.loads(message["Body"])["id"] == event_id
    shown = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert shown == {
        "RULE_ARN": arn,
        "TARGET_ARN": FUNCTION,
        "ERROR_CODE": "TooManyRequestsException",
        "ERROR_MESSAGE": "busy",
        "RETRY_ATTEMPTS": "1",
        "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
    }
    assert here.waiting() == []


def test_what_cannot_succeed_is_not_tried_again(here: Installation, caplog: pytest.LogCaptureFixture) -> None:
    here.rule({"Id": "q", "Arn": f"arn:aws:sqs:{HERE}:never"})
    here.emit()
    here.tick(0.0)
    assert here.waiting() == []
    assert "is lost" in caplog.text and f"{HERE}:never" in caplog.text


@pytest.mark.parametrize(("status", "kept"), [(500, True), (503, True), (501, False), (400, False), (404, False)])
def test_only_what_may_pass_is_tried_again(here: Installation, status: int, kept: bool) -> None:
    here.rule({"Id": "f", "Arn": FUNCTION})
    here.refusals = [Fault("SomeException", "no", status)]
    here.emit()
    here.tick(0.0)
    assert bool(here.waiting()) is kept


def test_dead_letters_that_go_nowhere_are_told(here: Installation, caplog: pytest.LogCaptureFixture) -> None:
    dead = {"DeadLetterConfig": {"Arn": f"arn:aws:sqs:{HERE}:never"}}
    here.rule({"Id": "q", "Arn": f"arn:aws:sqs:{HERE}:gone", **dead})
    here.emit()
    here.tick(0.0)
    assert here.waiting() == [] and "dead-letter queue did not take it" in caplog.text


def test_the_role_of_the_target_acts(here: Installation) -> None:
    here.rule({"Id": "p", "Arn": here.pipeline(), "RoleArn": ROLE})
    here.emit()
    here.tick(1.0)
    found = here.call("sagemaker", "ListPipelineExecutions", PipelineName="Train")["PipelineExecutionSummaries"]
    shown = here.call("sagemaker", "DescribePipelineExecution", PipelineExecutionArn=found[0]["PipelineExecutionArn"])
    assert ":assumed-role/Events/" in json.dumps(shown["CreatedBy"])
