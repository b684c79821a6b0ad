"""Room images: which packages an environment holds. In: the folder of environments, a name. Out: names and versions.

Read from the metadata that installers leave (the "Recording installed projects" specification), without running
anything of the environment. A layer of a requirements.txt holds what is below it as well.
"""

from __future__ import annotations

import re
from pathlib import Path

LAYERS = "layers"
_SUFFIX = ".dist-info"
_BELOW = re.compile(r"site\.addsitedir\('([^']+)'\)")
"""How a layer's path file names the packages below it (layers.py)."""


def of(environments: Path, name: str) -> dict[str, str]:
    """Name -> version of what is in the environment of that name; nothing when it is not there any more."""
    prefix = environments / name
    if not prefix.exists():
        prefix = environments / LAYERS / name
    found: dict[str, str] = {}
    for library in prefix.glob("lib/python3.*/site-packages"):
        for path_file in library.glob("*.pth"):
            for below in _BELOW.findall(path_file.read_text(errors="replace")):
                found |= _installed(Path(below))
        found |= _installed(library)
    return found


def _installed(library: Path) -> dict[str, str]:
    found = {}
    for folder in library.glob(f"*{_SUFFIX}"):
        name, _, version = folder.name.removesuffix(_SUFFIX).partition("-")
        found[name.lower().replace("_", "-")] = version
    return found
