"""Random lives keep every invariant. `--hypothesis-profile long` (conftest.py) makes a night of it."""

from __future__ import annotations

from pathlib import Path

from hypothesis.stateful import run_state_machine_as_test
from lives import Lives, profile
from world import World


def test_every_life_keeps_the_invariants(tmp_path: Path) -> None:
    world = World(tmp_path)
    machine = type("LivesHere", (Lives,), {"world": world})
    with world.time():
        run_state_machine_as_test(machine, settings=profile())
