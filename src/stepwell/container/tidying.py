"""Room container: removes what a container left on this machine. In: a folder. Out: nothing there.

Jobs may leave directories without any permissions; where the server is not root it must give itself some first.
Links are removed, never followed.
"""

from __future__ import annotations

import os
from pathlib import Path

OWN = 0o700


def remove(path: Path) -> None:
    """Remove a file, a link or a whole tree; nothing there is fine."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    folders = [path]
    for folder in folders:  # grows while it is walked: parents come before their children
        folder.chmod(OWN)
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False):
                folders.append(Path(entry.path))
            else:
                Path(entry.path).unlink()
    for folder in reversed(folders):
        folder.rmdir()


def remove_all_but(folder: Path, kept: str) -> None:
    """Empty `folder`, sparing the entry named `kept`."""
    if folder.is_dir():
        for entry in folder.iterdir():
            if entry.name != kept:
                remove(entry)
