"""Room images, inside the container: training data read. In: a channel's folder and a form. Out: numbers with labels,
as an xgboost DMatrix; or `UserError` naming the file and the line that is wrong.

CSV has no header and the label in the first column, a weight in the second under csv_weights; an empty field is a
missing value. LIBSVM lines are `<label>[:<weight>] [qid:<n>] <index>:<value> ...`. Parquet has the label first.
Records of recordio-protobuf have one of their own.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import records
from .contract import package
from .xgboost_hyperparameters import UserError

_DEPTH = 3
_DELIMITERS = (",", ";", "\t", "|", ":", " ")
_NUMBER = r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|[nN][aA][nN]|[iI][nN][fF](?:inity)?)"
_LIBSVM_LINE = re.compile(rf"\s*{_NUMBER}(?::{_NUMBER})?(?:\s+qid:\d+)?(?:\s+\d+:{_NUMBER})*\s*(?:#.*)?")


@dataclass(frozen=True)
class Rows:
    """Data in memory: features (a numpy array or a scipy CSR matrix), labels, and weights and groups if given."""

    features: Any
    labels: Any
    weights: Any = None
    groups: Any = None

    def matrix(self) -> Any:
        """The xgboost DMatrix of these rows."""
        xgboost = package("xgboost")

        matrix = xgboost.DMatrix(self.features, label=self.labels, weight=self.weights)
        if self.groups is not None:
            matrix.set_group(self.groups)
        return matrix


def files_of(folder: Path) -> list[Path]:
    """The data files below `folder`, at most three levels deep, by name. Raises UserError for a hidden file."""
    found = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    if any(path.name.startswith(".") for path in found):
        raise UserError("Hidden file found in the data path! Remove that before training.")
    if any(len(path.relative_to(folder).parts) > _DEPTH + 1 for path in found):
        raise UserError(f"Folder depth exceed the limit: {_DEPTH}.")
    return [path for path in found if not path.name.startswith("_") and path.stat().st_size]


def read(folders: list[Path], form: str, *, csv_weights: bool = False) -> Rows | None:
    """All rows below `folders`, or None when there is no data."""
    files = [path for folder in folders if folder.exists() for path in files_of(folder)]
    if not files:
        return None
    match form:
        case "csv":
            return _read_csv(files, csv_weights)
        case "parquet":
            return _read_parquet(files)
        case "recordio-protobuf":
            return _read_records(files)
        case _:
            return _read_libsvm(files)


def _read_csv(files: list[Path], csv_weights: bool) -> Rows:
    numpy = package("numpy")

    delimiter = _delimiter(files[0])
    table = numpy.concatenate(_of_one_width([(path, _csv_table(path, delimiter)) for path in files]))
    first = 2 if csv_weights else 1
    if table.shape[1] <= first:
        raise UserError(f"File '{files[0].name}' has {table.shape[1]} columns; a label and features are expected.")
    return Rows(table[:, first:], table[:, 0], table[:, 1] if csv_weights else None)


def _of_one_width(tables: list[tuple[Path, Any]]) -> list[Any]:
    width = tables[0][1].shape[1]
    for path, table in tables:
        if table.shape[1] != width:
            raise UserError(
                f"Failed to load csv data: file '{path.name}' has {table.shape[1]} columns,"
                f" file '{tables[0][0].name}' has {width}."
            )
    return [table for _, table in tables]


def _csv_table(path: Path, delimiter: str) -> Any:
    """The numbers of one file. pandas says only that something is wrong; `_explain` then finds where."""
    pandas = package("pandas")

    try:
        table = pandas.read_csv(path, header=None, sep=delimiter, dtype="float32").to_numpy()
    except (ValueError, pandas.errors.ParserError, UnicodeDecodeError) as error:
        _explain(path, delimiter)
        raise UserError(f"Failed to load csv data from file '{path.name}': {error}") from error
    if (table[:, -1] != table[:, -1]).any():
        _explain(path, delimiter)
    return table


def _explain(path: Path, delimiter: str) -> None:
    """Raises UserError for the first line of `path` that is no row of numbers, or is not as long as the others."""
    number = re.compile(_NUMBER)
    width = 0
    with path.open(encoding="utf-8", errors="replace") as lines:
        for position, line in enumerate(lines, 1):
            fields = [field.strip().strip('"') for field in line.rstrip("\r\n").split(delimiter)]
            if fields == [""]:
                continue
            width = width or len(fields)
            bad = next((field for field in fields if field and not number.fullmatch(field)), None)
            if bad is not None:
                hint = " Please remove the header row." if position == 1 else ""
                raise UserError(
                    f"Line {position} '{line[:50].strip()}...' of file '{path.name}' is not 'CSV' format:"
                    f" {bad!r} is not a number. Please ensure the file is in 'CSV' format.{hint}"
                )
            if len(fields) != width:
                raise UserError(
                    f"Line {position} of file '{path.name}' has {len(fields)} fields; the lines before have {width}."
                )


def _delimiter(path: Path) -> str:
    """What separates the fields of the first line."""
    with path.open(encoding="utf-8", errors="replace") as lines:
        line = next((each.strip() for each in lines if each.strip()), "")
    found = delimiter_of(line)
    if not found:
        raise UserError(
            f"Could not determine delimiter on line {line[:50]} of file '{path.name}':"
            " a label and at least one feature are expected."
        )
    return found


def delimiter_of(line: str) -> str:
    """What separates the fields of a line; empty when it has one field only."""
    return next((each for each in _DELIMITERS if each in line), "")


def _read_parquet(files: list[Path]) -> Rows:
    numpy = package("numpy")

    try:
        pyarrow, parquet = package("pyarrow"), package("pyarrow.parquet")
    except ImportError as error:
        raise UserError("Parquet data cannot be read: this environment has no pyarrow.") from error
    tables = []
    for path in files:
        try:
            tables.append(parquet.read_table(path).to_pandas().to_numpy(dtype="float32"))
        except (ValueError, TypeError, pyarrow.ArrowException) as error:
            raise UserError(f"Failed to load parquet data from file '{path.name}':\n{error}") from error
    table = numpy.concatenate(tables)
    return Rows(table[:, 1:], table[:, 0])


def _read_records(files: list[Path]) -> Rows:
    """All files as one, as AWS's container reads them: a file may be sparse and the next dense."""
    try:
        table = records.read(b"".join(path.read_bytes() for path in files))
    except records.BadRecords as error:
        raise UserError(f"Failed to load recordio-protobuf data with exception:\n{error}") from error
    if table.labels is None:
        raise UserError(
            "Got input data without labels. Please check the input data set. "
            "If training job is running on multiple instances, please switch "
            "to using single instance if number of records in the data set "
            "is less than number of workers (16 * number of instance) in the cluster."
        )
    return Rows(table.features, table.labels)


