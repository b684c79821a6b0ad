"""Executions that earlier releases stored, in every state a crash may leave them, load and end as they should."""

from __future__ import annotations

import sys
from pathlib import Path

import history_rows
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "simulation"))

from world import BEGINNING, FINAL, Run, World

HISTORIES = sorted(history_rows.FOLDER.glob("*.json"))


@pytest.mark.parametrize("file", HISTORIES, ids=lambda file: file.stem)
def test_a_stored_execution_is_finished(file: Path, tmp_path: Path) -> None:
    world = World(tmp_path)
    history_rows.load(world.database, history_rows.read(file))
    row = next(row for row in history_rows.read(file)["resources"] if row["kind"] == "pipeline-execution")
    pipeline = f"arn:aws:sagemaker:{row['region']}:{row['account']}:pipeline/{row['parent']}"
    run = Run(f"{pipeline}/execution/{row['name']}", [], None, None)
    with world.time():
        world.begin(0.0, 0)
        world.runs.append(run)
        world.now = BEGINNING + 1000
        for _ in range(30):
            run.status = world.status(run)
            if run.status in FINAL:
                break
            for job in world.running(run):
                world.jobs.end(world.site, job, world.now)
            world.now += 100
            world.look(run, 0)
        entries = world.entries(run)
    assert run.status == "Succeeded"
    assert {name: entry["StepStatus"] for name, entry in entries.items()} == dict.fromkeys(
        ("First", "Choice", "Then", "Loop", "Body-0", "Body-1", "Last"), "Succeeded"
    )
    assert {entry["AttemptCount"] for entry in entries.values()} == {1}


def test_there_are_histories_of_this_release() -> None:
    assert len([file for file in HISTORIES if file.stem.startswith(history_rows.RELEASE)]) >= 5
