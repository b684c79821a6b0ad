"""Room images, inside the container: XGBoost as a built-in algorithm (spec 03, section 8). In: hyperparameters, the
channels train and validation. Out: `xgboost-model` in /opt/ml/model, metric lines in the log, or a failure file. On
several hosts each boosts on its own share of the data; the first that has data writes model, metrics and checkpoints.

With a hyperparameter sagemaker_program the image runs the user's script instead: `script_mode`.
"""

from __future__ import annotations

import os
import pickle
import traceback
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from logging import Logger
from pathlib import Path
from typing import Any

from . import (
    contract,
    script_mode,
    variables,
    xgboost_channels,
    xgboost_hyperparameters,
    xgboost_matrices,
    xgboost_ring,
)
from .contract import Tree, package
from .meeting import Hosts
from .xgboost_boosting import Task, boost
from .xgboost_hyperparameters import UserError
from .xgboost_matrices import Rows
from .xgboost_ring import ALONE, Ring

MODEL = "xgboost-model"
PROVIDED = Path(__file__).with_name("provided")
"""What scripts import by the names of AWS's container."""
_NAMES = {"train": "training", "validation": "validation"}
_FORM, _DATES = "[%(asctime)s:%(levelname)s] %(message)s", "%Y-%m-%d:%H:%M:%S"


def train() -> int:
    """Train a model, or run the user's script. Answers the exit code."""
    place = contract.tree()
    texts = place.read("hyperparameters", {})
    if variables.settings(texts).program:
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(PROVIDED)]))
        # AWS's container runs `python -m` with the entry point, and takes its .py off if it has one.
        return script_mode.train(script_mode.Framework(runs_modules=True))
    log = contract.start_logging(_FORM, "sagemaker-xgboost", _DATES)
    log.info("Running XGBoost Sagemaker in algorithm mode")
    # Old xgboost and newer pandas warn of each other on every import; who uses an algorithm can do nothing about it.
    warnings.simplefilter("ignore")
    try:
        _train(place, texts, log)
    except UserError as error:
        return _fail(place, f"framework error: \nsagemaker_algorithm_toolkit.exceptions.UserError: {error}", log)
    except Exception as error:
        return _fail(place, f"framework error: \n{error}\n{traceback.format_exc()}", log)
    return 0


def _fail(place: Tree, message: str, log: Logger) -> int:
    contract.write_failure(place, message)
    log.error("%s", message)
    return 1


@dataclass(frozen=True)
class Data:
    """What this host has of each channel; None where it has nothing, or the job has no such channel."""

    train: Rows | None
    validation: Rows | None
    both: Rows | None
    """Rows of all channels together, for cross validation."""


def _train(place: Tree, texts: dict[str, str], log: Logger) -> None:
    found = xgboost_hyperparameters.validated(texts)
    channels = place.read("inputdataconfig", {})
    form = xgboost_channels.content_form(channels)
    if found.get("use_dask_gpu_training") == "true":
        raise UserError("use_dask_gpu_training needs an instance with GPUs; none is offered here.")
    hosts = _hosts(place)
    data = _data(place, found, channels, form)
    missing = [name for name in ("train", "validation") if name in channels and getattr(data, name) is None]
    if len(hosts.names) == 1:
        for name in missing:
            raise UserError(f"No data in {_NAMES[name]} channel path {place.channel(name)}")
        log.info("Single node training.")
        _boost(place, found, data, ALONE, log)
        return
    log.info("Distributed node training with %d hosts: %s", len(hosts.names), list(hosts.names))
    for name in missing:
        log.warning(
            "Host %s does not have data in the %s channel and will not be used in distributed training."
            " Please divide the data across instances properly.",
            hosts.current,
            name,
        )
    with xgboost_ring.joined(hosts, not missing) as ring:
        if ring is not None:
            _boost(place, found, data, ring, log)


def _data(place: Tree, found: Mapping[str, Any], channels: Mapping[str, Any], form: str) -> Data:
    def rows(*names: str) -> Rows | None:
        folders = [place.channel(name) for name in names if name in channels]
        return xgboost_matrices.read(folders, form, csv_weights=found.get("csv_weights") == 1)

    return Data(rows("train"), rows("validation"), rows("train", "validation") if "_kfold" in found else None)


def _boost(place: Tree, found: Mapping[str, Any], data: Data, ring: Ring, log: Logger) -> None:
    """Train on what this host has, together with the others of the ring. The master writes the model."""
    assert data.train is not None
    validation = data.validation.matrix() if data.validation else None
    task = Task(found, data.train.matrix(), validation, _checkpoints(place), ring)
    log.info("Train matrix has %d rows and %d columns", task.train.num_row(), task.train.num_col())
    if task.validation is not None:
        log.info("Validation matrix has %d rows", task.validation.num_row())
    place.model.mkdir(parents=True, exist_ok=True)
    if data.both is not None:
        from . import xgboost_folds

        boosters = xgboost_folds.boost_folds(task, data.both.matrix(), place.output / "data", log)
    else:
        boosters = [boost(task)[0]]
    for number, booster in enumerate(boosters if ring.is_master else ()):
        save(booster, place.model / (f"{MODEL}-{number}" if data.both is not None else MODEL))


def _hosts(place: Tree) -> Hosts:
    """The hosts of the job, by number: the first leads."""
    resources = place.read("resourceconfig", {"hosts": ["algo-1"], "current_host": "algo-1"})
    names = sorted(resources["hosts"], key=lambda name: (len(name), name))
    return Hosts(os.environ.get("TRAINING_JOB_NAME", ""), tuple(names), resources["current_host"])


def _checkpoints(place: Tree) -> Path | None:
    """Where checkpoints are kept, if the job keeps any: where its configuration says, or at the usual place."""
    named = place.read("checkpointconfig", {}).get("LocalPath")
    usual = place.root / "checkpoints"
    return Path(named) if named else usual if usual.is_dir() else None


def save(booster: Any, path: Path) -> None:
    """Write the model as AWS's container of that release does: a pickle up to 1.2, xgboost's own format after."""
    xgboost = package("xgboost")

    if tuple(int(part) for part in xgboost.__version__.split(".")[:2]) < (1, 3):
        path.write_bytes(pickle.dumps(booster))
    else:
        booster.save_model(str(path))
