"""Room images: the Python of one job, a writable layer over a shared environment. In: an environment and a folder of
the job. Out: that folder, filled with a virtual environment whose packages are the shared ones plus its own.

`pip install` in the job writes here and only here: new packages stand before the shared ones on sys.path, and pip
leaves the shared ones alone because they are outside its prefix. No overlay file system and no write access to the
environment is needed. Making one takes a few milliseconds: it is a dozen small files.
"""

from __future__ import annotations

import re
from pathlib import Path

from stepwell.images.environments import Environment

MOUNT = "/miniconda3"
"""Where the container sees the layer, read-write: the place where AWS's framework images keep their Python."""

# How an installed script finds its interpreter: by its first line, or by way of the shell where the path is too long.
_HEAD = rb"#!(?:PYTHON|/bin/sh\n'''exec' ['\"]?PYTHON['\"]? [^\n]*\n' ''')\n"


def create(environment: Environment, folder: Path, seen_at: str = MOUNT) -> tuple[str, ...]:
    """Fill `folder`, to be mounted at `seen_at`. Answers the folders for PATH, before the system's."""
    library = folder / "lib" / environment.base_python_name / "site-packages"
    library.mkdir(parents=True, exist_ok=True)
    # addsitedir, not a bare path: the shared packages may bring .pth files of their own.
    shared = f"import site; site.addsitedir({str(environment.site_packages)!r})\n"
    (library / "_stepwell_shared.pth").write_text(shared)
    home = environment.base_python.parent
    (folder / "pyvenv.cfg").write_text(f"home = {home}\ninclude-system-site-packages = false\n")
    _fill_bin(environment, folder / "bin", f"{seen_at}/bin/python")
    return (f"{seen_at}/bin", *environment.path_entries)


def _fill_bin(environment: Environment, folder: Path, python: str) -> None:
    """The interpreter under its usual names, and every script of the environment made to start it."""
    folder.mkdir(exist_ok=True)
    for name in ("python", "python3", environment.base_python_name):
        _link(folder / name, environment.base_python)
    shared = re.escape(str(environment.python)).encode()
    head = re.compile(_HEAD.replace(b"PYTHON", shared))
    for script in sorted((environment.prefix / "bin").iterdir()):
        content = script.read_bytes() if script.is_file() and not script.is_symlink() else b""
        if found := head.match(content):
            target = folder / script.name
            target.write_bytes(f"#!{python}\n".encode() + content[found.end() :])
            target.chmod(0o755)


def _link(path: Path, target: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(target)
