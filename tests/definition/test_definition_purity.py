"""Rooms definition, checks, steps, machines: nothing in them can reach a clock, a file, a network or a dice."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import stepwell

SOURCE = Path(stepwell.__file__).parent
FILES = sorted(
    path for room in ("definition", "checks", "steps", "machines") for path in (SOURCE / room).glob("*.py")
)
PURE = {
    "__future__",
    "errno",
    "struct",
    "bisect",
    "calendar",
    "collections",
    "copy",
    "dataclasses",
    "datetime",
    "difflib",
    "enum",
    "functools",
    "hashlib",
    "heapq",
    "itertools",
    "json",
    "math",
    "operator",
    "re",
    "signal",
    "types",
    "typing",
    "zoneinfo",
}
UNPACKING = {"bz2", "io", "lzma", "tarfile", "zipfile", "zlib"}
"""Only where bytes in memory are opened; the next test sees that no file is."""
DISCOVERY = {"importlib", "pkgutil"}
"""Only where a room finds its own files."""


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import(names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=str(module)):
                yield module


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_only_pure_modules_are_imported(path: Path) -> None:
    allowed = PURE | {"registry": DISCOVERY, "running": DISCOVERY, "archives": UNPACKING}.get(path.stem, set())
    for module in imported(path):
        top, _, rest = module.partition(".")
        if top != "stepwell":
            assert top in allowed
        assert not rest.startswith(("base.clock", "store", "blobs", "services", "runtime", "gateway"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_nothing_is_opened_or_printed(path: Path) -> None:
    calls = {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not calls & {"open", "print", "input", "exec", "eval", "compile"}
