"""What the measurements of job kinds share: servers, the user's program, a table, and an end to everything.

In: a folder. Out: `World`, which the parts of job_kinds.py measure in, and `Report`, which they write into. Whatever
is started here ends with its block, and `within` ends a block that takes too long.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import peers
from engine_outcomes import end_group
from rich.console import Console
from rich.table import Table

from stepwell.cli import demo_client

HERE = Path(__file__).resolve().parent
CACHE = Path.home() / ".cache" / "stepwell"
ENVIRONMENTS = CACHE / "bench-environments"
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
TRAINING_LOGS = "/aws/sagemaker/TrainingJobs"
PROCESSING_LOGS = "/aws/sagemaker/ProcessingJobs"
POLL_SECONDS = 0.01
NOT_FOR_THE_USER = ("SAGEMAKER_ADMIN_CONFIG_OVERRIDE",)
"""With settings of any kind the SDK checks all of them at every look, 0.1 s each; local mode would pay for it."""


class Skipped(Exception):
    """This machine cannot measure that. The message says what it lacks."""


class TooLong(Exception):
    """A part was not done in time."""


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """End the block by TooLong after so long, whatever it waits for."""

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise TooLong(f"given up after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@dataclass
class World:
    """Where everything is measured. `is_quick`: with little data, only to see that it works."""

    folder: Path
    console: Console
    is_quick: bool
    _server: peers.Peer | None = None

    @property
    def server(self) -> peers.Peer:
        """The Stepwell of most parts, started when first asked for; its environments are kept between runs."""
        if self._server is None:
            self._server = stepwell(self.folder / "server")
        return self._server

    def close(self) -> None:
        if self._server is not None:
            self._server.stop()

    def size(self, whole: int, quick: int) -> int:
        return quick if self.is_quick else whole

    def user(self, peer: peers.Peer, *words: str, more: Mapping[str, str] | None = None) -> dict[str, Any]:
        """What kinds_user.py answers, run by a user of the SageMaker SDK 2. Raises Skipped."""
        with contextlib.suppress(OSError):
            (self.folder / "user").mkdir()
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STEPWELL_"))}
        variables = {**inherited, **peer.keys, "TMPDIR": str(self.folder / "user"), **(more or {})}
        for name in NOT_FOR_THE_USER:
            variables.pop(name, None)
        try:
            python = demo_client.client_python(self.console, CACHE / "clients")
        except demo_client.Disproof as problem:
            raise Skipped(str(problem)) from problem
        log = self.folder / "user.log"
        with log.open("wb") as errors:
            process = subprocess.Popen(
                [python, HERE / "kinds_user.py", *words],
                stdout=subprocess.PIPE,
                stderr=errors,
                env=variables,
                start_new_session=True,
            )
            try:
                said, _ = process.communicate()
            finally:
                end_group(process)
        if process.returncode:
            raise Skipped(f"the SDK's program failed: {log.read_text(errors='replace')[-400:]}")
        return dict(json.loads(said.splitlines()[-1]))


@dataclass
class Report:
    """The table in the making, and what is said below it."""

    title: str
    rows: list[tuple[str, ...]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, what: str, ours: str, beside: str = "", ratio: float | None = None, goal: str = "") -> None:
        self.rows.append((what, ours, beside, "" if ratio is None else f"{ratio:.2f}", goal))

    def show(self, console: Console) -> None:
        table = Table(title=self.title)
        for heading in ("what", "Stepwell", "beside it", "ratio", "goal"):
            table.add_column(heading, justify="right" if heading == "ratio" else "left")
        for row in self.rows:
            table.add_row(*row)
        if self.rows:
            console.print(table)
        for note in self.notes:
            console.print(note, highlight=False, markup=False)


def verdict(words: str, is_met: bool) -> str:
    """A goal and whether it is met. A comparison with NaN is false: what could not be measured is missed."""
    return f"{words}: " + ("[green]met[/]" if is_met else "[red]missed[/]")


def stepwell(folder: Path, *options: str, more: Mapping[str, str] | None = None) -> peers.Peer:
    """A server with data in `folder`, and the environments that earlier runs have built."""
    return peers.stepwell(folder, options, {"STEPWELL_ENVIRONMENTS": str(ENVIRONMENTS), **(more or {})})


def wait(describe: Callable[[], dict[str, Any]], member: str, seconds: float = 60.0) -> dict[str, Any]:
    """Describe something until it has ended well. Raises Skipped when it has not."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        seen = describe()
        if seen[member] in ("Completed", "Succeeded"):
            return seen
        if seen[member] not in ("InProgress", "Executing", "Stopping"):
            raise Skipped(f"it is {seen[member]}: {seen.get('FailureReason', '')}")
        time.sleep(POLL_SECONDS)
    raise Skipped(f"it has not ended after {seconds:g} s")


def train(peer: peers.Peer, request: dict[str, Any], seconds: float = 60.0) -> dict[str, Any]:
    """Create a training job and wait for it: its description, with `Called`, the time before the call."""
    sagemaker, called = peer.client("sagemaker"), time.time()
    sagemaker.create_training_job(**request)
    name = request["TrainingJobName"]
    seen = wait(lambda: sagemaker.describe_training_job(TrainingJobName=name), "TrainingJobStatus", seconds)
    return {**seen, "Called": called}


def spans(job: dict[str, Any]) -> dict[str, float]:
    """Seconds of each secondary status of a training job."""
    return {
        each["Status"]: (each["EndTime"] - each["StartTime"]).total_seconds()
        for each in job["SecondaryStatusTransitions"]
        if "EndTime" in each
    }


def clocks(peer: peers.Peer, group: str, name: str) -> list[float]:
    """The lines of a job's log that are times (epoch seconds): what the user's code says of when it ran."""
    logs = peer.client("logs")
    (stream,) = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"]
    found = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True)
    messages = (str(event["message"]).strip() for event in found["events"])
    times = [float(each) for each in messages if each.replace(".", "", 1).isdigit()]
    if not times:
        raise Skipped(f"the log of {name} does not say when it ran")
    return times
