"""Room images, inside the container: k-means, web-scale: more centres than wanted are moved by mini-batches, then
shrunk to k by a local k-means. In: channels train and test. Out: the centres; `train msd`, `test msd` or `ssd` in the
log; answers with the closest centre and the distance to it.

Hyperparameters, defaults and answers are those of "K-Means Hyperparameters" and "K-Means Response Formats" in the
SageMaker developer guide.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from . import algorithms
from .algorithm_data import Channels
from .algorithm_hyperparameters import UserError, integer, number, one_of, or_auto, some_of
from .algorithm_models import Model
from .algorithms import Algorithm, Answers, Task
from .contract import package

_PARAMETERS = {
    "k": integer(1, required=True),
    "feature_dim": integer(1, required=True),
    "mini_batch_size": integer(1, default=5000),
    "init_method": one_of("random", "kmeans++", default="random"),
    "extra_center_factor": or_auto(integer(1)),
    "local_lloyd_max_iter": integer(1, default=300),
    "local_lloyd_tol": number(0, 1, default=0.0001),
    "local_lloyd_init_method": one_of("random", "kmeans++", default="kmeans++"),
    "local_lloyd_num_trials": or_auto(integer(1)),
    "half_life_time_size": integer(0, default=0),
    "epochs": integer(1, default=1),
    "eval_metrics": some_of("msd", "ssd", default=("msd",)),
}
_AUTO_FACTOR, _AUTO_TRIALS = 10, 10
"""What AWS's algorithm takes for `auto` (its log says so)."""
_ROWS_AT_ONCE = 4096


def learn(task: Task) -> Mapping[str, Any]:
    """The centres of the training data. Raises UserError."""
    numpy = package("numpy")
    rows, values, journal = task.train.features, task.values, task.journal
    if len(rows) < values["k"]:
        raise UserError(f"The training data has {len(rows)} records, fewer than k={values['k']} clusters.")
    dice = numpy.random.RandomState(0)
    began = time.monotonic()
    centers, counts = _first_centers(rows[: values["mini_batch_size"]], values, dice, task)
    for epoch in range(values["epochs"]):
        order = dice.permutation(len(rows))
        for start in range(0, len(rows), values["mini_batch_size"]):
            centers, counts = _moved(centers, counts, rows[order[start : start + values["mini_batch_size"]]], values)
        journal.say("processed a total of %d examples", len(rows))
        journal.progress(epoch + 1, values["epochs"])
    journal.throughput(len(rows) * values["epochs"], time.monotonic() - began)
    if len(centers) > values["k"]:
        centers = _shrunk(centers, counts, values, task)
    _, distances = nearest(rows, centers)
    journal.loss("train", "msd", float((distances**2).mean()))
    if test := task.others.get("test"):
        _, distances = nearest(test.features, centers)
        squares = (distances**2).astype("float64")
        for name in values["eval_metrics"]:
            journal.loss("test", name, float(squares.mean() if name == "msd" else squares.sum()))
    return {"centers": centers.astype("float32"), "feature_dim": numpy.array(rows.shape[1])}


def _first_centers(batch: Any, values: Mapping[str, Any], dice: Any, task: Task) -> tuple[Any, Any]:
    numpy = package("numpy")
    factor = values["extra_center_factor"]
    if factor == "auto":
        factor = max(1, min(_AUTO_FACTOR, len(batch) // values["k"]))
        task.journal.say("'extra_center_factor' was set to 'auto', evaluated to %d.", factor)
    wanted = min(values["k"] * factor, len(task.train.features))
    if len(batch) < wanted:
        batch = task.train.features
    if values["init_method"] == "kmeans++":
        centers, _ = package("sklearn.cluster").kmeans_plusplus(batch, wanted, random_state=dice)
    else:
        centers = batch[dice.choice(len(batch), wanted, replace=False)]
    return centers.astype("float64"), numpy.zeros(wanted)


def _moved(centers: Any, counts: Any, batch: Any, values: Mapping[str, Any]) -> tuple[Any, Any]:
    """Each centre is the mean of what it was given so far; old points count less under half_life_time_size."""
    numpy = package("numpy")
    if values["half_life_time_size"]:
        counts = counts * 0.5 ** (len(batch) / values["half_life_time_size"])
    closest, _ = nearest(batch, centers)
    new = numpy.bincount(closest, minlength=len(centers))
    sums = numpy.zeros_like(centers)
    numpy.add.at(sums, closest, batch)
    total = counts + new
    weight = numpy.where(total > 0, counts / numpy.maximum(total, 1e-12), 1.0)[:, None]
    means = sums / numpy.maximum(total, 1e-12)[:, None]
    return centers * weight + means, total


def _shrunk(centers: Any, counts: Any, values: Mapping[str, Any], task: Task) -> Any:
    """The best of several local k-means over the centres, each as heavy as the points it stands for."""
    cluster = package("sklearn.cluster")
    trials = values["local_lloyd_num_trials"]
    used = counts > 0
    if used.sum() < values["k"]:
        used[:] = True
    method = "k-means++" if values["local_lloyd_init_method"] == "kmeans++" else "random"
    task.journal.say("shrinking %d centers into %d", len(centers), values["k"])
    best = None
    for attempt in range(_AUTO_TRIALS if trials == "auto" else trials):
        local = cluster.KMeans(
            values["k"],
            init=method,
            n_init=1,
            max_iter=values["local_lloyd_max_iter"],
            tol=values["local_lloyd_tol"],
            random_state=attempt,
        ).fit(centers[used], sample_weight=counts[used] + 1e-9)
        distance = local.inertia_ / max(counts[used].sum(), 1e-9)
        task.journal.say("local kmeans attempt #%d. Current mean square distance %f", attempt, distance)
        if best is None or local.inertia_ < best.inertia_:
            best = local
    assert best is not None
    return best.cluster_centers_


def nearest(rows: Any, centers: Any) -> tuple[Any, Any]:
    """For every row the number of the closest centre, and the Euclidean distance to it."""
    numpy = package("numpy")
    closest, distances = [], []
    norms = (centers**2).sum(axis=1)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        part = rows[start : start + _ROWS_AT_ONCE].astype("float64")
        squares = (part**2).sum(axis=1)[:, None] - 2 * part @ centers.T + norms
        found = squares.argmin(axis=1)
        closest.append(found)
        distances.append(numpy.sqrt(((part - centers[found]) ** 2).sum(axis=1)))
    return numpy.concatenate(closest), numpy.concatenate(distances)


def answer(model: Model, rows: Any, _is_verbose: bool) -> Answers:
    """`{"closest_cluster": 1.0, "distance_to_cluster": 3.0}` for every row."""
    closest, distances = nearest(rows, model.arrays["centers"].astype("float64"))
    return [
        {"closest_cluster": float(number), "distance_to_cluster": float(distance)}
        for number, distance in zip(closest, distances, strict=True)
    ]


ALGORITHM = Algorithm(
    "kmeans",
    "AWS/KMeansWebscale",
    _PARAMETERS,
    Channels(("test",)),
    learn,
    answer,
    csv_fields=("closest_cluster", "distance_to_cluster"),
)


def train() -> int:
    """Run the training job. Answers the exit code."""
    return algorithms.train(ALGORITHM)
