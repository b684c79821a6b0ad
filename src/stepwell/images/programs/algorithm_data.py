"""Room images, inside the container: the data channels of the built-in algorithms. In: inputdataconfig.json and the
channels' folders. Out: tables; or `UserError` naming the channel, the file and the rows.

CSV has no header; its labels are the first `label_size` columns, one unless the content type says otherwise. Texts of
refusals are AWS's where they are public (aws/sagemaker-python-sdk/issues/819, aws/amazon-sagemaker-examples/
issues/1017).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

from . import records
from .algorithm_hyperparameters import UserError
from .contract import Tree, package
from .records import Table

_CSV = "text/csv"
_ROWS_AT_ONCE = 1000
_MOST_NUMBERS = 2**29
"""Numbers of a table as a dense matrix: 2 GiB as float32."""

NO_DATA = (
    "No training data processed. Either the training channel is empty or the mini-batch size is too high. Verify that"
    " training data contains non-empty files and the mini-batch size is less than the number of records per training"
    " host."
)


@dataclass(frozen=True)
class Channels:
    """Which channels an algorithm takes, `train` always among them."""

    optional: tuple[str, ...] = ()
    sharded: bool = False
    """The train channel must be ShardedByS3Key."""


def check(found: Mapping[str, Mapping[str, str]], channels: Channels) -> None:
    """Refuse what the algorithm does not take. Raises UserError."""
    if "train" not in found:
        raise _unfit("'train' is a required property")
    for name, channel in found.items():
        if name not in ("train", *channels.optional):
            raise _unfit(f"Additional properties are not allowed ('{name}' was unexpected)")
        if channel.get("TrainingInputMode") == "Pipe":
            raise UserError(
                f"Channel '{name}' asks for Pipe mode, which Stepwell's algorithms do not read. Use File."
            )
    distribution = found["train"].get("S3DistributionType", "ShardedByS3Key")
    if channels.sharded and distribution != "ShardedByS3Key":
        raise _unfit(f"'{distribution}' is not one of ['ShardedByS3Key']")


def _unfit(cause: str) -> UserError:
    return UserError(
        "Unable to initialize the algorithm. Failed to validate input data configuration."
        f" (caused by ValidationError)\n\nCaused by: {cause}"
    )


def read(place: Tree, found: Mapping[str, Mapping[str, str]], name: str) -> Table | None:
    """The table of a channel; None without that channel or without data in it. Raises UserError."""
    if name not in found:
        return None
    content_type, label_size = _content_type(found[name].get("ContentType"))
    folder = place.channel(name)
    files = [each for each in sorted(folder.rglob("*")) if each.is_file() and each.stat().st_size]
    if not files:
        return None
    parts = [_read_csv(each, label_size) if content_type == _CSV else _read_records(each) for each in files]
    return _joined(parts, files)


def _content_type(text: str | None) -> tuple[str, int]:
    header = Message()
    header["content-type"] = text or records.CONTENT_TYPE
    name = header.get_content_type() if "/" in (text or "/") else str(text)
    if name not in (_CSV, records.CONTENT_TYPE):
        raise UserError(f"No iterator has been registered for ContentType ('{name}', '1.0')")
    size = str(header.get_param("label_size", "1"))
    if size not in ("0", "1"):
        raise UserError(f"label_size={size} of content type '{text}' is not 0 or 1.")
    return name, int(size)


def _read_records(path: Path) -> Table:
    try:
        return records.read(path.read_bytes())
    except records.BadRecords as error:
        raise UserError(
            f"Unable to read data channel file {path}: {error}. Requested content-type is '{records.CONTENT_TYPE}'."
            " Please verify the data matches the requested content-type."
        ) from error


def _read_csv(path: Path, label_size: int) -> Table:
    pandas = package("pandas")
    parts, row = [], 0
    try:
        with pandas.read_csv(path, header=None, dtype="float32", chunksize=_ROWS_AT_ONCE) as chunks:
            for chunk in chunks:
                parts.append(chunk.to_numpy())
                row += len(chunk)
    except (ValueError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"Unable to parse csv: rows {row + 1}-{row + _ROWS_AT_ONCE}, file {path} ({reason})."
            " Rows are numbers separated by commas, without a header."
        ) from error
    numpy = package("numpy")
    table = numpy.concatenate(parts)
    if not numpy.isfinite(table).all():
        bad = int(numpy.flatnonzero(~numpy.isfinite(table).all(axis=1))[0])
        first = bad // _ROWS_AT_ONCE * _ROWS_AT_ONCE
        raise UserError(
            f"Unable to parse csv: rows {first + 1}-{first + _ROWS_AT_ONCE}, file {path}"
            f" (row {bad + 1} has a field that is empty or no number)."
        )
    if table.shape[1] <= label_size:
        raise UserError(f"File {path} has {table.shape[1]} columns; a label and at least one feature are expected.")
    return Table(table[:, label_size:], table[:, 0] if label_size else None)


def _joined(parts: list[Table], files: list[Path]) -> Table:
    numpy = package("numpy")
    width = parts[0].features.shape[1]
    is_sparse = any(hasattr(each.features, "tocsr") for each in parts)
    if is_sparse:
        width = max(each.features.shape[1] for each in parts)
        for each in parts:
            if hasattr(each.features, "resize"):
                each.features.resize((each.features.shape[0], width))
    for part, file in zip(parts, files, strict=True):
        if part.features.shape[1] != width:
            raise UserError(f"File {file} has {part.features.shape[1]} features, file {files[0]} has {width}.")
    stack = package("scipy.sparse").vstack if is_sparse else numpy.concatenate
    labelled = [each.labels for each in parts if each.labels is not None]
    if labelled and len(labelled) != len(parts):
        raise UserError("Some files have labels and others have none.")
    return Table(stack([each.features for each in parts]), numpy.concatenate(labelled) if labelled else None)


def dense(features: Any, channel: str) -> Any:
    """The features as a numpy matrix of float32. Raises UserError for a sparse one that would be too large."""
    if hasattr(features, "tocsr"):
        rows, columns = features.shape
        if rows * columns > _MOST_NUMBERS:
            raise UserError(
                f"The sparse data of channel '{channel}' is {rows} x {columns}; Stepwell's algorithms work on dense"
                f" matrices of at most {_MOST_NUMBERS} numbers."
            )
        features = features.toarray()
    return features.astype("float32", copy=False)
