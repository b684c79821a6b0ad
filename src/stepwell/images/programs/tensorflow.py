"""Room images, inside the container: script mode with TensorFlow. In: the /opt/ml tree. Out: as `script_mode`; a job
of a tuning job gets a `model_dir` of its own (aws/sagemaker-tensorflow-training-toolkit, training.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import contract, script_mode, variables
from .script_mode import Environment, Framework


def train() -> int:
    """Run the user's script. Answers the exit code."""
    return script_mode.train(Framework(arguments=_arguments))


def _arguments(environment: Environment, hyperparameters: Mapping[str, Any]) -> list[str]:
    folder = str(hyperparameters.get("model_dir"))
    is_tuned = "_tuning_objective_metric" in contract.tree().read("hyperparameters", {})
    if is_tuned and not folder.startswith("/opt/ml"):
        hyperparameters = {**hyperparameters, "model_dir": f"{folder}/{environment['job_name']}/model"}
    return variables.arguments(hyperparameters)
