"""Room images: packages brought into a new virtual environment. In: a recipe and the environment's prefix. Out:
nothing, or `BuildFailed` with the end of what the installer said.

Locked packages come through uv, which is fast and checks hashes. What a recipe leaves to be resolved comes as wheels
only: nothing of a package runs on this machine outside a job. A recipe whose installer is `pip` asks the
environment's pip first, because that one knows the wheels and mirrors this machine is configured for, and then uv
with the index its framework has for the processor at hand.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import uv

from stepwell.images.recipes import Recipe

Report = Callable[[str], None]
"""Takes one line for the job's log."""

_UNINTERESTING = (
    "+ ",
    "Activate with",
    "Attempting uninstall",
    "Collecting ",
    "Found existing",
    "Looking in ",
    "Processing ",
    "Requirement already satisfied",
    "Successfully uninstalled",
    "Uninstalling ",
    "Using Python",
    "Using cached ",
    "WARNING: Location",
)
"""Lines of uv and pip that tell a user nothing, or where things lie on this machine."""
_REMEMBERED = 600


class BuildFailed(Exception):
    """An environment could not be built. The text is fit for FailureReason."""


def create(recipe: Recipe, prefix: Path, report: Report) -> None:
    """Make the virtual environment at `prefix` and put the recipe's packages into it. Raises BuildFailed."""
    try:
        needs_pip = recipe.installer == "pip" and "pip" not in recipe.packages()
        seed = ["--seed"] if needs_pip else []
        _uv(prefix.parent, report, "venv", "--no-project", "--python", recipe.python, *seed, str(prefix))
    except BuildFailed as error:
        raise BuildFailed(
            f"{error} The recipe {recipe.name} needs Python {recipe.python}: install it, or run"
            f" `uv python install {recipe.python}`."
        ) from error
    python = prefix / "bin" / "python"
    if recipe.locks:
        checks = ["--require-hashes"] if recipe.is_hashed() else []
        locks = [str(each) for each in recipe.locks]
        _uv(prefix.parent, report, "pip", "sync", "--python", str(python), *checks, *locks)
    if recipe.requirements:
        _bring_requirements(recipe, prefix.parent, python, report)


def _bring_requirements(recipe: Recipe, folder: Path, python: Path, report: Report) -> None:
    """What the recipe does not lock, resolved now."""
    listed = ", ".join(recipe.requirements)
    report(f"Resolving {listed}.")
    by_uv = ["pip", "install", "--python", str(python), "--only-binary", ":all:"]
    if recipe.installer == "uv":
        _uv(folder, report, *by_uv, *recipe.requirements)
        return
    try:
        pip(python, folder, report, *recipe.requirements)
    except BuildFailed as error:
        report("pip has no such packages here; asking the framework's own index.")
        is_for_cpu = any(each.endswith("+cpu") for each in recipe.requirements)
        try:
            _uv(folder, report, *by_uv, "--torch-backend", "cpu" if is_for_cpu else "auto", *recipe.requirements)
        except BuildFailed as second:
            raise BuildFailed(f"{error} {str(second).removeprefix('ClientError: ')}"[:900]) from second


def pip(python: Path, folder: Path, report: Report, *arguments: str) -> None:
    """The pip of `python` with this machine's own configuration. Raises BuildFailed."""
    command = [str(python), "-m", "pip", "install", "--progress-bar", "off", "--only-binary", ":all:", *arguments]
    _run(command, folder, report, "pip install", {"PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"})


def _uv(folder: Path, report: Report, *arguments: str) -> None:
    """Run uv and report its lines. It runs in `folder` so that no project's uv.toml nearby is taken for ours."""
    command = [uv.find_uv_bin(), "--no-progress", *arguments, *_cache_option(folder)]
    _run(command, folder, report, f"uv {arguments[0]}", {})


def _run(command: list[str], folder: Path, report: Report, name: str, variables: Mapping[str, str]) -> None:
    last = ""
    with subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if (text := line.strip()) and not text.startswith(_UNINTERESTING):
                report(text)
                last = f"{last} {text}"[-_REMEMBERED:]
    if process.returncode:
        raise BuildFailed(f"ClientError: the environment could not be built: {name} said:{last}.")


def _cache_option(folder: Path) -> list[str]:
    """uv's own cache while it shares a file system with `folder`, else a cache beside the environments.

    Hard links need one file system, and a link costs nothing where a copy costs hundreds of megabytes. The user's
    cache comes first because fresh data folders are common and downloads are slow.
    """
    answer = subprocess.run(
        [uv.find_uv_bin(), "cache", "dir"], cwd=folder, capture_output=True, text=True, check=True
    )
    cache = Path(answer.stdout.strip())
    nearest = next(each for each in [cache, *cache.parents] if each.exists())
    if nearest.stat().st_dev == folder.stat().st_dev and os.access(nearest, os.W_OK):
        return []
    return ["--cache-dir", str(folder / ".uv-cache")]
