"""The servers side by side: Stepwell from this checkout, and moto in an environment of its own.

In: a folder for data and logs. Out: running `Peer`s, each with clients that talk to it, stopped by `Peer.stop`.
Every server is an ordinary subprocess on a free loopback port, with its log in the folder.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import uv
from botocore.config import Config

HERE = Path(__file__).resolve().parent
STEPWELL = (sys.executable, "-m", "stepwell.cli.main")
READY_SECONDS = 60.0


@dataclass(frozen=True)
class Peer:
    """A running server, the keys it accepts, and how long it took from its start to its first answer."""

    name: str
    url: str
    process: subprocess.Popen[bytes]
    keys: dict[str, str]
    ready_seconds: float

    def client(self, service: str) -> Any:
        """A boto3 client, the same one for every call of a service."""
        return make_client(service, self.url, tuple(sorted(self.keys.items())))

    def stop(self) -> None:
        """End the server, and wait until it has."""
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@cache
def make_client(service: str, url: str, keys: tuple[tuple[str, str], ...]) -> Any:
    known = dict(keys)
    return boto3.client(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=known["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=known["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=known.get("AWS_SESSION_TOKEN"),
        config=Config(
            # boto3 presigns with the old SigV2 unless told otherwise.
            signature_version="s3v4" if service == "s3" else "v4",
            retries={"total_max_attempts": 1},
            read_timeout=120,
        ),
    )


def stepwell(folder: Path, options: Sequence[str] = (), variables: Mapping[str, str] | None = None) -> Peer:
    """Stepwell with its data in `folder`, started with these options and variables besides."""
    folder.mkdir(parents=True, exist_ok=True)
    log, data = folder / "server.log", folder / "data"
    begun = time.perf_counter()
    process = spawn([*STEPWELL, "up", "--port", "0", "--data", str(data), *options], log, variables)
    try:
        url = wait(process, log, lambda: url_in(log))
        wait(process, log, lambda: url if answers(f"{url}/_stepwell/health") else None)
        ready = time.perf_counter() - begun
        output = subprocess.check_output([*STEPWELL, "env", "--data", str(data)], text=True)
    except BaseException:  # nobody else knows of it yet, who could end it
        process.kill()
        process.wait()
        raise
    words = [shlex.split(line, comments=True) for line in output.splitlines()]
    keys = dict(each[1].split("=", 1) for each in words if each[:1] == ["export"])
    return Peer("stepwell", url, process, keys, ready)


def moto(folder: Path) -> Peer:
    """moto's server, from the locked environment."""
    folder.mkdir(parents=True, exist_ok=True)
    program = moto_environment() / "bin" / "moto_server"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url, log = f"http://127.0.0.1:{port}", folder / "moto.log"
    begun = time.perf_counter()
    process = spawn([str(program), "-H", "127.0.0.1", "-p", str(port)], log)
    wait(process, log, lambda: url if answers(f"{url}/moto-api/") else None)
    ready = time.perf_counter() - begun
    return Peer("moto", url, process, {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}, ready)


def moto_environment() -> Path:
    """moto's environment, made on first use and kept in the user's cache under its lock's key."""
    lock = HERE / "moto-requirements.lock"
    key = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:16]
    home = Path.home() / ".cache" / "stepwell" / "peers" / key
    mark = home / "complete"
    if not mark.exists():
        print("Building moto's environment (once) ...", flush=True)
        tool, python = uv.find_uv_bin(), str(home / "bin" / "python")
        environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
        for command in (
            [tool, "venv", "--quiet", "--clear", "--python", sys.executable, str(home)],
            [tool, "pip", "sync", "--quiet", "--require-hashes", "--python", python, str(lock)],
        ):
            subprocess.run(command, env=environment, check=True)
        mark.touch()
    return home


def spawn(command: list[str], log: Path, variables: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    with log.open("wb") as sink:
        environment = {**os.environ, **(variables or {})}
        return subprocess.Popen(command, stdout=sink, stderr=subprocess.STDOUT, env=environment)


def wait(process: subprocess.Popen[bytes], log: Path, question: Any) -> str:
    """Ask every 5 ms until `question` has an answer."""
    deadline = time.perf_counter() + READY_SECONDS
    while time.perf_counter() < deadline and process.poll() is None:
        if answer := question():
            return str(answer)
        time.sleep(0.005)
    process.kill()
    raise SystemExit(f"{shlex.join(map(str, process.args))} did not become ready:\n{log.read_text()[-2000:]}")  # type: ignore[arg-type]


def url_in(log: Path) -> str | None:
    found = re.search(r"stepwell is ready at (\S+)", log.read_text(errors="replace"))
    return found[1] if found else None


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
