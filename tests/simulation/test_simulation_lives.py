"""Random lives keep every invariant. conftest.py says how to have more of them."""

from __future__ import annotations

from pathlib import Path

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from lives import Lives
from world import World


def test_every_life_keeps_the_invariants(tmp_path: Path) -> None:
    world = World(tmp_path)
    machine = type("LivesHere", (Lives,), {"world": world})
    wanted = "long" if settings.get_current_profile_name() == "long" else "simulation"
    with world.time():
        run_state_machine_as_test(machine, settings=settings.get_profile(wanted))
    world.close()
