"""What Lambda says when something is wrong: its codes, its wording, its members."""

from __future__ import annotations

from stepwell.base.faults import Fault

USER = {"Type": "User"}


def invalid(message: str) -> Fault:
    """A parameter that cannot be what it is."""
    return Fault("InvalidParameterValueException", message, 400, USER)


def function_not_found(arn: str) -> Fault:
    """No function, or no such version of it."""
    return not_found(f"Function not found: {arn}")


def not_found(message: str) -> Fault:
    """Something that is named does not exist."""
    return Fault("ResourceNotFoundException", message, 404, USER)


def conflict(message: str) -> Fault:
    """A name that is taken, or something that is in use."""
    return Fault("ResourceConflictException", message, 409, USER)


def wrong_revision() -> Fault:
    """Somebody changed the function since the caller read it."""
    message = (
        "The Revision Id provided does not match the latest Revision Id. "
        "Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
    )
    return Fault("PreconditionFailedException", message, 412, USER)


def not_json(problem: str) -> Fault:
    """An event that is no JSON."""
    message = f"Could not parse request body into json: Could not parse payload into json: {problem}"
    return Fault("InvalidRequestContentException", message, 400, USER)


def too_large(most: int) -> Fault:
    """An event that is longer than `most` bytes."""
    message = f"Request must be smaller than {most} bytes for the InvokeFunction operation"
    return Fault("RequestTooLargeException", message, 413, USER)


def too_many() -> Fault:
    """As many callers as this server has threads for wait for their functions already."""
    members = {**USER, "Reason": "ConcurrentInvocationLimitExceeded", "retryAfterSeconds": "1"}
    return Fault("TooManyRequestsException", "Rate Exceeded.", 429, members)


def service_failed(message: str) -> Fault:
    """Not the function's fault: it could not be run here."""
    return Fault("ServiceException", message, 500, {"Type": "Service"})
