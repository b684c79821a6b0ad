"""The built-in algorithms, trained for real by the container contract on data whose answer is known, and asked."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

import pytest
from images_support import Container, Ran, run_inside

from stepwell.images import catalog, metrics
from stepwell.images.environments import Environment

ASK = """
import importlib
from pathlib import Path
from programs import algorithm_models, algorithms, inference_formats
module, folder, questions = json.load(sys.stdin)
algorithm = importlib.import_module(f"programs.{module}").ALGORITHM
model = algorithm_models.load(Path(folder))
answers = []
for body, content_type, accept in questions:
    try:
        answer, form = algorithms.respond(algorithm, model, body.encode(), content_type, accept)
        answers.append([answer.decode("latin-1"), form])
    except inference_formats.Refused as error:
        answers.append([str(error), error.status])
json.dump(answers, sys.stdout)
"""
PLAIN, LABELLED = "text/csv;label_size=0", "text/csv"
CORNERS = ((0.0, 0.0), (10.0, 0.0), (0.0, 10.0))


@pytest.fixture
def python(environment_of: Callable[[str], Environment]) -> Environment:
    return environment_of("sagemaker-scikit-learn:1.2-1")


@pytest.fixture
def dice() -> random.Random:
    return random.Random(7)


def train(container: Container, environment: Environment, name: str, **hyperparameters: object) -> Ran:
    container.hyperparameters = {key: str(value) for key, value in hyperparameters.items()}
    return container.run(environment.python, name, "train")


def ask(container: Container, environment: Environment, module: str, *questions: tuple[str, str, str]) -> Any:
    return run_inside(environment.python, ASK, [module, str(container.root / "model"), questions])


def qualities(ran: Ran) -> dict[str, float]:
    """The final metrics in the log: `train msd` -> value."""
    return {
        name: float(value)
        for name, value in re.findall(
            r"#quality_metric: host=algo-1, ([a-z]+ \S+) <(?:loss|score)>=(\S+)", ran.output
        )
    }


def matched(ran: Ran, image: str) -> dict[str, float]:
    """What the service's metric definitions of the image find in the log, the last value of each."""
    found = {}
    for each in metrics.metric_definitions(catalog.load(None).resolve(image), {}):
        values = re.findall(each["Regex"], ran.output)
        if values:
            found[each["Name"]] = float(values[-1])
    return found


def points(dice: random.Random, count: int) -> str:
    """Points around three corners."""
    lines = []
    for number in range(count):
        x, y = CORNERS[number % 3]
        lines.append(f"{dice.gauss(x, 0.2):.3f},{dice.gauss(y, 0.2):.3f}")
    return "\n".join(lines) + "\n"


def labelled(dice: random.Random, count: int, label: Callable[[float, float], float]) -> str:
    pairs = [(round(dice.random(), 4), round(dice.random(), 4)) for _ in range(count)]
    return "".join(f"{label(a, b)},{a},{b}\n" for a, b in pairs)


def test_kmeans_finds_the_corners(container: Container, python: Environment, dice: random.Random) -> None:
    container.channel("train", PLAIN, a_csv=points(dice, 90), b_csv=points(dice, 60))
    container.channel("test", PLAIN, a_csv=points(dice, 30))
    ran = train(container, python, "kmeans", k=3, feature_dim=2, mini_batch_size=40, eval_metrics='["msd","ssd"]')
    assert ran.code == 0, ran.output
    assert qualities(ran)["test msd"] < 0.2
    assert qualities(ran)["test ssd"] == pytest.approx(30 * qualities(ran)["test msd"])
    found = matched(ran, "kmeans:1")
    assert set(found) == {"train:msd", "train:progress", "train:throughput", "test:msd", "test:ssd"}
    assert found["train:progress"] == 100.0
    body = "\n".join(f"{x},{y}" for x, y in CORNERS)
    json_answer, csv_answer = ask(
        container, python, "kmeans", (body, "text/csv", "application/json"), (body, "text/csv", "text/csv")
    )
    predictions = json.loads(json_answer[0])["predictions"]
    assert len({each["closest_cluster"] for each in predictions}) == 3
    assert all(each["distance_to_cluster"] < 0.3 for each in predictions)
    assert (
        csv_answer[0].splitlines()[0]
        == f"{predictions[0]['closest_cluster']},{predictions[0]['distance_to_cluster']}"
    )
    about = json.loads((container.root / "model" / "stepwell-model.json").read_text())
    assert (about["format"], about["algorithm"]) == ("stepwell-algorithm 1", "kmeans")


