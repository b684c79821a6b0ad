"""Hyperparameters of the built-in algorithms: what is read, and what is refused in which words."""

from __future__ import annotations

from typing import Any

import pytest

from stepwell.images.programs import kmeans, knn, linear_learner, pca, random_cut_forest
from stepwell.images.programs.algorithm_hyperparameters import UserError, validated
from stepwell.images.programs.algorithms import Algorithm

LEAST: dict[str, tuple[Algorithm, dict[str, str]]] = {
    "kmeans": (kmeans.ALGORITHM, {"k": "3", "feature_dim": "2"}),
    "pca": (pca.ALGORITHM, {"num_components": "2", "feature_dim": "3", "mini_batch_size": "10"}),
    "knn": (knn.ALGORITHM, {"k": "3", "feature_dim": "4", "predictor_type": "classifier", "sample_size": "9"}),
    "randomcutforest": (random_cut_forest.ALGORITHM, {"feature_dim": "2"}),
    "linear-learner": (linear_learner.ALGORITHM, {"predictor_type": "regressor"}),
}


def values(name: str, **texts: str) -> dict[str, Any]:
    algorithm, least = LEAST[name]
    found = validated({**least, **texts}, algorithm.parameters)
    algorithm.check(found)
    return found


@pytest.mark.parametrize("name", LEAST)
def test_the_required_ones_are_enough(name: str) -> None:
    assert set(values(name)) == set(LEAST[name][0].parameters)


@pytest.mark.parametrize(
    ("name", "listed"),
    [
        ("kmeans", "'k', 'feature_dim'"),
        ("pca", "'feature_dim', 'mini_batch_size', 'num_components'"),
        ("knn", "'feature_dim', 'k', 'predictor_type', 'sample_size'"),
        ("randomcutforest", "'feature_dim'"),
        ("linear-learner", "'predictor_type'"),
    ],
)
def test_missing_ones_are_named_together(name: str, listed: str) -> None:
    with pytest.raises(UserError) as refused:
        validated({}, LEAST[name][0].parameters)
    assert str(refused.value) == (
        f"No value(s) were specified for {listed} which are required hyperparameter(s) (caused by ValidationError)"
    )


@pytest.mark.parametrize(
    ("name", "texts", "found"),
    [
        ("kmeans", {"extra_center_factor": "4"}, {"extra_center_factor": 4}),
        ("kmeans", {}, {"extra_center_factor": "auto", "eval_metrics": ["msd"], "init_method": "random"}),
        ("kmeans", {"eval_metrics": '["msd", "ssd"]'}, {"eval_metrics": ["msd", "ssd"]}),
        ("kmeans", {"force_dense": "True", "_num_gpus": "auto"}, {}),
        ("kmeans", {"_tuning_objective_metric": "test:msd"}, {}),
        ("pca", {"subtract_mean": "False"}, {"subtract_mean": False, "extra_components": -1}),
        ("knn", {"faiss_index_ivf_nlists": "auto", "index_metric": "COSINE"}, {"index_metric": "COSINE"}),
        ("randomcutforest", {}, {"num_trees": 100, "num_samples_per_tree": 256}),
        ("linear-learner", {}, {"epochs": 15, "mini_batch_size": 1000, "loss": "auto", "feature_dim": "auto"}),
        ("linear-learner", {"learning_rate": "1e-3", "use_bias": "true"}, {"learning_rate": 0.001, "use_bias": True}),
        (
            "linear-learner",
            {"positive_example_weight_mult": "balanced"},
            {"positive_example_weight_mult": "balanced"},
        ),
        ("linear-learner", {"normalize_data": "auto"}, {"normalize_data": "auto"}),
    ],
)
def test_values_are_typed(name: str, texts: dict[str, str], found: dict[str, Any]) -> None:
    assert values(name, **texts).items() >= found.items()


@pytest.mark.parametrize(
    ("name", "texts", "message"),
    [
        (
            "kmeans",
            {"k": "0"},
            "The value '0' is not valid for the 'k' hyperparameter which expects an integer that ",
        ),
        ("kmeans", {"k": "many"}, "The value 'many' is not valid for the 'k' hyperparameter"),
        ("kmeans", {"init_method": "best"}, "which expects 'random' or 'kmeans++' (caused by ValidationError)"),
        (
            "kmeans",
            {"eval_metrics": "msd"},
            "Hyperparameter must be valid json, but found eval_metrics: msd (caused ",
        ),
        ("kmeans", {"eval_metrics": '["f1"]'}, "which expects a JSON list of msd, ssd"),
        ("kmeans", {"local_lloyd_tol": "2"}, "which expects a number in [0, 1]"),
        ("kmeans", {"clusters": "3"}, "Additional hyperparameters are not allowed ('clusters' was unexpected)"),
        ("pca", {"num_components": "4"}, "it is larger than feature_dim=3"),
        ("pca", {"algorithm_mode": "exact"}, "which expects 'regular' or 'randomized'"),
        ("pca", {"subtract_mean": "maybe"}, "which expects 'true' or 'false'"),
        ("knn", {"dimension_reduction_type": "sign"}, "No value(s) were specified for 'dimension_reduction_target'"),
        ("knn", {"dimension_reduction_type": "sign", "dimension_reduction_target": "4"}, "less than feature_dim=4"),
        ("knn", {"index_type": "faiss.IVFPQ", "index_metric": "COSINE"}, "does not support index_metric COSINE"),
        ("randomcutforest", {"num_trees": "49"}, "an integer that is at least 50 and at most 1000"),
        ("randomcutforest", {"num_samples_per_tree": "2049"}, "at least 1 and at most 2048"),
        ("linear-learner", {"learning_rate": "nan"}, "which expects 'auto' or a number in (0, inf]"),
        ("linear-learner", {"loss": "logistic"}, "when predictor_type is 'regressor'"),
        ("linear-learner", {"predictor_type": "multiclass_classifier"}, "an integer from 3 to 1000000"),
        ("linear-learner", {"predictor_type": "ranker"}, "'binary_classifier' or 'multiclass_classifier' or 'regr"),
    ],
)
def test_wrong_ones_are_refused(name: str, texts: dict[str, str], message: str) -> None:
    with pytest.raises(UserError) as refused:
        values(name, **texts)
    assert message in str(refused.value)
