"""Room container: removes what a container left on this machine. In: a folder. Out: nothing there.

Jobs may leave directories without any permissions; where the server is not root it must give itself some first. They
may nest them deeper than a path can be long or a program can open: what lies in a directory is moved up before it is
removed. Links are removed, never followed.
"""

from __future__ import annotations

import os
from pathlib import Path

OWN = 0o700
OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
MOVED = ".moved-up-"


def remove(path: Path) -> None:
    """Remove a file, a link or a whole tree; nothing there is fine."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    path.chmod(OWN)
    top = os.open(path, OPEN)
    try:
        _empty(top)
    finally:
        os.close(top)
    path.rmdir()


def _empty(top: int) -> None:
    """Remove everything in the directory `top`. What was moved up before a crash is there like anything else."""
    number = 0
    while folders := _without_files(top):
        for folder in folders:
            inner = os.open(folder, OPEN, dir_fd=top)
            try:
                for name in _without_files(inner):
                    number = _move_up(inner, name, top, number)
            finally:
                os.close(inner)
            os.rmdir(folder, dir_fd=top)


def _without_files(directory: int) -> list[str]:
    """Remove all but the directories in `directory`; those can be entered from then on."""
    folders = []
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            else:
                os.unlink(entry.name, dir_fd=directory)
    for name in folders:
        os.chmod(name, OWN, dir_fd=directory)
    return folders


def _move_up(directory: int, name: str, top: int, number: int) -> int:
    """Move a directory into `top`, under a name that is free; answers the number after the one it got."""
    while _exists(f"{MOVED}{number}", top):
        number += 1
    os.rename(name, f"{MOVED}{number}", src_dir_fd=directory, dst_dir_fd=top)
    return number + 1


def _exists(name: str, directory: int) -> bool:
    try:
        os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def remove_all_but(folder: Path, kept: str) -> None:
    """Empty `folder`, sparing the entry named `kept`."""
    if folder.is_dir():
        for entry in folder.iterdir():
            if entry.name != kept:
                remove(entry)
