"""application/x-recordio-protobuf and the other forms of requests and answers, in the algorithms' environment.

Every case is one question to one process, since numpy and scipy are there and not here. That the bytes are those of
the SDK's own protobuf class is shown in tests/contract/test_contract_algorithms.py.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable
from typing import Any

import pytest
from images_support import run_inside

from stepwell.images.environments import Environment

SCRIPT = """
import base64
from programs import records, inference_formats as forms
import numpy, scipy.sparse

def shown(table):
    features = table.features
    dense = features.toarray() if hasattr(features, "toarray") else features
    labels = None if table.labels is None else table.labels.tolist()
    return [dense.tolist(), labels, hasattr(features, "tocsr")]

def answer(kind, *arguments):
    if kind == "read":
        return shown(records.read(base64.b64decode(arguments[0])))
    if kind == "write":
        features, labels, sparse = arguments
        matrix = numpy.array(features, dtype="float32")
        matrix = scipy.sparse.csr_matrix(matrix) if sparse else matrix
        return base64.b64encode(records.write(matrix, labels)).decode()
    if kind == "rows":
        return forms.rows(arguments[0].encode("latin-1"), arguments[1]).tolist()
    if kind == "accepted":
        form = forms.accepted(arguments[0], has_csv=arguments[1])
        return [form.content_type, form.is_verbose]
    answers, accept, key, fields = arguments
    body, content_type = forms.written(answers, forms.accepted(accept, has_csv=bool(fields)), key, fields)
    return [body.decode("latin-1"), content_type]

found = {}
for name, question in json.load(sys.stdin).items():
    try:
        found[name] = answer(*question)
    except records.BadRecords as error:
        found[name] = "BadRecords: " + str(error)
    except forms.Refused as error:
        found[name] = f"Refused {error.status}: {error}"
