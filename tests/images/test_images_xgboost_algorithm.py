"""XGBoost as a built-in algorithm, trained for real in the environments of several tags.

Each release's environment is a large download, so by default one of every kind is tried: the oldest generation with
pickled models, the middle, the newest. STEPWELL_TEST_ALL_IMAGES=1 tries all.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from images_support import Container, Ran

from stepwell.images import catalog, commands, metrics
from stepwell.images.environments import Environment

ALWAYS = ("1.2-1", "1.7-1", "3.0-5")
TAGS = ("0.90-1", "1.0-1", "1.2-1", "1.3-1", "1.5-1", "1.7-1", "3.0-5", "3.2-0")
ONE = "sagemaker-xgboost:1.7-1"
BINARY = {"objective": "binary:logistic", "num_round": "5", "max_depth": "2"}


def rows(count: int, seed: int = 1, classes: int = 2, noise: float = 0.2) -> str:
    """CSV rows whose label follows the first feature."""
    dice = random.Random(seed)
    lines = []
    for _ in range(count):
        features = [dice.random() for _ in range(3)]
        label = min(classes - 1, int((features[0] * (1 - noise) + noise * dice.random()) * classes))
        lines.append(",".join(f"{each:.4f}" if isinstance(each, float) else str(each) for each in (label, *features)))
    return "\n".join(lines) + "\n"


@pytest.fixture(params=TAGS)
def environment(request: pytest.FixtureRequest, environment_of: Callable[[str], Environment]) -> Environment:
    if request.param not in ALWAYS and not os.environ.get("STEPWELL_TEST_ALL_IMAGES"):
        pytest.skip("set STEPWELL_TEST_ALL_IMAGES=1 to download and try every release")
    return environment_of(f"sagemaker-xgboost:{request.param}")


@pytest.fixture
def one(environment_of: Callable[[str], Environment]) -> Environment:
    return environment_of(ONE)


def train(container: Container, environment: Environment, **hyperparameters: str) -> Ran:
    container.hyperparameters = {**BINARY, **hyperparameters}
    return container.run(environment.python, "xgboost", "train")


def python(environment: Environment, code: str, *arguments: Path) -> str:
    command = [str(environment.python), "-W", "ignore", "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def lines_of(ran: Ran) -> list[str]:
    return [line for line in ran.output.splitlines() if re.match(r"\[\d+\]", line)]


def test_every_release_trains_stops_early_and_leaves_a_model(container: Container, environment: Environment) -> None:
    container.channel("train", a_csv=rows(200), b_csv=rows(50, 2))
    container.channel("validation", a_csv=rows(80, 3))
    ran = train(container, environment, num_round="60", eval_metric="auc,f1,error", early_stopping_rounds="3")
    assert ran.code == 0, ran.errors
    assert ran.failure is None
    found = lines_of(ran)
    assert 4 <= len(found) < 60
    numbers = r"-?\d+(\.\d+)?"
    parts = [f"{data}-{metric}:{numbers}" for data in ("train", "validation") for metric in ("auc", "error", "f1")]
    assert re.fullmatch(rf"\[0\]#011{'#011'.join(parts)}", found[0]), found[0]
    assert "Train matrix has 250 rows and 3 columns" in ran.errors
    definitions = metrics.metric_definitions(catalog.load(None).resolve(ONE), {})
    matched = {each["Name"] for each in definitions if re.match(each["Regex"], found[-1])}
    assert matched == {f"{data}:{metric}" for data in ("train", "validation") for metric in ("auc", "error", "f1")}
    # Old releases leave a pickle, new ones xgboost's own format; both are read as users read them.
    load = (
        "import pickle, sys, numpy, xgboost\n"
        "old = tuple(map(int, xgboost.__version__.split('.')[:2])) < (1, 3)\n"
        "model = pickle.load(open(sys.argv[1], 'rb')) if old else xgboost.Booster()\n"
        "if not old: model.load_model(sys.argv[1])\n"
        "high, low = model.predict(xgboost.DMatrix(numpy.array([[.95, .5, .5], [.05, .5, .5]])))\n"
        "print(high > .5 > low)\n"
    )
    assert python(environment, load, container.root / "model" / "xgboost-model") == "True\n"


def test_the_customer_churn_example_works(container: Container, environment_of: Callable[[str], Environment]) -> None:
    """Spec 08: the example unpacks model.tar.gz, unpickles it, and reads what get_dummies wrote, in this image."""
    environment = environment_of("sagemaker-xgboost:1.2-1")
    prepare = (
        "import sys, pandas as pd, boto3, sklearn\n"
        "frame = pd.DataFrame({'y': [1, 0] * 50, 'state': ['CA', 'NY'] * 50, 'calls': range(100)})\n"
        "pd.get_dummies(frame).to_csv(sys.argv[1], header=False, index=False)\n"
        "print(open(sys.argv[1]).readline().strip())\n"
    )
    container.channel("train")
    data = container.root / "input" / "data" / "train" / "train.csv"
    assert python(environment, prepare, data) == "1,0,1,0\n"
    assert train(container, environment).code == 0
    with tarfile.open(container.root / "model.tar.gz", "w:gz") as archive:
        archive.add(container.root / "model" / "xgboost-model", "xgboost-model")
    evaluate = (
        "import os, pickle, sys, tarfile, pandas as pd, xgboost\n"
        "from sklearn.metrics import accuracy_score, classification_report, roc_auc_score\n"
        "os.chdir(sys.argv[1] + '/work')\n"
        "tarfile.open('../model.tar.gz').extractall('..')\n"
        "model = pickle.load(open('../xgboost-model', 'rb'))\n"
        "frame = pd.read_csv(sys.argv[2], header=None)\n"
        "found = model.predict(xgboost.DMatrix(frame.iloc[:, 1:].values))\n"
        "print(accuracy_score(frame.iloc[:, 0], found > .5), roc_auc_score(frame.iloc[:, 0], found))\n"
    )
    (container.root / "work").mkdir()
    assert python(environment, evaluate, container.root, data) == "1.0 1.0\n"


OBJECTIVES: dict[str, tuple[dict[str, str], int, str]] = {
    "regression": ({"objective": "reg:squarederror"}, 5, "rmse"),
    "regression metrics": ({"objective": "reg:squarederror", "eval_metric": "mse,r2,mae"}, 5, "r2"),
    "softprob": (
        {"objective": "multi:softprob", "num_class": "3", "eval_metric": "accuracy,recall_macro"},
        3,
        "accuracy",
    ),
    "softmax": ({"objective": "multi:softmax", "num_class": "3", "eval_metric": "merror,f1"}, 3, "merror"),
    "hinge": ({"objective": "binary:hinge", "eval_metric": "f1_binary,precision"}, 2, "f1_binary"),
    "poisson": ({"objective": "count:poisson"}, 5, "poisson-nloglik"),
    "linear": ({"booster": "gblinear", "updater": "coord_descent"}, 2, "logloss"),
    "monotone": ({"monotone_constraints": "(1, 0, 0)", "tree_method": "hist"}, 2, "logloss"),
    "interaction": ({"interaction_constraints": "[[1, 2]]", "tree_method": "hist"}, 2, "logloss"),
    "tuned": ({"_tuning_objective_metric": "validation:f1", "eval_metric": "error"}, 2, "f1"),
}

# One process for all: importing xgboost and scikit-learn takes longer than training.
MANY = """
import contextlib, json, os, sys
sys.path.insert(0, sys.argv[1])
from programs import xgboost_algorithm
for root in sys.argv[2:]:
    os.environ["SAGEMAKER_BASE_DIR"] = root
    with open(root + "/stdout", "w") as stdout, contextlib.redirect_stdout(stdout):
        print(xgboost_algorithm.train())
