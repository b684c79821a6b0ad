"""Invocations as rows: begun under a name, run exactly once by the machine of that name, kept until forgotten.

    subject = begin(transaction, site, scope, function, payload, name, now, waiter=("pipeline-execution", arn))
    invocation = find(connection, subject)     # InProgress, Succeeded or Failed
    forget(transaction, subject)               # once its result is written down elsewhere

`begin` is part of the caller's transaction and does nothing a second time for the same name, so a caller that is
killed and begins again invokes once. The function is taken as it is at that moment; what is changed or deleted
afterwards does not touch an invocation that has begun.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection

from stepwell.base import arn as arns
from stepwell.base import ids
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.services.lambda_ import entities, names, payloads
from stepwell.services.registry import Site
from stepwell.store import resources
from stepwell.store.database import Transaction
from stepwell.store.resources import Key, Resource

KIND = "lambda-invocation"
MACHINE = "lambda-invocation"
"""The machine that runs them (runtime/invocations.py)."""

Status = Literal["InProgress", "Succeeded", "Failed"]

_SNAPSHOT = ("CodeHash", "Runtime", "Handler", "Role", "Timeout", "MemorySize", "Environment", "Architectures")


@dataclass(frozen=True, slots=True)
class Invocation:
    """An invocation as its beginner sees it."""

    subject: str
    status: Status
    payload: str = ""
    """JSON text: the function's result when it Succeeded, the error document when it Failed, empty before."""
    is_platform_failure: bool = False
    """It Failed because it could not be run here."""

    @property
    def result(self) -> object:
        """The payload as values; None before the end."""
        return json.loads(self.payload) if self.payload else None

    @property
    def error_type(self) -> str:
        """Such as ValueError or Sandbox.Timedout; empty unless it Failed."""
        return self._error_member("errorType")

    @property
    def error_message(self) -> str:
        """What the error says; empty unless it Failed."""
        return self._error_member("errorMessage")

    def _error_member(self, member: str) -> str:
        error = self.result if self.status == "Failed" else None
        return str(error.get(member, "")) if isinstance(error, dict) else ""


def subject_of(scope: Scope, name: str) -> str:
    """What the invocation of that name is called in the work table: the form of an ARN."""
    return scope.arn("lambda", f"invocation/{name}")


def key_of(subject: str) -> Key:
    """The key of its row."""
    parsed = arns.parse(subject)
    if parsed is None or parsed.kind != "invocation":
        raise ValueError(f"not an invocation: {subject}")
    return resources.key(Scope(parsed.account, parsed.region), KIND, parsed.name)


def begin(
    transaction: Transaction,
    site: Site,
    scope: Scope,
    function: str,
    payload: str,
    name: str,
    now: float,
    waiter: tuple[str, str] | None = None,
    *,
    kept: bool = True,
    attempts: int = 1,
    client_context: str = "",
) -> str:
    """Invoke `function` (any form of its name) with the JSON text `payload`, once for this `name`. Its subject.

    `waiter` is (machine, subject) to wake in the transaction that ends it. Unless `kept`, the row goes when all is
    done, and only who waits in this process (`endings`) learns the outcome. `attempts`: how often it is tried again
    after a failure. Raises Fault when there is no such function, or the payload is too large or no JSON.
    """
    subject = subject_of(scope, name)
    if resources.find(transaction.connection, key_of(subject)) is not None:
        return subject
    event = payloads.event(payload)
    wanted = names.reference(scope, function)
    target = entities.target(transaction.connection, scope, wanted)
    document: Document = {
        "RequestId": ids.request_id(),
        "Function": {
            **{member: target.configuration[member] for member in _SNAPSHOT if member in target.configuration},
            "FunctionName": wanted.name,
            "FunctionArn": names.function_arn(scope, wanted.name, wanted.qualifier),
            "Version": target.version,
            "LogGroup": target.configuration["LoggingConfig"]["LogGroup"],
        },
        "Payload": event,
        "ClientContext": client_context,
        "Waiter": list(waiter) if waiter else None,
        "Kept": kept,
        "Progress": {"phase": "Starting", "attempt": 1, "attempts": attempts, "not_before": 0.0},
    }
    resources.add(transaction, Resource(key_of(subject), "InProgress", now, now, document))
    site.wake(transaction, MACHINE, subject, now)
    return subject


def find(connection: Connection, subject: str) -> Invocation | None:
    """The invocation, or None when none was begun under that name (or it was forgotten)."""
    row = resources.find(connection, key_of(subject))
    if row is None:
        return None
    status: Status = {"Succeeded": "Succeeded", "Failed": "Failed"}.get(row.status, "InProgress")  # type: ignore[assignment]
    return Invocation(subject, status, row.document.get("Result", ""), row.document.get("PlatformFailure", False))


def forget(transaction: Transaction, subject: str) -> None:
    """Remove the row of an invocation that ended; a name that is forgotten could be used again. Safe to repeat."""
    row = resources.find(transaction.connection, key_of(subject))
    if row is None or row.status == "InProgress":
        return
    if row.document["Progress"]["phase"] == "Over":
        resources.remove(transaction, row.key)
    else:
        # Its folder is still being emptied; the machine removes the row behind that.
        resources.save(transaction, row.with_changes(row.modified, Kept=False))
