"""Answers to Callback steps: whoever received a token says here how it went. The runtime takes it from there.

A token is answered once; the same request sent again gets the same answer. Spec 02, section 12.
"""

from __future__ import annotations

from dataclasses import replace

from stepwell.base.documents import Document
from stepwell.base.faults import Fault, not_found
from stepwell.services.registry import Call, operation
from stepwell.services.sagemaker import idempotency
from stepwell.services.sagemaker.pipeline_executions import MACHINE
from stepwell.store import callbacks
from stepwell.store.callbacks import Callback
from stepwell.store.database import Transaction


@operation
def send_pipeline_execution_step_success(call: Call, request: Document) -> Document:
    outputs = tuple(request.get("OutputParameters", ()))
    return _answered(call, request, "Succeeded", outputs, None)


@operation
def send_pipeline_execution_step_failure(call: Call, request: Document) -> Document:
    return _answered(call, request, "Failed", (), request.get("FailureReason", ""))


def _answered(
    call: Call, request: Document, status: str, outputs: tuple[Document, ...], reason: str | None
) -> Document:
    sent = f"{request[idempotency.TOKEN]}:{status}:{idempotency.digest(request)}"
    with call.site.database.write() as transaction:
        callback = _find(transaction, call, request["CallbackToken"])
        if callback.status == callbacks.WAITING:
            answer = replace(callback, status=status, outputs=outputs, reason=reason, request=sent)
            callbacks.save(transaction, answer)
            call.site.wake(transaction, MACHINE, callback.execution, call.now, about=callback.token)
        elif callback.request != sent:
            raise Fault("ConflictException", f"The callback token '{callback.token}' is not waiting for an answer.")
    return {"PipelineExecutionArn": callback.execution}


def _find(transaction: Transaction, call: Call, token: str) -> Callback:
    found = callbacks.find(transaction.connection, token)
    prefix = call.scope.arn("sagemaker", "pipeline/")
    if found is None or not found.execution.startswith(prefix):
        raise not_found(f"The callback token '{token}' does not exist.")
    return found
