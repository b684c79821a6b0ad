"""Room machines: what became of a function. In: how its process ended and what it wrote. Out: an Outcome.

The error documents are those that Lambda's Python runtime and its sandbox answer with (Lambda Developer Guide,
"Understanding Lambda function errors" and the list of errorTypes under invocation troubleshooting). Pure.
"""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass

MOST_RESULT_BYTES = 6_291_556
"""The longest answer of a function (Lambda quotas, 6 MB and a little for the envelope)."""


@dataclass(frozen=True, slots=True)
class End:
    """All that is known of the end of an attempt. The texts are JSON, or None where the function wrote none."""

    request_id: str
    timeout: float
    seconds: float
    """From the start of the handler to the end."""
    code: int | None = None
    signal: int | None = None
    out_of_memory: bool = False
    timed_out: bool = False
    problem: str = ""
    """Why it could not be started, or is lost."""
    result: str | None = None
    failure: str | None = None
    is_too_large: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an invocation ended. `payload` is the JSON text of its result, or of its error document."""

    is_success: bool
    payload: str
    is_platform_failure: bool = False
    """The function is not to blame: it could not be run, or what ran it was killed."""


def outcome_of(end: End) -> Outcome:
    """What the end means. An answer that is there counts, however the process ended behind it."""
    if end.is_too_large:
        return _error(
            "Function.ResponseSizeTooLarge",
            f"Response payload size exceeded maximum allowed payload size ({MOST_RESULT_BYTES} bytes).",
        )
    if end.result is not None:
        return Outcome(True, end.result)
    if end.failure is not None:
        return Outcome(False, end.failure)
    if end.problem:
        return not_run(end.problem)
    return _error(*_silent(end))


def not_run(problem: str) -> Outcome:
    """The outcome of what could not be run here."""
    return Outcome(False, _document("ServiceException", problem), is_platform_failure=True)


def is_timeout(end: End) -> bool:
    """Whether its time was up: the runtime's alarm rang, or the supervisor's deadline passed."""
    return end.timed_out or (end.signal == signal.SIGALRM and end.seconds >= end.timeout)


def timeout_text(end: End) -> str:
    """What the log and the error say of it."""
    return f"Task timed out after {end.timeout:.2f} seconds"


def _silent(end: End) -> tuple[str, str]:
    """Type and message for a function that ended without a word."""
    request = f"RequestId: {end.request_id} Error:"
    if end.out_of_memory:
        return "Runtime.OutOfMemory", f"{request} Runtime exited with error: signal: killed"
    if is_timeout(end):
        return "Sandbox.Timedout", f"{request} {timeout_text(end)}"
    if end.signal is not None:
        name = (signal.strsignal(end.signal) or f"signal {end.signal}").lower()
        return "Runtime.ExitError", f"{request} Runtime exited with error: signal: {name}"
    if end.code:
        return "Runtime.ExitError", f"{request} Runtime exited with error: exit status {end.code}"
    return "Runtime.ExitError", f"{request} Runtime exited without providing a reason"


def _error(kind: str, message: str) -> Outcome:
    return Outcome(False, _document(kind, message))


def _document(kind: str, message: str) -> str:
    return json.dumps({"errorType": kind, "errorMessage": message}, separators=(",", ":"), ensure_ascii=False)
