"""Room images, inside the container: the metrics AWS's XGBoost container adds to xgboost's own. In: predictions and
labels. Out: a number.

Names and averaging are those of aws/sagemaker-xgboost-container (custom_metrics.py). Predictions are taken as
`Booster.predict` gives them, in every release: probabilities, classes or values by the objective.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .contract import package

Metric = Callable[[Any, Any], float]


def _average(name: str, average: str) -> Metric:
    def metric(labels: Any, classes: Any) -> float:
        return float(getattr(package("sklearn.metrics"), name)(labels, classes, average=average))

    return metric


def _plain(name: str) -> Metric:
    def metric(labels: Any, found: Any) -> float:
        return float(getattr(package("sklearn.metrics"), name)(labels, found))

    return metric


_OF_CLASSES: Mapping[str, Metric] = {
    "accuracy": _plain("accuracy_score"),
    "balanced_accuracy": _plain("balanced_accuracy_score"),
    "f1": _average("f1_score", "macro"),
    "f1_binary": _average("f1_score", "binary"),
    "f1_macro": _average("f1_score", "macro"),
    "precision": _average("precision_score", "binary"),
    "precision_macro": _average("precision_score", "macro"),
    "precision_micro": _average("precision_score", "micro"),
    "recall": _average("recall_score", "binary"),
    "recall_macro": _average("recall_score", "macro"),
    "recall_micro": _average("recall_score", "micro"),
}
_OF_VALUES: Mapping[str, Metric] = {"mse": _plain("mean_squared_error"), "r2": _plain("r2_score")}

NAMES = (*_OF_CLASSES, *_OF_VALUES)


def score(name: str, predictions: Any, labels: Any, objective: str) -> float:
    """The metric `name` of `predictions`; 0.0 without any."""
    if not predictions.size:
        return 0.0
    if name in _OF_VALUES:
        return _OF_VALUES[name](labels, predictions)
    return _OF_CLASSES[name](labels, _classes(predictions, objective))


def _classes(predictions: Any, objective: str) -> Any:
    if predictions.ndim > 1:
        return predictions.argmax(axis=-1)
    if objective == "multi:softmax":
        return predictions.astype(int)
    border = 0.5 if objective in ("binary:logistic", "binary:hinge", "reg:logistic") else 0.0
    return (predictions > border).astype(int)
