"""Room images, inside the container: the training loop of linear learner. In: a task. Out: the best linear model.

Several models are trained side by side, as AWS's algorithm does: one by the given hyperparameters, the others by
close ones, and the best is chosen on the validation data, or on the training data without any. All models share each
mini-batch: their weights are one array, and a step is one matrix product. A job of a tuning job trains one model.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import linear_scores
from .algorithms import Task
from .contract import package
from .linear_losses import Loss, loss_of
from .linear_optimizers import Optimizer, Schedule
from .linear_scores import Chosen
from .records import Table

_RATES = (0.05, 0.005, 0.2, 0.5)
"""The first is for a single model; the last ones are for data so small that there are few steps."""
_PENALTIES = (0.0, 1e-4)
_MOST_ROWS_SCORED = 100_000


@dataclass(frozen=True)
class Plan:
    """The hyperparameters in which the models differ: an entry each."""

    rates: Any
    decays: Any
    lassos: Any

    @property
    def models(self) -> int:
        return len(self.rates)


@dataclass(frozen=True)
class Scale:
    """How data was shifted and scaled before training, so that weights can be brought back to raw features."""

    mean: Any
    deviation: Any
    label_mean: float = 0.0
    label_deviation: float = 1.0


def best(task: Task) -> Chosen:
    """Train, and choose."""
    numpy = package("numpy")
    values, loss = task.values, loss_of(task.values)
    scale = _scale(task.train, values)
    plan = _plan(values)
    weights = _trained(task, loss, scale, plan)
    judged = _sample(task.others.get("validation", task.train), values)
    candidates = [_raw(weights[:, model], scale) for model in range(plan.models)]
    judgements = [linear_scores.judge(judged, *candidate, values) for candidate in candidates]
    number = int(numpy.argmax([judgement.goodness for judgement in judgements]))
    task.journal.say("Best model found for hyperparameters: %s", _described(plan, number))
    return Chosen(*candidates[number], judgements[number].threshold)


def _described(plan: Plan, number: int) -> dict[str, float]:
    rates = {"learning_rate": plan.rates, "wd": plan.decays, "l1": plan.lassos}
    return {name: float(each[number]) for name, each in rates.items()}


def _plan(values: Mapping[str, Any]) -> Plan:
    """Close hyperparameters for every model; what is given is the same for all."""
    numpy = package("numpy")
    rates = _RATES if values["learning_rate"] == "auto" else (values["learning_rate"],)
    decays = _PENALTIES if values["wd"] == "auto" else (values["wd"],)
    lassos = _PENALTIES if values["l1"] == "auto" else (values["l1"],)
    # The product runs through all rates first, so that few models differ in what matters most.
    wanted = [(rate, decay, lasso) for decay, lasso, rate in itertools.product(decays, lassos, rates)]
    if values["_tuning_objective_metric"]:
        wanted = wanted[:1]
    elif values["num_models"] != "auto":
        wanted = wanted[: values["num_models"]]
    return Plan(*(numpy.array(each) for each in zip(*wanted, strict=True)))


def _scale(table: Table, values: Mapping[str, Any]) -> Scale:
    numpy = package("numpy")
    sample = table.features[: values["num_point_for_scaler"]].astype("float64")
    width = sample.shape[1]
    normalizes = values["normalize_data"] in (True, "auto")
    unbiases = values["use_bias"] if values["unbias_data"] == "auto" else values["unbias_data"] and values["use_bias"]
    mean = sample.mean(axis=0) if unbiases else numpy.zeros(width)
    deviation = sample.std(axis=0) if normalizes else numpy.ones(width)
    deviation = numpy.where(deviation > 0, deviation, 1.0)
    if values["predictor_type"] != "regressor":
        return Scale(mean, deviation)
    labels = table.labels[: values["num_point_for_scaler"]].astype("float64")
    scales = values["normalize_label"] in (True, "auto")
    shifts = values["use_bias"] and (scales if values["unbias_label"] == "auto" else values["unbias_label"])
    spread = float(labels.std()) if scales else 1.0
    return Scale(mean, deviation, float(labels.mean()) if shifts else 0.0, spread if spread > 0 else 1.0)


def _raw(weights: Any, scale: Scale) -> tuple[Any, Any]:
    """Weights (features, classes) and bias (classes) for raw features and labels."""
    plain = weights[:-1] / scale.deviation[:, None] * scale.label_deviation
    bias = weights[-1] * scale.label_deviation + scale.label_mean
    return plain, bias - (scale.mean[:, None] * plain).sum(axis=0)


def _first_weights(features: int, models: int, classes: int, values: Mapping[str, Any]) -> Any:
    numpy = package("numpy")
    dice = numpy.random.RandomState(0)
    shape = (features + 1, models, classes)
    if values["init_method"] == "normal":
        weights = dice.normal(0, values["init_sigma"], shape)
    else:
        weights = dice.uniform(-values["init_scale"], values["init_scale"], shape)
    weights[-1] = values["init_bias"] if values["use_bias"] else 0.0
    return weights


def _trained(task: Task, loss: Loss, scale: Scale, plan: Plan) -> Any:
    """The weights of every model at its best epoch."""
    numpy = package("numpy")
    values, journal, rows = task.values, task.journal, task.train.features
    classes = values["num_classes"] if values["predictor_type"] == "multiclass_classifier" else 1
    weights = _first_weights(rows.shape[1], plan.models, classes, values)
    stepper = _Stepper(task, loss, scale, plan, weights.shape)
    validation = _sample(task.others["validation"], values) if "validation" in task.others else None
    kept, lowest = weights.copy(), numpy.full(plan.models, numpy.inf)
    overall, waited = numpy.inf, 0
    for epoch in range(values["epochs"]):
        began = time.monotonic()
        weights, losses = stepper.epoch(weights)
        if not numpy.isfinite(losses).any():
            journal.warn("Epoch %d: no model has a finite loss; training ends.", epoch)
            break
        journal.loss("train", loss.objective, float(numpy.nanmin(losses)), epoch)
        if validation is not None:
            losses = stepper.losses(weights, validation)
            journal.loss("validation", loss.objective, float(numpy.nanmin(losses)), epoch)
        improved = losses < lowest
        kept[:, improved] = weights[:, improved]
        lowest = numpy.where(improved, losses, lowest)
        journal.progress(epoch + 1, values["epochs"])
        journal.throughput(len(rows), time.monotonic() - began)
        if overall - lowest.min() > values["early_stopping_tolerance"] * abs(overall) or not numpy.isfinite(overall):
            overall, waited = float(lowest.min()), 0
        else:
            waited += 1
        if waited >= values["early_stopping_patience"]:
            journal.say("Early stop condition met. Stopping training.")
            break
    return kept


def _sample(table: Table, values: Mapping[str, Any]) -> Table:
    """As much of the data as models are judged on."""
    most = values["num_calibration_samples"]
    most = _MOST_ROWS_SCORED if most == "auto" else min(most, _MOST_ROWS_SCORED)
    return Table(table.features[:most], table.labels[:most])


class _Stepper:
    """Goes through the training data in mini-batches."""

    def __init__(self, task: Task, loss: Loss, scale: Scale, plan: Plan, shape: tuple[int, ...]) -> None:
        numpy = package("numpy")
        self._values, self._table, self._loss, self._scale, self._plan = task.values, task.train, loss, scale, plan
        self._classes = shape[2]
        self._optimizer, self._schedule = Optimizer(task.values, shape), Schedule(task.values)
        self._dice = numpy.random.RandomState(1)
        self._steps = 0
        self._batch = task.values["mini_batch_size"]
        if self._batch > len(task.train.features):
            self._batch = len(task.train.features)
            task.journal.warn("mini_batch_size is larger than the training data; %d is used.", self._batch)
        self._weight = linear_scores.example_weights(task.train.labels, task.values)

    def epoch(self, weights: Any) -> tuple[Any, Any]:
        """One pass over the data. Answers the new weights and the mean loss of every model."""
        numpy = package("numpy")
        order = self._dice.permutation(len(self._table.features))
        total, count = numpy.zeros(self._plan.models), 0
        for start in range(0, len(order), self._batch):
            chosen = order[start : start + self._batch]
            batch, labels = self._prepared(Table(self._table.features[chosen], self._table.labels[chosen]))
            with numpy.errstate(over="ignore", invalid="ignore"):
                weights, losses = self._step(weights, batch, labels, self._weight[chosen])
            total, count = total + losses.sum(axis=0), count + len(chosen)
        return weights, total / count

    def losses(self, weights: Any, table: Table) -> Any:
        """The mean loss of every model on other data."""
        numpy = package("numpy")
        rows, labels = self._prepared(table)
        with numpy.errstate(over="ignore", invalid="ignore"):
            return self._loss.of(self._outputs(weights, rows), labels, self._values)[0].mean(axis=0)

    def _prepared(self, table: Table) -> tuple[Any, Any]:
        numpy = package("numpy")
        rows = (table.features - self._scale.mean) / self._scale.deviation
        rows = numpy.concatenate([rows, numpy.ones((len(rows), 1))], axis=1)
        if self._classes > 1:
            return rows, numpy.eye(self._classes)[table.labels.astype(int)][:, None, :]
        return rows, ((table.labels - self._scale.label_mean) / self._scale.label_deviation)[:, None]

    def _outputs(self, weights: Any, rows: Any) -> Any:
        features, models, classes = weights.shape
        outputs = rows @ weights.reshape(features, models * classes)
        return outputs.reshape(len(rows), models, classes) if classes > 1 else outputs

    def _step(self, weights: Any, rows: Any, labels: Any, importance: Any) -> tuple[Any, Any]:
        numpy = package("numpy")
        values, plan = self._values, self._plan
        losses, slopes = self._loss.of(self._outputs(weights, rows), labels, values)
        slopes = slopes * (importance[:, None, None] if slopes.ndim == 3 else importance[:, None])
        by_weight = (rows.T @ slopes.reshape(len(rows), -1) / len(rows)).reshape(weights.shape)
        decay = plan.decays[None, :, None] * weights
        decay[-1] *= 0.0 if values["bias_wd_mult"] == "auto" else values["bias_wd_mult"]
        rates = self._schedule.rates(plan.rates, self._steps)[None, :, None]
        pace = numpy.ones((weights.shape[0], 1, 1))
        pace[-1] = (
            (1.0 if values["bias_lr_mult"] == "auto" else values["bias_lr_mult"]) if values["use_bias"] else 0.0
        )
        weights = weights - rates * pace * self._optimizer.direction(by_weight + decay)
        shrink = rates[0] * plan.lassos[:, None]
        plain = weights[:-1]
        weights[:-1] = numpy.sign(plain) * numpy.maximum(numpy.abs(plain) - shrink, 0)
        self._steps += 1
        return weights, losses * importance[:, None]
