"""Room images, inside the container: what a trained XGBoost model reads and writes as a server. In: the files of a
model, a request's body, content type and Accept. Out: the answer's bytes and content type; or `Refused` with an HTTP
status.

The forms are those of aws/sagemaker-xgboost-container (serve.py, serve_utils.py, encoder.py) and of "Common Data
Formats for Inference" in the SageMaker developer guide. LIBSVM indices stay as they are, as they do in training.
"""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import inference_formats, records, xgboost_matrices
from .contract import package
from .inference_formats import CSV, JSON, JSON_LINES, RECORDS, Form, Refused

ACCEPTED = (JSON, JSON_LINES, RECORDS, CSV)
_FORMS = {
    "text/csv": "csv",
    "csv": "csv",
    "text/libsvm": "libsvm",
    "text/x-libsvm": "libsvm",
    "libsvm": "libsvm",
    records.CONTENT_TYPE: "recordio-protobuf",
    "recordio-protobuf": "recordio-protobuf",
}
_VOTED = ("multi:softmax", "binary:hinge")
_CLASSES = ("predicted_label", "labels", "raw_score", "raw_scores")
_CERTAIN = (*_CLASSES, "probability", "probabilities")
SELECTABLE: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("reg:squarederror", "reg:logistic", "reg:gamma", "reg:absoluteerror", "reg:tweedie"), ("predicted_score",)
    ),
    **dict.fromkeys(("binary:logistic", "multi:softprob"), _CERTAIN),
    **dict.fromkeys(("binary:logitraw", "binary:hinge", "multi:softmax"), _CLASSES),
}
"""What SAGEMAKER_INFERENCE_OUTPUT may ask for, by objective."""


@dataclass(frozen=True)
class Model:
    """One booster, or one of each fold, whose answers are voted on or averaged."""

    boosters: tuple[Any, ...]
    objective: str = ""
    """Empty in 0.90, which does not tell."""
    classes: int = 0
    width: int | None = None
    """Features it was trained on; None in 0.90."""


def load(folder: Path, *, ensemble: bool = True) -> Model:
    """The model in `folder`: every file that is not hidden, or the first. Raises ValueError."""
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".")]
    if not files:
        raise ValueError(f"there is no model in {folder}")
    boosters = tuple(_booster(path) for path in (files if ensemble else files[:1]))
    if not hasattr(boosters[0], "save_config"):
        return Model(boosters)
    learner = json.loads(boosters[0].save_config())["learner"]
    sizes = learner["learner_model_param"]
    return Model(
        boosters, learner["objective"]["name"], int(sizes.get("num_class", 0)), int(sizes["num_feature"]) or None
    )


def _booster(path: Path) -> Any:
    """A pickle as releases up to 1.2 leave it, or xgboost's own format. The model is the user's own, as its code is:
    it may do what the container may."""
    xgboost = package("xgboost")
    try:
        with path.open("rb") as file:
            found = pickle.load(file)
        if isinstance(found, xgboost.Booster):
            return found
    except Exception:  # pickle raises nearly everything for what is no pickle
        pass
    booster = xgboost.Booster()
    try:
        booster.load_model(str(path))
    except xgboost.core.XGBoostError as error:
        raise ValueError(f"{path.name} is not a model: {error}") from error
    return booster


