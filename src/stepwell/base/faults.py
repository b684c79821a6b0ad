"""What a client may see when something is wrong: an AWS error code, a message and an HTTP status.

Everything that is not a `Fault` is a bug: it is logged with its traceback and answered as InternalFailure.
Faults are rendered in one place, `gateway/errors.py`; a room raises them and never formats them.
"""

from __future__ import annotations

from collections.abc import Mapping


class Fault(Exception):
    """An answer of the service that is an error. `members` are further fields of a modelled exception."""

    def __init__(
        self, code: str, message: str, status: int = 400, members: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.members = dict(members or {})


def validation(message: str) -> Fault:
    """The request breaks a rule of the API."""
    return Fault("ValidationException", message)


def not_found(message: str) -> Fault:
    """SageMaker's modelled error for a thing that does not exist (spec 06, section 2: not all nouns use it)."""
    return Fault("ResourceNotFound", message)


def in_use(message: str) -> Fault:
    """SageMaker's modelled error for a name that is taken."""
    return Fault("ResourceInUse", message)


def not_implemented(service: str, operation: str) -> Fault:
    """Honest or loud: what is not built answers 501 with its name."""
    return Fault(
        "NotImplementedException",
        f"Stepwell does not implement {service}:{operation} yet. docs/coverage.md lists what it does.",
        501,
    )
