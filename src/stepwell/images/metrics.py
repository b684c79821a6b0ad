"""Room images: the metric definitions the service has for its own algorithms. In: an `Image`, hyperparameters. Out:
MetricDefinitions as DescribeTrainingJob shows them; the job's log is searched for them (spec 03, section 3). Pure.

The form of the expressions is what DescribeTrainingJob answers on AWS: for XGBoost as in github.com/aws/
sagemaker-xgboost-container/issues/121, for the other algorithms as in the definitions of linear-learner that
DescribeHyperParameterTuningJob shows; their metrics are those of the guide's "Tune a … model" pages.
"""

from __future__ import annotations

from collections.abc import Mapping

from stepwell.base.documents import Document
from stepwell.images.catalog import Image
from stepwell.images.programs.xgboost_hyperparameters import MAXIMIZED, MINIMIZED

MOST = 40
"""Definitions of a job (AlgorithmSpecification in the API reference): what is shown can be asked for again."""

_NUMBER = r"([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)"
_OF_EVERY_ALGORITHM = {
    "train:progress": r"#progress_metric: host=\S+, completed (\S+) %",
    "train:throughput": r"#throughput_metric: host=\S+, train throughput=(\S+) records/second",
}
_LINEAR_SCORES = {
    "binary_classification_accuracy": "binary_classification_accuracy",
    "binary_f_beta": r"binary_f_\S+",
    "precision": "precision",
    "recall": "recall",
    "roc_auc_score": "roc_auc_score",
    "multiclass_accuracy": "multiclass_accuracy",
    "multiclass_top_k_accuracy": r"multiclass_top_k_accuracy_\S+",
    "dcg": "dcg",
    "macro_recall": "macro_recall",
    "macro_precision": "macro_precision",
    "macro_f_beta": r"macro_f_\S+",
}
_ONLY_OF_BINARY_TRAINING = ("binary_classification_accuracy", "binary_f_beta", "precision", "recall")


def _quality(data: str, name: str, kind: str, when: str = "") -> str:
    return rf"#quality_metric: host=\S+, {when}{data} {name} <{kind}>=(\S+)"


def _linear_learner() -> dict[str, str]:
    found = {}
    for data in ("train", "validation", "test"):
        epoch = r"epoch=\S+, " if data != "test" else ""
        found[f"{data}:objective_loss"] = _quality(data, r"\S+_objective", "loss", epoch)
        if data != "test":
            found[f"{data}:objective_loss:final"] = _quality(data, r"\S+_objective", "loss")
        for loss in ("mse", "absolute_loss"):
            found[f"{data}:{loss}"] = _quality(data, loss, "loss")
        for name, pattern in _LINEAR_SCORES.items():
            if data != "train" or name in _ONLY_OF_BINARY_TRAINING:
                found[f"{data}:{name}"] = _quality(data, pattern, "score")
    return found


_OF_ALGORITHMS: Mapping[str, Mapping[str, str]] = {
    "linear-learner": _linear_learner(),
    "kmeans": {
        "train:msd": _quality("train", "msd", "loss"),
        "test:msd": _quality("test", "msd", "loss"),
        "test:ssd": _quality("test", "ssd", "loss"),
    },
    "pca": {},
    "randomcutforest": {
        f"test:{name}": _quality("test", name, "score") for name in ("f1", "accuracy", "precision", "recall")
    },
    "knn": {
        "test:accuracy": _quality("test", "accuracy", "score"),
        "test:mse": _quality("test", "mse", "loss"),
    },
}


_XGBOOST = (
    "accuracy",
    "auc",
    "aucpr",
    "error",
    "f1",
    "gamma-deviance",
    "gamma-nloglik",
    "logloss",
    "mae",
    "map",
    "merror",
    "mlogloss",
    "mse",
    "ndcg",
    "poisson-nloglik",
    "rmse",
    "tweedie-nloglik",
)
"""What AWS shows of every job; the others that XGBoost knows are shown where a job prints them."""
_XGBOOST_DEFAULTS = {
    "survival:aft": "aft-nloglik",
    "survival:cox": "cox-nloglik",
    "reg:pseudohubererror": "mphe",
    "reg:squaredlogerror": "rmsle",
}


def metric_definitions(image: Image, hyperparameters: Mapping[str, str]) -> list[Document]:
    """The definitions of `image`: of a built-in algorithm, or none. In script mode they simply never match."""
    if image.entry == "xgboost":
        return [
            {"Name": f"{data}:{metric}", "Regex": rf".*\[[0-9]+\].*#011{data}-{metric}:{_NUMBER}.*"}
            for metric in _xgboost_metrics(hyperparameters)
            for data in ("train", "validation")
        ]
    if image.entry not in _OF_ALGORITHMS:
        return []
    named = {**_OF_EVERY_ALGORITHM, **_OF_ALGORITHMS[image.entry]}
    return [{"Name": name, "Regex": regex} for name, regex in named.items()]


def _xgboost_metrics(hyperparameters: Mapping[str, str]) -> list[str]:
    """The metrics that AWS always shows, and what else this job may print, as far as there is room."""
    tuned = hyperparameters.get("_tuning_objective_metric", "").rpartition(":")[2]
    asked = [each.strip(" []\"'") for each in hyperparameters.get("eval_metric", "").split(",")]
    usual = _XGBOOST_DEFAULTS.get(hyperparameters.get("objective", ""), "")
    known = (each for each in (tuned, *asked, usual) if each in MAXIMIZED or each in MINIMIZED)
    return list(dict.fromkeys((*_XGBOOST, *known)))[: MOST // 2]
