"""Room testing: the Python that runs the tests as every environment: nothing is built, nothing is fetched."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from stepwell.images.environments import Environment


class HostEnvironments:
    """Stands for images.environments.Environments. Each recipe is this interpreter, with its standard library."""

    def __init__(self) -> None:
        self._made: dict[str, Environment] = {}

    @property
    def layers_folder(self) -> Path:
        return Path(tempfile.gettempdir()) / "stepwell-testing-layers"

    def find(self, recipe: str) -> Environment | None:
        return self._made.get(recipe)

    def prepare(self, recipe: str, report: Callable[[str], None]) -> Environment:
        report(f"The environment {recipe} is the Python of this machine.")
        self._made[recipe] = _host()
        return self._made[recipe]


def _host() -> Environment:
    prefix, python = Path(sys.base_prefix), Path(sys.executable).resolve()
    mounts = dict.fromkeys((prefix, prefix.resolve(), python.parent.parent))
    shown = tuple(each for each in mounts if each not in (Path("/usr"), Path("/")))
    return Environment(prefix, python, python, shown, (str(python.parent),))
