"""Room images, inside the container: what the built-in algorithms have in common. In: an `Algorithm`. Out: its
training job run by the container contract, and its answers to inference requests.

Training ends with exit code 0; with 2 for what the user can prevent, the failure file beginning `ClientError: `, as
AWS's algorithms do; with 1 for anything else. To add an algorithm: a module with an `ALGORITHM` and a `train`, its
entry in `__main__.py`, and its line in the catalogue.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import algorithm_data, algorithm_models, contract, inference_formats
from .algorithm_data import Channels
from .algorithm_hyperparameters import Parameter, UserError, validated
from .algorithm_log import Journal
from .algorithm_models import Model
from .contract import Tree
from .records import Table

USERS_DOING, OUR_DOING = 2, 1
Values = Mapping[str, Any]
Answers = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Task:
    """One training job: dense tables of float32."""

    values: Values
    train: Table
    others: Mapping[str, Table]
    """Tables of the optional channels that have data."""
    journal: Journal


@dataclass(frozen=True)
class Algorithm:
    """One built-in algorithm."""

    name: str
    title: str
    """Its name in AWS's log lines."""
    parameters: Mapping[str, Parameter]
    channels: Channels
    learn: Callable[[Task], Mapping[str, Any]]
    """The arrays of the model. Raises UserError."""
    answer: Callable[[Model, Any, bool], Answers]
    """An answer for every row of a dense matrix; with all there is to say when asked to be verbose."""
    check: Callable[[Values], None] = lambda _values: None
    """The rules between hyperparameters. Raises UserError."""
    answer_key: str = "predictions"
    """What a JSON answer calls its list."""
    csv_fields: tuple[str, ...] = ()
    """The columns of a CSV answer; none: CSV is not answered."""
    is_labelled: bool = False
    """Training needs labels."""


def train(algorithm: Algorithm) -> int:
    """Run the training job of this container. Answers the exit code."""
    place = contract.tree()
    resources = place.read("resourceconfig")
    journal = Journal(algorithm.title, resources["current_host"])
    try:
        _train(algorithm, place, resources, journal)
    except UserError as error:
        contract.write_failure(place, f"ClientError: {error}")
        journal.fail(f"Customer Error: {error}")
        return USERS_DOING
    except Exception as error:
        contract.write_failure(place, f"Algorithm Error: {error}\n{traceback.format_exc()}")
        journal.fail(f"Algorithm Error: {error}\n{traceback.format_exc()}")
        return OUR_DOING
    journal.total()
    return 0


def _train(algorithm: Algorithm, place: Tree, resources: Mapping[str, Any], journal: Journal) -> None:
    texts = place.read("hyperparameters", {})
    journal.say("Reading default configuration: %s", {n: p.default for n, p in algorithm.parameters.items()})
    journal.say("Merging with provided configuration from %s: %s", place.config / "hyperparameters.json", texts)
    values = validated(texts, algorithm.parameters)
    algorithm.check(values)
    journal.say("Final configuration: %s", values)
    if len(resources.get("hosts", [""])) > 1:
        raise UserError(
            "Distributed training of this algorithm over several instances is not implemented by Stepwell yet."
            " Please set InstanceCount to 1."
        )
    found = place.read("inputdataconfig", {})
    algorithm_data.check(found, algorithm.channels)
    tables = {name: _table(place, found, values, name) for name in ("train", *algorithm.channels.optional)}
    training = tables.pop("train")
    if training is None:
        raise UserError(algorithm_data.NO_DATA)
    if algorithm.is_labelled and training.labels is None:
        raise UserError("The training data has no labels, which this algorithm needs. Use label_size=1 with CSV.")
    others = {name: table for name, table in tables.items() if table is not None}
    arrays = algorithm.learn(Task(values, training, others, journal))
    if "test" in algorithm.channels.optional and "test" not in others:
        journal.say("Test data is not provided.")
    algorithm_models.save(Model(algorithm.name, values, arrays), place.model)


def _table(place: Tree, found: Mapping[str, Mapping[str, str]], values: Values, name: str) -> Table | None:
    """A channel's table, of the width that is expected."""
    table = algorithm_data.read(place, found, name)
    if table is None:
        return None
    expected, width = values["feature_dim"], table.features.shape[1]
    if hasattr(table.features, "tocsr") and expected != "auto" and width < expected:
        table.features.resize((table.features.shape[0], expected))
        width = expected
    if expected not in ("auto", width):
        raise UserError(
            f"The hyperparameter feature_dim is {expected}, but the records of channel '{name}' have {width}"
            " features. (CSV data without labels needs the content type 'text/csv;label_size=0'.)"
        )
    return Table(algorithm_data.dense(table.features, name), table.labels)


def respond(algorithm: Algorithm, model: Model, body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
    """The answer to an inference request and its content type. Raises inference_formats.Refused."""
    form = inference_formats.accepted(accept, has_csv=bool(algorithm.csv_fields))
    rows = inference_formats.rows(body, content_type)
    width = int(model.arrays["feature_dim"])
    if rows.shape[1] != width:
        raise inference_formats.Refused(400, f"expected {width} features in each record, found {rows.shape[1]}")
    answers = algorithm.answer(model, rows, form.is_verbose)
    return inference_formats.written(answers, form, algorithm.answer_key, algorithm.csv_fields)
