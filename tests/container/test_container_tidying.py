"""Tidying: whatever a job leaves can be removed, and nothing else is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stepwell.container import tidying
from stepwell.container.collecting import walk


def nest(folder: Path, depth: int, name: str = "d" * 200) -> None:
    """Directories within directories, deeper than any path can say."""
    directory = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=directory)
        inner = os.open(name, os.O_RDONLY, dir_fd=directory)
        os.close(directory)
        directory = inner
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=directory))
    os.close(directory)


def test_a_tree_that_is_too_deep_for_a_path_is_removed(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "a" / "b").mkdir(parents=True)
    nest(tree / "a" / "b", 1500)
    nest(tree / "a", 30)
    tidying.remove(tree)
    assert list(tmp_path.iterdir()) == []


def test_links_are_removed_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("x")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "link").symlink_to(tmp_path / "precious")
    (tree / "dangling").symlink_to("nowhere")
    os.mkfifo(tree / "pipe")
    tidying.remove(tree)
    tidying.remove(tmp_path / "missing")
    assert [path.name for path in tmp_path.rglob("*")] == ["precious", "file"]


@pytest.mark.parametrize("taken", [".moved-up-0", ".moved-up-1"])
def test_what_bears_our_names_is_removed_too(tmp_path: Path, taken: str) -> None:
    tree = tmp_path / "tree"
    (tree / "a" / taken / "b" / "c").mkdir(parents=True)
    (tree / taken).mkdir()
    (tree / taken / "x").write_text("x")
    (tree / "a" / taken).chmod(0)
    tidying.remove(tree)
    assert not tree.exists()


def test_one_entry_is_spared(tmp_path: Path) -> None:
    for name in ("log", "root", "exit.json"):
        (tmp_path / name).write_text("x")
    tidying.remove_all_but(tmp_path, "log")
    assert [path.name for path in tmp_path.iterdir()] == ["log"]


def test_what_is_too_deep_to_be_uploaded_is_left_out_and_said(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "a").write_text("x")
    nest(tree, 40)
    said: list[tuple[str, str]] = []
    found = list(walk(tree, lambda relative, why: said.append((relative, why))))
    assert [each.relative for each in found] == ["a"]
    assert [why for _, why in said] == ["its path is too long"]
    tidying.remove(tree)
