"""Small trees of files as values: what must lie in a folder, said by who knows it, made by who may write there.

In: names and bytes. Out: entries. The room that makes them real is `launchers` (planting.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["folder", "file", "program", "link"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing of a tree. `path` is relative, with `/` between its parts and without `.` or `..`; folders on the way
    to it need no entry. A program is a file that may be executed; `content` of a link is where it points."""

    path: str
    kind: Kind = "folder"
    content: bytes = b""


Tree: TypeAlias = tuple[Entry, ...]


def below(folder: str, tree: Tree) -> Tree:
    """The same tree, one folder deeper."""
    return tuple([replace(entry, path=f"{folder}/{entry.path}") for entry in tree])
