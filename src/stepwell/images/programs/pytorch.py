"""Room images, inside the container: script mode with PyTorch. In: the /opt/ml tree. Out: as `script_mode`, with the
meeting point of a distributed job among the variables and torchrun as its launcher.

Variables and their values are those of aws/sagemaker-pytorch-training-toolkit (training.py); the port is ours, see
`launches.meeting_port`.
"""

from __future__ import annotations

import importlib.metadata
import socket
import time
from logging import Logger
from pathlib import Path

from . import launches, script_mode
from .contract import ClientError
from .script_mode import Environment, Framework

_PATIENCE_SECONDS = 60.0
"""How long other hosts may take to be known. They are containers of this machine, known from the start."""


def train() -> int:
    """Run the user's script. Answers the exit code."""
    return script_mode.train(Framework(variables=_variables, command=_command))


def _variables(environment: Environment, log: Logger) -> dict[str, str]:
    hosts = environment["hosts"]
    if len(hosts) > 1:
        log.info("Block until all host DNS lookups succeed.")
        for host in hosts:
            _await(host)
    return {
        "MASTER_ADDR": launches.meeting_host(environment),
        "MASTER_PORT": str(launches.meeting_port(environment)),
        "NCCL_SOCKET_IFNAME": str(environment["network_interface_name"]),
        "NCCL_IB_DISABLE": "1",
        "NCCL_DEBUG": "WARN",
        "SM_DLC_TORCH_VERSION": _release(),
    }


def _command(code: Path, program: str, arguments: list[str], environment: Environment) -> list[str]:
    if launches.is_by_torchrun(environment):
        return launches.by_torchrun(code, program, arguments, environment)
    return launches.plain(code, program, arguments)


def _await(host: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            socket.gethostbyname(host)
        except OSError as error:
            if time.monotonic() > deadline:
                raise ClientError(f"The host {host!r} of this job is not known by its name: {error}") from error
            time.sleep(0.2)
        else:
            return


def _release() -> str:
    """From what is installed, without importing torch: that takes seconds."""
    try:
        return importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        return ""
