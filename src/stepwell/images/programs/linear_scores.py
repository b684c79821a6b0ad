"""Room images, inside the container: how good a model of linear learner is. In: raw features, labels, weights. Out:
the threshold and goodness by which the best model is chosen, and AWS's metric lines.

Names of metrics are those of "Tune a linear learner model" in the SageMaker developer guide and of AWS's logs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .algorithms import Task
from .contract import package
from .linear_losses import loss_of, name_of, sigmoid, softmax
from .records import Table

Values = Mapping[str, Any]
_MOST_THRESHOLDS = 1000


@dataclass(frozen=True)
class Chosen:
    """The model: weights (features, classes) and bias (classes) for raw features; a threshold for binary scores."""

    weights: Any
    bias: Any
    threshold: float


@dataclass(frozen=True)
class Judgement:
    """How good a model is by the criterion, larger being better, and the threshold that makes it so good."""

    goodness: float
    threshold: float


def scores(rows: Any, weights: Any, bias: Any, values: Values) -> Any:
    """What a model answers: probabilities for logistic and softmax loss, else its raw output."""
    outputs = rows @ weights + bias
    match name_of(values):
        case "logistic":
            return sigmoid(outputs)
        case "softmax_loss":
            return softmax(outputs)
        case _:
            return outputs


def example_weights(labels: Any, values: Values) -> Any:
    """How much every example counts in training."""
    numpy = package("numpy")
    weights = numpy.ones(len(labels))
    if values["predictor_type"] == "binary_classifier":
        multiple = values["positive_example_weight_mult"]
        positive = labels == 1
        if multiple in ("balanced", "auto"):
            multiple = (~positive).sum() / max(positive.sum(), 1)
        weights[positive] = multiple
    elif values["predictor_type"] == "multiclass_classifier" and values["balance_multiclass_weights"]:
        counts = numpy.bincount(labels.astype(int), minlength=values["num_classes"])
        weights = (len(labels) / values["num_classes"] / numpy.maximum(counts, 1))[labels.astype(int)]
    return weights


def judge(table: Table, weights: Any, bias: Any, values: Values) -> Judgement:
    """A model by the criterion that is asked for."""
    numpy = package("numpy")
    rows = table.features.astype("float64")
    loss = _objective(rows @ weights + bias, table.labels, values)
    neutral = 0.5 if name_of(values) == "logistic" else 0.0
    if not numpy.isfinite(loss):
        return Judgement(-numpy.inf, neutral)
    criterion = values["binary_classifier_model_selection_criteria"]
    if values["predictor_type"] != "binary_classifier" or criterion in ("loss_function", "cross_entropy_loss"):
        return Judgement(-loss, neutral)
    found = scores(rows, weights, bias, values)[:, 0]
    goodness, threshold = _best_threshold(found, table.labels, neutral, values)
    # Of models that are equally good by the criterion the one with the smaller loss is taken.
    return Judgement(goodness - 1e-9 * loss, threshold)


def _objective(outputs: Any, labels: Any, values: Values) -> float:
    numpy = package("numpy")
    if values["predictor_type"] == "multiclass_classifier":
        truth = numpy.eye(values["num_classes"])[labels.astype(int)][:, None, :]
        return float(loss_of(values).of(outputs[:, None, :], truth, values)[0].mean())
    return float(loss_of(values).of(outputs, labels[:, None], values)[0].mean())


def _best_threshold(found: Any, labels: Any, neutral: float, values: Values) -> tuple[float, float]:
    """The goodness and the border between the classes that reaches it."""
    numpy = package("numpy")
    borders = numpy.unique(found)
    if len(borders) > _MOST_THRESHOLDS:
        borders = numpy.quantile(borders, numpy.linspace(0, 1, _MOST_THRESHOLDS))
    middles = (borders[1:] + borders[:-1]) / 2
    candidates = numpy.concatenate([[neutral], middles])
    goodness = [_goodness(_counts(found >= border, labels), values) for border in candidates]
    best = int(numpy.argmax(goodness))
    return goodness[best], float(candidates[best])


@dataclass(frozen=True)
class Counts:
    """How predictions and labels agree."""

    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int

    @property
    def accuracy(self) -> float:
        right = self.true_positives + self.true_negatives
        return right / max(right + self.false_positives + self.false_negatives, 1)

    @property
    def precision(self) -> float:
        return self.true_positives / max(self.true_positives + self.false_positives, 1)

    @property
    def recall(self) -> float:
        return self.true_positives / max(self.true_positives + self.false_negatives, 1)

    def f(self, beta: float) -> float:
        """The F score that weighs recall beta times as much as precision."""
        below = beta**2 * self.precision + self.recall
        return (1 + beta**2) * self.precision * self.recall / below if below else 0.0


def _counts(predicted: Any, labels: Any) -> Counts:
    truth = labels == 1
    return Counts(
        int((predicted & truth).sum()),
        int((predicted & ~truth).sum()),
        int((~predicted & truth).sum()),
        int((~predicted & ~truth).sum()),
    )


def _goodness(counts: Counts, values: Values) -> float:
    match values["binary_classifier_model_selection_criteria"]:
        case "f1":
            return counts.f(1.0)
        case "f_beta":
            return counts.f(values["f_beta"])
        case "precision_at_target_recall":
            return counts.precision if counts.recall >= values["target_recall"] else counts.recall - 1
        case "recall_at_target_precision":
            return counts.recall if counts.precision >= values["target_precision"] else counts.precision - 1
        case _:
            return counts.accuracy


def tell(task: Task, name: str, table: Table, chosen: Chosen) -> None:
    """The final metric lines of a channel."""
    values, journal = task.values, task.journal
    rows, labels = table.features.astype("float64"), table.labels
    outputs = rows @ chosen.weights + chosen.bias
    journal.loss(name, loss_of(values).objective, _objective(outputs, labels, values))
    match values["predictor_type"]:
        case "regressor":
            _tell_regression(task, name, outputs[:, 0] - labels, labels)
        case "binary_classifier":
            _tell_binary(
                task, name, scores(rows, chosen.weights, chosen.bias, values)[:, 0], labels, chosen.threshold
            )
        case _:
            _tell_many(task, name, outputs, labels)


def _tell_regression(task: Task, name: str, errors: Any, labels: Any) -> None:
    numpy = package("numpy")
    squared = float((errors**2).mean())
    task.journal.loss(name, "mse", squared)
    task.journal.loss(name, "absolute_loss", float(numpy.abs(errors).mean()))
    task.journal.loss(name, "rmse", squared**0.5)
    spread = float(((labels - labels.mean()) ** 2).mean())
    task.journal.score(name, "r2", 1 - squared / spread if spread else 0.0)


def _tell_binary(task: Task, name: str, found: Any, labels: Any, threshold: float) -> None:
    journal, beta = task.journal, task.values["f_beta"]
    counts = _counts(found >= threshold, labels)
    journal.score(name, "binary_classification_accuracy", counts.accuracy)
    journal.score(name, f"binary_f_{beta:.3f}", counts.f(beta))
    journal.score(name, "precision", counts.precision)
    journal.score(name, "recall", counts.recall)
    if 0 < (labels == 1).sum() < len(labels):
        journal.score(name, "roc_auc_score", package("sklearn.metrics").roc_auc_score(labels, found))


def _tell_many(task: Task, name: str, outputs: Any, labels: Any) -> None:
    numpy, metrics = package("numpy"), package("sklearn.metrics")
    journal, values = task.journal, task.values
    truth = labels.astype(int)
    predicted = outputs.argmax(axis=1)
    ranks = (outputs > outputs[numpy.arange(len(truth)), truth][:, None]).sum(axis=1)
    top, beta = values["accuracy_top_k"], values["f_beta"]
    average = {"average": "macro", "zero_division": 0, "labels": numpy.unique(truth)}
    journal.score(name, "multiclass_accuracy", float((predicted == truth).mean()))
    journal.score(name, f"multiclass_top_k_accuracy_{top}", float((ranks < top).mean()))
    journal.score(name, "dcg", float((1 / numpy.log2(ranks + 2)).mean()))
    journal.score(name, "macro_recall", metrics.recall_score(truth, predicted, **average))
    journal.score(name, "macro_precision", metrics.precision_score(truth, predicted, **average))
    journal.score(name, f"macro_f_{beta:.3f}", metrics.fbeta_score(truth, predicted, beta=beta, **average))
