"""Room images, inside the container: `_kfold`, repeated cross validation of the XGBoost algorithm. In: a task and all
rows. Out: one Booster a fold, the mean of each metric in the log, and predictions.csv among the output data.

The folds are the same in every run, so that a checkpoint of a fold goes on with the rows it knows.
predictions.csv has a line a row: the label, then for classes the mean probability and the most frequent class, else
the mean prediction (prediction_utils.py of aws/sagemaker-xgboost-container).
"""

from __future__ import annotations

from dataclasses import replace
from logging import Logger
from pathlib import Path
from typing import Any

from .contract import package
from .xgboost_boosting import Scores, Task, boost, metric_line


def boost_folds(task: Task, rows: Any, output: Path, log: Logger) -> list[Any]:
    """Train a model on every fold of `rows`."""
    numpy = package("numpy")
    selection = package("sklearn.model_selection")

    folds, repeats = task.hyperparameters["_kfold"], task.hyperparameters.get("_num_cv_round", 1)
    labels = rows.get_label()
    classifies = task.objective.startswith("binary:") or "num_class" in task.hyperparameters
    splitter = (selection.RepeatedStratifiedKFold if classifies else selection.RepeatedKFold)(
        n_splits=folds, n_repeats=repeats, random_state=0
    )
    log.info("Run %d-round of %d-fold cross validation with %d rows", repeats, folds, rows.num_row())
    boosters: list[Any] = []
    scores: list[Scores] = []
    predictions: list[list[Any]] = [[] for _ in labels]
    for inside, outside in splitter.split(numpy.zeros(len(labels)), labels if classifies else None):
        log.info("Train cross validation fold %d", len(boosters) % folds + 1)
        kept = task.checkpoints / f"model-{len(boosters)}" if task.checkpoints else None
        fold = replace(task, train=rows.slice(inside), validation=rows.slice(outside), checkpoints=kept)
        booster, found = boost(fold)
        boosters.append(booster)
        scores.append(found)
        for row, prediction in zip(outside, booster.predict(fold.validation), strict=True):
            predictions[row].append(prediction)
        if len(boosters) % folds == 0:
            log.info("The metrics of round %d cross validation", len(boosters) // folds)
            _tell(task, scores[-folds:])
    if repeats > 1:
        log.info("The overall metrics of %d-round cross validation", repeats)
        _tell(task, scores)
    output.mkdir(parents=True, exist_ok=True)
    table = [_prediction_row(label, found, classifies) for label, found in zip(labels, predictions, strict=True)]
    numpy.savetxt(output / "predictions.csv", numpy.array(table), delimiter=",", fmt="%f")
    return boosters


def _tell(task: Task, scores: list[Scores]) -> None:
    if task.ring.is_master:
        print(metric_line(task.hyperparameters["num_round"], _mean(scores)), flush=True)


def _mean(scores: list[Scores]) -> Scores:
    return {
        name: {metric: sum(each[name][metric] for each in scores) / len(scores) for metric in found}
        for name, found in scores[0].items()
    }


def _prediction_row(label: float, found: list[Any], classifies: bool) -> list[float]:
    if not classifies:
        return [label, sum(map(float, found)) / len(found)]
    many = [each for each in found if getattr(each, "ndim", 0)]
    classes = [int(each.argmax()) for each in many] or [int(each > 0.5) for each in found]
    certainties = [float(each.max()) for each in many] or [float(each) for each in found]
    most = max(sorted(set(classes)), key=classes.count)
    return [label, sum(certainties) / len(certainties), most]
