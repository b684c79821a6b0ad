"""What new runs left, compared with what is known of the first, and how it is told."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from stepwell.blobs.folder import Blobs
from stepwell.cli import reproduce_lines, sealed
from stepwell.cli.reproduce_compare import GONE, Comparing
from stepwell.cli.sealed import Outcome, Run
from stepwell.machines import reproduction_reports
from stepwell.machines.reproduction import Held, NotedJob, Plan, Target
from stepwell.machines.reproduction_reports import Gone, JobReport, Report

BEGAN = 1_700_000_000.0


class Scene:
    """Two jobs in a row that ran once; new runs are told."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.source = folder, Blobs(folder / "source")
        self.runs: list[Run] = []
        table, model = self.held(self.source, "table", b"1,2"), self.held(self.source, "model", b"weights")
        self.jobs = (self.job("prepare", (), (table,)), self.job("train", (table,), (model,)))

    def held(self, blobs: Blobs, key: str, data: bytes) -> Held:
        blob = blobs.put(data)
        return Held("channel", "bucket", key, blob.size, blob.hash)

    def job(self, name: str, inputs: Sequence[Held], outputs: Sequence[Held], **given: Any) -> NotedJob:
        return NotedJob(
            f"arn:aws:sagemaker:eu-west-1:123456789012:training-job/{name}",
            "training-job",
            name,
            "Completed",
            BEGAN,
            BEGAN + 9,
            given,
            {},
            "env-1",
            tuple(inputs),
            tuple(outputs),
        )

    def again(self, table: bytes | None, model: bytes | None, environment: str = "env-1", status: str = "") -> None:
        """One new run; None: that object was not written."""
        blobs = Blobs(self.folder / f"run-{len(self.runs)}")
        written = (("table", table), ("model", model))
        outcomes = {}
        for job, (key, data) in zip(self.jobs, written, strict=True):
            outputs = (self.held(blobs, key, data),) if data is not None else ()
            outcomes[job.arn] = Outcome(status or "Completed", "no reason", BEGAN, BEGAN + 5, environment, outputs)
        self.runs.append(Run(outcomes, blobs))

    def reports(self, whole: bool = True) -> tuple[JobReport, ...]:
        jobs = self.jobs if whole else self.jobs[1:]
        target = Target("train", "training job", ("s3://bucket/model",), (self.jobs[1].arn,))
        comparing = Comparing(Plan(target, jobs), self.source, self.runs)
        return tuple(comparing.job(job) for job in jobs)

    def report(self) -> Report:
        jobs = self.reports()
        target = Target("train", "training job", ("s3://bucket/model",), (self.jobs[1].arn,))
        verdict = reproduction_reports.verdict(jobs)
        return Report(target, (), verdict, len(self.runs), jobs)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_the_same_again(scene: Scene) -> None:
    scene.again(b"1,2", b"weights")
    report = scene.report()
    assert (report.verdict, report.exit_code) == ("identical", 0)
    assert [job.is_deterministic for job in report.jobs] == [None, None]
    assert [each.is_asked_for for job in report.jobs for each in job.objects] == [False, True]


def test_a_difference_is_followed_from_job_to_job(scene: Scene) -> None:
    scene.again(b"1,3", b"heights")
    prepare, train = scene.reports()
    (table,), (model,) = prepare.objects, train.objects
    assert table.cause is not None
    assert table.cause.name == "missing seed"
    assert model.cause is not None
    assert (model.cause.name, "s3://bucket/table" in model.cause.sentence) == ("input", True)
    (alone,) = scene.reports(whole=False)
    assert alone.objects[0].cause is not None
    assert alone.objects[0].cause.name == "missing seed", "its input was given"


def test_what_was_not_asked_for_does_not_decide(scene: Scene) -> None:
    scene.again(b"1,3", b"weights")
    assert scene.report().verdict == "identical"


@pytest.mark.parametrize(("table", "model"), [(b"1,2", None), (None, b"weights")])
def test_what_is_not_written_any_more(scene: Scene, table: bytes | None, model: bytes | None) -> None:
    scene.again(table, model)
    found = [each for job in scene.reports() for each in job.objects if each.verdict == "differs"]
    assert [each.differences[0].what for each in found] == ["missing"]


def test_what_is_written_besides(scene: Scene) -> None:
    scene.again(b"1,2", b"weights")
    run = scene.runs[0]
    arn = scene.jobs[1].arn
    old = run.outcomes[arn]
    more = (*old.outputs, scene.held(run.blobs, "model/more", b"more"))
    outcome = Outcome(old.status, "", old.began, old.ended, old.environment, more)
    scene.runs[0] = Run({**run.outcomes, arn: outcome}, run.blobs)
    found = {each.uri: each.verdict for each in scene.reports()[1].objects}
    assert found == {"s3://bucket/model": "identical", "s3://bucket/model/more": "differs"}
    assert scene.report().verdict == "differs", "it lies below what was asked for"


