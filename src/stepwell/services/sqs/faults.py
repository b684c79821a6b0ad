"""What SQS says when something is wrong. Modelled errors go by their exception's name; the gateway knows their codes.

Wordings: SQS API Reference, and recorded answers of the service.
"""

from __future__ import annotations

from stepwell.base.faults import Fault


def no_queue() -> Fault:
    """The queue does not exist, or belongs to somebody else."""
    return Fault("QueueDoesNotExist", "The specified queue does not exist.")


def invalid_address(address: str) -> Fault:
    """This is no queue's URL."""
    return Fault("InvalidAddress", f"The address {address[:256]} is not valid for this endpoint.")


def invalid_value(value: object, parameter: str, reason: str) -> Fault:
    """A parameter's value breaks a rule. AWS repeats the value; a long one is cut."""
    text = str(value)
    shown = text if len(text) <= 256 else f"{text[:256]}..."
    return Fault("InvalidParameterValue", f"Value {shown} for parameter {parameter} is invalid. Reason: {reason}")


def invalid_parameters(reason: str) -> Fault:
    """Parameters are wrong together, or one is that is too long to repeat."""
    return Fault("InvalidParameterValue", f"One or more parameters are invalid. Reason: {reason}")


def missing(parameter: str) -> Fault:
    """A parameter that this queue needs is not there."""
    return Fault("MissingParameter", f"The request must contain the parameter {parameter}.")


def invalid_attribute(name: str, reason: str = "") -> Fault:
    """A queue attribute has a value it cannot have."""
    text = f"Invalid value for the parameter {name}."
    return Fault("InvalidAttributeValue", f"{text} Reason: {reason}" if reason else text)


def unknown_attribute(name: str) -> Fault:
    """There is no such queue attribute, or not for this kind of queue."""
    return Fault("InvalidAttributeName", f"Unknown Attribute {name}.")


def invalid_handle(handle: str) -> Fault:
    """This was never a receipt handle of the queue."""
    shown = handle if len(handle) <= 256 else f"{handle[:256]}..."
    return Fault("ReceiptHandleIsInvalid", f'The input receipt handle "{shown}" is not a valid receipt handle.')
