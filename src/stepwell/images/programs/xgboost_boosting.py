"""Room images, inside the container: the boosting loop of the XGBoost algorithm. In: typed hyperparameters and data.
Out: a Booster, and one line of metrics a round in the form the service's metric definitions look for.

The loop is written on `Booster.update` and `Booster.eval_set`, which every release from 0.90 to 3.x has alike, where
`xgboost.train` changed its callbacks and what a custom metric is given several times in between.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import xgboost_metrics
from .contract import package
from .xgboost_hyperparameters import MAXIMIZED, UserError
from .xgboost_ring import ALONE, Ring

_NOT_PARAMETERS = {
    "num_round",
    "csv_weights",
    "early_stopping_rounds",
    "eval_metric",
    "save_model_on_termination",
    "use_dask_gpu_training",
}
_CHECKPOINT = "xgboost-checkpoint"
_CHECKPOINTS_KEPT = 5

# What xgboost says about data and parameters that do not fit each other: the user's doing
# (CUSTOMER_ERRORS in aws/sagemaker-xgboost-container).
_USERS_DOING = (
    "label must be in [0,1] for logistic regression",
    "label must be in [0, num_class)",
    "Target is multiclass but average='binary'",
    "feature_names mismatch",
    "Check failed: preds.size() == info.labels_.size()",
    "the dataset only contains pos or neg samples",
    "base_score must be in (0,1)",
    "label must be nonnegative",
    "Parameter reg_lambda should be greater equal to 0",
)


@dataclass(frozen=True)
class Task:
    """One model to train."""

    hyperparameters: Mapping[str, Any]
    train: Any
    validation: Any
    checkpoints: Path | None = None
    ring: Ring = ALONE
    """The other hosts that train the same model on their own rows."""

    @property
    def watched(self) -> list[tuple[Any, str]]:
        """The data sets that are scored after every round."""
        return [(self.train, "train")] + ([(self.validation, "validation")] if self.validation is not None else [])

    @property
    def objective(self) -> str:
        return str(self.hyperparameters.get("objective", ""))

    @property
    def tuned(self) -> list[str]:
        """The metric a tuning job looks at: `validation:auc` gives auc."""
        asked = self.hyperparameters.get("_tuning_objective_metric")
        return asked.split(":")[1].split(",") if asked else []

    @property
    def metrics(self) -> list[str]:
        """The metrics asked for, the tuning job's among them, each once."""
        return list(dict.fromkeys([*self.hyperparameters.get("eval_metric", ()), *self.tuned]))


Scores = dict[str, dict[str, float]]
"""Data set name -> metric -> value."""


def boost(task: Task) -> tuple[Any, Scores]:
    """Train. Answers the Booster and the scores of its last round."""
    xgboost = package("xgboost")

    booster, done = _start(task)
    stop = _Stopping(task, _is_modern(xgboost.__version__))
    scores: Scores = {}
    iteration = done - 1
    with _stopped_by_signal(task) as stopped:
        for iteration in range(done, task.hyperparameters["num_round"]):
            _user_errors(booster.update, task.train, iteration)
            scores = _user_errors(_score, booster, task, iteration)
            if task.ring.is_master:
                print(metric_line(iteration, scores, xgboost.__version__), flush=True)
                _keep_checkpoint(booster, task.checkpoints, iteration)
            if stop.is_due(iteration, scores) or _is_stopped(task, stopped):
                break
    # A checkpoint may have all rounds already.
    return stop.best(booster, iteration), scores or _user_errors(_score, booster, task, max(iteration, 0))


def metric_line(iteration: int, scores: Scores, release: str = "1.0") -> str:
    """`[0]#011train-rmse:8.09#011validation-rmse:8.33`: CloudWatch's form of a tab, as the definitions expect."""
    form = "{:g}" if release.startswith("0.") else "{:.5f}"
    parts = [
        f"{name}-{metric}:{form.format(value)}" for name, found in scores.items() for metric, value in found.items()
    ]
    return "#011".join([f"[{iteration}]", *parts])


def _is_modern(release: str) -> bool:
    """From 1.3 on AWS's container stops early by a callback, which keeps the best model only."""
    major, minor = (int(part) for part in release.split(".")[:2])
    return (major, minor) >= (1, 3)


def _start(task: Task) -> tuple[Any, int]:
    """A fresh Booster, or the newest checkpoint with the number of rounds it has."""
    xgboost = package("xgboost")

    matrices = [matrix for matrix, _ in task.watched]
    checkpoint, done = newest_checkpoint(task.checkpoints)
    booster = (
        xgboost.Booster({}, matrices, model_file=str(checkpoint)) if checkpoint else xgboost.Booster({}, matrices)
    )
    _user_errors(booster.set_param, _parameters(task))
    return booster, done


