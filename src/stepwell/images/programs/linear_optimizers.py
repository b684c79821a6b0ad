"""Room images, inside the container: how linear learner takes a step. In: weights of several models and their slopes.
Out: new weights. Pure but for what an optimizer remembers of earlier steps.

Weights have the shape (features + 1, models, classes), the bias last; a learning rate for every model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .contract import package

_TINY = 1e-8


def _or(value: Any, automatic: float) -> float:
    return automatic if value == "auto" else float(value)


class Optimizer:
    """Adam unless another is asked for."""

    def __init__(self, values: Mapping[str, Any], shape: tuple[int, ...]) -> None:
        numpy = package("numpy")
        self._kind = "adam" if values["optimizer"] == "auto" else values["optimizer"]
        self._momentum = _or(values["momentum"], 0.0)
        self._beta_1, self._beta_2 = _or(values["beta_1"], 0.9), _or(values["beta_2"], 0.999)
        self._first, self._second = numpy.zeros(shape), numpy.zeros(shape)
        self._steps = 0

    def direction(self, slopes: Any) -> Any:
        """What to go against, for a learning rate of one."""
        numpy = package("numpy")
        self._steps += 1
        if self._kind == "sgd":
            self._first = self._momentum * self._first + slopes
            return self._first
        if self._kind == "adagrad":
            self._second += slopes**2
            return slopes / (numpy.sqrt(self._second) + _TINY)
        self._second = self._beta_2 * self._second + (1 - self._beta_2) * slopes**2
        square = self._second / (1 - self._beta_2**self._steps)
        if self._kind == "rmsprop":
            return slopes / (numpy.sqrt(square) + _TINY)
        self._first = self._beta_1 * self._first + (1 - self._beta_1) * slopes
        return self._first / (1 - self._beta_1**self._steps) / (numpy.sqrt(square) + _TINY)


class Schedule:
    """How learning rates fall with the steps."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._is_used = values["use_lr_scheduler"]
        self._step = int(_or(values["lr_scheduler_step"], 100))
        self._factor = _or(values["lr_scheduler_factor"], 0.99)
        self._least = _or(values["lr_scheduler_minimum_lr"], 1e-5)

    def rates(self, rates: Any, steps: int) -> Any:
        """The rates after so many steps."""
        numpy = package("numpy")
        if not self._is_used:
            return rates
        return numpy.maximum(rates * self._factor ** (steps // self._step), numpy.minimum(rates, self._least))
