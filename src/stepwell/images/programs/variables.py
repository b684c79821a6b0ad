"""Room images, inside the container: what script mode tells the user's script. In: the configuration documents.
Out: SM_* environment variables and command-line arguments, in the form of AWS's training toolkit.

The names and forms are those of aws/sagemaker-training-toolkit (environment.py, mapping.py).
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .contract import Tree

_RESERVED = (
    "sagemaker_program",
    "sagemaker_submit_directory",
    "sagemaker_enable_cloudwatch_metrics",
    "sagemaker_region",
    "sagemaker_container_log_level",
    "sagemaker_job_name",
    "default_user_module_name",
    "_tuning_objective_metric",
    "sagemaker_s3_output",
)
"""Hyperparameters for the toolkit itself; whatever else begins with sagemaker_ is for the framework."""

DISTRIBUTIONS = (
    "sagemaker_mpi_enabled",
    "sagemaker_parameter_server_enabled",
    "sagemaker_distributed_dataparallel_enabled",
    "sagemaker_pytorch_ddp_enabled",
    "sagemaker_pytorch_xla_multi_worker_enabled",
    "sagemaker_multi_worker_mirrored_strategy_enabled",
    "sagemaker_torch_distributed_enabled",
)
"""Framework hyperparameters that ask for a distributed launch."""


@dataclass(frozen=True)
class Settings:
    """The hyperparameters, sorted by whom they are for. Values are JSON-decoded where they are JSON."""

    user: dict[str, Any]
    framework: dict[str, Any]
    reserved: dict[str, Any]

    @property
    def program(self) -> str | None:
        """The user's entry point; the variable SAGEMAKER_PROGRAM comes first."""
        found = os.environ.get("SAGEMAKER_PROGRAM") or self.reserved.get("sagemaker_program")
        return str(found) if found else None

    @property
    def log_level(self) -> int:
        return int(self.reserved.get("sagemaker_container_log_level", logging.INFO))

    def submit_directory(self, place: Tree) -> str:
        """Where the code comes from: an S3 URI or a path."""
        found = self.reserved.get("sagemaker_submit_directory") or os.environ.get("SAGEMAKER_SUBMIT_DIRECTORY")
        return str(found or place.code)


def settings(hyperparameters: Mapping[str, str]) -> Settings:
    """`hyperparameters.json`, decoded and sorted. A value that is no JSON is kept as it is."""
    decoded = {name: _decoded(value) for name, value in hyperparameters.items()}
    reserved = {name: value for name, value in decoded.items() if name in _RESERVED}
    framework = {
        name: value for name, value in decoded.items() if name.startswith("sagemaker_") and name not in reserved
    }
    user = {name: value for name, value in decoded.items() if name not in reserved and name not in framework}
    return Settings(user, framework, reserved)


def training_environment(place: Tree, found: Settings) -> dict[str, Any]:
    """The document a script finds in SM_TRAINING_ENV."""
    resources = place.read("resourceconfig")
    channels = place.read("inputdataconfig", {})
    groups = resources.get("instance_groups", [])
    group = resources.get("current_group_name", "homogeneousCluster")
    hosts = resources["hosts"]
    distributed = _distributed_groups(found.framework, group)
    launched = [host for each in distributed for host in _hosts_of(groups, each)] if groups else list(hosts)
    master = (launched or hosts)[0]
    return {
        "additional_framework_parameters": found.framework,
        "channel_input_dirs": {name: str(place.channel(name)) for name in channels},
        "current_host": resources["current_host"],
        "current_instance_group": group,
        "current_instance_group_hosts": _hosts_of(groups, group),
        "current_instance_type": resources.get("current_instance_type", "local"),
        "distribution_hosts": launched,
        "distribution_instance_groups": distributed,
        "framework_module": os.environ.get("SAGEMAKER_TRAINING_MODULE"),
        "hosts": hosts,
        "hyperparameters": found.user,
        "input_config_dir": str(place.config),
        "input_data_config": channels,
        "input_dir": str(place.input),
        "instance_groups": [each["instance_group_name"] for each in groups],
        "instance_groups_dict": {each["instance_group_name"]: each for each in groups},
        "is_hetero": len(groups) > 1,
        "is_master": resources["current_host"] == master,
        "job_name": os.environ.get("TRAINING_JOB_NAME"),
        "log_level": found.log_level,
        "master_hostname": master,
        "model_dir": str(place.model),
        "module_dir": found.submit_directory(place),
        "module_name": (found.program or "").removesuffix(".py"),
        "network_interface_name": resources.get("network_interface_name", "eth0"),
        "num_cpus": len(os.sched_getaffinity(0)),
        "num_gpus": _gpus(),
        "num_neurons": 0,
        "output_data_dir": str(place.output / "data"),
        "output_dir": str(place.output),
        "output_intermediate_dir": str(place.output / "intermediate"),
        "resource_config": resources,
        "user_entry_point": found.program,
    }


_OWN_NAMES = {"hyperparameters": "hps", "additional_framework_parameters": "framework_params"}
_NOT_VARIABLES = {"channel_input_dirs", "distribution_hosts", "is_master", "job_name", "master_hostname"}


def variables(environment: Mapping[str, Any]) -> dict[str, str]:
    """The SM_* variables that say what `environment` says."""
    named = {_OWN_NAMES.get(key, key): value for key, value in environment.items() if key not in _NOT_VARIABLES}
    named["channels"] = sorted(environment["channel_input_dirs"])
    named["training_env"] = dict(environment)
    named["user_args"] = arguments(environment["hyperparameters"])
    named |= {f"channel_{name}": path for name, path in environment["channel_input_dirs"].items()}
    named |= {f"hp_{name}": value for name, value in environment["hyperparameters"].items()}
    return {f"SM_{name.upper()}": _variable(value) for name, value in named.items()}


def arguments(hyperparameters: Mapping[str, Any]) -> list[str]:
    """`--name value` for every hyperparameter, by name; a name of one letter has one dash."""
    found = []
    for name, value in sorted(hyperparameters.items()):
        found += [f"--{name}" if len(name) > 1 else f"-{name}", _argument(value)]
    return found


def _argument(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return ",".join(f"{key}={each}" for key, each in sorted(value.items()))
    return str(value)


def _variable(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))


def _decoded(value: Any) -> Any:
    try:
        return json.loads(value)
    except (ValueError, TypeError):
        return value


def _hosts_of(groups: list[dict[str, Any]], name: str) -> list[str]:
    return next((each["hosts"] for each in groups if each["instance_group_name"] == name), [])


def _distributed_groups(framework: Mapping[str, Any], group: str) -> list[str]:
    """The instance groups on which a distributed launch is asked for: those that are named, else this host's own."""
    named = framework.get("sagemaker_distribution_instance_groups")
    if isinstance(named, list):
        return [str(each) for each in named]
    return [group] if any(framework.get(name) for name in DISTRIBUTIONS) else []


def _gpus() -> int:
    try:
        listing = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return 0
    return sum(line.startswith("GPU ") for line in listing.splitlines())
