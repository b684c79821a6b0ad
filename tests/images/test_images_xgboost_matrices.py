"""Training data is read as xgboost reads it, and a damaged file is told by its name and line.

The readers need numpy, pandas, scipy and pyarrow, so every case is read in one process of the XGBoost environment.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from stepwell.images import commands
from stepwell.images.environments import Environment

N = None
GOOD: dict[str, tuple[str, Mapping[str, str], list[list[float | None]], list[float]]] = {
    "plain": ("csv", {"a.csv": "1,2,3\n0,4,5\n"}, [[2, 3], [4, 5]], [1, 0]),
    "files in order, and nested": (
        "csv",
        {"b.csv": "0,4\n", "a.csv": "1,2\n", "c/d.csv": "2,6"},
        [[2], [4], [6]],
        [1, 0, 2],
    ),
    "empty field is missing": ("csv", {"a.csv": "1,,3\n0,4,\n"}, [[N, 3], [4, N]], [1, 0]),
    "nan and exponents": ("csv", {"a.csv": "1,NaN,-1e-3\n0,nan,+.5\n"}, [[N, -0.001], [N, 0.5]], [1, 0]),
    "semicolons": ("csv", {"a.csv": "1;2.5;3\n"}, [[2.5, 3]], [1]),
    "tabs": ("csv", {"a.csv": "1\t2.5\t3\n"}, [[2.5, 3]], [1]),
    "windows lines, no last newline": ("csv", {"a.csv": "1,2\r\n0,3"}, [[2], [3]], [1, 0]),
    "empty lines and files": ("csv", {"a.csv": "\n1,2\n\n", "_SUCCESS": "x", "b.csv": ""}, [[2]], [1]),
    "spaces and quotes": ("csv", {"a.csv": '1, 2,"3"\n'}, [[2, 3]], [1]),
    "libsvm": ("libsvm", {"a": "1 0:2 2:3\n0 1:4\n"}, [[2, N, 3], [N, 4, N]], [1, 0]),
    "libsvm files and comments": ("libsvm", {"a": "1 0:2 # c\n", "b": "-1 1:1e-2\n"}, [[2, N], [N, 0.01]], [1, -1]),
    "libsvm without features": ("libsvm", {"a": "1\n0 0:1\n"}, [[N], [1]], [1, 0]),
}
BAD: dict[str, tuple[str, Mapping[str, str], str]] = {
    "header": (
        "csv",
        {"h.csv": "y,x\n1,2\n"},
        "Line 1 'y,x...' of file 'h.csv' is not 'CSV' format: 'y' is not a number.",
    ),
    "word": (
        "csv",
        {"a.csv": "1,2\n", "w.csv": "1,2\n0,red\n"},
        "Line 2 '0,red...' of file 'w.csv' is not 'CSV' format: 'red'",
    ),
    "True": (
        "csv",
        {"t.csv": "1,2\n0,True\n"},
        "Line 2 '0,True...' of file 't.csv' is not 'CSV' format: 'True' is not",
    ),
    "long row": ("csv", {"l.csv": "1,2\n1,2,3\n"}, "Line 2 of file 'l.csv' has 3 fields; the lines before have 2."),
    "short row": ("csv", {"s.csv": "1,2,3\n1,2\n"}, "Line 2 of file 's.csv' has 2 fields; the lines before have 3."),
    "files of two widths": (
        "csv",
        {"a.csv": "1,2\n", "b.csv": "1,2,3\n"},
        "Failed to load csv data: file 'b.csv' has 3",
    ),
    "one column": ("csv", {"a.csv": "1\n2\n"}, "Could not determine delimiter on line 1 of file 'a.csv'"),
    "binary": ("csv", {"a.csv": "\x00\x01,\x02\n"}, "Line 1 "),
    "hidden file": ("csv", {".a.csv": "1,2\n"}, "Hidden file found in the data path! Remove that before training."),
    "too deep": ("csv", {"a/b/c/d/e.csv": "1,2\n"}, "Folder depth exceed the limit: 3."),
    "csv as libsvm": ("libsvm", {"a": "1,2,3\n"}, "Line 1 '1,2,3...' of file 'a' is not 'LIBSVM' format."),
    "damaged libsvm": ("libsvm", {"a": "1 0:1\n0 0:x\n"}, "Line 2 '0 0:x...' of file 'a' is not 'LIBSVM' format."),
    "some query ids": ("libsvm", {"a": "1 qid:1 0:1\n0 0:2\n"}, "Some LIBSVM lines have a qid and others have none."),
    "csv as records": (
        "recordio-protobuf",
        {"a.pbr": "1,2\n"},
        "Failed to load recordio-protobuf data with exception:\nthere is no record at byte 0",
    ),
    "csv as parquet": ("parquet", {"p.parquet": "1,2\n"}, "Failed to load parquet data from file 'p.parquet':"),
}

SCRIPT = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from programs import xgboost_matrices as m
from programs.xgboost_hyperparameters import UserError
def plain(values):
    return [None if each != each else round(float(each), 6) for each in values]
def rows(table):
    if not hasattr(table, "todense"):
        return [plain(row) for row in table]
    full = [[None] * table.shape[1] for _ in range(table.shape[0])]
    coo = table.tocoo()
    for row, column, value in zip(coo.row, coo.col, coo.data):
        full[row][column] = round(float(value), 6)
    return full
answers = {}
for name, (folder, form, weighted) in json.load(sys.stdin).items():
    try:
        found = m.read([Path(folder)], form, csv_weights=weighted)
        answers[name] = None if found is None else {
            "features": rows(found.features), "labels": plain(found.labels), "groups": found.groups,
            "weights": None if found.weights is None else plain(found.weights),
            "shape": [found.matrix().num_row(), found.matrix().num_col()],
        }
    except UserError as error:
        answers[name] = str(error)
import pandas
Path(sys.argv[2]).mkdir()
pandas.DataFrame({"y": [1, 0], "a": [2.5, None]}).to_parquet(sys.argv[2] + "/p.parquet")
found = m.read([Path(sys.argv[2])], "parquet")
answers["parquet"] = {"features": rows(found.features), "labels": plain(found.labels)}
import numpy, scipy.sparse
from programs import records
for name, matrix, labels in (
    ("dense records", numpy.array([[2.5, 3], [4, 5]]), [1, 0]),
    ("sparse records", scipy.sparse.csr_matrix([[0, 3.0], [4, 0]]), [1, 0]),
    ("records without labels", numpy.array([[2.5]]), None),
):
    place = Path(sys.argv[2]) / name
    place.mkdir()
    (place / "a.pbr").write_bytes(records.write(matrix, labels))
    try:
        found = m.read([place], "recordio-protobuf")
        answers[name] = {"features": rows(found.features), "labels": plain(found.labels)}
        found.matrix()
    except UserError as error:
        answers[name] = str(error)
json.dump(answers, sys.stdout)
"""


