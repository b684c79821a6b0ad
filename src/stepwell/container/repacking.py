"""Room container: the repacking jobs of the SageMaker SDK, recognised and done without a container.

A pipeline that registers a model with a script of its own gets a training job from the SDK which unpacks the model's
archive, puts the script under `code/`, and leaves the whole as its model. In: a job's Plan, the archive of its code,
its /opt/ml with the model's archive. Out: /opt/ml/model as the SDK's script would leave it (sagemaker/workflow/
_repack_model.py of the SDK 2), or `Unusual`: then the job runs as any other, and fails as the script does if it must.
"""

from __future__ import annotations

import errno
import hashlib
import json
import posixpath
import shutil
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepwell.container import unpacking
from stepwell.container.placement import below
from stepwell.container.plan import Location, Plan, Refusal, location
from stepwell.container.staging import Checkpoint
from stepwell.container.training import DATA, FOLDERS, MODEL
from stepwell.container.unpacking import Unusual

SCRIPT, LAUNCHER = "_repack_model.py", "_repack_script_launcher.sh"
SCRIPTS: Mapping[str, bool] = {
    "9c8b39b14292aa7746dabd1d96e52c538b02b72340fce2c1c81ae31bf46918e2": True,  # SDK 2.232.2 to 2.257.6
    "c8142832560cccc663b5ccb251549a9e3de18477ee852fbd267ce74504230ffc": True,  # 2.212.0 to 2.232.1
    "728d7bffd8c8ca1d78a9fcea02d3b9e686933050e55baae686267604dddb2333": False,  # 2.85.0 to 2.211.0
}
"""SHA-256 of every SCRIPT that is known, and whether it takes permissions as Python's data filter does."""
LAUNCHERS = frozenset({"88f7233abfade2759cdfcaa2a88220e00d28f14237add50525764ac10109748c"})
"""SHA-256 of every LAUNCHER that is known: SDK 2.114.0 to 2.257.6."""
OWN = frozenset({"inference_script", "model_archive", "dependencies", "source_dir"})
TOOLKIT = frozenset(
    {
        "sagemaker_program",
        "sagemaker_submit_directory",
        "sagemaker_container_log_level",
        "sagemaker_job_name",
        "sagemaker_region",
    }
)
VARIABLES = frozenset({"TRAINING_JOB_NAME", "TRAINING_JOB_ARN"})
CHANNEL = "training"
CODE = "/opt/ml/code"
IN_CONTAINER = frozenset({"bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "miniconda3", "opt", "proc"}) | {
    "run",
    "sbin",
    "srv",
    "sys",
    "usr",
    "var",
}
"""Folders of a container that may hold files; a dependency that points there is not for us to find."""
LARGEST_TEXT = 1 << 20
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE})
"""What this machine is to blame for, and not the archive."""


@dataclass(frozen=True, slots=True)
class Repack:
    """What a repacking job is asked to do."""

    code: Location
    """Where the archive of its code lies."""
    archive: str
    """Name of the model's archive in the channel."""
    script: str
    """The inference script."""
    whole: bool
    """All of the code becomes `code/`, not the script alone."""
    dependencies: tuple[str, ...]


def asked(plan: Plan, inputs: Mapping[str, object]) -> Repack | None:
    """What `plan` asks for, if it looks like a repacking job and asks for nothing else; its code must still be
    looked at. `inputs` are its hyperparameters."""
    if inputs.keys() - OWN - TOOLKIT or plan.environment.keys() - VARIABLES or plan.entrypoint or plan.arguments:
        return None
    if len(plan.hosts) != 1 or not _takes_one_archive(plan) or not leaves_one_archive(plan):
        return None
    texts = {name: _decoded(value) for name, value in inputs.items() if name != "sagemaker_container_log_level"}
    if texts.get("sagemaker_program") != LAUNCHER or not all(isinstance(text, str) for text in texts.values()):
        return None
    script = texts.get("inference_script", "")
    if posixpath.basename(script) != script or script in ("", ".", "..") or script.startswith("-"):
        return None
    if any(texts.get(name, "").startswith("-") for name in OWN):  # would be taken for an option
        return None
    try:
        code = location(texts.get("sagemaker_submit_directory", ""))
    except Refusal:
        return None
    archive = texts.get("model_archive", "").rpartition("/")[2]
    dependencies = texts.get("dependencies", "")
    return Repack(
        code, archive, script, bool(texts.get("source_dir")), tuple(dependencies.split(" ")) if dependencies else ()
    )


