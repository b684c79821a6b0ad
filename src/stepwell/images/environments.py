"""Room images: Python environments, built once by uv and shared between jobs. In: a recipe's name. Out: the folder.

An environment stands at `<folder>/<recipe>-<hash of its locks>` and is ready when its marker file is there; the
marker is written last and by rename, so what a crash leaves half-built is known and discarded. A file lock keeps
builders of one environment apart, across threads and processes. Jobs see an environment read-only.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stepwell.images import catalog, installers
from stepwell.images.installers import BuildFailed, Report
from stepwell.images.recipes import Recipe

__all__ = ["BuildFailed", "Environment", "Environments", "Report"]

_MARKER = ".stepwell.json"


@dataclass(frozen=True, slots=True)
class Environment:
    """A finished environment. All paths are the host's, and are meant to be the same inside the container."""

    prefix: Path
    python: Path
    base_python: Path
    """The interpreter the environment was made from, symbolic links followed."""
    mounts: tuple[Path, ...]
    """What must be visible read-only in the container, at the same path."""
    path_entries: tuple[str, ...]
    """Folders for PATH, before the system's."""

    @property
    def site_packages(self) -> Path:
        """Where the packages stand."""
        return self.prefix / "lib" / self.base_python_name / "site-packages"

    @property
    def base_python_name(self) -> str:
        """`python3.11`: the name of the library folder."""
        return next((self.prefix / "lib").glob("python3.*")).name


NONE = Environment(Path(os.devnull), Path(os.devnull), Path(os.devnull), (), ())
"""What is prepared for an image that brings its own."""


class Environments:
    """The environments under one folder. Holds nothing in memory; any number may look at the same folder."""

    def __init__(self, folder: Path, recipes: Mapping[str, Recipe] | None = None, *, compiles: bool = True) -> None:
        """`recipes` are the built-in ones unless given; `compiles` turns background bytecode compilation on."""
        self._folder = folder.resolve()
        self._recipes = catalog.load(None).recipes if recipes is None else dict(recipes)
        self._compiles = compiles

    @property
    def layers_folder(self) -> Path:
        """Where layers above these environments are kept (`requirement_layers`)."""
        return self._folder / "layers"

    def find(self, recipe: str) -> Environment | None:
        """The environment of `recipe`, if it is ready."""
        return NONE if recipe == catalog.OWN else _ready(self._folder / self._recipes[recipe].key())

    def prepare(self, recipe: str, report: Report) -> Environment:
        """The environment of `recipe`, built first if need be. Raises BuildFailed; nothing half-made is left."""
        if recipe == catalog.OWN:
            return NONE
        found = self._recipes[recipe]
        prefix = self._folder / found.key()
        return _ready(prefix) or self._build(found, prefix, report)

    def _build(self, recipe: Recipe, prefix: Path, report: Report) -> Environment:
        self._folder.mkdir(parents=True, exist_ok=True)
        with locked(self._folder / f".{prefix.name}.lock", report):
            if environment := _ready(prefix):
                return environment
            discard(prefix)
            report(f"Preparing the environment {recipe.name} with Python {recipe.python}; later jobs share it.")
            try:
                installers.create(recipe, prefix, report)
                _finish(recipe, prefix)
            except BaseException:
                discard(prefix)
                raise
            report(f"The environment {recipe.name} is ready.")
        if self._compiles:
            _compile_in_background(prefix)
        environment = _ready(prefix)
        assert environment is not None
        return environment


def _ready(prefix: Path) -> Environment | None:
    """The environment at `prefix` if its marker is there and its interpreter still exists."""
    try:
        marker = json.loads((prefix / _MARKER).read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    base_python = Path(marker["base_python"])
    if not base_python.exists():
        return None
    mounts = (prefix, *(Path(each) for each in marker["mounts"]))
    return Environment(prefix, prefix / "bin" / "python", base_python, mounts, (str(prefix / "bin"),))


def _finish(recipe: Recipe, prefix: Path) -> None:
    """Register aliases, learn where the interpreter comes from, and set the marker that says: ready."""
    python = prefix / "bin" / "python"
    question = "import json, sys, sysconfig as s; print(json.dumps([sys.base_prefix, s.get_path('purelib')]))"
    answer = subprocess.run([python, "-I", "-c", question], capture_output=True, text=True, check=True)
    base_prefix, site_packages = json.loads(answer.stdout)
    packages = recipe.packages()
    for alias, provider in recipe.aliases.items():
        if provider in packages:
            _register(alias, packages[provider], Path(site_packages))
    base_python = python.resolve()
    marker = {"base_python": str(base_python), "mounts": _interpreter_mounts(Path(base_prefix), base_python)}
    draft = prefix / f"{_MARKER}.new"
    draft.write_text(json.dumps(marker))
    draft.rename(prefix / _MARKER)


def _interpreter_mounts(base_prefix: Path, base_python: Path) -> list[str]:
    """The interpreter's own folders, as named and with links followed; none for a system's Python: /usr is there."""
    folders = dict.fromkeys([base_prefix, base_prefix.resolve(), base_python.parent.parent])
    system = (Path("/usr"), Path("/"))
    return [str(each) for each in folders if each not in system]


def _register(name: str, version: str, site_packages: Path) -> None:
    """Tell pip and importlib.metadata that the package `name` is there: another one provides its module."""
    folder = site_packages / f"{name.replace('-', '_')}-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (folder / "INSTALLER").write_text("stepwell\n")
    (folder / "RECORD").write_text("")


def _compile_in_background(prefix: Path) -> None:
    """Compile the packages with low priority while the first job already runs: imports then take a third of the time
    (pandas, scikit-learn and boto3: 2.7 s without, 0.9 s with bytecode; compiling itself 7 s on two cores).

    The shell between makes the compiler a child of init, so there is nobody to wait for.
    """
    compiler = 'nice -n 19 "$0" -m compileall -q -x "/(tests?|testing)/" "$1" >/dev/null 2>&1 &'
    command = ["/bin/sh", "-c", compiler, str(prefix / "bin" / "python"), str(prefix / "lib")]
    subprocess.run(command, stdin=subprocess.DEVNULL, start_new_session=True, check=False)


def discard(prefix: Path) -> None:
    """Remove what is at `prefix`, the marker first: a removal cut short leaves nothing that looks ready."""
    (prefix / _MARKER).unlink(missing_ok=True)
    shutil.rmtree(prefix, ignore_errors=True)


@contextmanager
def locked(path: Path, report: Report) -> Iterator[None]:
    """Hold the lock file at `path`; the kernel lets go of it when the holder dies."""
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("Another job is building this environment; waiting for it.")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