"""


@pytest.fixture(scope="module")
def outputs(
    environment_of: Callable[[str], Environment], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[str]]:
    roots = {}
    for name, (hyperparameters, classes, _) in OBJECTIVES.items():
        container = Container(tmp_path_factory.mktemp("objective"), {**BINARY, **hyperparameters})
        container.channel("train", a_csv=rows(120, classes=classes))
        container.channel("validation", a_csv=rows(60, 2, classes))
        container.configure()
        roots[name] = container.root
    python(environment_of(ONE), MANY, commands.PROGRAMS.parent, *roots.values())
    return {name: (root / "stdout").read_text().splitlines() for name, root in roots.items()}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_objectives_and_metrics(outputs: dict[str, list[str]], name: str) -> None:
    found = [line for line in outputs[name] if re.match(r"\[\d+\]", line)]
    assert outputs[name][-1] == "0"
    assert len(found) == 5
    assert f"#011validation-{OBJECTIVES[name][2]}:" in found[0]


def test_scores_are_right(container: Container, one: Environment) -> None:
    """The container's own metrics are those of the probabilities, in a release that hands metrics raw margins."""
    container.channel("train", a_csv=rows(150, noise=0.6))
    ran = train(container, one, eval_metric="accuracy,error,f1_binary", num_round="3")
    last = dict(re.findall(r"train-(\w+):([\d.]+)", lines_of(ran)[-1]))
    assert float(last["accuracy"]) == pytest.approx(1 - float(last["error"]), abs=1e-5)
    check = (
        "import sys, numpy, xgboost\nfrom sklearn.metrics import f1_score\n"
        "table = numpy.loadtxt(sys.argv[2], delimiter=',')\nmodel = xgboost.Booster(model_file=sys.argv[1])\n"
        "print('%.5f' % f1_score(table[:, 0], model.predict(xgboost.DMatrix(table[:, 1:])) > .5))\n"
    )
    data = container.root / "input" / "data" / "train" / "a.csv"
    assert python(one, check, container.root / "model" / "xgboost-model", data).strip() == last["f1_binary"]