def _takes_one_archive(plan: Plan) -> bool:
    if len(plan.inputs) != 1:
        return False
    (channel,) = plan.inputs
    return channel.name == CHANNEL and channel.listing == "prefix" and channel.pipe is None


def leaves_one_archive(plan: Plan) -> bool:
    """Whether its outputs are a model and its data, as archives, and nothing else."""
    return {output.name for output in plan.outputs} == {"model", "output"} and all(o.archive for o in plan.outputs)


def _decoded(value: object) -> Any:
    """A hyperparameter as the toolkit hands it to a program; what is no text is not what the SDK gives."""
    try:
        found = json.loads(str(value))
    except ValueError:
        found = str(value)
    return "" if found is None else found


def is_known(code: Path) -> bool:
    """Whether the archive `code` holds the SDK's own programs, and not others by these names."""
    return _filters(code) is not None


def _filters(code: Path) -> bool | None:
    """Whether the script in the archive `code` takes permissions as the data filter does; None: it is not known."""
    found: dict[str, str] = {}
    try:
        with tarfile.open(code) as members:
            for member in members:
                name = posixpath.normpath(member.name)
                if name in found:
                    return None
                if name in (SCRIPT, LAUNCHER):
                    file = members.extractfile(member) if member.isreg() and member.size < LARGEST_TEXT else None
                    found[name] = hashlib.sha256(file.read()).hexdigest() if file else ""
    except (tarfile.TarError, OSError, EOFError, ValueError):
        return None
    return SCRIPTS.get(found.get(SCRIPT, "")) if found.get(LAUNCHER) in LAUNCHERS else None


def carry_out(repack: Repack, code: Path, root: Path, scratch: Path, most_bytes: int, checkpoint: Checkpoint) -> None:
    """Fill the model's folder below `root`, a /opt/ml with the staged channel. `code` is the archive of the code,
    `scratch` a folder for it. Raises Unusual; Refusal for an archive of more than `most_bytes`; what `checkpoint`
    raises."""
    filters, model = _filters(code), below(root, MODEL)
    if filters is None:
        raise Unusual("its code is not known")
    for path in (model, scratch):
        shutil.rmtree(path, ignore_errors=True)
    for inside in FOLDERS:
        below(root, inside).mkdir(parents=True, exist_ok=True)
    try:
        archive = below(root, f"{DATA}/{CHANNEL}") / repack.archive
        unpacking.unpack(archive, model, most_bytes, checkpoint, masks=filters, only_gzip=True)
        unpacking.unpack(code, scratch, most_bytes, checkpoint)
        (scratch / LAUNCHER).chmod(0o777)  # as the toolkit does with a program that is not Python
        _add_code(repack, scratch, model / "code")
    except OSError as error:
        if error.errno in FULL:
            raise
        raise Unusual(error.strerror or "its files are not as they should be") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _add_code(repack: Repack, code: Path, target: Path) -> None:
    """What the script does with the code, of which `code` is the folder."""
    if repack.whole:
        if target.exists():
            shutil.rmtree(target)
        shutil.copytree(code, target)
    else:
        target.mkdir(exist_ok=True)
        shutil.copy2(code / repack.script, target / repack.script)
    library = target / "lib"
    for dependency in repack.dependencies:
        if not library.exists():
            library.mkdir()
        file = _dependency(dependency, code)
        if file is not None:
            shutil.copy2(file, library)
            continue
        # The SDK put the contents of folders beside each other, so the script takes everything for the folder.
        shutil.rmtree(library)
        shutil.copytree(code, library)
        return


def _dependency(name: str, code: Path) -> Path | None:
    """The file of the code that is a dependency; None when it was a folder. Raises Unusual."""
    path = posixpath.normpath(posixpath.join(CODE, name))
    if path.startswith(f"{CODE}/"):
        found = code / path.removeprefix(f"{CODE}/")
        return found if found.is_file() else None
    if path != CODE and path.strip("/").partition("/")[0] in IN_CONTAINER:
        raise Unusual(f"its dependency {name} is not in its code")
    return None
