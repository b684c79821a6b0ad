"""Room gateway/protocols: rest-json (Lambda, Scheduler, …). In: path, query, headers, JSON. Out: JSON.

Source: Smithy 2.0, "AWS restJson1 protocol".
"""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.gateway.body import BodyStream
from stepwell.gateway.protocols import eventstream, jsonbody, limits, rest
from stepwell.gateway.protocols.json import error_body
from stepwell.gateway.protocols.problem import Problem
from stepwell.gateway.request import Request
from stepwell.gateway.responses import Response
from stepwell.gateway.routing import Route
from stepwell.spec.models import OperationModel

JSON = ("Content-Type", "application/json")
TIME_FORMAT = "rfc822"
"""How timestamps stand in headers."""


def parse(route: Route, request: Request, body: BodyStream) -> Document:
    """Members from everywhere. Raises Fault."""
    shape = route.operation.input_shape
    params = rest.bound_members(route, request)
    if shape is None:
        return params
    payload = shape.payload
    if payload is None:
        return {**jsonbody.read(shape, limits.whole(route.operation, body)), **params}
    if payload.shape.kind in ("blob", "string"):
        return {**params, payload.name: rest.raw_payload(route, body)}
    content = limits.whole(route.operation, body)
    return {**params, payload.name: jsonbody.read(payload.shape, content)} if content.strip() else params


def render(operation: OperationModel, output: Document, request_id: str) -> Response:
    """Status and headers from members, the rest as JSON."""
    shape = operation.output_shape
    bound = rest.bind_output(operation, output, TIME_FORMAT)
    identified = bound.with_headers(("x-amzn-RequestId", request_id))
    if shape is None or bound.status == 204:
        return identified.with_headers(JSON)
    events = eventstream.stream_member(shape)
    if events is not None:
        stream = eventstream.EventStream(events.shape, output.get(events.name) or ())
        kind = ("Content-Type", eventstream.CONTENT_TYPE)
        return Response(bound.status, identified.headers, stream).with_headers(kind)
    payload = shape.payload
    if payload is not None and payload.shape.kind in ("blob", "string"):
        content = rest.payload_body(output.get(payload.name))
        default = ("Content-Type", "application/octet-stream")
        return Response(bound.status, identified.headers, content).with_headers(default)
    if payload is not None:
        value = output.get(payload.name)
        content = jsonbody.write(payload.shape, value) if value is not None else b""
    else:
        names = {member.name for member in rest.body_members(shape)}
        content = jsonbody.write(shape, {name: output[name] for name in output if name in names})
    return Response(bound.status, identified.headers, content).with_headers(JSON)


def fault(problem: Problem) -> Response:
    """The code in a header, the message in the body."""
    headers = (("x-amzn-RequestId", problem.request_id), ("x-amzn-ErrorType", problem.code), JSON)
    return Response(problem.status, headers, error_body(problem))