def test_early_stopping_keeps_the_best_model(container: Container, one: Environment) -> None:
    container.channel("train", a_csv=rows(100, noise=0.9))
    container.channel("validation", a_csv=rows(100, 5, noise=0.9))
    ran = train(container, one, num_round="200", eval_metric="logloss", early_stopping_rounds="4", eta="0.5")
    losses = [float(re.search(r"validation-logloss:([\d.]+)", line)[1]) for line in lines_of(ran)]  # type: ignore[index]
    best = losses.index(min(losses))
    assert len(losses) == best + 5
    load = "import sys, xgboost\nprint(xgboost.Booster(model_file=sys.argv[1]).num_boosted_rounds())\n"
    assert python(one, load, container.root / "model" / "xgboost-model") == f"{best + 1}\n"


def test_libsvm_is_the_default(container: Container, one: Environment) -> None:
    container.channel("train", None, a_txt="1 0:1 1:3\n0 0:2\n" * 20)
    ran = train(container, one)
    assert ran.code == 0, ran.failure
    assert "Train matrix has 40 rows and 2 columns" in ran.errors


@pytest.mark.parametrize("folds", [1, 2])
def test_cross_validation_leaves_a_model_a_fold_and_the_predictions(
    container: Container, one: Environment, folds: int
) -> None:
    container.channel("train", a_csv=rows(60))
    container.channel("validation", a_csv=rows(30, 2))
    ran = train(container, one, _kfold="3", _num_cv_round=str(folds), eval_metric="error")
    assert ran.code == 0, ran.failure
    models = sorted(path.name for path in (container.root / "model").iterdir())
    assert models == [f"xgboost-model-{number}" for number in range(3 * folds)]
    table = (container.root / "output" / "data" / "predictions.csv").read_text().splitlines()
    assert len(table) == 90
    assert all(len(line.split(",")) == 3 for line in table)
    assert "The metrics of round 1 cross validation" in ran.errors
    assert any(line.startswith("[5]#011train-error:") for line in lines_of(ran))


