"""Training data for a user's script, by the names that AWS's container has (data_utils.py of
aws/sagemaker-xgboost-container)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import program


def get_content_type(content_type_cfg_val: str | None) -> str:
    """The form of a channel's ContentType: csv, libsvm, parquet or recordio-protobuf."""
    return str(program("xgboost_channels").content_form({"train": {"ContentType": content_type_cfg_val or ""}}))


def get_dmatrix(data_path: str | list[str], content_type: str, csv_weights: int = 0, is_pipe: bool = False) -> Any:
    """The rows below a folder, or several, as a DMatrix; None when there are none. Streams are not read."""
    if is_pipe:
        raise ValueError("Data in Pipe mode cannot be read here. Give the channel InputMode File.")
    folders = [Path(each) for each in ([data_path] if isinstance(data_path, str) else data_path)]
    form = get_content_type(content_type)
    rows = program("xgboost_matrices").read(folders, form, csv_weights=csv_weights == 1)
    return None if rows is None else rows.matrix()


def get_size(dir_path: str, is_pipe: bool = False) -> int:
    """Bytes of all files below a folder; 1 for a stream, whose size nobody knows."""
    if is_pipe:
        return 1
    return sum(each.stat().st_size for each in Path(dir_path).rglob("*") if each.is_file())
