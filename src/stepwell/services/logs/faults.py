"""The errors of the Logs API, in its words."""

from __future__ import annotations

from stepwell.base.faults import Fault


def invalid_parameter(message: str) -> Fault:
    return Fault("InvalidParameterException", message)


def no_group() -> Fault:
    return Fault("ResourceNotFoundException", "The specified log group does not exist.")


def no_stream() -> Fault:
    return Fault("ResourceNotFoundException", "The specified log stream does not exist.")


def group_exists() -> Fault:
    return Fault("ResourceAlreadyExistsException", "The specified log group already exists")


def stream_exists() -> Fault:
    return Fault("ResourceAlreadyExistsException", "The specified log stream already exists")
