"""Room gateway/protocols: AWS JSON 1.0 and 1.1. In: POST / with X-Amz-Target and a JSON body. Out: JSON.

Source: Smithy 2.0, "AWS JSON 1.0/1.1 protocol"; spec 06, sections 1 and 2.
"""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.gateway.body import BodyStream
from stepwell.gateway.protocols import compressed, jsonbody, limits
from stepwell.gateway.protocols.problem import Problem
from stepwell.gateway.request import Request
from stepwell.gateway.responses import Response
from stepwell.gateway.routing import Route
from stepwell.spec.models import OperationModel, ServiceModel


def parse(route: Route, request: Request, body: BodyStream) -> Document:
    """The JSON body. Raises Fault."""
    content = limits.whole(route.operation, body)
    encoding = request.headers.get("content-encoding")
    if encoding is not None:
        content = compressed.plain(content, encoding, limits.most_bytes(route.operation))
    return jsonbody.read(route.operation.input_shape, content)


def render(operation: OperationModel, output: Document, request_id: str) -> Response:
    """The output as JSON; an operation without output answers with no body at all (spec 06, section 1)."""
    content = jsonbody.write(operation.output_shape, output) if operation.output_shape else b""
    return Response(200, _headers(operation.service, request_id), content)


def fault(problem: Problem) -> Response:
    """`__type` and the message, under the name the modelled exception gives it."""
    headers = _headers(problem.service, problem.request_id)
    return Response(problem.status, headers + query_error(problem), error_body(problem))


def error_body(problem: Problem) -> bytes:
    """The JSON that tells an error."""
    modelled = problem.shape.members if problem.shape else {}
    spelled = "Message" if "Message" in modelled else "message"
    document = {"__type": problem.code, spelled: problem.message}
    return jsonbody.dumps({**document, **problem.members})


def query_error(problem: Problem) -> tuple[tuple[str, str], ...]:
    """The header by which a service that used to speak query tells its old code (SQS)."""
    if problem.service is None or "awsQueryCompatible" not in problem.service.metadata:
        return ()
    code = problem.shape.traits.get("queryCode", problem.code) if problem.shape else problem.code
    sender = "Receiver" if problem.is_ours else "Sender"
    return (("x-amzn-query-error", f"{code};{sender}"),)


def _headers(service: ServiceModel | None, request_id: str) -> tuple[tuple[str, str], ...]:
    version = service.json_version if service else "1.1"
    return (("x-amzn-RequestId", request_id), ("Content-Type", f"application/x-amz-json-{version}"))