def _read_libsvm(files: list[Path]) -> Rows:
    """Parsed here and not by xgboost, whose reader takes a damaged line for a shorter one."""
    numpy = package("numpy")

    labels: list[float] = []
    weights: list[float] = []
    queries: list[str] = []
    values: list[str] = []
    columns: list[str] = []
    ends = [0]
    for path in files:
        with path.open(encoding="utf-8", errors="replace") as lines:
            for position, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                if not _LIBSVM_LINE.fullmatch(line.rstrip()):
                    raise UserError(
                        f"Line {position} '{line[:50].strip()}...' of file '{path.name}' is not 'LIBSVM' format."
                        " Please ensure the file is in 'LIBSVM' format."
                    )
                label, *tokens = line.partition("#")[0].split()
                head, _, weight = label.partition(":")
                labels.append(float(head))
                weights.append(float(weight or 1))
                if tokens and tokens[0].startswith("qid:"):
                    queries.append(tokens.pop(0))
                for token in tokens:
                    column, _, value = token.partition(":")
                    columns.append(column)
                    values.append(value)
                ends.append(len(values))
    parts = (numpy.array(values, dtype="float32"), numpy.array(columns, dtype="int64"), numpy.array(ends))
    features = package("scipy.sparse").csr_matrix(parts, shape=(len(labels), int(parts[1].max(initial=-1)) + 1))
    weighted = numpy.array(weights, dtype="float32") if set(weights) != {1.0} else None
    return Rows(features, numpy.array(labels, dtype="float32"), weighted, _group_sizes(queries, len(labels)))


def _group_sizes(queries: list[str], rows: int) -> list[int] | None:
    """How many neighbouring rows share a query id; None without ids."""
    if not queries:
        return None
    if len(queries) != rows:
        raise UserError("Some LIBSVM lines have a qid and others have none.")
    sizes = [1]
    for before, after in itertools.pairwise(queries):
        if before == after:
            sizes[-1] += 1
        else:
            sizes.append(1)
    return sizes
