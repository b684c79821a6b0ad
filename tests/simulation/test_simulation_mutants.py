"""Each invariant catches the bug that was planted for it. `make mutants` runs this file with its findings shown."""

from __future__ import annotations

from pathlib import Path

import invariants
import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from invariants import Broken
from lives import Lives
from mutants import MUTANTS
from world import World

SEARCH = settings(
    settings.get_profile("simulation"),
    max_examples=120,
    phases=[Phase.generate],
    derandomize=True,
    report_multiple_bugs=False,
    print_blob=False,
)


def only(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no other invariant speak: what a mutant breaks besides is not the question."""
    monkeypatch.setattr(invariants, "ALWAYS", tuple(each for each in invariants.ALWAYS if each.__name__ == name))
    for asked in ("every_execution_ends", "crashes_change_nothing"):
        if asked != name:
            monkeypatch.setattr(invariants, asked, lambda *_: None)


@pytest.mark.parametrize("name", MUTANTS)
def test_the_invariant_catches_its_mutant(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path)
    machine = type("MutantLives", (Lives,), {"world": world})
    only(name, monkeypatch)
    MUTANTS[name](monkeypatch)
    with world.time(), pytest.raises(Broken) as caught:
        run_state_machine_as_test(machine, settings=SEARCH)
    assert caught.value.name == name
    print(f"{name} caught {MUTANTS[name].__name__}: {str(caught.value)[:100]}")


def test_every_invariant_has_a_mutant() -> None:
    named = {each.__name__ for each in invariants.ALWAYS}
    assert MUTANTS.keys() == named | {"every_execution_ends", "crashes_change_nothing"}
