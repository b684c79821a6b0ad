"""Invoke: begins an invocation under a fresh name and, for RequestResponse, waits for its end.

A caller who waits holds one of the gateway's threads, and a function that calls this server needs one too: so only
as many wait at once as leave threads for the functions' own calls; the next is told to come back (429).
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from contextlib import contextmanager
from typing import Protocol

from stepwell.base import ids
from stepwell.base.documents import Document
from stepwell.machines.invocation import Ended
from stepwell.machines.invocation_outcomes import Outcome
from stepwell.services.lambda_ import endings, entities, faults, invocations, names, payloads
from stepwell.services.lambda_.names import Reference
from stepwell.services.registry import Call, operation

MOST_WAITING = 16
LOOK_AGAIN_SECONDS = 1.0
"""How often a caller looks at the row although nobody told it anything."""
ATTEMPTS_UNWAITED = 3
"""Lambda tries an asynchronous invocation twice again."""
MOST_CONTEXT_BYTES = 3583

_places = threading.BoundedSemaphore(MOST_WAITING)


class _Readable(Protocol):
    def read(self) -> bytes: ...


@operation
def invoke(call: Call, request: Document) -> Document:
    """Call a function and answer with what it answers, or only have it called, or only see whether one could."""
    wanted = names.reference(call.scope, request["FunctionName"], request.get("Qualifier"))
    kind = request.get("InvocationType", "RequestResponse")
    most = payloads.MOST_UNWAITED_BYTES if kind == "Event" else payloads.MOST_WAITED_BYTES
    event = payloads.event(_bytes(request.get("Payload", b"")), most)
    if "DurableExecutionName" in request:
        raise faults.invalid("Durable functions (DurableExecutionName) are not supported by this server.")
    context = _client_context(request.get("ClientContext", ""))
    with call.site.database.read() as connection:
        version = entities.target(connection, call.scope, wanted).version
    match kind:
        case "DryRun":
            return {"StatusCode": 204}
        case "Event":
            _begin(call, wanted, event, ids.request_id(), context, ATTEMPTS_UNWAITED)
            return {"StatusCode": 202, "Payload": b""}
        case _:
            ended = _wait(call, wanted, event, context)
            return _answer(ended, version, wants_log=request.get("LogType") == "Tail")


def _answer(ended: Ended, version: str, *, wants_log: bool) -> Document:
    if ended.outcome.is_platform_failure:
        raise faults.service_failed(_message(ended.outcome))
    answer: Document = {"StatusCode": 200, "ExecutedVersion": version, "Payload": ended.outcome.payload.encode()}
    if not ended.outcome.is_success:
        answer["FunctionError"] = "Unhandled"
    if wants_log:
        answer["LogResult"] = base64.b64encode(ended.tail.encode()).decode()
    return answer


def _message(outcome: Outcome) -> str:
    return invocations.Invocation("", "Failed", outcome.payload).error_message


def _wait(call: Call, wanted: Reference, event: str, context: str) -> Ended:
    name = ids.request_id()
    with _place(), endings.expected(invocations.subject_of(call.scope, name)) as future:
        subject = _begin(call, wanted, event, name, context, 1)
        while True:
            try:
                return future.result(LOOK_AGAIN_SECONDS)
            except NotYet:
                ended = _look(call, subject, future)
            if ended is not None:
                return ended


def _look(call: Call, subject: str, future: Future[Ended]) -> Ended | None:
    """How it stands by its row: another process may have ended it."""
    with call.site.database.read() as connection:
        found = invocations.find(connection, subject)
    if future.done():
        return future.result()
    if found is None:
        raise faults.service_failed("The invocation ended, but its result was lost.")
    if found.status == "InProgress":
        return None
    return Ended(Outcome(found.status == "Succeeded", found.payload, found.is_platform_failure))


def _begin(call: Call, wanted: Reference, event: str, name: str, context: str, attempts: int) -> str:
    function = names.function_arn(call.scope, wanted.name, wanted.qualifier)
    with call.site.database.write() as transaction:
        return invocations.begin(
            transaction,
            call.site,
            call.scope,
            function,
            event,
            name,
            call.now,
            kept=False,
            attempts=attempts,
            client_context=context,
        )


@contextmanager
def _place() -> Iterator[None]:
    if not _places.acquire(blocking=False):
        raise faults.too_many()
    try:
        yield
    finally:
        _places.release()


def _bytes(payload: bytes | bytearray | str | _Readable) -> bytes:
    match payload:
        case bytes() | bytearray():
            return bytes(payload)
        case str():
            return payload.encode()
        case _:
            return payload.read()


def _client_context(encoded: str) -> str:
    """The JSON text of a ClientContext. Raises InvalidRequestContentException."""
    if not encoded:
        return ""
    if len(encoded) > MOST_CONTEXT_BYTES:
        raise faults.invalid(f"ClientContext must be at most {MOST_CONTEXT_BYTES} bytes of base64.")
    try:
        return payloads.event(base64.b64decode(encoded, validate=True))
    except ValueError:
        raise faults.not_json("The client context is not base64.") from None
