"""Room images, inside the container: the losses of linear learner. In: raw outputs and labels. Out: the loss of every
example and its slope. Pure.

Outputs have the shape (examples, models) or, for many classes, (examples, models, classes); labels (examples, 1), or
one-hot (examples, 1, classes). The names of the objectives are those of AWS's log lines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .contract import package

Values = Mapping[str, Any]
_BINARY, _MANY, _REAL = "binary_classifier", "multiclass_classifier", "regressor"


@dataclass(frozen=True)
class Loss:
    """One loss: `of(outputs, labels, values)` answers the losses and their slopes by the outputs."""

    objective: str
    kinds: tuple[str, ...]
    of: Callable[[Any, Any, Values], tuple[Any, Any]]


def sigmoid(outputs: Any) -> Any:
    """1 / (1 + exp(-x)), without overflow."""
    numpy = package("numpy")
    return 0.5 * (1 + numpy.tanh(0.5 * outputs))


def softmax(outputs: Any) -> Any:
    """Probabilities along the last axis."""
    numpy = package("numpy")
    powers = numpy.exp(outputs - outputs.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def _logistic(outputs: Any, labels: Any, _values: Values) -> tuple[Any, Any]:
    numpy = package("numpy")
    return numpy.logaddexp(0, outputs) - labels * outputs, sigmoid(outputs) - labels


def _hinge(outputs: Any, labels: Any, values: Values) -> tuple[Any, Any]:
    numpy = package("numpy")
    signs = 2 * labels - 1
    short = values["margin"] - signs * outputs
    return numpy.maximum(short, 0), numpy.where(short > 0, -signs, 0.0)


def _softmax(outputs: Any, labels: Any, _values: Values) -> tuple[Any, Any]:
    numpy = package("numpy")
    chances = softmax(outputs)
    return -numpy.log(numpy.maximum((chances * labels).sum(axis=-1), 1e-30)), chances - labels


def _squared(outputs: Any, labels: Any, _values: Values) -> tuple[Any, Any]:
    errors = outputs - labels
    return errors**2, 2 * errors


def _absolute(outputs: Any, labels: Any, _values: Values) -> tuple[Any, Any]:
    numpy = package("numpy")
    errors = outputs - labels
    return numpy.abs(errors), numpy.sign(errors)


def _insensitive_squared(outputs: Any, labels: Any, values: Values) -> tuple[Any, Any]:
    numpy = package("numpy")
    errors = outputs - labels
    beyond = numpy.maximum(numpy.abs(errors) - values["loss_insensitivity"], 0)
    return beyond**2, 2 * beyond * numpy.sign(errors)


def _insensitive_absolute(outputs: Any, labels: Any, values: Values) -> tuple[Any, Any]:
    numpy = package("numpy")
    errors = outputs - labels
    beyond = numpy.maximum(numpy.abs(errors) - values["loss_insensitivity"], 0)
    return beyond, numpy.where(beyond > 0, numpy.sign(errors), 0.0)


def _quantile(outputs: Any, labels: Any, values: Values) -> tuple[Any, Any]:
    numpy = package("numpy")
    errors, quantile = labels - outputs, values["quantile"]
    return numpy.maximum(quantile * errors, (quantile - 1) * errors), numpy.where(errors > 0, -quantile, 1 - quantile)


def _huber(outputs: Any, labels: Any, values: Values) -> tuple[Any, Any]:
    numpy = package("numpy")
    errors, delta = outputs - labels, values["huber_delta"]
    sizes = numpy.abs(errors)
    losses = numpy.where(sizes < delta, 0.5 * errors**2, delta * (sizes - 0.5 * delta))
    return losses, numpy.clip(errors, -delta, delta)


LOSSES: Mapping[str, Loss] = {
    "logistic": Loss("binary_classification_cross_entropy_objective", (_BINARY,), _logistic),
    "hinge_loss": Loss("hinge_loss_objective", (_BINARY,), _hinge),
    "softmax_loss": Loss("multiclass_cross_entropy_objective", (_MANY,), _softmax),
    "squared_loss": Loss("mse_objective", (_REAL,), _squared),
    "absolute_loss": Loss("absolute_loss_objective", (_REAL,), _absolute),
    "eps_insensitive_squared_loss": Loss("eps_insensitive_squared_loss_objective", (_REAL,), _insensitive_squared),
    "eps_insensitive_absolute_loss": Loss("eps_insensitive_absolute_loss_objective", (_REAL,), _insensitive_absolute),
    "quantile_loss": Loss("quantile_loss_objective", (_REAL,), _quantile),
    "huber_loss": Loss("huber_loss_objective", (_REAL,), _huber),
}

_DEFAULTS = {_BINARY: "logistic", _MANY: "softmax_loss", _REAL: "squared_loss"}


def name_of(values: Values) -> str:
    """The loss that is asked for, or the usual one of the predictor's kind."""
    return str(_DEFAULTS[values["predictor_type"]] if values["loss"] == "auto" else values["loss"])


def loss_of(values: Values) -> Loss:
    """The loss itself."""
    return LOSSES[name_of(values)]