@pytest.mark.parametrize(
    ("hyperparameters", "data", "message"),
    [
        ({"num_round": "0"}, "1,2\n", "Hyperparameter num_round: 0 is not in [1, +inf)"),
        ({}, "y,x\n1,2\n", "Line 1 'y,x...' of file 'a.csv' is not 'CSV' format: 'y' is not a number."),
        ({}, "5,2\n7,3\n", "label must be in [0,1] for logistic regression"),
        ({}, "", "No data in training channel path "),
        ({"use_dask_gpu_training": "true"}, "1,2\n", "use_dask_gpu_training needs an instance with GPUs"),
    ],
)
def test_what_the_user_can_prevent_is_told_so(
    container: Container, one: Environment, hyperparameters: dict[str, str], data: str, message: str
) -> None:
    container.channel("train", a_csv=data)
    ran = train(container, one, **hyperparameters)
    assert ran.code == 1
    assert ran.failure is not None
    assert ran.failure.startswith("framework error: \nsagemaker_algorithm_toolkit.exceptions.UserError: ")
    assert message in ran.failure
    assert not list((container.root / "model").glob("*"))


def test_training_goes_on_from_a_checkpoint(container: Container, one: Environment) -> None:
    container.channel("train", a_csv=rows(100))
    container.checkpoints = {"LocalPath": str(container.root / "checkpoints")}
    first = train(container, one, num_round="7", eval_metric="logloss")
    kept = sorted(path.name for path in (container.root / "checkpoints").iterdir())
    assert kept == [f"xgboost-checkpoint.{number}" for number in range(2, 7)]
    second = train(container, one, num_round="9", eval_metric="logloss")
    assert [line.partition("]")[0] for line in lines_of(second)] == ["[7", "[8"]
    whole = Container(container.root.parent / "whole", channels=container.channels)
    whole.file("input/data/train/a.csv", rows(100))
    assert lines_of(train(whole, one, num_round="9", eval_metric="logloss")) == lines_of(first) + lines_of(second)


def test_the_usual_folder_holds_checkpoints_where_there_is_one(container: Container, one: Environment) -> None:
    container.channel("train", a_csv=rows(50))
    (container.root / "checkpoints").mkdir(parents=True)
    assert train(container, one, num_round="2").code == 0
    assert sorted(path.name for path in (container.root / "checkpoints").iterdir()) == [
        "xgboost-checkpoint.0",
        "xgboost-checkpoint.1",
    ]


def test_every_fold_has_checkpoints_of_its_own_and_goes_on(container: Container, one: Environment) -> None:
    container.channel("train", a_csv=rows(60))
    container.checkpoints = {"LocalPath": str(container.root / "checkpoints")}
    first = train(container, one, num_round="3", _kfold="2", eval_metric="error")
    assert first.code == 0, first.failure
    folders = sorted(path.name for path in (container.root / "checkpoints").iterdir())
    assert folders == ["model-0", "model-1"]
    assert (container.root / "checkpoints" / "model-1" / "xgboost-checkpoint.2").exists()
    again = train(container, one, num_round="3", _kfold="2", eval_metric="error")
    assert again.code == 0, again.failure
    assert lines_of(again) == [lines_of(first)[-1]]


def test_a_stopped_job_saves_its_model_when_asked(container: Container, one: Environment) -> None:
    container.channel("train", a_csv=rows(2000))
    container.hyperparameters = {**BINARY, "num_round": "100000", "save_model_on_termination": "true"}
    container.configure()
    command = [str(one.python), str(commands.PROGRAMS), "xgboost", "train"]
    environment = {**container.environment(), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith("[3]"):
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
    assert process.returncode == 0
    assert (container.root / "model" / "xgboost-model").stat().st_size > 0


def test_a_program_among_the_hyperparameters_means_script_mode(container: Container, one: Environment) -> None:
    container.file("code/train.py", "import sys, xgboost; print('SCRIPT', xgboost.__version__, sys.argv[1:])\n")
    container.hyperparameters = {"sagemaker_program": json.dumps("train.py"), "eta": "0.1"}
    ran = container.run(one.python, "xgboost", "train")
    assert ran.output == "SCRIPT 1.7.4 ['--eta', '0.1']\n", ran.errors
