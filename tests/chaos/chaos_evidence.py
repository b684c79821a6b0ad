"""Room tests/chaos: what was seen from outside, against what must be. In: queues, the witness, answers. Out: asserts.

Each kind of evidence is compared as a whole, so that what is missing, what is there twice, and what nobody asked for
all show.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from chaos_clients import insist
from chaos_pipelines import BUCKET
from chaos_stories import Told
from chaos_witness import GO, Run

EMPTY_TABLES = ("work", "signals", "outbox", "deliveries")
"""Where there is a row, something is left to do."""
ENDED = frozenset({"Succeeded", "Failed", "Stopped", "Completed"})
SUBJECTS = {
    "SageMaker Model Building Pipeline Execution Status Change": (
        "pipelineExecutionArn",
        "currentPipelineExecutionStatus",
    ),
    "SageMaker Processing Job State Change": ("ProcessingJobArn", "ProcessingJobStatus"),
    "SageMaker Model Building Pipeline Execution Step Status Change": (
        "pipelineExecutionArn",
        "stepName",
        "currentStepStatus",
    ),
}
"""Type of an event -> the members of its detail that say what ended, and how."""


class Answers:
    """Whoever works for Callback steps: answers each token, and remembers what it was asked."""

    def __init__(self, sagemaker: Any) -> None:
        self._sagemaker = sagemaker
        self.asked: dict[tuple[str, str], set[str]] = defaultdict(set)
        """(token, "" or Stopping) -> the messages that said so."""

    def handle(self, message: Mapping[str, Any]) -> None:
        """Answer, unless the question is to be left open until its execution stops."""
        body = json.loads(message["Body"])
        token, status = body["token"], body.get("status", "")
        self.asked[token, status].add(message["MessageId"])
        arguments = body["arguments"]
        if arguments.get("until") == "stopping" and not status:
            return
        insist(
            self._sagemaker.send_pipeline_execution_step_success,
            CallbackToken=token,
            OutputParameters=[{"Name": "score", "Value": arguments.get("score", "0")}],
            ClientRequestToken=f"answer-{token}".ljust(32, "x"),
        )


class Events:
    """Everything that a rule has told."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self.known: dict[str, dict[str, Any]] = {}
        """Id -> event."""
        self.messages = 0
        self.changed: list[str] = []
        """Ids that came with another content than before."""

    def handle(self, message: Mapping[str, Any]) -> None:
        """Note the event."""
        event = json.loads(message["Body"])
        with self._guard:
            self.messages += 1
            if self.known.setdefault(event["id"], event) != event:
                self.changed.append(event["id"])

    def ends(self) -> Counter[tuple[str, ...]]:
        """How many events, by id, told each end."""
        found: Counter[tuple[str, ...]] = Counter()
        for event in self.known.values():
            members = SUBJECTS.get(event["detail-type"])
            cause = tuple(event["detail"][member] for member in members) if members else ()
            if cause and cause[-1] in ENDED:
                found[cause] += 1
        return found


def compare(what: str, wanted: Counter[Any], found: Counter[Any]) -> None:
    """Raises AssertionError unless both are the same."""
    missing, surplus = wanted - found, found - wanted
    assert not missing and not surplus, f"{what}: missing {dict(missing)}, too many {dict(surplus)}"


def check_executions(sagemaker: Any, told: Iterable[Told]) -> None:
    """Every execution as it must have ended, each of its steps listed once."""
    for one in told:
        described = sagemaker.describe_pipeline_execution(PipelineExecutionArn=one.arn)
        pages = sagemaker.get_paginator("list_pipeline_execution_steps").paginate(PipelineExecutionArn=one.arn)
        listed = [step for page in pages for step in page["PipelineExecutionSteps"]]
        assert described["PipelineExecutionStatus"] == one.status, (described, listed)
        wanted = Counter((name, end.status, end.attempts, end.source) for name, end in one.steps.items())
        compare(f"steps of {one.arn}", wanted, Counter(map(_shown, listed)))


