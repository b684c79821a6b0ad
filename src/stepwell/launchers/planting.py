"""Makes a tree of files real. In the supervisor's world: stdlib-only, cheap imports. In: a folder and the entries of
`base/trees.py` as tuples. Out: files. What lies there already is replaced, folders are kept with what is in them.

Nobody but the server and its supervisor has written to the folder yet, so nothing in it can be a trap.
"""

from __future__ import annotations

import os

READABLE = 0o644
EXECUTABLE = 0o755


def plant(folder: str, entries: list[tuple[str, str, bytes]]) -> None:
    """Make every (path, kind, content) below `folder`. Raises OSError."""
    for path, kind, content in entries:
        where = f"{folder}/{path}"
        if kind == "folder":
            os.makedirs(where, exist_ok=True)
        else:
            os.makedirs(where.rpartition("/")[0], exist_ok=True)
            _place(where, kind, content)


def _place(where: str, kind: str, content: bytes) -> None:
    if os.path.lexists(where):
        os.unlink(where)
    if kind == "link":
        os.symlink(os.fsdecode(content), where)
        return
    mode = EXECUTABLE if kind == "program" else READABLE
    file = os.open(where, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        left = memoryview(content)
        while left:
            left = left[os.write(file, left) :]
    finally:
        os.close(file)
