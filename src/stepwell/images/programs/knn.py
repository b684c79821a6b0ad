"""Room images, inside the container: k nearest neighbours. In: channels train (labelled) and test. Out: a sample of
the training data, reduced in dimension if asked; `test accuracy` or `test mse` in the log; answers with a label, and
in verbose mode with the neighbours' distances and labels.

Hyperparameters and answers are those of "k-NN Hyperparameters" and "k-NN Request and Response Formats" in the
SageMaker developer guide. Every index type searches exactly here: faiss.IVFFlat and faiss.IVFPQ trade exactness for
speed, which the sizes that one machine holds do not need.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from . import algorithms
from .algorithm_data import Channels
from .algorithm_hyperparameters import UserError, integer, one_of, or_auto
from .algorithm_models import Model
from .algorithms import Algorithm, Answers, Task
from .contract import package

_PARAMETERS = {
    "feature_dim": integer(1, required=True),
    "k": integer(1, required=True),
    "predictor_type": one_of("classifier", "regressor", required=True),
    "sample_size": integer(1, required=True),
    "mini_batch_size": integer(1, default=5000),
    "dimension_reduction_type": one_of("sign", "fjlt"),
    "dimension_reduction_target": integer(1),
    "index_type": one_of("faiss.Flat", "faiss.IVFFlat", "faiss.IVFPQ", default="faiss.Flat"),
    "index_metric": one_of("L2", "INNER_PRODUCT", "COSINE", default="L2"),
    "faiss_index_ivf_nlists": or_auto(integer(1)),
    "faiss_index_pq_m": integer(1, 96),
}
_ROWS_AT_ONCE = 1024


def check(values: Mapping[str, Any]) -> None:
    """The rules between hyperparameters."""
    kind, target = values["dimension_reduction_type"], values["dimension_reduction_target"]
    if kind is not None and target is None:
        raise UserError(
            "No value(s) were specified for 'dimension_reduction_target' which are required hyperparameter(s)"
            " (caused by ValidationError)"
        )
    if target is not None and target >= values["feature_dim"]:
        raise UserError(
            f"The value '{target}' is not valid for the 'dimension_reduction_target' hyperparameter which expects an"
            f" integer greater than 0 and less than feature_dim={values['feature_dim']} (caused by ValidationError)"
        )
    if values["index_type"] == "faiss.IVFPQ" and values["index_metric"] != "L2":
        raise UserError(f"index_type faiss.IVFPQ does not support index_metric {values['index_metric']}.")


def learn(task: Task) -> Mapping[str, Any]:
    """The sample that answers are taken from. Raises UserError."""
    numpy = package("numpy")
    rows, labels, values, journal = task.train.features, task.train.labels, task.values, task.journal
    if len(rows) < values["k"]:
        raise UserError(f"The training data has {len(rows)} records, fewer than k={values['k']} neighbours.")
    dice = numpy.random.RandomState(0)
    began = time.monotonic()
    if values["sample_size"] < values["k"]:
        raise UserError(f"sample_size={values['sample_size']} is smaller than k={values['k']}.")
    if values["sample_size"] < len(rows):
        chosen = numpy.sort(dice.choice(len(rows), values["sample_size"], replace=False))
        rows, labels = rows[chosen], labels[chosen]
    arrays = {"labels": labels.astype("float32"), "feature_dim": numpy.array(task.train.features.shape[1])}
    if values["dimension_reduction_type"] is not None:
        arrays["projection"] = _projection(rows.shape[1], values, dice)
    arrays["rows"] = _reduced(rows, arrays).astype("float32")
    if values["index_type"] != "faiss.Flat":
        journal.say("index_type %s: neighbours are searched for exactly here.", values["index_type"])
    journal.progress(1, 1)
    journal.throughput(len(task.train.features), time.monotonic() - began)
    if test := task.others.get("test"):
        _tell_score(Model("knn", values, arrays), test.features, test.labels, task)
    return arrays


def _projection(width: int, values: Mapping[str, Any], dice: Any) -> Any:
    """A random matrix that nearly keeps distances: of signs, or of normal numbers, which is what the fast transform
    `fjlt` comes to."""
    numpy = package("numpy")
    target = values["dimension_reduction_target"]
    if values["dimension_reduction_type"] == "sign":
        return (dice.choice([-1.0, 1.0], (width, target)) / numpy.sqrt(target)).astype("float32")
    return (dice.normal(size=(width, target)) / numpy.sqrt(target)).astype("float32")


def _reduced(rows: Any, arrays: Mapping[str, Any]) -> Any:
    return rows @ arrays["projection"] if "projection" in arrays else rows


def _tell_score(model: Model, rows: Any, labels: Any, task: Task) -> None:
    if labels is None:
        task.journal.warn("The test data has no labels, so there is no score.")
        return
    predicted = _predicted(model, _neighbours(model, rows)[1])
    if model.hyperparameters["predictor_type"] == "classifier":
        task.journal.score("test", "accuracy", float((predicted == labels).mean()))
    else:
        error = float(((predicted - labels) ** 2).mean())
        task.journal.say("#test_score (algo-1) : ('mse', %s)", error)
        task.journal.loss("test", "mse", error)


def _neighbours(model: Model, rows: Any) -> tuple[Any, Any]:
    """Distances to the k nearest of the sample, nearest first, and their labels."""
    numpy = package("numpy")
    sample, k = model.arrays["rows"].astype("float64"), model.hyperparameters["k"]
    distances, labels = [], []
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        part = _reduced(rows[start : start + _ROWS_AT_ONCE], model.arrays).astype("float64")
        found = _distances(part, sample, model.hyperparameters["index_metric"])
        order = numpy.argsort(found, axis=1, kind="stable")[:, :k]
        distances.append(numpy.take_along_axis(found, order, axis=1))
        labels.append(model.arrays["labels"][order])
    return numpy.concatenate(distances), numpy.concatenate(labels)


def _distances(rows: Any, sample: Any, metric: str) -> Any:
    """Smaller is nearer: Euclidean, the inner product's negative, or one minus the cosine."""
    numpy = package("numpy")
    if metric == "L2":
        squares = (rows**2).sum(axis=1)[:, None] - 2 * rows @ sample.T + (sample**2).sum(axis=1)
        return numpy.sqrt(numpy.maximum(squares, 0))
    if metric == "INNER_PRODUCT":
        return -(rows @ sample.T)
    lengths = numpy.linalg.norm(rows, axis=1)[:, None] * numpy.linalg.norm(sample, axis=1)
    return 1 - rows @ sample.T / numpy.maximum(lengths, 1e-12)


def _predicted(model: Model, labels: Any) -> Any:
    """The most frequent label, of equals the one whose neighbour is nearest; or the mean."""
    numpy = package("numpy")
    if model.hyperparameters["predictor_type"] == "regressor":
        return labels.mean(axis=1)
    counts = (labels[:, :, None] == labels[:, None, :]).sum(axis=2)
    return numpy.take_along_axis(labels, counts.argmax(axis=1)[:, None], axis=1)[:, 0]


def answer(model: Model, rows: Any, is_verbose: bool) -> Answers:
    """`{"predicted_label": 0.0}` for every row; with `distances` and `labels` when verbose."""
    distances, labels = _neighbours(model, rows)
    found = []
    for number, label in enumerate(_predicted(model, labels)):
        each: dict[str, Any] = {"predicted_label": float(label)}
        if is_verbose:
            each |= {"distances": distances[number].tolist(), "labels": labels[number].astype("float64").tolist()}
        found.append(each)
    return found


ALGORITHM = Algorithm("knn", "AWS/KNN", _PARAMETERS, Channels(("test",)), learn, answer, check, is_labelled=True)


def train() -> int:
    """Run the training job. Answers the exit code."""
    return algorithms.train(ALGORITHM)
