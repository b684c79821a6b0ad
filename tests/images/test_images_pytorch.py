"""Script mode with PyTorch, run for real: alone, by torchrun, and on two hosts that add up their numbers.

The environment is large and depends on the machine: where torch's build for processors cannot be had, these skip.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from images_support import Container

from stepwell.images import commands
from stepwell.images.environments import Environment
from stepwell.images.programs import launches

ALONE = """
import os, sys, torch
layer = torch.nn.Linear(2, 1)
torch.save(layer.state_dict(), os.path.join(os.environ["SM_MODEL_DIR"], "model.pt"))
print("ARGS", sys.argv[1:], os.environ["MASTER_ADDR"], os.environ["SM_DLC_TORCH_VERSION"] == torch.__version__)
"""
TOGETHER = """
import os, torch, torch.distributed as dist
dist.init_process_group("gloo")
number = torch.tensor([float(dist.get_rank() + 1)])
dist.all_reduce(number)
print("SUM", dist.get_world_size(), number.item(), os.environ["RANK"], os.environ["LOCAL_RANK"], flush=True)
dist.destroy_process_group()
"""


@pytest.fixture
def torch(environment_of: Callable[[str], Environment]) -> Environment:
    return environment_of("pytorch-training:2.3-cpu-py311")


def script(container: Container, text: str, **hyperparameters: object) -> None:
    container.file("code/train.py", text)
    container.hyperparameters = {"sagemaker_program": '"train.py"'}
    container.hyperparameters |= {name: json.dumps(value) for name, value in hyperparameters.items()}


def variables(environment: Environment) -> dict[str, str]:
    return {"PATH": f"{environment.prefix}/bin:/usr/bin:/bin", "GLOO_SOCKET_IFNAME": "lo"}


def test_a_script_trains_and_leaves_a_model(container: Container, torch: Environment) -> None:
    script(container, ALONE, epochs=2)
    ran = container.run(torch.python, "pytorch", "train", variables=variables(torch))
    assert ran.code == 0, ran.errors
    assert "ARGS ['--epochs', '2'] 127.0.0.1 True" in ran.output
    assert (container.root / "model" / "model.pt").stat().st_size > 0


def test_torchrun_starts_the_processes(container: Container, torch: Environment) -> None:
    script(container, TOGETHER, sagemaker_torch_distributed_enabled=True)
    ran = container.run(torch.python, "pytorch", "train", variables=variables(torch))
    assert ran.code == 0, ran.errors
    assert "SUM 1 1.0 0 0" in ran.output
    assert "torchrun --nnodes 1 --nproc_per_node 1" in ran.errors


def test_a_failing_process_is_told_with_its_traceback(container: Container, torch: Environment) -> None:
    script(container, "raise ValueError('no such data')\n", sagemaker_torch_distributed_enabled=True)
    ran = container.run(torch.python, "pytorch", "train", variables=variables(torch))
    assert ran.code == 1
    assert ran.failure is not None
    assert ran.failure.startswith("ExecuteUserScriptError:\nExitCode 1\n")


def test_two_hosts_add_up_their_numbers(tmp_path: Path, torch: Environment) -> None:
    """Both hosts' names are this machine's here, as they are for the containers of one job."""
    processes = []
    for number in (1, 2):
        host = Container(tmp_path / f"algo-{number}")
        script(host, TOGETHER, sagemaker_torch_distributed_enabled=True)
        hosts = ["localhost", "127.0.0.1"]
        group = {"instance_group_name": "homogeneousCluster", "instance_type": "ml.m5.large", "hosts": hosts}
        current = hosts[number - 1]
        host.resources = {**host.resources, "current_host": current, "hosts": hosts, "instance_groups": [group]}
        host.configure()
        processes.append(
            subprocess.Popen(
                [torch.python, commands.PROGRAMS, "pytorch", "train"],
                cwd="/",
                env={**host.environment(), **variables(torch)},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    answers = [process.communicate(timeout=120) for process in processes]
    for rank, (process, (output, errors)) in enumerate(zip(processes, answers, strict=True)):
        assert process.returncode == 0, errors
        assert f"SUM 2 3.0 {rank} 0" in output


def test_the_meeting_point_is_told_to_plain_scripts(container: Container, torch: Environment) -> None:
    script(container, "import os; print('PORT', os.environ['MASTER_PORT'])\n")
    ran = container.run(torch.python, "pytorch", "train", variables=variables(torch))
    port = launches.meeting_port({"job_name": "job-1", "master_hostname": "algo-1"})
    assert f"PORT {port}\n" in ran.output
