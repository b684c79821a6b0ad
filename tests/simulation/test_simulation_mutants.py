"""Each invariant catches the bug that was planted for it: in a story always, and in random lives sooner or later.

Without capture (`make mutants`, or pytest with -s) it is searched for in random lives as well, the same as those of
test_simulation_lives.py, and a table says how many it took. How many it takes is luck, and nothing fails by it.
"""

from __future__ import annotations

from collections.abc import Iterator

import invariants
import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from invariants import ALWAYS, Broken
from lives import Lives
from mutants import MUTANTS
from stories import MORE, STORIES, Story, tell
from world import World

MOST_LIVES = 300
IN_THE_END = ("every_execution_ends", "crashes_change_nothing")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[type[Lives]]:
    """Lives in one world, which is empty at the beginning of each of them."""
    world = World(tmp_path_factory.mktemp("world"))
    with world.time():
        yield type("LivesOfMutants", (Lives,), {"world": world})
    world.close()


@pytest.fixture(scope="module")
def table() -> Iterator[list[tuple[str, ...]]]:
    rows: list[tuple[str, ...]] = [("invariant", "planted bug", "at point", "random lives")]
    yield rows
    print()
    for row in rows:
        print(f"{row[0]:32} {row[1]:30} {row[2]:>9} {row[3]:>13}")


@pytest.mark.parametrize("name", MUTANTS)
def test_the_invariant_catches_its_mutant(
    name: str,
    machine: type[Lives],
    table: list[tuple[str, ...]],
    monkeypatch: pytest.MonkeyPatch,
    pytestconfig: pytest.Config,
) -> None:
    only(name, monkeypatch)
    MUTANTS[name](monkeypatch)
    caught = [broken.name if broken else "" for broken in tell(machine, STORIES[name])]
    assert name in caught
    if pytestconfig.getoption("capture") == "no":
        table.append((name, MUTANTS[name].__name__, str(caught.index(name)), searched(machine)))


@pytest.mark.parametrize("story", [*STORIES.values(), *MORE.values()], ids=[*STORIES, *MORE])
def test_without_mutants_every_story_ends_well(story: Story, machine: type[Lives]) -> None:
    assert not any(tell(machine, story))


def test_every_invariant_has_a_mutant_and_a_story() -> None:
    named = {each.__name__ for each in ALWAYS} | {*IN_THE_END}
    assert MUTANTS.keys() == STORIES.keys() == named


def only(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no other invariant speak: what a mutant breaks besides is not the question."""
    monkeypatch.setattr(invariants, "ALWAYS", [each for each in ALWAYS if each.__name__ == name])
    for asked in IN_THE_END:
        if asked != name:
            monkeypatch.setattr(invariants, asked, lambda *_: None)


def searched(machine: type[Lives]) -> str:
    """How many random lives it takes until the invariant breaks."""
    found = settings(
        settings.get_profile("simulation"),
        max_examples=MOST_LIVES,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        print_blob=False,
    )
    machine.begun = 0
    try:
        run_state_machine_as_test(machine, settings=found)
    except Broken:
        return str(machine.begun)
    return f"over {machine.begun}"
