"""Functions that really run, invoked by way of the door: what they see, what they return, how they fail."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from lambda_support import SCOPE, Running, arn, create, refused, running, zipped

from stepwell.base import clock
from stepwell.launchers.launcher import Container, Exited
from stepwell.machines.invocation import Ended
from stepwell.machines.invocation_outcomes import Outcome
from stepwell.services.lambda_ import invocations, invoking
from stepwell.services.registry import Call, Door
from stepwell.store import credentials, resources
from stepwell.testing.scripted_launcher import ScriptedLauncher

LOOK = """
import os, sys

def handler(event, context):
    names = ["function_name", "function_version", "invoked_function_arn", "memory_limit_in_mb", "log_group_name"]
    return {
        "event": event,
        "cwd": os.getcwd(),
        "files": sorted(os.listdir("/var/task")),
        "environment": dict(os.environ),
        "context": {name: getattr(context, name) for name in names},
        "request": context.aws_request_id,
        "stream": context.log_stream_name,
        "left": context.get_remaining_time_in_millis(),
        "boto": "boto3" in sys.modules,
        "client": context.client_context and context.client_context.custom,
    }
"""


def test_a_handler_gets_its_event_and_its_context(functions: Running) -> None:
    create(functions.aws, "look", LOOK, Timeout=7, MemorySize=256, Environment={"Variables": {"KEY": "väl ue"}})
    context = base64.b64encode(json.dumps({"custom": {"a": 1}}).encode()).decode()
    seen = functions.result({"n": 1.5, "t": "ü"}, "look", ClientContext=context)
    assert isinstance(seen, dict)
    assert seen["event"] == {"n": 1.5, "t": "ü"}
    assert (seen["cwd"], seen["files"], seen["boto"]) == ("/var/task", ["index.py"], False)
    assert seen["context"] == {
        "function_name": "look",
        "function_version": "$LATEST",
        "invoked_function_arn": arn("function:look"),
        "memory_limit_in_mb": "256",
        "log_group_name": "/aws/lambda/look",
    }
    assert 5000 < seen["left"] <= 7000
    assert seen["client"] == {"a": 1}
    expected = {
        "KEY": "väl ue",
        "_HANDLER": "index.handler",
        "AWS_LAMBDA_FUNCTION_NAME": "look",
        "AWS_REGION": "eu-west-1",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:0",
        "AWS_LAMBDA_LOG_STREAM_NAME": seen["stream"],
        "LAMBDA_TASK_ROOT": "/var/task",
    }
    assert {name: seen["environment"][name] for name in expected} == expected
    with functions.site.database.read() as connection:
        key = credentials.find(connection, seen["environment"]["AWS_ACCESS_KEY_ID"])
    assert key is not None
    assert key.principal == "arn:aws:sts::123456789012:assumed-role/SageMakerRole/look"


@pytest.mark.parametrize("payload", [b"", b"{}", b" "])
def test_no_event_is_an_empty_one(functions: Running, payload: bytes) -> None:
    ensure(functions, "echo", "def handler(event, context):\n    return event\n")
    answer = functions.aws("Invoke", FunctionName="echo", Payload=payload)
    assert (answer["StatusCode"], answer["ExecutedVersion"], answer["Payload"]) == (200, "$LATEST", b"{}")


@pytest.mark.parametrize("value", [None, 0, "", [], {"a": [1, 2.5, None, True, "ü"]}, "x" * 100_000])
def test_values_come_back_as_they_are(functions: Running, value: object) -> None:
    ensure(functions, "echo", "def handler(event, context):\n    return event\n")
    assert functions.result({"v": value}, "echo") == {"v": value}


def ensure(functions: Running, name: str, source: str, **members: object) -> None:
    """The function of that name, made unless it stands."""
    standing = {each["FunctionName"] for each in functions.aws("ListFunctions")["Functions"]}
    if name not in standing:
        create(functions.aws, name, source, **members)


FAILING = """
import json, os, signal, sys, time
from decimal import Decimal

class Odd(Exception):
    def __str__(self):
        raise RuntimeError("no text")

def handler(event, context):
    return eval(event)

def boom():
    raise ValueError("boom")

def odd():
    raise Odd