@pytest.mark.parametrize("mode", ["regular", "randomized"])
def test_pca_finds_the_direction(container: Container, python: Environment, dice: random.Random, mode: str) -> None:
    rows = [(each, 2 * each, dice.gauss(0, 0.1)) for each in (dice.uniform(-5, 5) for _ in range(200))]
    text = "\n".join(",".join(f"{each:.4f}" for each in row) for row in rows)
    container.channel("train", PLAIN, a_csv=text)
    ran = train(container, python, "pca", feature_dim=3, num_components=2, mini_batch_size=50, algorithm_mode=mode)
    assert ran.code == 0, ran.output
    assert "Test data is not provided." in ran.output
    answer, refused = ask(
        container,
        python,
        "pca",
        ('{"features": [1, 2, 0]}\n{"features": [2, 4, 0]}', "application/jsonlines", "application/jsonlines"),
        ("1,2", "text/csv", ""),
    )
    first, second = (json.loads(line)["projection"] for line in answer[0].splitlines())
    assert abs(second[1] - first[1]) == pytest.approx(5**0.5, abs=0.01)
    assert abs(second[0] - first[0]) < 0.1
    assert refused == ["expected 3 features in each record, found 2", 400]


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"index_metric": "COSINE"},
        {"index_type": "faiss.IVFFlat", "sample_size": 60},
        {"dimension_reduction_type": "sign", "dimension_reduction_target": 1},
    ],
)
def test_knn_learns_which_side_a_point_is_on(
    container: Container, python: Environment, dice: random.Random, extra: dict[str, object]
) -> None:
    container.channel("train", LABELLED, a_csv=labelled(dice, 200, lambda a, b: int(a > b)))
    container.channel("test", LABELLED, a_csv=labelled(dice, 50, lambda a, b: int(a > b)))
    asked = {"k": 5, "feature_dim": 2, "predictor_type": "classifier", "sample_size": 200, **extra}
    ran = train(container, python, "knn", **asked)
    assert ran.code == 0, ran.output
    least = 0.4 if "dimension_reduction_type" in extra else 0.9
    assert matched(ran, "knn:1")["test:accuracy"] >= least
    body = '{"instances": [{"features": [0.9, 0.1]}, {"features": [0.1, 0.9]}]}'
    plain, verbose = ask(
        container,
        python,
        "knn",
        (body, "application/json", "application/json"),
        (body, "application/json", "application/json; verbose=true"),
    )
    if not extra:
        assert json.loads(plain[0]) == {"predictions": [{"predicted_label": 1.0}, {"predicted_label": 0.0}]}
    told = json.loads(verbose[0])["predictions"][0]
    assert set(told) == {"predicted_label", "distances", "labels"}
    assert told["distances"] == sorted(told["distances"])
    assert len(told["labels"]) == 5


def test_knn_predicts_numbers_too(container: Container, python: Environment, dice: random.Random) -> None:
    container.channel("train", LABELLED, a_csv=labelled(dice, 300, lambda a, b: round(a + b, 3)))
    container.channel("test", LABELLED, a_csv=labelled(dice, 50, lambda a, b: round(a + b, 3)))
    ran = train(container, python, "knn", k=3, feature_dim=2, predictor_type="regressor", sample_size=300)
    assert matched(ran, "knn:1")["test:mse"] < 0.01


def test_a_forest_finds_what_lies_far_out(container: Container, python: Environment, dice: random.Random) -> None:
    def usual(count: int, before: str = "") -> str:
        return "".join(f"{before}{dice.gauss(0, 1):.3f},{dice.gauss(0, 1):.3f}\n" for _ in range(count))

    container.channel("train", PLAIN, a_csv=usual(600))
    container.channels["train"]["S3DistributionType"] = "ShardedByS3Key"
    container.channel("test", "text/csv;label_size=1", a_csv=usual(60, "0,") + "1,30,30\n1,-25,9\n")
    ran = train(container, python, "randomcutforest", feature_dim=2, num_trees=50, num_samples_per_tree=100)
    assert ran.code == 0, ran.output
    assert matched(ran, "randomcutforest:1")["test:f1"] > 0.6
    answer, _ = ask(
        container, python, "random_cut_forest", ("0,0\n30,30\n", "text/csv", "application/json"), ("1,1", "", "")
    )[0]
    near, far = (each["score"] for each in json.loads(answer)["scores"])
    assert far > 2 * near > 0


