"""Files of a job that still runs: what has changed is found, and nothing the job plants leads out of its tree."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stepwell.container import live_files
from stepwell.container.live_files import Stamp
from stepwell.container.plan import Location, Output

OUTPUT = Output("out", "/opt/ml/checkpoints", Location("b", "c"), continuous=True)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "opt-ml" / "checkpoints" / "sub").mkdir(parents=True)
    return tmp_path / "opt-ml" / "checkpoints"


def take(tree: Path, known: dict[str, Stamp]) -> dict[str, bytes]:
    found = {}
    for each in live_files.changed(tree.parent, OUTPUT, known):
        copy = tree.parent.parent / "copy"
        each.copy(copy)
        found[each.relative] = copy.read_bytes()
        known[each.relative] = each.stamp
    return found


def test_only_what_has_changed_is_taken(tree: Path) -> None:
    (tree / "a").write_bytes(b"1")
    (tree / "sub" / "b").write_bytes(b"2")
    known: dict[str, Stamp] = {}
    assert take(tree, known) == {"a": b"1", "sub/b": b"2"}
    assert take(tree, known) == {}
    (tree / "sub" / "b").write_bytes(b"33")
    (tree / "new").write_bytes(b"4")
    (tree / "new").replace(tree / "a")
    assert take(tree, known) == {"a": b"4", "sub/b": b"33"}


def test_what_is_no_plain_file_is_passed_over(tree: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("of the host")
    (tree / "link").symlink_to(secret / "key")
    (tree / "folder").symlink_to(secret)
    os.mkfifo(tree / "pipe")
    (tree / "plain").write_bytes(b"x")
    assert take(tree, {}) == {"plain": b"x"}


def test_a_linked_output_is_not_entered(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "key").write_text("of the host")
    (tree / "sub").rmdir()
    tree.rmdir()
    assert take(tree, {}) == {}
    tree.symlink_to(tmp_path / "elsewhere")
    assert take(tree, {}) == {}


def test_a_link_that_takes_the_place_of_a_file_is_not_followed(tree: Path, tmp_path: Path) -> None:
    """The job swaps while the tree is walked."""
    (tmp_path / "key").write_text("of the host")
    for name in ("a", "b"):
        (tree / name).write_bytes(b"x")
    found = live_files.changed(tree.parent, OUTPUT, {})
    first = next(found)
    (tree / "b").unlink()
    (tree / "b").symlink_to(tmp_path / "key")
    assert (first.relative, [each.relative for each in found]) == ("a", [])


def test_a_file_that_grows_is_taken_as_it_was_found(tree: Path, tmp_path: Path) -> None:
    (tree / "log").write_bytes(b"one")
    (found,) = (each for each in _with_growth(tree, tmp_path))
    assert found == b"one"


def _with_growth(tree: Path, tmp_path: Path) -> list[bytes]:
    taken = []
    for each in live_files.changed(tree.parent, OUTPUT, {}):
        with (tree / "log").open("ab") as log:
            log.write(b"two")
        each.copy(tmp_path / "copy")
        taken.append((tmp_path / "copy").read_bytes())
    return taken


def test_folders_without_end_do_not_use_up_descriptors(tree: Path) -> None:
    here = tree
    for _ in range(live_files.DEEPEST + 20):
        here = here / "d"
    here.mkdir(parents=True)
    (here / "deep").write_bytes(b"x")
    (tree / "z").write_bytes(b"y")
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert take(tree, {}) == {"z": b"y"}
    assert len(list(Path("/proc/self/fd").iterdir())) == before
