"""Room images, inside the container: linear learner, for regression, binary and multiclass classification. In: the
channels train, validation and test, all labelled. Out: the best of several linear models trained side by side; AWS's
metrics in the log; answers with a score, and a label for classes.

Hyperparameters, defaults and answers are those of "Linear learner hyperparameters" and "Linear learner response
formats" in the SageMaker developer guide, and of the default configuration that AWS's container writes to its log.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import algorithms, linear_scores, linear_training
from .algorithm_data import Channels
from .algorithm_hyperparameters import Parameter, UserError, boolean, integer, number, one_of, or_auto, or_word
from .algorithm_models import Model
from .algorithms import Algorithm, Answers, Task
from .contract import package
from .linear_losses import LOSSES
from .records import Table

_FRACTION = number(0, 1, low_open=True, high_open=True)
_POSITIVE = number(0, low_open=True)
_AUTO_BOOLEAN = or_auto(boolean())

PARAMETERS = {
    "predictor_type": one_of("binary_classifier", "multiclass_classifier", "regressor", required=True),
    "feature_dim": or_auto(integer(1)),
    "num_classes": integer(1, 1_000_000, default=1),
    "mini_batch_size": integer(1, default=1000),
    "epochs": integer(1, default=15),
    "loss": or_auto(one_of(*LOSSES)),
    "optimizer": or_auto(one_of("sgd", "adam", "adagrad", "rmsprop")),
    "num_models": or_auto(integer(1)),
    "learning_rate": or_auto(_POSITIVE),
    "wd": or_auto(number(0)),
    "l1": or_auto(number(0)),
    "momentum": or_auto(number(0, 1, high_open=True)),
    "beta_1": or_auto(number(0, 1, high_open=True)),
    "beta_2": or_auto(number(0, 1, high_open=True)),
    "bias_lr_mult": or_auto(_POSITIVE),
    "bias_wd_mult": or_auto(number(0)),
    "use_bias": boolean(default=True),
    "use_lr_scheduler": boolean(default=True),
    "lr_scheduler_step": or_auto(integer(1)),
    "lr_scheduler_factor": or_auto(_FRACTION),
    "lr_scheduler_minimum_lr": or_auto(_POSITIVE),
    "init_method": one_of("uniform", "normal", default="uniform"),
    "init_scale": number(0, default=0.07, low_open=True),
    "init_sigma": number(0, default=0.01, low_open=True),
    "init_bias": number(default=0.0),
    "normalize_data": or_word("auto", boolean(default=True)),
    "normalize_label": _AUTO_BOOLEAN,
    "unbias_data": _AUTO_BOOLEAN,
    "unbias_label": _AUTO_BOOLEAN,
    "num_point_for_scaler": integer(1, default=10_000),
    "num_calibration_samples": or_word("auto", integer(1, default=10_000_000)),
    "early_stopping_patience": integer(1, default=3),
    "early_stopping_tolerance": number(0, default=0.001, low_open=True),
    "positive_example_weight_mult": or_word("auto", or_word("balanced", number(0, default=1.0, low_open=True))),
    "balance_multiclass_weights": boolean(default=False),
    "binary_classifier_model_selection_criteria": one_of(
        "accuracy", "f1", "f_beta", "precision_at_target_recall", "recall_at_target_precision", "cross_entropy_loss",
        "loss_function", default="accuracy",
    ),
    "target_recall": number(0, 1, default=0.8, low_open=True, high_open=True),
    "target_precision": number(0, 1, default=0.8, low_open=True, high_open=True),
    "f_beta": number(0, default=1.0, low_open=True),
    "accuracy_top_k": integer(1, default=3),
    "margin": number(0, default=1.0),
    "quantile": number(0, 1, default=0.5, low_open=True, high_open=True),
    "loss_insensitivity": number(0, default=0.01, low_open=True),
    "huber_delta": number(0, default=1.0),
    "_tuning_objective_metric": Parameter(str, "a metric"),
}  # fmt: skip


def check(values: Mapping[str, Any]) -> None:
    """The rules between hyperparameters."""
    kind = values["predictor_type"]
    if kind == "multiclass_classifier" and values["num_classes"] < 3:
        raise UserError(
            f"The value '{values['num_classes']}' is not valid for the 'num_classes' hyperparameter which expects an"
            " integer from 3 to 1000000 when predictor_type is 'multiclass_classifier' (caused by ValidationError)"
        )
    loss = values["loss"]
    if loss != "auto" and kind not in LOSSES[loss].kinds:
        fitting = ", ".join(f"'{name}'" for name, each in LOSSES.items() if kind in each.kinds)
        raise UserError(
            f"The value '{loss}' is not valid for the 'loss' hyperparameter which expects 'auto', {fitting} when"
            f" predictor_type is '{kind}' (caused by ValidationError)"
        )


def learn(task: Task) -> Mapping[str, Any]:
    """Weights and bias for the raw features, and the threshold of a binary classifier. Raises UserError."""
    numpy = package("numpy")
    for name, table in {"train": task.train, **task.others}.items():
        _check_labels(name, table, task.values)
    chosen = linear_training.best(task)
    for name, table in {"train": task.train, **task.others}.items():
        linear_scores.tell(task, name, table, chosen)
    return {
        "weights": chosen.weights,
        "bias": chosen.bias,
        "threshold": numpy.array(chosen.threshold),
        "feature_dim": numpy.array(chosen.weights.shape[0]),
    }


def _check_labels(name: str, table: Table, values: Mapping[str, Any]) -> None:
    numpy = package("numpy")
    if table.labels is None:
        raise UserError(f"The data of channel '{name}' has no labels. Use label_size=1 with CSV.")
    kind = values["predictor_type"]
    if kind == "regressor":
        return
    classes = 2 if kind == "binary_classifier" else values["num_classes"]
    wrong = table.labels[~numpy.isin(table.labels, numpy.arange(classes))]
    if len(wrong):
        expected = "0 or 1" if classes == 2 else f"integers from 0 to {classes - 1}"
        raise UserError(f"The labels of a {kind} are {expected}; channel '{name}' has the label {wrong[0]:g}.")


def answer(model: Model, rows: Any, _is_verbose: bool) -> Answers:
    """`{"score": 0.4, "predicted_label": 0}` for every row; many classes have a list of scores, numbers no label."""
    values, arrays = model.hyperparameters, model.arrays
    scores = linear_scores.scores(rows.astype("float64"), arrays["weights"], arrays["bias"], values)
    match values["predictor_type"]:
        case "regressor":
            return [{"score": float(each)} for each in scores[:, 0]]
        case "binary_classifier":
            border = float(arrays["threshold"])
            return [{"score": float(each), "predicted_label": int(each >= border)} for each in scores[:, 0]]
        case _:
            return [{"score": each.tolist(), "predicted_label": int(each.argmax())} for each in scores]


ALGORITHM = Algorithm(
    "linear-learner",
    "Linear Learner",
    PARAMETERS,
    Channels(("validation", "test")),
    learn,
    answer,
    check,
    is_labelled=True,
)


def train() -> int:
    """Run the training job. Answers the exit code."""
    return algorithms.train(ALGORITHM)