REGRESSION: dict[str, object] = {"predictor_type": "regressor", "mini_batch_size": 50}


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"loss": "absolute_loss", "optimizer": "sgd", "momentum": 0.9},
        {"loss": "huber_loss", "optimizer": "rmsprop"},
        {"loss": "quantile_loss", "epochs": 40},
        {"loss": "eps_insensitive_squared_loss", "optimizer": "adagrad", "normalize_data": "false", "epochs": 40},
        {"num_models": 1, "learning_rate": 0.1, "wd": 0, "l1": 0, "early_stopping_patience": 20},
    ],
)
def test_a_line_is_learnt(
    container: Container, python: Environment, dice: random.Random, extra: dict[str, object]
) -> None:
    def line(a: float, b: float) -> float:
        return round(3 * a - 2 * b + 7, 4)

    for channel, count in (("train", 400), ("validation", 100), ("test", 100)):
        container.channel(channel, LABELLED, a_csv=labelled(dice, count, line))
    ran = train(container, python, "linear-learner", **{**REGRESSION, **extra})
    assert ran.code == 0, ran.output
    found = matched(ran, "linear-learner:1")
    assert found["test:mse"] < 0.05
    assert {"train:objective_loss", "validation:objective_loss", "train:progress", "test:absolute_loss"} <= set(found)
    answer, _ = ask(container, python, "linear_learner", ("1,0\n0,1", "text/csv", ""))[0]
    first, second = (each["score"] for each in json.loads(answer)["predictions"])
    assert (first, second) == (pytest.approx(10, abs=0.6), pytest.approx(5, abs=0.6))


def test_l1_leaves_out_what_says_nothing(container: Container, python: Environment, dice: random.Random) -> None:
    text = labelled(dice, 300, lambda a, _b: round(3 * a, 4))
    container.channel("train", LABELLED, a_csv=text)
    assert train(container, python, "linear-learner", **REGRESSION, l1=0.1, learning_rate=0.05, wd=0).code == 0
    answer, _ = ask(container, python, "linear_learner", ("0.5,0\n0.5,1\n1,0", "text/csv", ""))[0]
    without, with_it, more = (each["score"] for each in json.loads(answer)["predictions"])
    assert without == with_it
    assert more > without + 0.5


@pytest.mark.parametrize(
    ("extra", "least"),
    [
        ({}, {"validation:binary_classification_accuracy": 0.9, "validation:binary_f_beta": 0.8}),
        ({"loss": "hinge_loss"}, {"validation:binary_classification_accuracy": 0.9}),
        (
            {"binary_classifier_model_selection_criteria": "precision_at_target_recall", "target_recall": 0.95},
            {"validation:recall": 0.95, "validation:precision": 0.7},
        ),
        (
            {
                "binary_classifier_model_selection_criteria": "recall_at_target_precision",
                "target_precision": 0.95,
                "positive_example_weight_mult": "balanced",
            },
            {"validation:precision": 0.95, "validation:recall": 0.7},
        ),
    ],
)
def test_two_classes_are_told_apart(
    container: Container, python: Environment, dice: random.Random, extra: dict[str, object], least: dict[str, float]
) -> None:
    for channel, count in (("train", 400), ("validation", 200)):
        text = labelled(dice, count, lambda a, b: int(a + b + dice.gauss(0, 0.1) > 1.2))
        container.channel(channel, LABELLED, a_csv=text)
    ran = train(
        container,
        python,
        "linear-learner",
        predictor_type="binary_classifier",
        mini_batch_size=50,
        feature_dim=2,
        **extra,
    )
    assert ran.code == 0, ran.output
    found = matched(ran, "linear-learner:1")
    assert all(found[name] >= value for name, value in least.items()), found
    answer, _ = ask(container, python, "linear_learner", ("1,1\n0,0", "text/csv", ""))[0]
    assert [each["predicted_label"] for each in json.loads(answer)["predictions"]] == [1, 0]


def test_many_classes_are_told_apart(container: Container, python: Environment, dice: random.Random) -> None:
    for channel, count in (("train", 600), ("test", 100)):
        container.channel(channel, LABELLED, a_csv=labelled(dice, count, lambda a, _b: int(3 * a)))
    ran = train(
        container,
        python,
        "linear-learner",
        predictor_type="multiclass_classifier",
        num_classes=3,
        mini_batch_size=32,
        balance_multiclass_weights="true",
        accuracy_top_k=2,
    )
    assert ran.code == 0, ran.output
    found = matched(ran, "linear-learner:1")
    assert found["test:multiclass_accuracy"] > 0.85
    assert {"test:multiclass_top_k_accuracy", "test:dcg", "test:macro_f_beta", "test:macro_recall"} <= set(found)
    answer, _ = ask(container, python, "linear_learner", ("0.9,0\n0.1,0.5", "text/csv", ""))[0]
    first, second = json.loads(answer)["predictions"]
    assert (first["predicted_label"], second["predicted_label"]) == (2, 0)
    assert sum(first["score"]) == pytest.approx(1)