"""

FAILURES = [
    ("boom()", "ValueError", "boom"),
    ("odd()", "Odd", ""),
    ("{1, 2}", "Runtime.MarshalError", "Unable to marshal response: Object of type set is not JSON serializable"),
    ("float('nan')", "Runtime.MarshalError", "Unable to marshal response: Out of range float values"),
    ("'\\udc80'", "Runtime.MarshalError", "Unable to marshal response: "),
    ("sys.exit(3)", "Runtime.ExitError", "Runtime exited with error: exit status 3"),
    ("os._exit(0)", "Runtime.ExitError", "Runtime exited without providing a reason"),
    ("os.kill(os.getpid(), signal.SIGSEGV)", "Runtime.ExitError", "signal: segmentation fault"),
    ("time.sleep(60)", "Sandbox.Timedout", "Task timed out after 1.00 seconds"),
    ("bytearray(1 << 31) and 1", "Runtime.OutOfMemory", "signal: killed"),
    ("'x' * 7_000_000", "Function.ResponseSizeTooLarge", "exceeded maximum allowed payload size"),
    ("open('/var/task/new', 'w')", "OSError", "Read-only file system"),
]


@pytest.mark.parametrize(("expression", "kind", "message"), FAILURES)
def test_failures_say_what_happened(functions: Running, expression: str, kind: str, message: str) -> None:
    ensure(functions, "failing", FAILING, Timeout=1, MemorySize=128)
    error = functions.failure(expression, "failing")
    assert error["errorType"] == kind
    assert message in error["errorMessage"]


ALARMS = """
import signal, time

def handler(event, context):
    if event["deaf"]:
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
    time.sleep(15)
"""


@pytest.mark.parametrize(("deaf", "start_seconds"), [(False, 1000.0), (True, 0.5)])
def test_time_is_up_by_the_alarm_and_without_it_by_the_deadline(
    functions: Running, monkeypatch: pytest.MonkeyPatch, deaf: bool, start_seconds: float
) -> None:
    monkeypatch.setattr("stepwell.runtime.invocation_start.START_SECONDS", start_seconds)
    ensure(functions, "alarms", ALARMS, Timeout=1)
    error = functions.failure({"deaf": deaf}, "alarms")
    assert error["errorType"] == "Sandbox.Timedout"
    assert error["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")


def test_an_exception_shows_the_functions_own_frames(functions: Running) -> None:
    ensure(functions, "failing", FAILING, Timeout=1)
    error = functions.failure("boom()", "failing")
    assert [frame.split(",")[0].strip() for frame in error["stackTrace"]] == [
        'File "/var/task/index.py"',
        'File "<string>"',
        'File "/var/task/index.py"',
    ]
    assert error["requestId"]


def test_decimals_are_numbers(functions: Running) -> None:
    ensure(functions, "failing", FAILING, Timeout=1)
    assert functions.result("{'d': Decimal('1.5')}", "failing") == {"d": 1.5}


@pytest.mark.parametrize(
    ("files", "handler", "kind", "message"),
    [
        ({"a.py": ""}, "b.handler", "Runtime.ImportModuleError", "Unable to import module 'b': No module named 'b'"),
        (
            {"b.py": "import missing"},
            "b.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'b': No module named 'missing'",
        ),
        ({"b.py": ""}, "b.handler", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'b'"),
        ({"b.py": ""}, "b", "Runtime.MalformedHandlerName", "Bad handler 'b'"),
        ({"b.py": "def"}, "b.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module 'b': "),
        ({"b.py": "1 / 0"}, "b.handler", "ZeroDivisionError", "division by zero"),
    ],
)
def test_code_that_cannot_be_loaded(
    functions: Running, files: dict[str, str | bytes], handler: str, kind: str, message: str
) -> None:
    name = f"load-{kind.replace('.', '-')}-{len(message)}"
    create(functions.aws, name, Code={"ZipFile": zipped(files)}, Handler=handler)
    error = functions.failure({}, name)
    assert error["errorType"] == kind
    assert error["errorMessage"].startswith(message)


def test_a_handler_may_lie_in_a_package(functions: Running) -> None:
    code = zipped(
        {
            "pkg/__init__.py": "",
            "pkg/mod.py": "from .other import x\ndef go(e, c):\n    return x",
            "pkg/other.py": "x = 5",
        }
    )
    for name, handler in (("dotted", "pkg.mod.go"), ("slashed", "pkg/mod.go")):
        create(functions.aws, name, Code={"ZipFile": code}, Handler=handler)
        assert functions.result({}, name) == 5


def test_the_log_tells_the_invocation(functions: Running) -> None:
    source = """
import logging
logger = logging.getLogger()
logger.setLevel(logging.INFO)
def handler(event, context):
    print("printed")
    logger.info("logged")
    print("no end of line", end="")
