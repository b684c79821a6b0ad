"""Room images, inside the container: XGBoost as a built-in algorithm (spec 03, section 8). In: hyperparameters, the
channels train and validation. Out: `xgboost-model` in /opt/ml/model, metric lines in the log, or a failure file.

With a hyperparameter sagemaker_program the image runs the user's script instead: `script_mode`.
"""

from __future__ import annotations

import pickle
import traceback
import warnings
from logging import Logger
from pathlib import Path
from typing import Any

from . import contract, script_mode, variables, xgboost_channels, xgboost_hyperparameters, xgboost_matrices
from .contract import Tree, package
from .xgboost_boosting import Task, boost
from .xgboost_hyperparameters import UserError

MODEL = "xgboost-model"
_FORM, _DATES = "[%(asctime)s:%(levelname)s] %(message)s", "%Y-%m-%d:%H:%M:%S"


def train() -> int:
    """Train a model, or run the user's script. Answers the exit code."""
    place = contract.tree()
    texts = place.read("hyperparameters", {})
    if variables.settings(texts).program:
        return script_mode.train()
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


def _train(place: Tree, texts: dict[str, str], log: Logger) -> None:
    found = xgboost_hyperparameters.validated(texts)
    channels = place.read("inputdataconfig", {})
    form = xgboost_channels.content_form(channels)
    _check_resources(found, place.read("resourceconfig"))
    weighted = found.get("csv_weights") == 1
    train = xgboost_matrices.read([place.channel("train")], form, csv_weights=weighted)
    if train is None:
        raise UserError(f"No data in training channel path {place.channel('train')}")
    validation = None
    if "validation" in channels:
        validation = xgboost_matrices.read([place.channel("validation")], form, csv_weights=weighted)
        if validation is None:
            raise UserError(f"No data in validation channel path {place.channel('validation')}")
    task = Task(found, train.matrix(), validation.matrix() if validation else None, _checkpoints(place))
    log.info("Single node training.")
    log.info("Train matrix has %d rows and %d columns", task.train.num_row(), task.train.num_col())
    if task.validation is not None:
        log.info("Validation matrix has %d rows", task.validation.num_row())
    place.model.mkdir(parents=True, exist_ok=True)
    if "_kfold" in found:
        from . import xgboost_folds

        both = [place.channel(name) for name in ("train", "validation") if name in channels]
        rows = xgboost_matrices.read(both, form, csv_weights=weighted)
        assert rows is not None
        for number, booster in enumerate(xgboost_folds.boost_folds(task, rows.matrix(), place.output / "data", log)):
            save(booster, place.model / f"{MODEL}-{number}")
        return
    booster, _ = boost(task)
    save(booster, place.model / MODEL)


def _checkpoints(place: Tree) -> Path | None:
    """Where checkpoints are kept, if the job keeps any: where its configuration says, or at the usual place."""
    named = place.read("checkpointconfig", {}).get("LocalPath")
    usual = place.root / "checkpoints"
    return Path(named) if named else usual if usual.is_dir() else None


def _check_resources(found: dict[str, Any], resources: dict[str, Any]) -> None:
    if found.get("use_dask_gpu_training") == "true":
        raise UserError("use_dask_gpu_training needs an instance with GPUs; none is offered here.")
    if len(resources.get("hosts", ["algo-1"])) > 1:
        raise UserError(
            "Distributed training of the XGBoost algorithm over several instances is not implemented by Stepwell yet."
            " Please set InstanceCount to 1."
        )


def save(booster: Any, path: Path) -> None:
    """Write the model as AWS's container of that release does: a pickle up to 1.2, xgboost's own format after."""
    xgboost = package("xgboost")

    if tuple(int(part) for part in xgboost.__version__.split(".")[:2]) < (1, 3):
        path.write_bytes(pickle.dumps(booster))
    else:
        booster.save_model(str(path))