def test_a_job_of_a_tuning_job_trains_one_model(
    container: Container, python: Environment, dice: random.Random
) -> None:
    container.channel("train", LABELLED, a_csv=labelled(dice, 100, lambda a, b: a + b))
    asked = {**REGRESSION, "learning_rate": 0.25, "_tuning_objective_metric": "train:mse"}
    ran = train(container, python, "linear-learner", **asked)
    assert "Best model found for hyperparameters: {'learning_rate': 0.25, 'wd': 0.0, 'l1': 0.0}" in ran.output


CLUSTERS: dict[str, object] = {"k": 2, "feature_dim": 2}
BROKEN: dict[str, tuple[str, dict[str, object], str, str, str]] = {
    "missing": (
        "kmeans",
        {},
        PLAIN,
        "1,2\n",
        "ClientError: No value(s) were specified for 'k', 'feature_dim' which are",
    ),
    "header": ("kmeans", CLUSTERS, PLAIN, "a,b\n1,2\n", "ClientError: Unable to parse csv: rows 1-1000, file "),
    "hole": ("kmeans", CLUSTERS, PLAIN, "1,2\n3,\n", "(row 2 has a field that is empty or no number)"),
    "ragged": ("kmeans", CLUSTERS, PLAIN, "1,2\n1,2,3\n", "ClientError: Unable to parse csv: rows 1-1000, file "),
    "empty": (
        "kmeans",
        CLUSTERS,
        PLAIN,
        "",
        "ClientError: No training data processed. Either the training channel is",
    ),
    "form": ("kmeans", CLUSTERS, "csv", "1,2\n", "No iterator has been registered for ContentType ('csv', '1.0')"),
    "records": (
        "kmeans",
        CLUSTERS,
        "application/x-recordio-protobuf",
        "1,2\n",
        "there is no record at byte 0: the magic number is missing. Requested content-type is",
    ),
    "width": (
        "kmeans",
        CLUSTERS,
        LABELLED,
        "1,2\n",
        "feature_dim is 2, but the records of channel 'train' have 1 featu",
    ),
    "few": ("kmeans", CLUSTERS, PLAIN, "1,2\n", "The training data has 1 records, fewer than k=2 clusters."),
    "sharded": (
        "randomcutforest",
        {"feature_dim": 2},
        PLAIN,
        "1,2\n",
        "'FullyReplicated' is not one of ['ShardedByS3K",
    ),
    "labels": (
        "linear-learner",
        {"predictor_type": "binary_classifier"},
        LABELLED,
        "0,1\n2,1\n",
        "The labels of a binary_classifier are 0 or 1; channel 'train' has the label 2.",
    ),
    "no labels": (
        "knn",
        {"k": 1, "feature_dim": 2, "predictor_type": "classifier", "sample_size": 2},
        PLAIN,
        "1,2\n",
        "The training data has no labels, which this algorithm needs.",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_the_user_can_prevent_is_told_so(container: Container, python: Environment, case: str) -> None:
    name, hyperparameters, content_type, data, message = BROKEN[case]
    container.channel("train", content_type, a_csv=data)
    ran = train(container, python, name, **hyperparameters)
    assert ran.code == 2
    assert ran.failure is not None
    assert ran.failure.startswith("ClientError: ")
    assert message in ran.failure
    assert "Customer Error: " in ran.output
    assert not list((container.root / "model").glob("*"))


@pytest.mark.parametrize(
    ("channels", "cause"),
    [
        (("training",), "'train' is a required property"),
        (("train", "validation"), "Additional properties are not allowed ('validation' was unexpected)"),
    ],
)
def test_channels_that_are_not_taken(
    container: Container, python: Environment, channels: tuple[str, ...], cause: str
) -> None:
    for name in channels:
        container.channel(name, PLAIN, a_csv="1,2\n")
    ran = train(container, python, "kmeans", k=1, feature_dim=2)
    assert ran.failure == (
        "ClientError: Unable to initialize the algorithm. Failed to validate input data configuration."
        f" (caused by ValidationError)\n\nCaused by: {cause}"
    )


def test_several_hosts_are_refused_loudly(container: Container, python: Environment) -> None:
    container.resources = {**container.resources, "hosts": ["algo-1", "algo-2"]}
    container.channel("train", PLAIN, a_csv="1,2\n")
    ran = train(container, python, "kmeans", k=1, feature_dim=2)
    assert ran.failure is not None
    assert "Please set InstanceCount to 1." in ran.failure