"""
    create(functions.aws, "talks", source, Runtime="python3.8")
    answer = functions.invoke({}, "talks", LogType="Tail")
    lines = base64.b64decode(answer["LogResult"]).decode().splitlines()
    stream = functions.logs("DescribeLogStreams", logGroupName="/aws/lambda/talks")["logStreams"][0]["logStreamName"]
    events = functions.logs(
        "GetLogEvents", logGroupName="/aws/lambda/talks", logStreamName=stream, startFromHead=True
    )["events"]
    assert [event["message"] for event in events] == lines
    asked, start, printed, logged, unended, end, report = lines[-7:]
    assert asked.startswith("The function asks for python3.8; it runs on python3.")
    request = start.split()[2]
    assert start == f"START RequestId: {request} Version: $LATEST"
    assert (printed, unended, end) == ("printed", "no end of line", f"END RequestId: {request}")
    assert logged.startswith("[INFO]\t")
    assert logged.endswith(f"\t{request}\tlogged")
    assert report.startswith(f"REPORT RequestId: {request}\tDuration: ")
    assert "\tMemory Size: 128 MB\t" in report
    assert "[$LATEST]" in stream


def test_a_long_log_is_cut_to_its_last_4_kilobytes(functions: Running) -> None:
    create(functions.aws, "long", "def handler(e, c):\n    for n in range(5000):\n        print('line', n)\n")
    tail = base64.b64decode(functions.invoke({}, "long", LogType="Tail")["LogResult"])
    assert len(tail) == 4096
    assert b"line 4999\nEND RequestId" in tail


def test_versions_and_aliases_run_what_they_name(functions: Running) -> None:
    aws = functions.aws
    create(
        aws, "many", "def handler(e, c):\n    return [1, c.function_version, c.invoked_function_arn]\n", Publish=True
    )
    aws("CreateAlias", FunctionName="many", Name="live", FunctionVersion="1")
    aws("UpdateFunctionCode", FunctionName="many", ZipFile=zipped({"index.py": "def handler(e, c):\n    return 2\n"}))
    assert functions.result({}, "many") == 2
    assert functions.result({}, "many:1") == [1, "1", arn("function:many:1")]
    answer = functions.invoke({}, "many", Qualifier="live")
    assert answer["ExecutedVersion"] == "1"
    assert json.loads(answer["Payload"]) == [1, "1", arn("function:many:live")]


@pytest.mark.parametrize(
    ("payload", "code", "message"),
    [
        (b"{", "InvalidRequestContentException", "Could not parse request body into json"),
        (b"NaN", "InvalidRequestContentException", "Non-standard token"),
        (b"\xff", "InvalidRequestContentException", "Invalid UTF-8"),
        (b"[" * 200_000, "InvalidRequestContentException", "Could not parse request body into json"),
        (b'"' + b"x" * 6_291_456 + b'"', "RequestTooLargeException", "smaller than 6291456 bytes"),
    ],
)
def test_events_that_cannot_be(functions: Running, payload: bytes, code: str, message: str) -> None:
    ensure(functions, "echo", "def handler(event, context):\n    return event\n")
    refused(code, message, lambda: functions.aws("Invoke", FunctionName="echo", Payload=payload))


@pytest.mark.parametrize("context", ["%", base64.b64encode(b"{").decode()])
def test_a_client_context_must_be_json_in_base64(functions: Running, context: str) -> None:
    ensure(functions, "echo", "def handler(event, context):\n    return event\n")
    refused("InvalidRequestContentException", "", lambda: functions.invoke({}, "echo", ClientContext=context))


def test_nobody_is_called_in_a_dry_run(functions: Running) -> None:
    create(functions.aws, "dry", "raise SystemExit(1)")
    assert functions.invoke({}, "dry", InvocationType="DryRun") == {"StatusCode": 204}
    assert functions.logs("DescribeLogGroups", logGroupNamePrefix="/aws/lambda/dry")["logGroups"] == []
    refused(
        "ResourceNotFoundException",
        "Function not found",
        lambda: functions.invoke({}, "none", InvocationType="DryRun"),
    )


def eventually(look: Callable[[], Any]) -> Any:
    deadline = clock.monotonic() + 30
    while clock.monotonic() < deadline:
        answer = look()
        if answer:
            return answer
        clock.sleep(0.02)
    raise AssertionError("nothing came of it")


def reports(functions: Running, group: str) -> list[str]:
    """The REPORT lines of a function's log."""
    found = functions.logs("FilterLogEvents", logGroupName=group, filterPattern="REPORT")["events"]
    return [event["message"] for event in found]


def has_group(functions: Running, group: str) -> bool:
    return bool(functions.logs("DescribeLogGroups", logGroupNamePrefix=group)["logGroups"])


