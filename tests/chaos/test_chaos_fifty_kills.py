"""kill -9 at fifty random moments, under real clients: every step is done exactly once.

Clients tell stories (chaos_stories.py): pipelines of jobs, Lambda and Callback steps, conditions and loops, results
taken from the cache, jobs and functions whose machine breaks, executions that are retried or stopped. Meanwhile the
server is killed and started again, mostly while it serves, now and then while it still starts. What is compared at
the end was seen from outside: by a witness that every container tells of its run, in S3, in queues, in the lists of
the API, and in the processes of the machine.

What is promised of each:
* a job, and a function that a Lambda step calls, runs once for each attempt of its step. AWS promises only at least
  once for functions; here a run that was begun is found again by its folder (runtime/invocations.py). A run whose
  supervisor is killed is a lost attempt, and the next one is another attempt;
* the question of a Callback step is one message (AWS's queues may deliver it again, under the same MessageId);
* the end of a job, a step and an execution is one event, delivered at least once under the same id.

STEPWELL_CHAOS_SEED repeats the moments of a run, as far as the machine's speed allows; STEPWELL_CHAOS_KILLS takes
more of them.
"""

from __future__ import annotations

import io
import itertools
import json
import os
import random
import signal
import statistics
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import chaos_evidence as evidence
import chaos_pipelines as pipelines
import chaos_processes as processes
import chaos_stories as stories
import pytest
from chaos_clients import consume, is_drained, quiet_port
from chaos_stories import STORIES, Stage, Told
from chaos_witness import FUNCTION, JOB, Run, Witness

from served import ROLE, Server, eventually

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

KILLS = int(os.environ.get("STEPWELL_CHAOS_KILLS", "50"))
CLIENTS = 4
"""So many stories are told at a time."""
LONGEST_LIFE = 1.5
"""Seconds of serving before a kill."""
YOUNG_DEATHS = 1 / 8
"""How often the next server is killed before it serves."""
VISIBILITY = "3"
"""Seconds until a message comes again whose reader was cut off."""
END_SECONDS = 90.0
"""For what is under way after the last kill."""

Handlers = Mapping[str, Callable[[Mapping[str, Any]], None]]
"""Queue -> who handles its messages."""


