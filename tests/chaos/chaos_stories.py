"""Room tests/chaos: what clients do while the server is killed. In: a Stage. Out: executions, and what must become of
them.

A story starts one execution or two, does what its user would do, and returns when they have ended. To add one: its
pipeline in chaos_pipelines.py, its function in STORIES; the test compares what it returns with what is seen outside.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError
from chaos_clients import insist
from chaos_witness import FAIL, GO, WAIT, Run, Witness

from served import FINAL


@dataclass(frozen=True, slots=True)
class Ending:
    """How a step has to end. `runs` is how often its container ran for `cause`."""

    status: str = "Succeeded"
    attempts: int = 1
    runs: int = 1
    cause: str | None = None
    """None: the id of the execution."""
    has_failed: bool = False
    """It was Failed before RetryPipelineExecution, and told so."""
    source: str | None = None
    """The execution whose result it takes."""


@dataclass(frozen=True, slots=True)
class Told:
    """An execution that has ended, and what must be of it."""

    arn: str
    status: str
    steps: Mapping[str, Ending]
    has_failed: bool = False

    @property
    def id(self) -> str:
        """The last part of the ARN."""
        return self.arn.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Stage:
    """What stories are told with."""

    sagemaker: Any
    witness: Witness
    is_abandoned: threading.Event = field(default_factory=threading.Event)
    """Set: no story is worth waiting for any more."""

    def start(self, pipeline: str, number: int, **parameters: str) -> str:
        """The ARN of a new execution; asking again is not starting again."""
        given = [{"Name": name, "Value": value} for name, value in parameters.items()]
        token = f"{pipeline}-{'-'.join(parameters.values())}-{number}".ljust(32, "x")
        request = {"PipelineName": pipeline, "PipelineParameters": given, "ClientRequestToken": token}
        return str(insist(self.sagemaker.start_pipeline_execution, **request)["PipelineExecutionArn"])

    def until(self, look: Callable[[], bool]) -> None:
        """Wait for that to be. Raises TimeoutError when the stage is abandoned."""
        while not look():
            if self.is_abandoned.wait(0.2):
                raise TimeoutError("the story was abandoned before its end")

    def wait(self, arn: str) -> None:
        """Until the execution has ended, in any way."""

        def ended() -> bool:
            described = insist(self.sagemaker.describe_pipeline_execution, PipelineExecutionArn=arn)
            return described["PipelineExecutionStatus"] in FINAL

        self.until(ended)


Story = Callable[[Stage, int], list[Told]]


def advice(run: Run, number: int) -> str:
    """What the witness tells the n-th run of a step."""
    match run.step:
        case "Fragile" | "Flaky" if number == 1:
            return WAIT
        case "Broken" if number == 1:
            return FAIL
        case "Endless":
            return WAIT
        case _:
            return GO


def is_to_be_lost(run: Run, told: str) -> bool:
    """Whether the machine breaks under this run: its supervisor is killed."""
    return told == WAIT and run.step in ("Fragile", "Flaky")


def work(stage: Stage, number: int) -> list[Told]:
    """Two executions of a usual pipeline; the second takes from the first what is cached."""
    pair, told = f"pair-{number}", []
    source: str | None = None
    for score, taken in (("0.9", "Then"), ("0.1", "Otherwise")):
        arn = stage.start("work", number, Pair=pair, Score=score)
        stage.wait(arn)
        kept = Ending(runs=0 if source else 1, cause=pair, source=source)
        steps = {
            "Prepare": Ending(),
            "Call": Ending(),
            "Ask": Ending(runs=0),
            "IsEnough": Ending(runs=0),
            taken: Ending(),
            "Kept": kept,
            "KeptCall": kept,
        }
        told.append(Told(arn, "Succeeded", steps))
        source = arn
    return told


def loop(stage: Stage, number: int) -> list[Told]:
    """A loop of three turns with a function and a job each."""
    arn = stage.start("loop", number)
    stage.wait(arn)
    turns = {f"{body}-{index}": Ending() for body in ("Score", "Use") for index in range(3)}
    return [Told(arn, "Succeeded", {"Loop": Ending(runs=0), **turns, "After": Ending()})]


def lost(stage: Stage, number: int) -> list[Told]:
    """A job and a function whose machine breaks, and which are tried again by policy."""
    arn = stage.start("lost", number)
    stage.wait(arn)
    twice = Ending(attempts=2, runs=2)
    return [Told(arn, "Succeeded", {"Fragile": twice, "Flaky": twice, "After": Ending()})]


def broken(stage: Stage, number: int) -> list[Told]:
    """A job that fails, until its user retries the execution."""
    arn = stage.start("broken", number)
    stage.wait(arn)
    token = f"retry-{number}".ljust(32, "x")
    insist(stage.sagemaker.retry_pipeline_execution, PipelineExecutionArn=arn, ClientRequestToken=token)
    stage.wait(arn)
    again = Ending(attempts=2, runs=2, has_failed=True)
    return [Told(arn, "Succeeded", {"Good": Ending(), "Broken": again, "After": Ending()}, has_failed=True)]


def stopped(stage: Stage, number: int) -> list[Told]:
    """An execution that is stopped while a job runs and a callback waits."""
    arn = stage.start("stopped", number)

    def are_under_way() -> bool:
        steps = insist(stage.sagemaker.list_pipeline_execution_steps, PipelineExecutionArn=arn)
        status = {step["StepName"]: step["StepStatus"] for step in steps["PipelineExecutionSteps"]}
        return status.get("Endless") == status.get("AskLong") == "Executing"

    stage.until(are_under_way)
    stage.until(lambda: stage.witness.has_seen(arn.rpartition("/")[2], "Endless"))
    try:
        insist(stage.sagemaker.stop_pipeline_execution, PipelineExecutionArn=arn)
    except ClientError as refused:
        # asked again after an answer that got lost, when it had stopped already: AWS refuses that too
        assert "is Stopped" in str(refused), refused
    stage.wait(arn)
    steps = {"First": Ending(), "Endless": Ending("Stopped"), "AskLong": Ending("Stopped", runs=0)}
    return [Told(arn, "Stopped", steps)]


STORIES: tuple[Story, ...] = (work, loop, lost, broken, stopped)
