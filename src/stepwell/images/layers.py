"""Room images: the Python of one job, a writable layer over a shared environment. In: an environment. Out: the
tree of files that makes a folder of the job a virtual environment whose packages are the shared ones plus its own.

`pip install` in the job writes here and only here: new packages stand before the shared ones on sys.path, and pip
leaves the shared ones alone because they are outside its prefix. No overlay file system and no write access to the
environment is needed. It is a dozen small files, the same for every job of an environment.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import lru_cache

from stepwell.base.trees import Entry, Tree
from stepwell.images.environments import Environment

MOUNT = "/miniconda3"
"""Where the container sees the layer, read-write: the place where AWS's framework images keep their Python."""

# How an installed script finds its interpreter: by its first line, or by way of the shell where the path is too long.
_HEAD = rb"#!(?:PYTHON|/bin/sh\n'''exec' ['\"]?PYTHON['\"]? [^\n]*\n' ''')\n"


@lru_cache(maxsize=64)
def tree(environment: Environment, seen_at: str = MOUNT) -> Tree:
    """The layer that is mounted at `seen_at`."""
    name = environment.base_python_name
    library = f"lib/{name}/site-packages"
    # addsitedir, not a bare path: the shared packages may bring .pth files of their own.
    shared = f"import site; site.addsitedir({str(environment.site_packages)!r})\n"
    settings = f"home = {environment.base_python.parent}\ninclude-system-site-packages = false\n"
    interpreter = os.fsencode(environment.base_python)
    return (
        Entry(f"{library}/_stepwell_shared.pth", "file", shared.encode()),
        Entry("pyvenv.cfg", "file", settings.encode()),
        *(Entry(f"bin/{each}", "link", interpreter) for each in ("python", "python3", name)),
        *_scripts(environment, f"{seen_at}/bin/python"),
    )


def path_entries(environment: Environment, seen_at: str = MOUNT) -> tuple[str, ...]:
    """The folders for PATH, before the system's."""
    return (f"{seen_at}/bin", *environment.path_entries)


def _scripts(environment: Environment, python: str) -> Iterator[Entry]:
    """Every script of the environment, made to start the layer's interpreter."""
    shared = re.escape(str(environment.python)).encode()
    head = re.compile(_HEAD.replace(b"PYTHON", shared))
    for script in sorted((environment.prefix / "bin").iterdir()):
        content = script.read_bytes() if script.is_file() and not script.is_symlink() else b""
        if found := head.match(content):
            yield Entry(f"bin/{script.name}", "program", f"#!{python}\n".encode() + content[found.end() :])
