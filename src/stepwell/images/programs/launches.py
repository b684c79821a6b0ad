"""Room images, inside the container: how the user's code is started. In: the code folder, its entry point and the
training environment. Out: an argv, as AWS's training toolkit would run it; or `ClientError` for a launcher that is
not here. Pure but for looking at which files there are.

A distributed launch is torchrun's: on AWS `torch_distributed` is too, and `pytorchddp`, which there goes by MPI,
gives a script the same ranks and the same meeting point.
"""

from __future__ import annotations

import shlex
import shutil
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from .contract import ClientError

Kind = Literal["package", "program", "command"]

_FIRST_PORT, _PORTS = 20_000, 10_000

_NOT_HERE = {
    "sagemaker_mpi_enabled": "MPI (there is no mpirun in this environment)",
    "sagemaker_distributed_dataparallel_enabled": "smdistributed.dataparallel (AWS's closed library)",
    "sagemaker_pytorch_xla_multi_worker_enabled": "PyTorch/XLA",
    "sagemaker_parameter_server_enabled": "a parameter server",
    "sagemaker_multi_worker_mirrored_strategy_enabled": "TensorFlow's MultiWorkerMirroredStrategy",
}


def kind_of(code: Path, program: str) -> Kind:
    """How the toolkit starts it: a package when there is a setup.py, a Python program, or any other command."""
    if program.endswith(".sh"):
        return "command"
    if (code / "setup.py").exists():
        return "package"
    return "program" if program.endswith(".py") else "command"


def plain(code: Path, program: str, arguments: list[str]) -> list[str]:
    """One process of the user's code."""
    match kind_of(code, program):
        case "package":
            return [sys.executable, "-m", program.removesuffix(".py").replace("/", "."), *arguments]
        case "program":
            return [sys.executable, program, *arguments]
        case "command":
            return ["/bin/sh", "-c", f"./{shlex.quote(program)} {shlex.join(arguments)}".strip()]


def by_torchrun(code: Path, program: str, arguments: list[str], environment: Mapping[str, Any]) -> list[str]:
    """torchrun on every host of the launch; a process for each GPU, or one."""
    match kind_of(code, program):
        case "package":
            raise ClientError(
                "Python packages are not supported for torch_distributed. "
                "Please use a python script as the entry-point"
            )
        case "command":
            raise ClientError("Unsupported entry point type for torch_distributed")
        case "program":
            hosts = environment["distribution_hosts"]
            options = ["--nnodes", str(len(hosts)), "--nproc_per_node", str(max(1, environment["num_gpus"]))]
            options += ["--master_addr", meeting_host(environment)]
            options += ["--master_port", str(meeting_port(environment))]
            if len(hosts) > 1:
                options += ["--node_rank", str(hosts.index(environment["current_host"]))]
            return [*_torchrun(), *options, program, *arguments]


def is_distributed(environment: Mapping[str, Any]) -> bool:
    """This host takes part in a distributed launch."""
    return environment["current_instance_group"] in environment["distribution_instance_groups"]


def is_by_torchrun(environment: Mapping[str, Any]) -> bool:
    """The launch is one of those that torchrun does. Raises ClientError for one that nothing here does."""
    if not is_distributed(environment):
        return False
    asked = environment["additional_framework_parameters"]
    for name, shown in _NOT_HERE.items():
        if asked.get(name):
            raise ClientError(
                f"ClientError: this job asks for a distributed launch by {shown}, which Stepwell does not provide."
                ' With PyTorch use distribution={"torch_distributed": {"enabled": True}}.'
            )
    return bool(asked.get("sagemaker_torch_distributed_enabled") or asked.get("sagemaker_pytorch_ddp_enabled"))


def meeting_host(environment: Mapping[str, Any]) -> str:
    """Where the processes of a job meet: the first host's name, or this machine when there is only one host."""
    return str(environment["master_hostname"]) if len(environment["hosts"]) > 1 else "127.0.0.1"


def meeting_port(environment: Mapping[str, Any]) -> int:
    """The port they meet at. AWS's toolkit takes 7777, always; here jobs share a network interface, so each has one
    of its own, which all its hosts can tell."""
    name = f"{environment['job_name']}\0{environment['master_hostname']}"
    return _FIRST_PORT + zlib.crc32(name.encode()) % _PORTS


def _torchrun() -> list[str]:
    return ["torchrun"] if shutil.which("torchrun") else [sys.executable, "-m", "torch.distributed.run"]
