"""What XGBoost models read and write as servers, in real environments: content types, answers, selected output."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from typing import Any

import pytest
from images_support import Container, run_inside

from stepwell.images.environments import Environment

PREPARE = """
import base64, math, pathlib, sys
from programs import xgboost_inference as inference, records
import numpy, xgboost
given = json.load(sys.stdin)
model = inference.load(pathlib.Path(given["model"])) if given.get("model") else None
results = []
for ask in given["asks"]:
    body = base64.b64decode(ask["body"])
    try:
        data, kind = inference.answered(model, body, ask["content_type"], ask["accept"], ask["settings"])
        results.append([200, base64.b64encode(data).decode(), kind])
    except inference.Refused as error:
        results.append([error.status, str(error), ""])
print(json.dumps({"answers": results, "objective": model.objective, "release": xgboost.__version__}))
"""
RECORDS = """
import base64, sys
from programs import records
import numpy
rows = json.load(sys.stdin)
print(json.dumps(base64.b64encode(records.write(numpy.array(rows, dtype="float32"))).decode()))
"""
DATA = "".join(f"{int(number > 15)},{number / 30},{number % 3}\n" for number in range(31))
CSV = b"0.1,1\n0.9,\n"
TWO = "application/x-recordio-protobuf"


@pytest.fixture(params=("1.2-1", "1.7-1", "3.0-5"))
def environment(request: pytest.FixtureRequest, environment_of: Callable[[str], Environment]) -> Environment:
    return environment_of(f"sagemaker-xgboost:{request.param}")


@pytest.fixture
def one(environment_of: Callable[[str], Environment]) -> Environment:
    return environment_of("sagemaker-xgboost:1.7-1")


def train(container: Container, environment: Environment, **hyperparameters: str) -> None:
    container.hyperparameters = {"num_round": "5", "max_depth": "2", **hyperparameters}
    container.channel("train", a_csv=DATA)
    assert container.run(environment.python, "xgboost", "train").code == 0


def ask(body: bytes = CSV, content_type: str = "text/csv", accept: str = "", **settings: str) -> dict[str, Any]:
    shown = base64.b64encode(body).decode()
    return {"body": shown, "content_type": content_type, "accept": accept, "settings": settings}


def answers(environment: Environment, container: Container, *asks: dict[str, Any]) -> list[tuple[int, Any, str]]:
    found = run_inside(environment.python, PREPARE, {"model": str(container.root / "model"), "asks": asks})
    return [
        (status, base64.b64decode(data) if status == 200 else data, kind) for status, data, kind in found["answers"]
    ]


def test_every_form_gives_the_same_answer(container: Container, environment: Environment) -> None:
    train(container, environment, objective="binary:logistic")
    packed = base64.b64decode(run_inside(environment.python, RECORDS, [[0.1, 1], [0.9, 1]]))
    dense = b"0.1,1\n0.9,1"
    found = answers(
        environment,
        container,
        ask(dense),
        ask(b"0.1;1\r\n0.9;1\r\n", "text/csv; charset=utf-8"),
        ask(b"0:0.1 1:1\n0:0.9 1:1\n", "text/libsvm"),
        ask(b"7 0:0.1 1:1\n8 0:0.9 1:1", ""),
        ask(packed, TWO),
        ask(dense, "text/csv", "*/*"),
        ask(dense, "text/csv", "", SAGEMAKER_BATCH="true"),
    )
    first = found[0]
    assert found == [first] * len(found)
    assert first[2] == "text/csv"
    low, high = map(float, first[1].decode().split("\n")[:-1])
    assert low < 0.5 < high


def test_every_answer_says_the_same(container: Container, environment: Environment) -> None:
    train(container, environment, objective="binary:logistic")
    accepts = ("text/csv", "application/json", "application/jsonlines", TWO)
    csv, document, lines, packed = answers(environment, container, *(ask(accept=each) for each in accepts))
    scores = [float(each) for each in csv[1].split()]
    shown = [f'{{"score": {each}}}' for each in scores]
    assert document == (200, f'{{"predictions": [{", ".join(shown)}]}}'.encode(), "application/json")
    assert lines == (200, "".join(f"{each}\n" for each in shown).encode(), "application/jsonlines")
    assert (packed[0], packed[2], packed[1].count(b"score")) == (200, TWO, 2)


def test_several_classes_and_folds(container: Container, one: Environment) -> None:
    train(container, one, objective="multi:softprob", num_class="2", _kfold="2")
    csv, batch, document = answers(one, container, ask(), ask(SAGEMAKER_BATCH="true"), ask(accept="application/json"))
    rows = [[float(each) for each in line.split(",")] for line in csv[1].decode().split()]
    assert [math.isclose(sum(row), 1, abs_tol=1e-5) for row in rows] == [True, True]
    assert batch[1].decode() == "".join(f"{row}\n" for row in rows)
    assert document[1].decode().startswith('{"predictions": [{"score": [')


@pytest.mark.parametrize(
    ("objective", "keys", "shown"),
    [
        ({"objective": "binary:logistic"}, "predicted_label, labels", ['0,"[0, 1]"', '1,"[0, 1]"']),
        ({"objective": "binary:logitraw"}, "predicted_label", ["0", "1"]),
        ({"objective": "binary:hinge"}, "predicted_label,raw_scores", ['0.0,"[1.0, 0.0]"', '1.0,"[0.0, 1.0]"']),
        (
            {"objective": "multi:softmax", "num_class": "2"},
            "predicted_label,labels",
            ['0.0,"[0, 1]"', '1.0,"[0, 1]"'],
        ),
        ({"objective": "multi:softprob", "num_class": "2"}, "predicted_label,guess", ["0,nan", "1,nan"]),
        ({"objective": "reg:squarederror"}, "predicted_label", ["nan", "nan"]),
    ],
)
def test_selected_output(
    container: Container, one: Environment, objective: dict[str, str], keys: str, shown: list[str]
) -> None:
    train(container, one, **objective)
    asked = ask(b"0.1,1\n0.9,1", SAGEMAKER_INFERENCE_OUTPUT=keys)
    (plain,) = answers(one, container, asked)
    assert plain == (200, "\n".join(shown).encode(), "text/csv")


def test_selected_output_in_other_forms(container: Container, one: Environment) -> None:
    train(container, one, objective="binary:logistic")
    wanted = {"SAGEMAKER_INFERENCE_OUTPUT": "probability,probabilities"}
    document, lines = (
        each[1].decode()
        for each in answers(
            one,
            container,
            ask(b"0.9,1", accept="application/json", **wanted),
            ask(b"0.9,1", accept="application/jsonlines", **wanted),
        )
    )
    assert document == f'{{"predictions": [{lines.strip()}]}}'
    assert lines.startswith('{"probability": 0.') and '"probabilities": [' in lines


@pytest.mark.parametrize(
    ("asked", "status", "told"),
    [
        (ask(b""), 204, ""),
        (ask(b"a,b"), 415, "Loading csv data failed"),
        (ask(b"1,2\n1\n"), 415, "line 2 has 1 fields"),
        (ask(b"0:x", "text/libsvm"), 415, "Loading libsvm data failed"),
        (ask(b"-1:2", "text/libsvm"), 415, "an index is below 0"),
        (ask(b"\xff\xfe", "text/csv"), 415, "Loading csv data failed"),
        (ask(b"no record", TWO), 415, "Loading recordio-protobuf data failed"),
        (ask(b"x", "image/png"), 415, "Content-type image/png is not supported."),
        (ask(b"1,2,3"), 400, "Feature size of csv inference data 3 is not consistent"),
        (ask(b"9:1", "text/libsvm"), 400, "Feature size of libsvm inference data 10 is larger"),
        (ask(b"1,2", accept="image/png"), 406, "Accept type image/png is not supported."),
        (ask(b"1,2", SAGEMAKER_INFERENCE_OUTPUT="labels"), 500, "Objective `count:poisson` unsupported"),
    ],
)
def test_what_cannot_be_answered(
    container: Container, one: Environment, asked: dict[str, Any], status: int, told: str
) -> None:
    train(container, one, objective="count:poisson")
    ((found, why, _),) = answers(one, container, asked)
    assert found == status
    assert told in why


def test_the_best_round_of_an_old_release_counts(
    container: Container, environment_of: Callable[[str], Environment]
) -> None:
    """Up to 1.2 early stopping marks the best round and keeps the others, which must not speak."""
    old = environment_of("sagemaker-xgboost:1.2-1")
    container.channel("validation", a_csv="1,0.1,1\n0,0.9,1\n")
    train(container, old, objective="binary:logistic", num_round="30", early_stopping_rounds="2", eta="1")
    stopped = answers(old, container, ask())
    other = Container(container.root.parent / "one-round")
    train(other, old, objective="binary:logistic", num_round="1", eta="1")
    assert stopped == answers(old, other, ask())