@dataclass
class Lives:
    """Kills the server and starts it again."""

    server: Server
    chance: random.Random
    boots: list[float] = field(default_factory=list)
    """Seconds from the start of a process to its being ready."""
    kills: int = 0
    young: int = 0
    """Kills of a server that was not ready yet."""

    def end_one(self) -> None:
        """Let the server live for a moment, kill it, and start it again; now and then only at the second try."""
        time.sleep(self.chance.uniform(0, LONGEST_LIFE))
        self._kill()
        if self.boots and self.chance.random() < YOUNG_DEATHS:
            self._die_young(self.chance.uniform(0.4, 1.0) * statistics.median(self.boots))
        began = time.monotonic()
        self.server.start()
        self.boots.append(time.monotonic() - began)

    def _die_young(self, seconds: float) -> None:
        def kill() -> None:
            assert self.server.process
            self.server.process.kill()

        executioner = threading.Timer(seconds, kill)
        executioner.start()
        try:
            self.server.start()
        except AssertionError:  # it ended before it was ready, as it was meant to
            assert self.server.process
            assert self.server.process.returncode == -signal.SIGKILL
            self.young += 1
        executioner.join()
        self._kill()

    def _kill(self) -> None:
        self.server.kill()
        self.kills += 1


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server on a port that stays its own while it is down."""
    started = Server(tmp_path / "data", port=quiet_port()).start()
    yield started
    if started.process and started.process.poll() is None:
        started.stop()


def test_every_step_is_done_once_whenever_the_server_is_killed(
    server: Server, capfd: pytest.CaptureFixture[str], pytestconfig: pytest.Config
) -> None:
    seed, began = int(os.environ.get("STEPWELL_CHAOS_SEED", random.randrange(1 << 32))), time.monotonic()
    print(f"STEPWELL_CHAOS_SEED={seed}")
    lives = Lives(server, random.Random(seed))
    with Witness(lambda run, number: _advise(server.data, run, number)) as witness:
        questions, notices = _queue(server, "questions"), _queue(server, "notices")
        stage = _stage(server, witness, questions)
        _listen(server, "notices")
        answers, events = evidence.Answers(stage.sagemaker), evidence.Events()
        told = _live(lives, stage, {questions: answers.handle, notices: events.handle})
        runs = witness.told
        evidence.check_executions(stage.sagemaker, told)
        evidence.check_runs(told, runs)
        evidence.check_objects(server.client("s3"), runs)
        evidence.check_results(stage.sagemaker, told, runs)
        evidence.check_callbacks(told, answers.asked)
        evidence.check_events(told, evidence.check_jobs(stage.sagemaker, runs), events)
        assert server.stop() == 0
        evidence.check_database(server.data)
        mine = f"WITNESS={witness.port}"
        assert _settled(lambda: processes.left(server.data, mine)) == {}
    said = capfd.readouterr()
    assert "Traceback" not in said.err, said.err
    figures = _figures(lives, told, runs, answers, events, time.monotonic() - began)
    if pytestconfig.getoption("capture") == "no":
        with capfd.disabled():
            print(f"\n{said.out}{figures}")


def _live(lives: Lives, stage: Stage, handlers: Handlers) -> list[Told]:
    """Kill the server again and again while clients tell stories and messages are handled; what was told."""
    server, numbers, finished = lives.server, itertools.count(), threading.Event()
    is_over = threading.Event()
    with ThreadPoolExecutor(CLIENTS + len(handlers)) as threads:
        sqs = server.client("sqs")
        readers = [threads.submit(consume, sqs, queue, handle, finished) for queue, handle in handlers.items()]
        clients = [threads.submit(_tell, stage, numbers, is_over) for _ in range(CLIENTS)]
        try:
            while lives.kills < KILLS:
                lives.end_one()
                _raise_early([*readers, *clients])
            is_over.set()
            told = [one for client in clients for one in client.result(END_SECONDS)]
            eventually(lambda: _work(server) == 0, END_SECONDS)
            eventually(lambda: all(is_drained(sqs, queue) for queue in handlers), END_SECONDS)
        finally:
            stage.is_abandoned.set()
            finished.set()
        for reader in readers:
            reader.result(END_SECONDS)
    return told


def _tell(stage: Stage, numbers: Iterator[int], is_over: threading.Event) -> list[Told]:
    """Tell one story after another until it is over, but each at least once."""
    told: list[Told] = []
    while (number := next(numbers)) < len(STORIES) or not is_over.is_set():
        told += STORIES[number % len(STORIES)](stage, number)
    return told


def _raise_early(futures: Sequence[Future[Any]]) -> None:
    """Raises what went wrong in another thread."""
    for future in futures:
        if future.done():
            future.result()


def _advise(data: Path, run: Run, number: int) -> str:
    """What the run is told; the supervisor of one that is to be lost is killed."""
    advice = stories.advice(run, number)
    if stories.is_to_be_lost(run, advice):
        os.kill(processes.owner(processes.behind(run.port), data), signal.SIGKILL)
    return advice


def _stage(server: Server, witness: Witness, questions: str) -> Stage:
    """The buckets, programs and pipelines of the stories."""
    s3 = server.client("s3")
    for bucket in (pipelines.BUCKET, pipelines.PROGRAMS):
        s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=pipelines.PROGRAMS, Key="job.py", Body=JOB.encode())
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writing:
        writing.writestr("index.py", FUNCTION)
    function = server.client("lambda").create_function(
        FunctionName="witnessed",
        Runtime="python3.11",
        Role=ROLE,
        Handler="index.handler",
        Code={"ZipFile": archive.getvalue()},
        Environment={"Variables": {"WITNESS": str(witness.port)}},
        Timeout=60,
    )["FunctionArn"]
    sagemaker = server.client("sagemaker")
    pipelines.create(sagemaker, pipelines.Steps(witness.port, questions, function))
    return Stage(sagemaker, witness)


def _queue(server: Server, name: str) -> str:
    """The URL of a new queue."""
    attributes = {"VisibilityTimeout": VISIBILITY}
    return str(server.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])


def _listen(server: Server, queue: str) -> None:
    """Have all that SageMaker tells brought to that queue."""
    arn = f"arn:aws:sqs:us-east-1:123456789012:{queue}"
    events = server.client("events")
    events.put_rule(Name="all", EventPattern=json.dumps({"source": ["aws.sagemaker"]}))
    events.put_targets(Rule="all", Targets=[{"Id": "queue", "Arn": arn}])


def _work(server: Server) -> int:
    with urlopen(f"{server.address['endpoint']}/_stepwell/work") as answer:
        return int(json.load(answer)["work"])


def _settled(look: Callable[[], dict[int, str]]) -> dict[int, str]:
    """What `look` finds once it finds nothing, or after a moment."""
    give_up = time.monotonic() + 10
    while (found := look()) and time.monotonic() < give_up:
        time.sleep(0.2)
    return found


def _figures(
    lives: Lives,
    told: Sequence[Told],
    runs: Mapping[Run, str],
    answers: evidence.Answers,
    events: evidence.Events,
    seconds: float,
) -> str:
    """What happened, for people."""
    names = Counter(one.arn.split("/")[1] for one in told)
    kinds = Counter(run.kind for run in runs)
    boots = sorted(lives.boots)
    return "\n".join(
        (
            f"{lives.kills} kills, {lives.young} of them before the server was ready, in {seconds:.0f} s",
            f"{len(told)} executions: {', '.join(f'{count} {name}' for name, count in sorted(names.items()))}",
            f"{sum(len(one.steps) for one in told)} steps, {kinds['job']} jobs, {kinds['function']} function calls, "
            f"{len(answers.asked)} messages to callback workers",
            f"{len(events.known)} events in {events.messages} messages",
            f"restart: {boots[0]:.2f} to {boots[-1]:.2f} s, median {statistics.median(boots):.2f} s",
        )
    )
