"""Room images, inside the container: what the built-in algorithms read and write as servers. In: a request's body and
content type, answers and an Accept header. Out: a matrix; bytes and their content type; or `Refused` with an HTTP
status. Pure.

The forms are those of "Common Data Formats for Inference" and of the algorithms' response formats in the SageMaker
developer guide.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from typing import Any

from . import records
from .contract import package

CSV, JSON, JSON_LINES, RECORDS = "text/csv", "application/json", "application/jsonlines", records.CONTENT_TYPE
_MOST_FEATURES = 10_000_000
_ANY = ("", "*/*", "application/*")


class Refused(Exception):
    """A request that cannot be answered; `status` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Form:
    """The form of an answer."""

    content_type: str
    is_verbose: bool = False


def _header(text: str) -> Message:
    header = Message()
    header["content-type"] = text
    return header


def accepted(accept: str, *, has_csv: bool = False) -> Form:
    """What an Accept header asks for; JSON if it does not care. Raises Refused."""
    header = _header(accept or JSON)
    name = JSON if accept.partition(";")[0].strip() in _ANY else header.get_content_type()
    if name not in (JSON, JSON_LINES, RECORDS) and not (has_csv and name == CSV):
        raise Refused(406, f"Accept type {accept!r} is not supported")
    return Form(name, header.get_param("verbose") == "true")


def rows(body: bytes, content_type: str) -> Any:
    """The records of a request as a dense matrix of float32. Raises Refused."""
    header = _header(content_type or CSV)
    name = header.get_content_type()
    try:
        match name:
            case "text/csv":
                return _csv_rows(body, str(header.get_param("label_size", "0")))
            case "application/json":
                return _json_rows(_instances(json.loads(body)))
            case "application/jsonlines":
                return _json_rows([json.loads(line) for line in body.splitlines() if line.strip()])
            case records.CONTENT_TYPE:
                features = records.read(body).features
                return (features.toarray() if hasattr(features, "toarray") else features).astype("float32")
    except (ValueError, KeyError, TypeError, records.BadRecords) as error:
        raise Refused(400, f"Unable to evaluate payload provided: {error}") from error
    raise Refused(415, f"Content type {content_type!r} is not supported")


def _csv_rows(body: bytes, label_size: str) -> Any:
    numpy = package("numpy")
    text = body.decode("utf-8").strip()
    if not text:
        raise ValueError("the body is empty")
    lines = [line.split(",") for line in text.splitlines() if line.strip()]
    if len({len(line) for line in lines}) != 1:
        raise ValueError("the lines have different numbers of fields")
    return numpy.array(lines, dtype="float32")[:, int(label_size) :]


def _instances(document: Any) -> list[Any]:
    found = document["instances"]
    if not isinstance(found, list) or not found:
        raise ValueError("'instances' is not a list of records")
    return found


def _json_rows(instances: Sequence[Any]) -> Any:
    numpy = package("numpy")
    if not instances:
        raise ValueError("there is no record")
    vectors = [_vector(each) for each in instances]
    width = max(len(each) for each in vectors)
    if any(len(each) != width for each in vectors):
        raise ValueError("the records have different numbers of features")
    return numpy.array(vectors, dtype="float32")


def _vector(instance: Any) -> list[float]:
    """`{"features": [..]}`, `{"data": {"features": {"values": [..]}}}`, and with keys and shape when it is sparse."""
    element = instance.get("data", instance)["features"]
    if isinstance(element, list):
        return element
    values, keys = element["values"], element.get("keys")
    if not keys:
        return list(values)
    width = int(element["shape"][-1])
    if width > _MOST_FEATURES:
        raise ValueError(f"a record of {width} features is too large")
    vector = [0.0] * width
    for key, value in zip(keys, values, strict=True):
        vector[key] = value
    return vector


def written(
    answers: Sequence[Mapping[str, Any]], form: Form, key: str, csv_fields: Sequence[str]
) -> tuple[bytes, str]:
    """Answers in the form asked for, and its content type."""
    match form.content_type:
        case "application/json":
            return json.dumps({key: [dict(each) for each in answers]}).encode(), JSON
        case "application/jsonlines":
            return b"".join(json.dumps(dict(each)).encode() + b"\n" for each in answers), JSON_LINES
        case "text/csv":
            text = io.StringIO()
            for each in answers:
                text.write(",".join(str(each[field]) for field in csv_fields) + "\n")
            return text.getvalue().encode(), CSV
        case _:
            return records.write_answers(answers), RECORDS
