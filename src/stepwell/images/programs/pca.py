"""Room images, inside the container: principal component analysis. In: channels train and test. Out: the mean, the
singular values and the components, smallest first, as AWS's model has them; answers with projections.

Hyperparameters and answers are those of "PCA Hyperparameters" and "PCA Response Formats" in the SageMaker developer
guide.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from . import algorithms
from .algorithm_data import Channels
from .algorithm_hyperparameters import UserError, boolean, integer, one_of
from .algorithm_models import Model
from .algorithms import Algorithm, Answers, Task
from .contract import package

_PARAMETERS = {
    "feature_dim": integer(1, required=True),
    "mini_batch_size": integer(1, required=True),
    "num_components": integer(1, required=True),
    "algorithm_mode": one_of("regular", "randomized", default="regular"),
    "subtract_mean": boolean(default=True),
    "extra_components": integer(-1, default=-1),
    "epochs": integer(1, default=1),
}
_LEAST_EXTRA = 10


def check(values: Mapping[str, Any]) -> None:
    """There are no more components than features."""
    if values["num_components"] > values["feature_dim"]:
        raise UserError(
            f"The value '{values['num_components']}' is not valid for the 'num_components' hyperparameter: it is"
            f" larger than feature_dim={values['feature_dim']} (caused by ValidationError)"
        )


def learn(task: Task) -> Mapping[str, Any]:
    """Mean, singular values and components of the training data. Raises UserError."""
    numpy = package("numpy")
    rows, values, journal = task.train.features.astype("float64"), task.values, task.journal
    wanted = values["num_components"]
    if len(rows) < wanted:
        raise UserError(f"The training data has {len(rows)} records, fewer than num_components={wanted}.")
    began = time.monotonic()
    mean = rows.mean(axis=0) if values["subtract_mean"] else numpy.zeros(rows.shape[1])
    singular, components = _decomposed(rows - mean, values)
    journal.progress(1, 1)
    journal.throughput(len(rows), time.monotonic() - began)
    if test := task.others.get("test"):
        centered = test.features - mean
        rest = centered - centered @ components @ components.T
        journal.loss("test", "mean_squared_reconstruction_error", float((rest**2).sum(axis=1).mean()))
    arrays = {"mean": mean, "s": singular, "v": components}
    return {name: each.astype("float32") for name, each in arrays.items()} | {
        "feature_dim": numpy.array(rows.shape[1])
    }


def _decomposed(centered: Any, values: Mapping[str, Any]) -> tuple[Any, Any]:
    """The largest singular values, smallest first, and the components they belong to as columns."""
    numpy = package("numpy")
    wanted = values["num_components"]
    if values["algorithm_mode"] == "randomized":
        extra = values["extra_components"]
        extra = max(_LEAST_EXTRA, wanted) if extra == -1 else extra
        extra = min(extra, min(centered.shape) - wanted)
        _, singular, right = package("sklearn.utils.extmath").randomized_svd(
            centered, wanted, n_oversamples=extra, random_state=0
        )
        order = numpy.argsort(singular)
        return singular[order], right.T[:, order]
    eigenvalues, vectors = numpy.linalg.eigh(centered.T @ centered)
    return numpy.sqrt(numpy.maximum(eigenvalues[-wanted:], 0)), vectors[:, -wanted:]


def answer(model: Model, rows: Any, _is_verbose: bool) -> Answers:
    """`{"projection": [1.0, 2.0]}` for every row."""
    projections = (rows - model.arrays["mean"]) @ model.arrays["v"]
    return [{"projection": each.tolist()} for each in projections.astype("float64")]


ALGORITHM = Algorithm("pca", "PCA", _PARAMETERS, Channels(("test",)), learn, answer, check, answer_key="projections")


def train() -> int:
    """Run the training job. Answers the exit code."""
    return algorithms.train(ALGORITHM)