@pytest.fixture(scope="module")
def answers(environment_of: Callable[[str], Environment], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    root = tmp_path_factory.mktemp("data")
    cases: dict[str, tuple[str, Mapping[str, str], bool]] = {
        **{name: (form, files, False) for name, (form, files, *_) in GOOD.items()},
        **{name: (form, files, False) for name, (form, files, _) in BAD.items()},
        "weights": ("csv", {"a.csv": "1,0.5,2\n0,2,3\n"}, True),
        "weights without features": ("csv", {"a.csv": "1,0.5\n"}, True),
        "libsvm weights and groups": ("libsvm", {"a": "1:0.5 qid:1 0:1\n0:1 qid:1 0:2\n1 qid:2 0:3\n"}, False),
        "nothing": ("csv", {}, False),
    }
    asked = {}
    for number, (name, (form, files, weighted)) in enumerate(cases.items()):
        folder = root / str(number)
        folder.mkdir()
        for file, content in files.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(content.encode())
        asked[name] = (str(folder), form, weighted)
    python = environment_of("sagemaker-xgboost:1.7-1").python
    command = [str(python), "-c", SCRIPT, str(commands.PROGRAMS.parent), str(root / "parquet")]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("name", GOOD)
def test_good_data_is_read(answers: dict[str, Any], name: str) -> None:
    _, _, features, labels = GOOD[name]
    found = answers[name]
    assert (found["features"], found["labels"]) == (features, labels)
    assert found["shape"] == [len(labels), len(features[0])]


@pytest.mark.parametrize("name", BAD)
def test_damaged_data_is_told_by_file_and_line(answers: dict[str, Any], name: str) -> None:
    assert answers[name].startswith(BAD[name][2])


def test_a_header_comes_with_advice(answers: dict[str, Any]) -> None:
    assert answers["header"].endswith("Please remove the header row.")


def test_weights_stand_in_the_second_column(answers: dict[str, Any]) -> None:
    assert (answers["weights"]["features"], answers["weights"]["weights"]) == ([[2], [3]], [0.5, 2])
    assert answers["weights without features"].startswith(
        "File 'a.csv' has 2 columns; a label and features are expected."
    )


def test_libsvm_carries_weights_and_groups(answers: dict[str, Any]) -> None:
    found = answers["libsvm weights and groups"]
    assert (found["weights"], found["groups"], found["labels"]) == ([0.5, 1, 1], [2, 1], [1, 0, 1])


def test_no_data_is_no_error_here(answers: dict[str, Any]) -> None:
    assert answers["nothing"] is None


def test_records_have_labels_of_their_own(answers: dict[str, Any]) -> None:
    assert answers["dense records"] == {"features": [[2.5, 3], [4, 5]], "labels": [1, 0]}
    assert answers["sparse records"] == {"features": [[N, 3], [4, N]], "labels": [1, 0]}
    assert answers["records without labels"].startswith("Got input data without labels.")


def test_parquet_has_the_label_first(answers: dict[str, Any]) -> None:
    assert answers["parquet"] == {"features": [[2.5], [None]], "labels": [1, 0]}
