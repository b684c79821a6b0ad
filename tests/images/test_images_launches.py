"""How the user's code is started, alone and on several hosts, as AWS's toolkits do it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from stepwell.images.programs import launches, variables
from stepwell.images.programs.contract import ClientError, Tree

TORCHRUN = [sys.executable, "-m", "torch.distributed.run"]


@pytest.fixture
def code(tmp_path: Path) -> Path:
    (tmp_path / "train.py").write_text("")
    (tmp_path / "go.sh").write_text("")
    return tmp_path


def environment(count: int = 1, current: str = "algo-1", gpus: int = 0, **framework: Any) -> dict[str, Any]:
    hosts = [f"algo-{number}" for number in range(1, count + 1)]
    return {
        "additional_framework_parameters": framework,
        "current_host": current,
        "current_instance_group": "homogeneousCluster",
        "distribution_hosts": hosts,
        "distribution_instance_groups": ["homogeneousCluster"] if framework else [],
        "hosts": hosts,
        "job_name": "job-1",
        "master_hostname": "algo-1",
        "num_gpus": gpus,
    }


def test_a_program_is_run_by_python(code: Path) -> None:
    assert launches.plain(code, "train.py", ["--a", "1"]) == [sys.executable, "train.py", "--a", "1"]


def test_a_script_of_the_shell_gets_its_arguments_quoted(code: Path) -> None:
    assert launches.plain(code, "go.sh", ["--a", "x y"]) == ["/bin/sh", "-c", "./go.sh --a 'x y'"]


def test_code_with_a_setup_py_is_a_package(code: Path) -> None:
    (code / "setup.py").write_text("")
    assert launches.plain(code, "pack/train.py", []) == [sys.executable, "-m", "pack.train"]
    assert launches.kind_of(code, "go.sh") == "command"


def test_torchrun_on_one_host(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    asked = environment(gpus=4, sagemaker_torch_distributed_enabled=True)
    assert launches.is_by_torchrun(asked)
    port = str(launches.meeting_port(asked))
    assert launches.by_torchrun(code, "train.py", ["--a", "1"], asked) == [
        *TORCHRUN, "--nnodes", "1", "--nproc_per_node", "4", "--master_addr", "127.0.0.1", "--master_port", port,
        "train.py", "--a", "1",
    ]  # fmt: skip


def test_torchrun_on_several_hosts(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    first, second = (environment(2, f"algo-{number}", sagemaker_pytorch_ddp_enabled=True) for number in (1, 2))
    assert launches.is_by_torchrun(first)
    port = str(launches.meeting_port(first))
    assert port == str(launches.meeting_port(second))
    assert launches.by_torchrun(code, "train.py", [], second) == [
        *TORCHRUN, "--nnodes", "2", "--nproc_per_node", "1", "--master_addr", "algo-1", "--master_port", port,
        "--node_rank", "1", "train.py",
    ]  # fmt: skip


def test_jobs_meet_at_ports_of_their_own() -> None:
    ports = {launches.meeting_port({**environment(), "job_name": f"job-{number}"}) for number in range(50)}
    assert len(ports) > 45
    assert all(20_000 <= port < 30_000 for port in ports)


@pytest.mark.parametrize(("program", "message"), [("go.sh", "Unsupported entry point type"), ("pack", "Unsupported")])
def test_torchrun_takes_a_python_program_only(code: Path, program: str, message: str) -> None:
    with pytest.raises(ClientError, match=message):
        launches.by_torchrun(code, program, [], environment(sagemaker_torch_distributed_enabled=True))
    (code / "setup.py").write_text("")
    with pytest.raises(ClientError, match="Python packages are not supported for torch_distributed"):
        launches.by_torchrun(code, "train.py", [], environment(sagemaker_torch_distributed_enabled=True))


@pytest.mark.parametrize(
    "asked",
    [
        "sagemaker_mpi_enabled",
        "sagemaker_distributed_dataparallel_enabled",
        "sagemaker_pytorch_xla_multi_worker_enabled",
        "sagemaker_parameter_server_enabled",
        "sagemaker_multi_worker_mirrored_strategy_enabled",
    ],
)
def test_a_launcher_that_is_not_here_is_refused(asked: str) -> None:
    with pytest.raises(ClientError, match="which Stepwell does not provide"):
        launches.is_by_torchrun({**environment(x=1), "additional_framework_parameters": {asked: True}})


@pytest.mark.parametrize("asked", [{}, {"sagemaker_mpi_enabled": False}, {"sagemaker_instance_type": "ml.m5.large"}])
def test_nothing_asked_is_one_process(asked: dict[str, Any]) -> None:
    found = environment()
    found["additional_framework_parameters"] = asked
    assert not launches.is_by_torchrun(found)


def test_the_hosts_of_a_launch_are_those_of_its_groups(tmp_path: Path) -> None:
    place = Tree(tmp_path)
    place.config.mkdir(parents=True)
    (place.config / "resourceconfig.json").write_text(
        '{"current_host": "algo-2", "hosts": ["algo-1", "algo-2", "algo-3"], "current_group_name": "b",'
        ' "instance_groups": [{"instance_group_name": "a", "instance_type": "t", "hosts": ["algo-1"]},'
        ' {"instance_group_name": "b", "instance_type": "t", "hosts": ["algo-2", "algo-3"]}]}'
    )
    found = variables.settings(
        {
            "sagemaker_torch_distributed_enabled": "true",
            "sagemaker_distribution_instance_groups": '["b"]',
        }
    )
    document = variables.training_environment(place, found)
    assert document["distribution_instance_groups"] == ["b"]
    assert document["distribution_hosts"] == ["algo-2", "algo-3"]
    assert (document["master_hostname"], document["is_master"]) == ("algo-2", True)
    assert launches.is_by_torchrun(document)