def check_runs(told: Iterable[Told], runs: Iterable[Run]) -> None:
    """Every container ran as often as its step was tried: no run is missing, and none was done again."""
    wanted: Counter[tuple[str, str]] = Counter()
    for one in told:
        for name, end in one.steps.items():
            wanted[end.cause or one.id, name] += end.runs
    compare("runs", wanted, Counter((run.cause, run.step) for run in runs))


def check_objects(s3: Any, runs: Mapping[Run, str]) -> None:
    """The jobs that were told to go on have uploaded what they wrote, and no other has."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    found = sorted(item["Key"] for page in pages for item in page.get("Contents", ()))
    wanted = sorted(
        f"{run.cause}/{run.step}/{run.mark}" for run, answer in runs.items() if run.kind == "job" and answer == GO
    )
    assert found == wanted


def check_results(sagemaker: Any, told: Iterable[Told], runs: Mapping[Run, str]) -> None:
    """What a Lambda step answers is what the one good run of its function answered."""
    wanted = {
        (run.cause, run.step): run.mark for run, answer in runs.items() if run.kind == "function" and answer == GO
    }
    for one in told:
        pages = sagemaker.get_paginator("list_pipeline_execution_steps").paginate(PipelineExecutionArn=one.arn)
        for step in (step for page in pages for step in page["PipelineExecutionSteps"]):
            shown = step["Metadata"].get("Lambda")
            if shown:
                cause = one.steps[step["StepName"]].cause or one.id
                mark = wanted[cause, step["StepName"]]
                assert shown["OutputParameters"] == [{"Name": "mark", "Value": mark}], step


def check_jobs(sagemaker: Any, runs: Iterable[Run]) -> list[dict[str, Any]]:
    """As many jobs were made as ran, and all have ended; the jobs."""
    pages = sagemaker.get_paginator("list_processing_jobs").paginate()
    jobs = [job for page in pages for job in page["ProcessingJobSummaries"]]
    assert len(jobs) == sum(run.kind == "job" for run in runs)
    assert {job["ProcessingJobStatus"] for job in jobs} <= ENDED
    return jobs


def check_callbacks(told: Iterable[Told], asked: Mapping[tuple[str, str], set[str]]) -> None:
    """Each Callback step was asked for in one message, and so was the end of each that was stopped."""
    wanted = Counter(
        status
        for one in told
        for name, end in one.steps.items()
        if name.startswith("Ask")
        for status in ("", *(("Stopping",) if end.status == "Stopped" else ()))
    )
    compare("callbacks", wanted, Counter(status for _, status in asked))
    sent = Counter({cause: len(messages) for cause, messages in asked.items()})
    compare("messages to callback workers", Counter(asked.keys()), sent)


def check_events(told: Iterable[Told], jobs: Iterable[Mapping[str, Any]], events: Events) -> None:
    """Each end was told, under one id however often; and no end that was none."""
    wanted: Counter[tuple[str, ...]] = Counter()
    for one in told:
        wanted[one.arn, one.status] += 1
        wanted[one.arn, "Failed"] += one.has_failed
        for name, end in one.steps.items():
            wanted[one.arn, name, end.status] += 1
            wanted[one.arn, name, "Failed"] += end.has_failed
    for job in jobs:
        wanted[job["ProcessingJobArn"], job["ProcessingJobStatus"]] += 1
    compare("events by id", wanted, events.ends())
    assert events.changed == []


def _shown(step: Mapping[str, Any]) -> tuple[str, str, int, str | None]:
    source = step.get("CacheHitResult", {}).get("SourcePipelineExecutionArn")
    return step["StepName"], step["StepStatus"], step["AttemptCount"], source


def check_database(data: Path) -> None:
    """Nothing is left to do. The server must have stopped."""
    with closing(sqlite3.connect(f"file:{data}/stepwell.db?mode=ro", uri=True)) as database:
        left = {table: database.execute(f"select * from {table}").fetchall() for table in EMPTY_TABLES}
        invocations = database.execute("select name from resources where kind = 'lambda-invocation'").fetchall()
    assert left == {table: [] for table in EMPTY_TABLES}
    assert invocations == []
