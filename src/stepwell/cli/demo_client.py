"""The demo's client: an environment with the SageMaker SDK, built once, and the account it speaks as."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uv
from rich.console import Console

from stepwell.cli import connection
from stepwell.client.environment import Access

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "churn"
DATASET = EXAMPLE / "dataset-requirements.lock"
SDK_2 = (EXAMPLE / "requirements.lock", DATASET)
SDK_3 = (EXAMPLE.with_name("churn_v3") / "requirements.lock", DATASET)


class Disproof(Exception):
    """Something that a successful demo must show is not so; the message says what."""


def client_python(console: Console, cache: Path, locks: Sequence[Path] = SDK_2) -> Path:
    """The interpreter of an environment with a SageMaker SDK; built on first use, kept under its locks' key.

    Raises Disproof when it cannot be built.
    """
    text = b"\0".join(lock.read_bytes() for lock in locks) + sys.version.encode()
    home = cache / hashlib.sha256(text).hexdigest()[:16]
    if not home.exists():
        console.print("Building the client's environment (a SageMaker SDK, about 60 to 120 MB to fetch, once) ...")
        cache.mkdir(parents=True, exist_ok=True)
        build_client(Path(tempfile.mkdtemp(prefix="building-", dir=cache)), home, locks)
    return home / "bin" / "python"


def build_client(draft: Path, home: Path, locks: Sequence[Path]) -> None:
    """Install `locks` into `draft`, and give it the name `home` once it is whole."""
    tool = uv.find_uv_bin()
    python = str(draft / "bin" / "python")
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    for command in (
        [tool, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(draft)],
        [tool, "pip", "sync", "--quiet", "--require-hashes", "--python", python, *map(str, locks)],
    ):
        if subprocess.run(command, env=environment, check=False).returncode != 0:
            shutil.rmtree(draft)
            raise Disproof(f"the client's environment could not be built: {shlex.join(command)}")
    try:
        draft.rename(home)
    except OSError:
        shutil.rmtree(draft)
        if not home.exists():
            raise


@dataclass(frozen=True, slots=True)
class Account:
    """A caller of the server: the environment for programs, clients for questions, a folder for logs."""

    environment: Mapping[str, str]
    sagemaker: Any
    s3: Any
    logs: Any
    folder: Path


def account(reached: Access, data: Path, folder: Path) -> Account:
    """The server's own key, as `stepwell env` hands it out."""
    sagemaker, s3, logs = (connection.client(service, reached) for service in ("sagemaker", "s3", "logs"))
    return Account(connection.variables(data, reached), sagemaker, s3, logs, folder)
