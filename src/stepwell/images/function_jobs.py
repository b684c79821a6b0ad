"""Room images: training jobs that are functions, as the SageMaker SDK makes them of `@step` and `@remote`. In: a
CreateTrainingJob request. Out: where its dependencies are written down, and what of them is the SDK itself. Pure but
for reading an archive.

The SDK's own scripts do the work inside the job: they compare Python versions, run the user's commands, install the
dependency file by `pip install -U -r` and call the function through the SDK, which must therefore be in the job. What
is told from here lets the packages stand in shared layers before the job begins; the job's pip then finds them there.
Names are those of remote_function/job.py of the SDK (2.257).
"""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from stepwell.base.documents import Document

ENTRYPOINT = ("/bin/bash", "/opt/ml/input/data/sagemaker_remote_function_bootstrap/job_driver.sh")
STEP_CHANNEL = "pre_exec_script_and_dependencies"
"""Holds the dependency file of a pipeline step."""
REMOTE_CHANNEL = "sm_rf_user_ws"
"""Holds workspace.zip, with the dependency file of a remote function in it."""
WORKSPACE = "sagemaker_remote_function_workspace"

_MOST_BYTES = 64 * 1024
_SDK_LINE = re.compile(rb"\s*(sagemaker|sagemaker[-_.]core)(?![\w.-])[^\r\n]*", re.IGNORECASE)
_VERSION = re.compile(r"\d+(\.\d+){1,3}")


@dataclass(frozen=True, slots=True)
class FunctionJob:
    """What a function job says of the packages it needs."""

    python: str
    """The client's Python, such as 3.11: the job fails on any other."""
    sdk: str
    """The client's version of the SDK; empty when it does not say."""
    uri: str = ""
    """The object that is or holds the dependency file; empty: there is none that pip reads."""
    member: str = ""
    """The path of the dependency file in that archive; empty: the object is the file."""


def read(document: Document) -> FunctionJob | None:
    """The function job that a training job's document describes; None for jobs of other kinds, and for functions that
    run in a conda environment."""
    specification = document.get("AlgorithmSpecification") or {}
    if tuple(specification.get("ContainerEntrypoint") or ()) != ENTRYPOINT:
        return None
    arguments = [str(each) for each in specification.get("ContainerArguments") or ()]
    name = _dependency_file(_option(arguments, "--dependency_settings"))
    if _option(arguments, "--job_conda_env") or name.endswith((".yml", ".yaml")):
        return None
    python = _option(arguments, "--client_python_version").strip()
    sdk = _option(arguments, "--client_sagemaker_pysdk_version")
    uri, member = _place(_channels(document), name)
    return FunctionJob(python, sdk if _VERSION.fullmatch(sdk) else "", uri, member)


def dependencies_in(archive: Path, member: str) -> bytes | None:
    """The dependency file in a workspace archive; None when it is not there: the job then says so."""
    try:
        with zipfile.ZipFile(archive) as content:
            found = content.getinfo(member)
            return content.read(found) if found.file_size <= _MOST_BYTES else None
    except (KeyError, OSError, RuntimeError, ValueError, NotImplementedError, zipfile.BadZipFile, zlib.error):
        return None


def stages(job: FunctionJob, dependencies: bytes | None) -> tuple[bytes, ...]:
    """What to install, as requirements files, each above the one before: first the SDK, alike for most functions.

    The SDK is what the dependency file asks for; of a file without it, what the client has.
    """
    given = dependencies or b""
    asked = [line for line in given.splitlines() if _SDK_LINE.fullmatch(line)]
    sdk = b"".join(line.strip() + b"\n" for line in [*asked, *_own_line(job.sdk, asked)])
    return tuple(dict.fromkeys(each for each in (sdk, given) if each.strip()))


def _own_line(version: str, asked: Sequence[bytes]) -> list[bytes]:
    """The line for the SDK that calls the function: version 3 does so by sagemaker-core 2, which is a tenth of it."""
    is_core = version.partition(".")[0] not in ("", "1", "2")
    has_sdk = any(is_core or found[1].lower() == b"sagemaker" for each in asked if (found := _SDK_LINE.match(each)))
    if not version or has_sdk:
        return []
    return [b"sagemaker-core>=2,<3" if is_core else f"sagemaker=={version}".encode()]


def _channels(document: Document) -> dict[str, str]:
    found = {}
    for channel in document.get("InputDataConfig") or ():
        source = (channel.get("DataSource") or {}).get("S3DataSource") or {}
        found[str(channel.get("ChannelName"))] = str(source.get("S3Uri") or "").rstrip("/")
    return found


def _place(channels: dict[str, str], name: str) -> tuple[str, str]:
    if name and channels.get(STEP_CHANNEL):
        return f"{channels[STEP_CHANNEL]}/{name}", ""
    if name and channels.get(REMOTE_CHANNEL):
        archive = channels[REMOTE_CHANNEL]
        return archive if archive.endswith(".zip") else f"{archive}/workspace.zip", f"{WORKSPACE}/{name}"
    return "", ""


def _dependency_file(settings: str) -> str:
    """The name in `{"dependency_file": "requirements.txt"}`; empty when there is none, or it is more than a name."""
    try:
        name = json.loads(settings or "{}").get("dependency_file") or ""
    except (ValueError, AttributeError):
        return ""
    return name if isinstance(name, str) and "/" not in name else ""


def _option(arguments: Sequence[str], name: str) -> str:
    """The value after `name`, which argparse takes from its last place."""
    found = [value for option, value in pairwise(arguments) if option == name]
    return found[-1] if found else ""