def test_runs_that_agree_and_runs_that_do_not(scene: Scene) -> None:
    for model in (b"weights", b"heights", b"lengths"):
        scene.again(b"1,2", model)
    prepare, train = scene.reports()
    assert (prepare.is_deterministic, train.is_deterministic) == (True, False)
    (model_report,) = train.objects
    assert model_report.varying == ("",)
    assert model_report.cause is not None
    assert model_report.cause.name == "missing seed"


def test_new_runs_that_agree_with_each_other_only(scene: Scene) -> None:
    for _ in range(2):
        scene.again(b"1,2", b"heights")
    train = scene.reports()[1]
    assert train.objects[0].cause is not None
    assert (train.is_deterministic, train.objects[0].cause.name) == (False, "outside")


def test_another_environment_is_the_first_suspect(scene: Scene) -> None:
    scene.again(b"1,2", b"heights", environment="env-2")
    train = scene.reports()[1]
    assert train.objects[0].cause is not None
    assert train.objects[0].cause.name == "library"
    assert train.environments == ("env-1", "env-2")


def test_times_are_looked_for_in_the_files(scene: Scene, tmp_path: Path) -> None:
    other = Scene(tmp_path / "other")
    model = other.held(other.source, "model", b"made at 1700000003.25")
    other.jobs = (other.jobs[0], other.job("train", other.jobs[1].inputs, (model,), HyperParameters={"seed": "1"}))
    other.again(b"1,2", b"made at 1700000001.5")
    cause = other.reports()[1].objects[0].cause
    assert cause is not None
    assert cause.name == "time"


def test_a_hash_is_all_that_is_left_of_what_is_gone(scene: Scene) -> None:
    held = scene.jobs[1].outputs[0]
    scene.source.path(held.blob).unlink()
    scene.again(b"1,2", b"weights")
    assert scene.report().verdict == "identical"
    scene.again(b"1,2", b"heights")
    train = scene.reports()[1]
    assert train.objects[0].notes == (GONE,)
    assert scene.report().verdict == "differs"


def test_a_job_that_fails_is_told(scene: Scene) -> None:
    scene.again(None, None, status="Failed")
    report = scene.report()
    assert (report.verdict, report.exit_code) == ("failed", 1)
    page = "\n".join(reproduce_lines.report_lines(report))
    assert "Failed: no reason" in page
    assert "a job of training job train did not complete" in page


def test_what_people_see(scene: Scene) -> None:
    scene.again(b"1,2", b"\x1b[31mheights")
    scene.again(b"1,2", b"lengths")
    page = list(reproduce_lines.report_lines(scene.report()))
    assert page == [
        "",
        "training job prepare: deterministic in 2 new runs",
        "    s3://bucket/table",
        "        identical",
        "",
        "training job train: NOT deterministic",
        "    s3://bucket/model",
        "        DIFFERS",
        "        - the object: other bytes (7 bytes, now 12 bytes)",
        "        probably a missing seed: no hyperparameter, variable or argument looks like one (2 new runs",
        "        differ from each other too)",
        "        varies from run to run: the object itself",
        "",
        "Differs: what was made now is not training job train as it was.",
    ]


def test_what_is_gone_is_named_in_full() -> None:
    gone = Gone("s3://b/\x1b[2J", "f" * 64, 2800, "input train of the training job x", "nothing lies there now")
    page = "\n".join(reproduce_lines.gone_lines([gone], 2, 9))
    assert "of 2 objects that it needs, 1 are gone" in page
    assert "f" * 64 in page
    assert "\x1b" not in page


def test_places_are_removed_and_so_is_what_was_left(tmp_path: Path) -> None:
    left = tmp_path / f"{sealed.PREFIX}left"
    (left / "run-1").mkdir(parents=True)
    used = tmp_path / f"{sealed.PREFIX}used"
    used.mkdir()
    lock = os.open(used, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with sealed.place(tmp_path, None) as folder:
            (folder / "locked").mkdir(mode=0o000)
            assert not left.exists()
            assert used.exists(), "another command works there"
            with sealed.place(tmp_path, None) as other:
                assert folder.exists()
                assert other != folder
    finally:
        os.close(lock)
    assert [each.name for each in tmp_path.iterdir()] == [used.name]


def test_a_place_that_is_kept(tmp_path: Path) -> None:
    with sealed.place(tmp_path, tmp_path / "kept") as folder:
        (folder / "file").touch()
    assert (tmp_path / "kept" / "file").exists()