json.dump(found, sys.stdout)
"""


def varint(value: int) -> bytes:
    found = b""
    while value > 127:
        found, value = found + bytes([value & 127 | 128]), value >> 7
    return found + bytes([value])


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def frame(message: bytes) -> bytes:
    return struct.pack("<II", 0xCED7230A, len(message)) + message + bytes(-len(message) % 4)


def entry(number: int, tensor: bytes, form: int = 2, name: bytes = b"values") -> bytes:
    return field(number, field(1, name) + field(2, field(form, tensor)))


def floats(*values: float) -> bytes:
    return field(1, struct.pack(f"<{len(values)}f", *values))


ONE = frame(entry(1, floats(1, 2)) + entry(2, floats(5)))
FILES: dict[str, tuple[bytes, Any]] = {
    "dense and alike": (ONE * 3, [[[1, 2]] * 3, [5] * 3, False]),
    "of different bytes": (
        ONE + frame(entry(2, floats(6)) + entry(1, floats(3, 4))),
        [[[1, 2], [3, 4]], [5, 6], False],
    ),
    "no labels": (frame(entry(1, floats(1))) * 2, [[[1], [1]], None, False]),
    "float64": (frame(entry(1, field(1, struct.pack("<2d", 1.5, 2.5)), form=3)), [[[1.5, 2.5]], None, False]),
    "int32": (frame(entry(1, field(1, varint(7) + varint(2**64 - 3)), form=7)), [[[7, -3]], None, False]),
    "not packed": (
        frame(entry(1, b"".join(varint(1 << 3 | 5) + struct.pack("<f", each) for each in (1, 2)))),
        [[[1, 2]], None, False],
    ),
    "sparse": (
        frame(entry(1, floats(9) + field(2, varint(300)) + field(3, varint(301))))
        + frame(entry(1, field(3, varint(301)))),
        [[[0] * 300 + [9], [0] * 301], None, True],
    ),
    "unknown fields": (frame(entry(1, floats(1)) + field(3, b"uid") + field(9, b"later")), [[[1]], None, False]),
}
DAMAGED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "there is no record"),
    "csv": (b"1,2,3\n4,5,6\n", "there is no record at byte 0: the magic number is missing"),
    "cut off": (ONE[:-6], "a record is cut off at byte 0"),
    "header cut off": (ONE + b"\x0a\x23", f"a record is cut off at byte {len(ONE)}"),
    "no values": (frame(entry(1, floats(1), name=b"other")), "record 1 has no feature named 'values'"),
    "two widths": (
        ONE + frame(entry(1, floats(1)) + entry(2, floats(1))),
        "record 2 has 1 features, the first has 2",
    ),
    "some labels": (ONE + frame(entry(1, floats(1, 2))), "record 2 has no label, others have one"),
    "half a number": (frame(entry(1, field(1, b"\0\0\0"))), "ends within a number"),
    "key too large": (frame(entry(1, floats(1) + field(2, varint(5)) + field(3, varint(2)))), "record 1 has keys"),
    "endless number": (frame(b"\xff" * 12), "does not end"),
    "field too long": (frame(b"\x0a\x7f"), "is longer than its record"),
}
BODIES: dict[str, tuple[str, str, Any]] = {
    "csv": ("1.5,16.0\n14,23\n", "text/csv", [[1.5, 16], [14, 23]]),
    "csv with a label": ("1,16.0\n", "text/csv; label_size=1", [[16]]),
    "csv by default": ("1,2", "", [[1, 2]]),
    "json": ('{"instances": [{"features": [1.5, 2]}]}', "application/json", [[1.5, 2]]),
    "json with data": (
        '{"instances": [{"configuration": {}, "data": {"features": {"values": [1, 2]}}}]}',
        "application/json",
        [[1, 2]],
    ),
    "json sparse": (
        '{"instances": [{"data": {"features": {"keys": [0, 2], "shape": [4], "values": [7, 9]}}}]}',
        "application/json",
        [[7, 0, 9, 0]],
    ),
    "json lines": (
        '{"features": [1, 2]}\n{"data": {"features": {"values": [3, 4]}}}\n',
        "application/jsonlines",
        [[1, 2], [3, 4]],
    ),
    "recordio": (ONE.decode("latin-1"), "application/x-recordio-protobuf", [[1, 2]]),
}
REFUSED: dict[str, tuple[str, str, str]] = {
    "empty csv": ("", "text/csv", "Refused 400: Unable to evaluate payload provided: the body is empty"),
    "words": ("a,b", "text/csv", "Refused 400: Unable to evaluate payload provided: could not convert"),
    "ragged": ("1,2\n3", "text/csv", "Refused 400: Unable to evaluate payload provided: the lines have different"),
    "no json": ("{", "application/json", "Refused 400: Unable to evaluate payload provided: Expecting"),
    "no instances": ("{}", "application/json", "Refused 400: Unable to evaluate payload provided: 'instances'"),
    "no features": ('{"instances": [{}]}', "application/json", "Refused 400: "),
    "ragged json": ('{"features":[1]}\n{"features":[1,2]}', "application/jsonlines", "Refused 400: "),
    "a huge shape": (
        '{"instances": [{"data": {"features": {"keys": [0], "shape": [99999999999], "values": [1]}}}]}',
        "application/json",
        "Refused 400: Unable to evaluate payload provided: a record of 99999999999 features is too large",
    ),
    "image": ("x", "image/png", "Refused 415: Content type 'image/png' is not supported"),
}
ANSWERS = [{"closest_cluster": 1.0, "distance_to_cluster": 3.0}, {"closest_cluster": 2.0, "distance_to_cluster": 5.0}]
CLUSTERS = ["closest_cluster", "distance_to_cluster"]


@pytest.fixture(scope="module")
def answers(environment_of: Callable[[str], Environment]) -> dict[str, Any]:
    questions: dict[str, list[Any]] = {}
    for name, (data, _) in {**FILES, **DAMAGED}.items():
        questions[f"read {name}"] = ["read", base64.b64encode(data).decode()]
    for name, (body, content_type, _) in {**BODIES, **REFUSED}.items():
        questions[f"rows {name}"] = ["rows", body, content_type]
    questions |= {
        "dense bytes": ["write", [[1, 2]], [5], False],
        "sparse bytes": ["write", [[0, 0, 4]], None, True],
        "json": ["written", ANSWERS, "application/json", "predictions", CLUSTERS],
        "scores": ["written", [{"score": 0.5}], "", "scores", ["score"]],
        "json lines": ["written", ANSWERS, "application/jsonlines", "predictions", CLUSTERS],
        "csv": ["written", ANSWERS, "text/csv", "predictions", CLUSTERS],
        "recordio": ["written", ANSWERS[:1], "application/x-recordio-protobuf", "predictions", CLUSTERS],
        "verbose": ["accepted", "application/json; verbose=true", False],
        "any": ["accepted", "*/*", False],
        "no csv": ["accepted", "text/csv", False],
        "html": ["accepted", "text/html", True],
    }
    return dict(run_inside(environment_of("sagemaker-scikit-learn:1.2-1").python, SCRIPT, questions))


@pytest.mark.parametrize("name", FILES)
def test_records_are_read(answers: dict[str, Any], name: str) -> None:
    assert answers[f"read {name}"] == FILES[name][1]


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_records_say_where(answers: dict[str, Any], name: str) -> None:
    assert answers[f"read {name}"].startswith("BadRecords: ")
    assert DAMAGED[name][1] in answers[f"read {name}"]


@pytest.mark.parametrize("name", BODIES)
def test_requests_are_read(answers: dict[str, Any], name: str) -> None:
    assert answers[f"rows {name}"] == BODIES[name][2]


@pytest.mark.parametrize("name", REFUSED)
def test_other_requests_are_refused(answers: dict[str, Any], name: str) -> None:
    assert answers[f"rows {name}"].startswith(REFUSED[name][2])


def test_records_are_written_as_they_are_read(answers: dict[str, Any]) -> None:
    assert base64.b64decode(answers["dense bytes"]) == ONE
    sparse = floats(4) + field(2, varint(2)) + field(3, varint(3))
    assert base64.b64decode(answers["sparse bytes"]) == frame(entry(1, sparse))


def test_answers_have_the_originals_forms(answers: dict[str, Any]) -> None:
    first = '{"closest_cluster": 1.0, "distance_to_cluster": 3.0}'
    second = '{"closest_cluster": 2.0, "distance_to_cluster": 5.0}'
    assert answers["json"] == [f'{{"predictions": [{first}, {second}]}}', "application/json"]
    assert answers["scores"] == ['{"scores": [{"score": 0.5}]}', "application/json"]
    assert answers["json lines"] == [f"{first}\n{second}\n", "application/jsonlines"]
    assert answers["csv"] == ["1.0,3.0\n2.0,5.0\n", "text/csv"]
    label = entry(2, floats(1), name=b"closest_cluster") + entry(2, floats(3), name=b"distance_to_cluster")
    assert answers["recordio"] == [frame(label).decode("latin-1"), "application/x-recordio-protobuf"]


def test_an_accept_header_is_understood(answers: dict[str, Any]) -> None:
    assert answers["verbose"] == ["application/json", True]
    assert answers["any"] == ["application/json", False]
    assert answers["no csv"] == "Refused 406: Accept type 'text/csv' is not supported"
    assert answers["html"].startswith("Refused 406: ")
