"""Room images, inside the container: random cut forest. In: channels train (ShardedByS3Key) and test (labelled 1 for
an anomaly). Out: a forest; accuracy, precision, recall and F1 of the test data in the log; answers with scores.

Hyperparameters and answers are those of "RCF Hyperparameters" and "RCF Response Formats" in the SageMaker developer
guide. A record of the test data counts as an anomaly when its score is three standard deviations above the mean, the
rule the guide recommends; mean and deviation are those that one half of the training data has in a forest grown from
the other.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from . import algorithms, random_cut_trees
from .algorithm_data import Channels
from .algorithm_hyperparameters import UserError, integer, some_of
from .algorithm_models import Model
from .algorithms import Algorithm, Answers, Task
from .contract import package

_PARAMETERS = {
    "feature_dim": integer(1, 10000, required=True),
    "num_samples_per_tree": integer(1, 2048, default=256),
    "num_trees": integer(50, 1000, default=100),
    "mini_batch_size": integer(1, default=1000),
    "eval_metrics": some_of("accuracy", "precision_recall_fscore"),
}
_DEVIATIONS = 3.0
_SCORED_FOR_BORDER, _TREES_FOR_BORDER = 2000, 50


def learn(task: Task) -> Mapping[str, Any]:
    """The forest. Raises UserError."""
    numpy = package("numpy")
    rows, values, journal = task.train.features.astype("float64"), task.values, task.journal
    if len(rows) < 2:
        raise UserError("The training data has one record; a forest needs at least two.")
    dice = numpy.random.RandomState(0)
    began = time.monotonic()
    samples = _samples(rows, values, dice)
    forest = random_cut_trees.grow(samples, dice)
    journal.say("Sampled %d records for each of %d trees.", samples.shape[1], len(samples))
    journal.progress(1, 1)
    journal.throughput(len(rows), time.monotonic() - began)
    arrays = {**forest, "feature_dim": numpy.array(rows.shape[1])}
    if test := task.others.get("test"):
        found = random_cut_trees.scores(arrays, test.features.astype("float64"))
        _tell_scores(found > _border(rows, values, dice), test.labels, task)
    return arrays


def _border(rows: Any, values: Mapping[str, Any], dice: Any) -> float:
    """From which score on a record is unusual. Records score less in trees that they are in, hence the halves."""
    order = dice.permutation(len(rows))
    grown, scored = rows[order[: (len(rows) + 1) // 2]], rows[order[(len(rows) + 1) // 2 :]]
    forest = random_cut_trees.grow(_samples(grown, {**values, "num_trees": _TREES_FOR_BORDER}, dice), dice)
    usual = random_cut_trees.scores(forest, scored[:_SCORED_FOR_BORDER])
    return float(usual.mean() + _DEVIATIONS * usual.std())


def _samples(rows: Any, values: Mapping[str, Any], dice: Any) -> Any:
    """A sample of the data for every tree: shares of one large sample when there is enough, else drawn for each."""
    numpy = package("numpy")
    trees, size = values["num_trees"], min(values["num_samples_per_tree"], len(rows))
    if trees * size <= len(rows):
        return rows[dice.choice(len(rows), trees * size, replace=False)].reshape(trees, size, rows.shape[1])
    return numpy.stack([rows[dice.choice(len(rows), size, replace=False)] for _ in range(trees)])


def _tell_scores(found: Any, labels: Any, task: Task) -> None:
    if labels is None:
        task.journal.warn("The test data has no labels, so there is no score. Use label_size=1 with CSV.")
        return
    metrics = package("sklearn.metrics")
    if "accuracy" in task.values["eval_metrics"]:
        task.journal.score("test", "accuracy", metrics.accuracy_score(labels, found))
    if "precision_recall_fscore" in task.values["eval_metrics"]:
        precision, recall, f1, _ = metrics.precision_recall_fscore_support(
            labels, found, average="binary", zero_division=0
        )
        for name, value in (("precision", precision), ("recall", recall), ("f1", f1)):
            task.journal.score("test", name, value)


def answer(model: Model, rows: Any, _is_verbose: bool) -> Answers:
    """`{"score": 0.25}` for every row."""
    return [{"score": float(each)} for each in random_cut_trees.scores(model.arrays, rows.astype("float64"))]


ALGORITHM = Algorithm(
    "randomcutforest",
    "RandomCutForest",
    _PARAMETERS,
    Channels(("test",), sharded=True),
    learn,
    answer,
    answer_key="scores",
    csv_fields=("score",),
)


def train() -> int:
    """Run the training job. Answers the exit code."""
    return algorithms.train(ALGORITHM)
