"""`stepwell watch`: what is shown of what, in how much room, and what the exit code says."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from stepwell.cli import watch_words as words
from stepwell.cli.main import main
from stepwell.cli.watch_lines import Changes
from stepwell.cli.watch_view import view
from stepwell.machines.job_queue import Room, Shortage
from stepwell.services.sagemaker.job_sights import Holder, JobSight, Waiting
from stepwell.services.sagemaker.progress import ExecutionSight, MachineSight, Sight, StepSight, TuningSight

GIB = 1 << 30
NOW = 100.0
ARN = "arn:aws:sagemaker:us-east-1:123456789012:training-job/"


def waiting(
    ahead: int = 1, others: int = 4, short: tuple[Shortage, ...] = ("processors",), held_by: int = 1
) -> Waiting:
    return Waiting(90.0, None, ahead, others, short, (Holder("large", Room(8, 32 * GIB)),), held_by)


def job(name: str = "train-1", status: str = "InProgress", phase: str = "Training", **more: object) -> JobSight:
    return JobSight(ARN + name, "training-job", name, status, phase, 95.0, 80.0, **more)  # type: ignore[arg-type]


def step(name: str, status: str = "Executing", **more: object) -> StepSight:
    given: dict[str, object] = {
        "ended": None if status == "Executing" else 92.5,
        "reason": "",
        "attempt": 1,
        "is_cached": False,
        "outcome": None,
        "made": "",
        "loop": "",
        "job": None,
        **more,
    }
    return StepSight(name, "Training", status, 90.0, **given)  # type: ignore[arg-type]


def execution(*steps: StepSight, status: str = "Executing", left: int = 0) -> ExecutionSight:
    later = tuple((f"Later{number:03}", "Model") for number in range(left))
    ended = None if status == "Executing" else NOW
    return ExecutionSight("arn:p/execution/e", "p", "p/e", status, 80.0, ended, "", steps, later)


def tuning(**more: object) -> TuningSight:
    given: dict[str, object] = {
        "status": "InProgress",
        "created": 80.0,
        "ended": None,
        "reason": "",
        "strategy": "Bayesian",
        "objective": "Minimize loss",
        "most": 20,
        "counters": {"Completed": 9, "NonRetryableError": 1, "InProgress": 2},
        "best": ("t-003", 0.1234567),
        "best_parameters": {"rate": "0.10000000001", "kind": "tree"},
        "running": (job("t-011"), job("t-012")),
        **more,
    }
    return TuningSight("arn:t", "t", **given)  # type: ignore[arg-type]


def machine(running: int = 1, queued: int = 1) -> MachineSight:
    room = Room(2, 4 * GIB)
    return MachineSight(
        Room(8, 32 * GIB),
        room,
        tuple(job(f"runs-{number}", room=room) for number in range(running)),
        tuple(
            job(f"waits-{number}", phase="Pending", room=room, waiting=waiting(number, queued - 1))
            for number in range(queued)
        ),
        ("p/e",),
        {ARN + "runs-0": "p/e"},
    )


def shown(sight: Sight, width: int = 80, rows: int = 24) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=rows)
    console.print(view(sight, NOW, width, rows))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_an_execution() -> None:
    found = shown(
        execution(
            step("Prepare", "Succeeded"),
            step("Cached", "Succeeded", is_cached=True),
            step("Is", "Succeeded", outcome=False),
            step("Train", job=job(metrics=(("loss", 0.25),), cpu_percent=180.4, memory_percent=12.0)),
            step("Queued", job=job(phase="Pending", waiting=waiting())),
            step("Broken", "Failed", reason="ClientError: no\nsuch thing"),
            left=1,
        )
    )
    assert found == [
        "p/e  Executing  20.0 s  4 of 7 steps ended",
        "   Step      Status       Time",
        "✓  Prepare   Succeeded   2.5 s",
        "✓  Cached    Succeeded   2.5 s  cache hit",
        "✓  Is        Succeeded   2.5 s  False",
        "▸  Train     Executing  10.0 s  Training 5.0 s  loss 0.25  cpu 180%  memory 12%",
        "…  Queued    Pending    10.0 s  place 2 of 5, too few processors",
        "✗  Broken    Failed      2.5 s  ClientError: no such thing",
        "·  Later000  -",
    ]


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("rows", [10, 24, 50])
def test_however_many_steps_there_are_they_fit(width: int, rows: int) -> None:
    many = [step(f"Good{number:03}", "Succeeded") for number in range(150)]
    many += [step(f"Runs{number}", job=job()) for number in range(2)]
    many += [step(f"Waits{number:03}", job=job(phase="Pending", waiting=waiting(number))) for number in range(140)]
    many += [step("Broken", "Failed", reason="x" * 900)]
    found = shown(execution(*many, left=30), width, rows)
    assert len(found) <= rows
    assert max(map(len, found)) <= width
    text = "\n".join(found)
    assert all(name in text for name in ("Broken", "Runs0", "Runs1", "Waits000")), text
    assert "Waits139" not in text
    assert "30 not begun" in found[-1]
    assert "150 Succeeded" in found[-1] or rows == 50


def test_wide_terminals_show_types_and_steps_of_loops_stand_below_them() -> None:
    found = shown(execution(step("Each"), step("Body-0", loop="Each")), 120)
    assert found[2].split() == ["▸", "Each", "Training", "Executing", "10.0", "s"]
    assert found[3].startswith("▸    Body-0")


def test_long_names_keep_both_ends() -> None:
    found = shown(execution(step("a-very-long-name-of-a-step-that-has-no-end")))
    assert "  a-very-…-that-has-no-end  " in found[2]


def test_a_job_that_waits() -> None:
    history = (("Starting", 80.0, 81.0), ("Pending", 81.0, None))
    found = shown(
        job(
            phase="Pending",
            room=Room(4, 16 * GIB),
            history=history,
            waiting=replace(waiting(held_by=3), until=160.0),
        )
    )
    assert found == [
        "train-1  InProgress  20.0 s  training job",
        "  phases    Starting 1.0 s → Pending 19.0 s",
        "  waits     place 2 of 5, too few processors",
        "  wants     4 vCPU and 16 GiB",
        "  held by   large (8 vCPU and 32 GiB) and 2 more",
        "  gives up  in 1:00",
    ]


def test_a_job_that_failed() -> None:
    found = shown(job(status="Failed", phase="Failed", ended=90.0, reason="AlgorithmError: \x1b[2Jboom", attempt=2))
    assert found[0] == "train-1  Failed  10.0 s  training job"
    assert found[1:] == ["  attempt  2", "  reason   AlgorithmError:  [2Jboom"]


def test_a_tuning_job() -> None:
    found = shown(tuning())
    assert found[:5] == [
        "t  InProgress  20.0 s  Bayesian tuning job",
        "  jobs  10 of 20 jobs ended, 1 failed, 2 under way",
        "  aim   Minimize loss",
        "  best  0.123457 by t-003",
        "  with  rate 0.1  kind tree",
    ]
    assert [line.split()[1] for line in found[6:]] == ["t-011", "t-012"]


@pytest.mark.parametrize(("width", "rows"), [(80, 24), (140, 40)])
def test_the_queue_fits_too(width: int, rows: int) -> None:
    found = shown(machine(30, 300), width, rows)
    assert len(found) <= rows
    assert max(map(len, found)) <= width
    assert found[0] == "This machine  2 of 8 vCPU, 4 of 32 GiB in use"
    assert any(line.startswith("▸  runs-0") for line in found)
    assert any(line.startswith("1") and "waits-0" in line and line.endswith("processors") for line in found)
    assert found[-1].endswith(" more")


def test_lines_say_each_change_once() -> None:
    changes = Changes()

    def said(sight: Sight, now: float = NOW) -> list[str]:
        return [line.strip() for line in changes.of(sight, now)]

    queued = job(phase="Pending", waiting=waiting(3))
    assert said(execution(step("Train", job=queued))) == [
        "20.0 s  p/e: Executing",
        "20.0 s  Train: Pending: place 4 of 5, too few processors",
    ]
    assert said(execution(step("Train", job=replace(queued, waiting=waiting(2))))) == []
    trains = job(metrics=(("loss", 0.5),))
    assert said(execution(step("Train", job=trains))) == ["20.0 s  Train: Training", "20.0 s  Train: loss 0.5"]
    better = replace(trains, metrics=(("loss", 0.4),))
    assert said(execution(step("Train", job=better)), NOW + 9.9) == []
    assert said(execution(step("Train", job=better)), NOW + 10) == ["30.0 s  Train: loss 0.4"]
    failed = step("Train", "Failed", reason="ClientError: no")
    assert said(execution(failed, status="Failed")) == [
        "20.0 s  Train: Failed after 2.5 s: ClientError: no",
        "20.0 s  p/e: Failed",
    ]


def test_lines_of_this_machine() -> None:
    changes = Changes()
    assert len(list(changes.of(machine(1, 1), NOW))) == 2
    assert [line.strip() for line in changes.of(machine(1, 0), NOW)] == ["waits-0: over"]


@pytest.mark.parametrize(
    ("status", "code"),
    [("Executing", 0), ("Stopping", 0), ("Succeeded", 0), ("Failed", 1), ("Stopped", 1)],
)
def test_the_exit_code_of_an_execution(status: str, code: int) -> None:
    assert words.exit_code(execution(status=status)) == code


@pytest.mark.parametrize(("status", "code"), [("InProgress", 0), ("Completed", 0), ("Failed", 1), ("Stopped", 1)])
def test_the_exit_code_of_jobs(status: str, code: int) -> None:
    assert words.exit_code(job(status=status)) == code
    assert words.exit_code(tuning(status=status)) == code
    assert words.exit_code(machine()) == 0


def test_what_to_type_next() -> None:
    broken = step("Train", "Failed", made=ARN + "train-1")
    assert list(words.next_commands(execution(broken, status="Failed"))) == [
        "stepwell logs train-1",
        "stepwell explain p/e",
    ]
    assert list(words.next_commands(job())) == ["stepwell logs -f train-1"]
    assert list(words.next_commands(tuning())) == ["stepwell logs t-003"]
    assert list(words.next_commands(execution())) == []


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0.0 s"), (0, "0.0 s"), (59.94, "59.9 s"), (60, "1:00"), (3599, "59:59"), (3661, "1:01:01")],
)
def test_durations(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


def test_a_folder_without_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", "--data", str(tmp_path), "p"]) == 2
    assert capsys.readouterr().err.startswith(f"stepwell: there is no data in {tmp_path}.")
    assert list(tmp_path.iterdir()) == []
