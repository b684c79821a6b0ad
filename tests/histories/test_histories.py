"""Executions that earlier releases stored, in every state a crash may leave them, load and end as they should."""

from __future__ import annotations

from pathlib import Path

import history_rows
import pytest
from history_world import BEGINNING, FINAL, World

HISTORIES = sorted(history_rows.FOLDER.glob("*.json"))


@pytest.mark.parametrize("file", HISTORIES, ids=lambda file: file.stem)
def test_a_stored_execution_is_finished(file: Path, tmp_path: Path) -> None:
    world = World(tmp_path)
    history_rows.load(world.database, history_rows.read(file))
    row = next(row for row in history_rows.read(file)["resources"] if row["kind"] == "pipeline-execution")
    arn = f"arn:aws:sagemaker:{row['region']}:{row['account']}:pipeline/{row['parent']}/execution/{row['name']}"
    with world.time():
        world.now = BEGINNING + 1000
        for _ in range(30):
            if world.status(arn) in FINAL:
                break
            world.end_jobs()
            world.now += 100
            world.look(arn)
        status, entries = world.status(arn), world.entries(arn)
    assert status == "Succeeded"
    assert {name: entry["StepStatus"] for name, entry in entries.items()} == dict.fromkeys(
        ("First", "Choice", "Then", "Loop", "Body-0", "Body-1", "Last"), "Succeeded"
    )
    assert {entry["AttemptCount"] for entry in entries.values()} == {1}


def test_there_are_histories_of_this_release() -> None:
    assert len([file for file in HISTORIES if file.stem.startswith(history_rows.RELEASE)]) >= 5
