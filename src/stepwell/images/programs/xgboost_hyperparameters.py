"""Room images, inside the container: the hyperparameters of the XGBoost algorithm. In: hyperparameters.json, all
texts. Out: typed values, or `UserError` in the words of AWS's container.

Names, ranges and dependencies are those of aws/sagemaker-xgboost-container (hyperparameter_validation.py) and of
"XGBoost hyperparameters" in the SageMaker developer guide. Pure.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

MAXIMIZED = (
    "accuracy",
    "auc",
    "aucpr",
    "balanced_accuracy",
    "f1",
    "f1_binary",
    "f1_macro",
    "map",
    "ndcg",
    "precision",
    "r2",
    "recall",
    "precision_macro",
    "precision_micro",
    "recall_macro",
    "recall_micro",
)
MINIMIZED = (
    "aft-nloglik",
    "cox-nloglik",
    "error",
    "gamma-deviance",
    "gamma-nloglik",
    "interval-regression-accuracy",
    "logloss",
    "mae",
    "mape",
    "merror",
    "mlogloss",
    "mphe",
    "mse",
    "poisson-nloglik",
    "rmse",
    "rmsle",
    "tweedie-nloglik",
)

OBJECTIVES = (
    "aft_loss_distribution",
    "binary:logistic",
    "binary:logitraw",
    "binary:hinge",
    "count:poisson",
    "multi:softmax",
    "multi:softprob",
    "rank:pairwise",
    "rank:ndcg",
    "rank:map",
    "reg:linear",
    "reg:squarederror",
    "reg:logistic",
    "reg:gamma",
    "reg:pseudohubererror",
    "reg:squaredlogerror",
    "reg:absoluteerror",
    "reg:tweedie",
    "survival:aft",
    "survival:cox",
)

_TREE_BUILDERS = ("grow_colmaker", "distcol", "grow_histmaker", "grow_quantile_histmaker")
_TREE_UPDATERS = (*_TREE_BUILDERS, "grow_skmaker", "sync", "refresh", "prune")
_LINEAR_UPDATERS = ("shotgun", "coord_descent")
_UPDATERS = (
    "grow_colmaker", "distcol", "grow_histmaker", "grow_skmaker", "sync", "refresh", "prune", "grow_colmaker",
    "distcol", "grow_histmaker", "grow_colmaker", "shotgun", "coord_descent", "refresh", "prune",
)  # fmt: skip
"""What the container takes, in the order in which its refusal lists it."""

ALIASES = {"learning_rate": "eta", "min_split_loss": "gamma", "reg_lambda": "lambda", "reg_alpha": "alpha"}


class UserError(Exception):
    """The user can prevent this: a hyperparameter, a channel or the data is not what it must be."""


@dataclass(frozen=True)
class Interval:
    """A range of numbers; an open end is not part of it."""

    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False

    def __contains__(self, value: float) -> bool:
        above = value > self.low if self.low_open else value >= self.low
        return above and (value < self.high if self.high_open else value <= self.high)

    def __str__(self) -> str:
        low = "(-inf" if self.low == -math.inf else f"{'(' if self.low_open else '['}{self.low}"
        high = "+inf)" if self.high == math.inf else f"{self.high}{')' if self.high_open else ']'}"
        return f"{low}, {high}"


@dataclass(frozen=True)
class Rule:
    """How one hyperparameter is read and what it may be."""

    read: Callable[[str], Any]
    allowed: Interval | tuple[Any, ...] | None = None

    def check(self, name: str, value: Any) -> None:
        """Raises UserError when the value, or an element of a list, is not allowed."""
        allowed = self.allowed
        if allowed is None:
            return
        shown = allowed if isinstance(allowed, Interval) else list(allowed)
        if isinstance(value, list | tuple):
            if not all(each in allowed for each in _leaves(value)):
                raise UserError(f"Hyperparameter {name}: value {value} not in range {shown}")
        elif value not in allowed:
            raise UserError(f"Hyperparameter {name}: {value} is not in {shown}")


def _leaves(value: Any) -> list[Any]:
    return [leaf for each in value for leaf in _leaves(each)] if isinstance(value, list | tuple) else [value]


def _integers(low: float, high: float = math.inf) -> Rule:
    return Rule(int, Interval(low, high))


def _numbers(low: float, high: float = math.inf, *, low_open: bool = False, high_open: bool = False) -> Rule:
    return Rule(float, Interval(low, high, low_open, high_open))


def _one_of(*values: str) -> Rule:
    return Rule(str, values)


def _list(text: str) -> list[str]:
    return text.split(",")


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except SyntaxError as error:
        raise ValueError(str(error)) from error


_ON_OFF = _one_of("true", "false")
_FRACTION = _numbers(0, 1, low_open=True)

RULES: Mapping[str, Rule] = {
    "num_round": _integers(1),
    "csv_weights": _integers(0, 1),
    "early_stopping_rounds": _integers(1),
    "booster": _one_of("gbtree", "gblinear", "dart"),
    "verbosity": _integers(0, 3),
    "nthread": _integers(1),
    "eta": _numbers(0, 1),
    "gamma": _numbers(0),
    "max_depth": _integers(0),
    "min_child_weight": _numbers(0),
    "max_delta_step": _numbers(0),
    "subsample": _FRACTION,
    "colsample_bytree": _FRACTION,
    "colsample_bylevel": _FRACTION,
    "colsample_bynode": _FRACTION,
    "lambda": _numbers(0),
    "alpha": _numbers(0),
    "tree_method": _one_of("auto", "exact", "approx", "hist", "gpu_hist"),
    "sketch_eps": _numbers(0, 1, low_open=True, high_open=True),
    "scale_pos_weight": _numbers(0, low_open=True),
    "updater": Rule(_list, _UPDATERS),
    "dsplit": _one_of("row", "col"),
    "refresh_leaf": _integers(0, 1),
    "process_type": _one_of("default", "update"),
    "grow_policy": _one_of("depthwise", "lossguide"),
    "max_leaves": _integers(0),
    "max_bin": _integers(0),
    "predictor": _one_of("auto", "cpu_predictor", "gpu_predictor"),
    "monotone_constraints": Rule(_literal, (-1, 0, 1)),
    "interaction_constraints": Rule(_literal, Interval(1)),
    "sample_type": _one_of("uniform", "weighted"),
    "normalize_type": _one_of("tree", "forest"),
    "rate_drop": _numbers(0, 1),
    "one_drop": _integers(0, 1),
    "skip_drop": _numbers(0, 1),
    "lambda_bias": _numbers(0, 1),
    "tweedie_variance_power": _numbers(1, 2, low_open=True, high_open=True),
    "objective": _one_of(*OBJECTIVES),
    "num_class": _integers(2),
    "base_score": _numbers(0),
    "_kfold": _integers(2),
    "_num_cv_round": _integers(1),
    "_tuning_objective_metric": _one_of(*(f"validation:{each}" for each in (*MAXIMIZED, *MINIMIZED))),
    "eval_metric": Rule(_list),
    "seed": Rule(int, Interval(-(2**31), 2**31 - 1, True, True)),
    "num_parallel_tree": _integers(1),
    "save_model_on_termination": _ON_OFF,
    "aft_loss_distribution": _one_of("normal", "logistic", "extreme"),
    "aft_loss_distribution_scale": _numbers(0),
    "deterministic_histogram": _ON_OFF,
    "sampling_method": _one_of("uniform", "gradient_based"),
    "prob_buffer_row": Rule(int, Interval(1.0, low_open=True)),
    "use_dask_gpu_training": _ON_OFF,
}


def validated(texts: Mapping[str, str]) -> dict[str, Any]:
    """The typed values of `texts`. Raises UserError for the first that is wrong."""
    named = {ALIASES.get(name, name): text for name, text in texts.items()}
    if "num_round" not in named:
        raise UserError("Missing required hyperparameter: num_round")
    values = {name: _read(name, text) for name, text in named.items()}
    for name, value in values.items():
        RULES[name].check(name, value)
    for metric in values.get("eval_metric", ()):
        _check_metric(metric)
    _check_together(values)
    return values


def _read(name: str, text: str) -> Any:
    if name not in RULES:
        raise UserError(f"Extraneous hyperparameter found: {name}")
    try:
        return RULES[name].read(text)
    except ValueError as error:
        raise UserError(f"Hyperparameter {name}: could not parse value (caused by ValueError)") from error


def _check_metric(metric: str) -> None:
    if "<function" in metric:
        raise UserError(f"User defined evaluation metric {metric} is not supported yet.")
    name, at, threshold = (part.strip() for part in metric.partition("@"))
    if not at:
        known = (*MAXIMIZED, *MINIMIZED)
        if metric not in known:
            raise UserError(f"Hyperparameter eval_metric: value {[metric]} not in range {list(known)}")
        return
    if name not in ("error", "ndcg", "map"):
        raise UserError(
            f"Metric '{metric}' is not supported. Parameter 'eval_metric' with customized threshold should "
            "be one of these options: 'error', 'ndcg', 'map'."
        )
    try:
        float(threshold.rstrip("-"))
    except ValueError as error:
        raise UserError(f"Threshold value 't' in '{name}@t' expects float input.") from error


def _check_together(values: Mapping[str, Any]) -> None:
    """The rules between hyperparameters."""
    objective = values.get("objective", "")
    if objective in ("multi:softmax", "multi:softprob") and "num_class" not in values:
        raise UserError("Require input for parameter 'num_class' for multi-classification")
    metrics = values.get("eval_metric", ())
    if "auc" in metrics and not objective.startswith(("binary:", "rank:")):
        raise UserError("Metric 'auc' can only be applied for classification and ranking problems.")
    if "aft-nloglik" in metrics and objective != "survival:aft":
        raise UserError("Metric 'aft-nloglik' can only be applied for 'survival:aft' objective.")
    method = values.get("tree_method")
    if "monotone_constraints" in values and method not in ("exact", "hist"):
        raise UserError(
            "monotone_constraints can be used only when the tree_method parameter is set to either 'exact' or 'hist'."
        )
    if "interaction_constraints" in values and method not in ("exact", "hist", "approx"):
        raise UserError(
            "interaction_constraints can be used only when the tree_method parameter is set to either 'exact', "
            "'hist' or 'approx'."
        )
    if "updater" in values:
        _check_updaters(values["updater"], values)


def _check_updaters(updaters: list[str], values: Mapping[str, Any]) -> None:
    if values.get("booster") == "gblinear":
        if not (len(updaters) == 1 and updaters[0] in _LINEAR_UPDATERS):
            options = ", ".join(f"'{each}'" for each in _LINEAR_UPDATERS)
            raise UserError(f"Linear updater should be one of these options: {options}.")
    elif values.get("process_type") == "update":
        if not set(updaters) <= {"refresh", "prune"}:
            raise UserError("process_type 'update' can only be used with updater 'refresh' and 'prune'")
    elif not set(updaters) <= set(_TREE_UPDATERS):
        raise UserError(
            "Tree updater should be selected from these options: 'grow_colmaker', 'distcol', 'grow_histmaker', "
            "'grow_skmaker', 'grow_quantile_histmaker', 'sync', 'refresh', 'prune', 'shortgun', 'coord_descent'."
        )
    elif sum(each in _TREE_BUILDERS for each in updaters) > 1:
        raise UserError(
            "Only one tree grow plugin can be selected. Choose one from thefollowing: "
            "'grow_colmaker', 'distcol', 'grow_histmaker', 'grow_skmaker'"
        )
