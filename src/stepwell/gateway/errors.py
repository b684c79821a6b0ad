"""Room gateway: the one place where a Fault, or a bug, becomes a response. In: it, and how far we got. Out: Response.

A bug is logged with its traceback and the request's id, and answered as InternalFailure with the same id and
nothing else.
"""

from __future__ import annotations

import logging

from stepwell.base.faults import Fault
from stepwell.gateway.protocols import CODECS
from stepwell.gateway.protocols.problem import Problem
from stepwell.gateway.request import Request
from stepwell.gateway.responses import Response
from stepwell.spec.models import ServiceModel, Shape

logger = logging.getLogger(__name__)


def respond(fault: Fault, request: Request, request_id: str, protocol: str, service: ServiceModel | None) -> Response:
    """The Fault as the protocol tells it."""
    shape = _modelled(fault.code, service)
    problem = Problem(
        code=fault.code,
        message=fault.message,
        status=_status(fault, shape),
        request_id=request_id,
        members=fault.members,
        service=service,
        shape=shape,
        resource=request.path,
    )
    return CODECS.get(protocol, CODECS["json"]).fault(problem)


def internal(
    error: BaseException, request: Request, request_id: str, protocol: str, service: ServiceModel | None
) -> Response:
    """The answer to a bug; the log has the rest."""
    # The query may hold a signature, so it stays out of the log.
    logger.error("request %s: %s %s failed", request_id, request.method, request.path, exc_info=error)
    code = "InternalError" if protocol == "rest-xml" else "InternalFailure"
    text = f"We encountered an internal error. Request id: {request_id}"
    return respond(Fault(code, text, 500), request, request_id, protocol, service)


def _modelled(code: str, service: ServiceModel | None) -> Shape | None:
    if service is None:
        return None
    found = service.errors.get(code)
    # A code that differs from the exception's name (SQS): a room may raise either.
    return found or next((shape for shape in service.errors.values() if shape.name == code), None)


def _status(fault: Fault, shape: Shape | None) -> int:
    """What the Fault says, unless it says nothing (400) and the model does."""
    stated = shape.traits.get("error", {}).get("httpStatusCode") if shape else None
    return int(stated) if stated and fault.status == 400 else fault.status
