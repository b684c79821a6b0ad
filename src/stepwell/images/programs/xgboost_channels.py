"""Room images, inside the container: which channels the XGBoost algorithm takes, and in which form. In:
inputdataconfig.json. Out: `csv`, `libsvm`, `parquet` or `recordio-protobuf`; or `UserError` in the container's words.
Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.message import Message

from .xgboost_hyperparameters import UserError

_FORMS = {
    "csv": "csv",
    "text/csv": "csv",
    "libsvm": "libsvm",
    "text/libsvm": "libsvm",
    "text/x-libsvm": "libsvm",
    "parquet": "parquet",
    "application/x-parquet": "parquet",
    "recordio-protobuf": "recordio-protobuf",
    "application/x-recordio-protobuf": "recordio-protobuf",
}
_CHANNELS = ("train", "validation", "code")


def content_form(channels: Mapping[str, Mapping[str, str]]) -> str:
    """The form of the data; the train channel speaks for both. Raises UserError for a channel that is not taken."""
    if "train" not in channels:
        raise UserError("Missing required channel: train")
    for name, channel in channels.items():
        if name not in _CHANNELS:
            raise UserError(f"Extraneous channel found: {name}")
        if name != "code" and channel.get("TrainingInputMode") == "Pipe":
            raise UserError(f"Channel configuration for '{name}' channel is not supported: {dict(channel)}")
    forms = {name: _form(channel.get("ContentType")) for name, channel in channels.items() if name != "code"}
    return forms["train"]


def _form(content_type: str | None) -> str:
    if not content_type:
        return "libsvm"
    header = Message()
    header["content-type"] = content_type.lower()
    name = content_type.lower().partition(";")[0].strip()
    if name not in _FORMS:
        raise UserError(f"{content_type} is not an accepted ContentType: {', '.join(_FORMS)}.")
    if _FORMS[name] == "csv" and header.get_param("label_size", "1") != "1":
        raise UserError(
            f"{content_type} is not an accepted csv ContentType. Optional parameter label_size must be equal to 1"
        )
    return _FORMS[name]