def test_an_event_is_taken_at_once_and_tried_three_times(functions: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepwell.machines.invocation.RETRY_SECONDS", 0.05)
    create(functions.aws, "later", "def handler(e, c):\n    raise ValueError('again')\n")
    assert functions.invoke({}, "later", InvocationType="Event") == {"StatusCode": 202, "Payload": b""}
    eventually(lambda: has_group(functions, "/aws/lambda/later"))
    found = eventually(
        lambda: len(reports(functions, "/aws/lambda/later")) == 3 and reports(functions, "/aws/lambda/later")
    )
    assert len({report.split("\t")[0] for report in found}) == 1, "the request id stays the same"
    big = b'"' + b"x" * 1_048_576 + b'"'
    refused(
        "RequestTooLargeException",
        "smaller than 1048576 bytes",
        lambda: functions.aws("Invoke", FunctionName="later", InvocationType="Event", Payload=big),
    )


def test_nothing_but_logs_is_left_of_an_invocation(functions: Running) -> None:
    ensure(functions, "echo", "def handler(event, context):\n    return event\n")
    functions.result({}, "echo")

    def rows() -> int:
        with functions.site.database.read() as connection:
            return resources.count(connection, invocations.KIND, SCOPE)

    eventually(lambda: rows() == 0)
    left = {
        entry.name for attempt in (functions.site.data / "invocations").glob("*/*") for entry in attempt.iterdir()
    }
    assert left == {"log"}


def test_a_function_deleted_meanwhile_finishes(functions: Running) -> None:
    create(functions.aws, "gone", "import time\ndef handler(e, c):\n    time.sleep(0.5)\n    return 'done'\n")
    name, answers = "deleted-meanwhile", []
    with functions.site.database.write() as transaction:
        subject = invocations.begin(transaction, functions.site, SCOPE, "gone", "{}", name, clock.now())
    functions.aws("DeleteFunction", FunctionName="gone")

    def ended() -> invocations.Invocation | None:
        with functions.site.database.read() as connection:
            found = invocations.find(connection, subject)
        return found if found and found.status != "InProgress" else None

    answers.append(eventually(ended))
    assert answers[0].result == "done"
    with functions.site.database.write() as transaction:
        assert invocations.begin(transaction, functions.site, SCOPE, "gone", "{}", name, clock.now()) == subject
        refused(
            "ResourceNotFoundException",
            "Function not found",
            lambda: invocations.begin(transaction, functions.site, SCOPE, "gone", "{}", "another", clock.now()),
        )


def test_more_functions_than_places_wait_for_their_turn(tmp_path: Path) -> None:
    running_now: list[int] = []
    guard = threading.Lock()
    with running(tmp_path, most_running=2) as functions:
        create(functions.aws, "f", "import time\ndef handler(e, c):\n    time.sleep(0.3)\n    return e\n")
        machine = functions.machine
        results: list[object] = []

        def call(number: int) -> None:
            result = functions.result(number)
            with guard:
                results.append(result)
                running_now.append(len(machine._running))

        threads = [threading.Thread(target=call, args=(number,)) for number in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(results, key=str) == [0, 1, 2, 3, 4]
    assert max(running_now) <= 2


def test_callers_beyond_the_places_are_told_to_come_back(functions: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    ensure(functions, "echo", "def handler(event, context):\n    return event\n")
    monkeypatch.setattr(invoking, "_places", threading.BoundedSemaphore(1))
    with invoking._place():
        refused("TooManyRequestsException", "Rate Exceeded.", lambda: functions.invoke({}, "echo"))
    assert functions.result({}, "echo") == {}


def test_what_cannot_be_started_is_the_services_fault(tmp_path: Path) -> None:
    def refuse(container: Container) -> Exited:
        raise OSError("no room")

    launcher = ScriptedLauncher(refuse)
    with running(tmp_path, launcher=launcher) as functions:
        create(functions.aws)
        refused("ServiceException", "could not be started: no room", functions.invoke)
    launcher.close()


def test_a_caller_who_is_not_told_asks_the_row(functions: Running) -> None:
    """As when another process ends the invocation."""
    create(functions.aws, "asked", "import time\ndef handler(e, c):\n    time.sleep(0.3)\n    return 1\n")
    site, now = functions.site, clock.now()
    call = Call(Door(site), site, SCOPE, now)
    with site.database.write() as transaction:
        subject = invocations.begin(transaction, site, SCOPE, "asked", "{}", "asked", now)
    untold: Future[Ended] = Future()
    assert invoking._look(call, subject, untold) is None
    ended = eventually(lambda: invoking._look(call, subject, untold))
    assert ended.outcome == Outcome(True, "1")
    lost = invocations.subject_of(SCOPE, "never begun")
    refused("ServiceException", "its result was lost", lambda: invoking._look(call, lost, untold))
    untold.set_result(ended)
    assert invoking._look(call, lost, untold) == ended