def _parameters(task: Task) -> list[tuple[str, str]]:
    """What xgboost is told: everything that is not for the container, as texts."""
    plain = {
        name: value
        for name, value in task.hyperparameters.items()
        if name not in _NOT_PARAMETERS and not name.startswith("_")
    }
    own = [metric for metric in task.metrics if metric not in xgboost_metrics.NAMES]
    return [(name, _parameter(name, value)) for name, value in plain.items()] + [
        ("eval_metric", each) for each in own
    ]


def _parameter(name: str, value: Any) -> str:
    match name, value:
        case "updater", list():
            return ",".join(value)
        case "monotone_constraints", list() | tuple():
            return f"({','.join(str(each) for each in value)})"
        case _, list() | tuple():
            return json.dumps(value)
        case _:
            return str(value)


def _score(booster: Any, task: Task, iteration: int) -> Scores:
    """xgboost's own metrics of every data set, then the container's."""
    scores: Scores = {name: {} for _, name in task.watched}
    for part in booster.eval_set(task.watched, iteration).split("\t")[1:]:
        label, _, value = part.rpartition(":")
        name, _, metric = label.partition("-")
        scores[name][metric] = float(value)
    asked = [metric for metric in task.metrics if metric in xgboost_metrics.NAMES]
    for matrix, name in task.watched if asked else ():
        predictions, labels = booster.predict(matrix), matrix.get_label()
        for metric in asked:
            own = xgboost_metrics.score(metric, predictions, labels, task.objective)
            scores[name][metric] = task.ring.mean(own)
    return scores


class _Stopping:
    """Early stopping: the last metric asked for, on the validation data, has not become better for so many rounds."""

    def __init__(self, task: Task, modern: bool) -> None:
        self._rounds = task.hyperparameters.get("early_stopping_rounds")
        self._modern = modern
        self._metric = next(reversed(task.tuned or task.metrics), None)
        self._data = task.watched[-1][1]
        if modern and (self._metric is None or self._data != "validation"):
            self._rounds = None
        self._best: tuple[int, float] | None = None

    def is_due(self, iteration: int, scores: Scores) -> bool:
        """Look at the scores of one round."""
        if not self._rounds:
            return False
        found = scores[self._data]
        metric = self._metric or list(found)[-1]
        value = found[metric] if metric.partition("@")[0] not in MAXIMIZED else -found[metric]
        if self._best is None or value < self._best[1]:
            self._best = (iteration, value)
        return bool(iteration - self._best[0] >= self._rounds)

    def best(self, booster: Any, last: int) -> Any:
        """The model to keep: cut after its best round from 1.3 on, and marked with that round before."""
        if self._best is None:
            return booster
        iteration = self._best[0]
        if self._modern and iteration < last:
            booster = booster[: iteration + 1]
        booster.set_attr(best_iteration=str(iteration))
        return booster


def newest_checkpoint(folder: Path | None) -> tuple[Path | None, int]:
    """The last `xgboost-checkpoint.<iteration>` in `folder`, and how many rounds it has; (None, 0) without one."""
    found = _checkpoints(folder)
    return (found[-1][1], found[-1][0] + 1) if found else (None, 0)


def _checkpoints(folder: Path | None) -> list[tuple[int, Path]]:
    if folder is None or not folder.is_dir():
        return []
    numbered = [(path.suffix[1:], path) for path in folder.glob(f"{_CHECKPOINT}.*")]
    return sorted((int(number), path) for number, path in numbered if number.isdecimal())


def _keep_checkpoint(booster: Any, folder: Path | None, iteration: int) -> None:
    """Written under another name first: what is uploaded or resumed from is never half a model."""
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f"{_CHECKPOINT}.{iteration}.sagemaker-ignore"
    booster.save_model(str(draft))
    draft.rename(folder / f"{_CHECKPOINT}.{iteration}")
    for _, path in _checkpoints(folder)[:-_CHECKPOINTS_KEPT]:
        path.unlink()


def _is_stopped(task: Task, signals: Sequence[int]) -> bool:
    """One host of the ring was stopped: all end after the same round."""
    return _saves_on_termination(task) and task.ring.mean(float(bool(signals))) > 0


def _saves_on_termination(task: Task) -> bool:
    return bool(task.hyperparameters.get("save_model_on_termination") == "true")


@contextmanager
def _stopped_by_signal(task: Task) -> Iterator[Sequence[int]]:
    """Under save_model_on_termination SIGTERM ends training after the current round; the list is then not empty."""
    signals: list[int] = []
    if not _saves_on_termination(task):
        yield signals
        return
    signal.signal(signal.SIGTERM, lambda number, _: signals.append(number))
    yield signals
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _user_errors(function: Any, *arguments: Any) -> Any:
    """Call; what xgboost or a metric says about the user's data becomes UserError."""
    try:
        return function(*arguments)
    except Exception as error:
        if any(text in str(error) for text in _USERS_DOING):
            raise UserError(str(error)) from error
        raise
