"""What EventBridge says when something is wrong: its codes and its wording."""

from __future__ import annotations

from stepwell.base.faults import Fault


def missing(message: str) -> Fault:
    """Something that is named does not exist."""
    return Fault("ResourceNotFoundException", message)


def exists(message: str) -> Fault:
    """A name that is taken."""
    return Fault("ResourceAlreadyExistsException", message)


def invalid_pattern(reason: str) -> Fault:
    """An event pattern that is none."""
    return Fault("InvalidEventPatternException", f"Event pattern is not valid. Reason: {reason}")


def invalid_parameter(name: str, reason: str = "") -> Fault:
    """A parameter that cannot be what it is."""
    return Fault("ValidationException", f"Parameter {name} is not valid." + (f" Reason: {reason}" if reason else ""))


def too_many() -> Fault:
    """More than a quota allows."""
    return Fault("LimitExceededException", "The requested resource exceeds the maximum number allowed.")