def answered(
    model: Model, body: bytes, content_type: str, accept: str, settings: Mapping[str, str]
) -> tuple[bytes, str]:
    """The answer to an inference request, and its content type. `settings` are the container's variables. An empty
    request is Refused with 204: there is nothing to say."""
    if not body:
        raise Refused(204, "")
    features, form = rows(body, content_type)
    predictions = predict(model, features, form)
    asked = accepted(accept, settings.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", CSV))
    selected = settings.get("SAGEMAKER_INFERENCE_OUTPUT")
    is_batch = bool(settings.get("SAGEMAKER_BATCH"))
    if selected is not None:
        keys = selected.replace(" ", "").lower().split(",")
        return _selected(selection(predictions, keys, model), keys, asked, is_batch)
    return written(predictions, asked, is_batch)


def accepted(accept: str, default: str = CSV) -> str:
    """What an Accept header asks for. Raises Refused."""
    name = accept.partition(";")[0].strip().lower()
    if name in ("", "*/*"):
        return default
    if name not in ACCEPTED:
        raise Refused(
            406, f"Accept type {name} is not supported. Please use supported accept types: {list(ACCEPTED)}."
        )
    return name


def rows(body: bytes, content_type: str) -> tuple[Any, str]:
    """The features of a request, dense or sparse, and their form: LIBSVM unless it says another. Raises Refused."""
    form = _FORMS.get(content_type.partition(";")[0].strip().lower() or "libsvm")
    try:
        match form:
            case "csv":
                return _csv(body.decode("utf-8").strip()), form
            case "libsvm":
                return _libsvm(body.decode("utf-8").strip()), form
            case "recordio-protobuf":
                return records.read(body).features, form
    except (ValueError, records.BadRecords) as error:
        raise Refused(415, f"Loading {form} data failed, please ensure data is in {form} format: {error}") from error
    raise Refused(415, f"Content-type {content_type} is not supported.")


def _csv(text: str) -> Any:
    """Rows of numbers without a label; an empty field is a missing value."""
    numpy = package("numpy")
    lines = text.split("\n")
    delimiter = xgboost_matrices.delimiter_of(lines[0]) or ","
    table = [[field.strip() or "nan" for field in line.rstrip("\r").split(delimiter)] for line in lines]
    for number, line in enumerate(table, 1):
        if len(line) != len(table[0]):
            raise ValueError(f"line {number} has {len(line)} fields, the first has {len(table[0])}")
    return numpy.array(table, dtype="float32")


def _libsvm(text: str) -> Any:
    """Rows of `<index>:<value>`; what has no colon, such as a label, is skipped."""
    numpy, sparse = package("numpy"), package("scipy.sparse")
    values: list[float] = []
    columns: list[int] = []
    ends = [0]
    for line in text.split("\n"):
        for token in line.split():
            column, colon, value = token.partition(":")
            if colon:
                columns.append(int(column))
                values.append(float(value))
        ends.append(len(values))
    if any(column < 0 for column in columns):
        raise ValueError("an index is below 0")
    width = max(columns, default=-1) + 1
    parts = (numpy.array(values, dtype="float32"), numpy.array(columns, dtype="int64"), numpy.array(ends))
    return sparse.csr_matrix(parts, shape=(len(ends) - 1, width))


def predict(model: Model, features: Any, form: str) -> Any:
    """What the model says of each row. Raises Refused when the rows are not as wide as those it was trained on."""
    numpy = package("numpy")
    if model.width is not None:
        _check_width(features.shape[1], model.width, form)
    answers = [_predicted(booster, _as_wide(features, model.width)) for booster in model.boosters]
    if len(answers) == 1:
        return answers[0]
    if model.objective in _VOTED:
        return numpy.apply_along_axis(_most_frequent, 0, numpy.array(answers))
    return numpy.mean(answers, axis=0)


def _check_width(found: int, trained: int, form: str) -> None:
    if form == "libsvm" and found > trained + 1:
        why = f"is larger than feature size of trained model {trained}."
    elif form != "libsvm" and found not in (trained, trained - 1):
        why = f"is not consistent with feature size of trained model {trained}."
    else:
        return
    raise Refused(400, f"Unable to evaluate payload provided: Feature size of {form} inference data {found} {why}")


def _as_wide(features: Any, width: int | None) -> Any:
    """Sparse rows whose last columns nobody named, or named one too many, have the width of the model."""
    if width is None or not hasattr(features, "tocsr") or features.shape[1] == width:
        return features
    cut = features.tocsr()[:, :width]
    return package("scipy.sparse").csr_matrix((cut.data, cut.indices, cut.indptr), shape=(cut.shape[0], width))


def _predicted(booster: Any, features: Any) -> Any:
    """Up to the best round where training only marked it, which it did up to 1.2; later models end with it."""
    xgboost = package("xgboost")
    matrix = xgboost.DMatrix(features)
    marked = booster.attr("best_iteration")
    if marked is not None and tuple(map(int, xgboost.__version__.split(".")[:2])) < (1, 3):
        return booster.predict(matrix, ntree_limit=int(marked) + 1, validate_features=False)
    return booster.predict(matrix, validate_features=False)


def _most_frequent(votes: Any) -> Any:
    numpy = package("numpy")
    values, counts = numpy.unique(votes, return_counts=True)
    return values[counts.argmax()]


def written(predictions: Any, accept: str, is_batch: bool = False) -> tuple[bytes, str]:
    """Predictions in the form asked for; in batches always a line each, as AWS's container writes them."""
    listed = predictions.tolist()
    if is_batch:
        return ("\n".join(map(str, listed)) + "\n").encode(), accept
    if accept == CSV:
        lines = (",".join(map(str, each)) if isinstance(each, list) else str(each) for each in listed)
        return "".join(f"{line}\n" for line in lines).encode(), CSV
    return inference_formats.written([{"score": each} for each in listed], Form(accept), "predictions", ())


def selection(predictions: Any, keys: Sequence[str], model: Model) -> list[dict[str, Any]]:
    """What SAGEMAKER_INFERENCE_OUTPUT asks for of each row, NaN if the objective does not know it. Raises Refused."""
    known = SELECTABLE.get(model.objective)
    if known is None:
        raise Refused(500, f"Objective `{model.objective}` unsupported for selectable inference predictions.")
    return [{key: _of(each, key, model) if key in known else math.nan for key in keys} for each in predictions]


def _of(prediction: Any, key: str, model: Model) -> Any:
    many = prediction.tolist() if prediction.ndim else None
    one = max(many) if many is not None else prediction.item()
    match key:
        case "predicted_score":
            return one
        case "predicted_label":
            return _label(one, many, model.objective)
        case "labels":
            return [0, 1] if model.objective.startswith("binary:") else list(range(model.classes))
        case "probability" | "raw_score":
            return one
        case _:
            return many if many is not None else [1.0 - one, one]


def _label(one: float, many: list[float] | None, objective: str) -> float:
    if many is not None:
        return many.index(one)
    match objective:
        case "binary:logistic":
            return int(one > 0.5)
        case "binary:logitraw":
            return int(one > 0)
        case _:
            return one


def _selected(answers: list[dict[str, Any]], keys: Sequence[str], accept: str, is_batch: bool) -> tuple[bytes, str]:
    """A CSV has the keys as columns, lists in quotes, and no newline at its end but in batches."""
    if accept != CSV:
        return inference_formats.written(answers, Form(accept), "predictions", ())
    lines = (
        ",".join(f'"{each[key]}"' if isinstance(each[key], list) else str(each[key]) for key in keys)
        for each in answers
    )
    return ("\n".join(lines) + ("\n" if is_batch else "")).encode(), CSV
