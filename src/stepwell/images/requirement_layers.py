"""Room images: the packages of a user's requirements.txt, installed once for all jobs that bring the same file. In:
an environment and the file's bytes. Out: an environment that holds both.

A layer is a virtual environment above the shared one, as `layers` makes one for a job, at a place named by a hash of
the file and of what is below it. Only wheels of packages named plainly are installed here, outside a job's isolation:
nothing of them runs before a job does. A file that asks for more (URLs, paths, options, packages that must be built)
is left to the pip of the job itself, which then also says what is wrong with it.
"""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stepwell.base.trees import Tree
from stepwell.images import installers, layers
from stepwell.images.environments import Environment, discard, locked
from stepwell.images.installers import BuildFailed, Report
from stepwell.images.programs.script_mode import LAYERED

_MARKER = ".stepwell.json"
_MOST_BYTES = 64 * 1024
_PLAIN = re.compile(
    r"\s*(?:[A-Za-z0-9][\w.-]*\s*(?:\[[\w\s,.-]*\])?\s*(?:(?:[<>=!~]=?=?)\s*[\w.*+!-]+\s*,?\s*)*(?:;[^#@]*)?)?(?:#.*)?"
)


def source_of(hyperparameters: Mapping[str, Any]) -> str | None:
    """The S3 URI of a training job's code, when the job runs a Python program from there."""
    program = _decoded(hyperparameters.get("sagemaker_program"))
    return code_of(hyperparameters) if program.endswith(".py") else None


def code_of(hyperparameters: Mapping[str, Any]) -> str | None:
    """The S3 URI of a training job's code, which a toolkit in the job fetches."""
    place = _decoded(hyperparameters.get("sagemaker_submit_directory"))
    return place if place.startswith("s3://") else None


def _decoded(value: object) -> str:
    try:
        return str(json.loads(str(value)))
    except ValueError:
        return str(value)


def requirements_of(archive: Path) -> bytes | None:
    """requirements.txt of the code in `archive`; None without one, or when there is a setup.py, whose installation
    brings it along. An archive that cannot be read has none either: the job says so."""
    try:
        with tarfile.open(archive) as content:
            members = {member.name.removeprefix("./"): member for member in content}
            found = members.get("requirements.txt")
            if found is None or not found.isfile() or found.size > _MOST_BYTES or "setup.py" in members:
                return None
            file = content.extractfile(found)
            return file.read() if file else None
    except (tarfile.TarError, OSError, EOFError):
        return None


def is_plain(requirements: bytes) -> bool:
    """Every line is a package by name, with versions and markers at most."""
    try:
        lines = requirements.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        return False
    return all(_PLAIN.fullmatch(line) for line in lines)


def prepare(folder: Path, environment: Environment, requirements: bytes, report: Report) -> Environment:
    """`environment` with the packages of `requirements`; as it was when they are not for here. Layers are kept in
    `folder`."""
    if not is_plain(requirements):
        return environment
    digest = hashlib.sha256(requirements).hexdigest()
    name = hashlib.sha256(f"{environment.prefix.name}\0{digest}".encode()).hexdigest()[:24]
    prefix = folder / name
    layer = Environment(
        prefix,
        prefix / "bin" / "python",
        environment.base_python,
        (prefix, *environment.mounts),
        (str(prefix / "bin"), *environment.path_entries),
    )
    if (prefix / _MARKER).exists():
        report("The packages of requirements.txt are there from an earlier job.")
        return layer
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / f".{name}.lock", report):
        if (prefix / _MARKER).exists():
            return layer
        discard(prefix)
        try:
            _build(prefix, environment, requirements, digest, report)
        except BuildFailed:
            discard(prefix)
            report("The packages of requirements.txt could not be prepared as wheels; the job installs them itself.")
            return environment
        except BaseException:
            discard(prefix)
            raise
    return layer


def _build(prefix: Path, environment: Environment, requirements: bytes, digest: str, report: Report) -> None:
    report("Installing the packages of requirements.txt into a layer; later jobs with the same file share it.")
    _plant(layers.tree(environment, str(prefix)), prefix)
    wanted = prefix / "requirements.txt"
    wanted.write_bytes(requirements)
    installers.pip(prefix / "bin" / "python", prefix, report, "-r", str(wanted))
    (prefix / "lib" / environment.base_python_name / "site-packages" / f"{LAYERED}{digest}").touch()
    draft = prefix / f"{_MARKER}.new"
    draft.write_text(json.dumps({"requirements": digest}))
    draft.rename(prefix / _MARKER)


def _plant(tree: Tree, folder: Path) -> None:
    for entry in tree:
        path = folder / entry.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if entry.kind == "link":
            path.symlink_to(entry.content.decode())
        elif entry.kind == "folder":
            path.mkdir(exist_ok=True)
        else:
            path.write_bytes(entry.content)
            path.chmod(0o755 if entry.kind == "program" else 0o644)
