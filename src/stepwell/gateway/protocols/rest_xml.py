"""Room gateway/protocols: rest-xml (S3). In: path, query, headers, XML or a stream. Out: XML or a stream.

Source: Smithy 2.0, "AWS restXml protocol"; S3 API Reference for the names of root elements and of error fields.
"""

from __future__ import annotations

from dataclasses import replace

from stepwell.base.documents import Document
from stepwell.gateway.body import BodyStream
from stepwell.gateway.protocols import limits, rest, xmltree
from stepwell.gateway.protocols.problem import Problem
from stepwell.gateway.request import Request
from stepwell.gateway.responses import Response
from stepwell.gateway.routing import Route
from stepwell.spec.models import OperationModel, Shape

XML = ("Content-Type", "application/xml")
HEADER_TIMES = "rfc822"
BODY_TIMES = "iso8601"
PARTIAL = 206
FAULT_HEADERS = {"VersionId": "x-amz-version-id", "DeleteMarker": "x-amz-delete-marker", "ETag": "ETag"}
"""Members of a fault that clients look for among the headers: HEAD and 304 have no body."""
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


def parse(route: Route, request: Request, body: BodyStream) -> Document:
    """Members from everywhere. Raises Fault."""
    shape = route.operation.input_shape
    params = rest.bound_members(route, request)
    if shape is None:
        return params
    payload = shape.payload
    if payload is not None and payload.shape.kind in ("blob", "string"):
        return {**params, payload.name: rest.raw_payload(route, body)}
    target = payload.shape if payload is not None else shape
    if payload is None and not rest.body_members(shape):
        limits.whole(route.operation, body)
        return params
    content = limits.whole(route.operation, body)
    if not content.strip():
        return params
    members = xmltree.read(target, xmltree.loads(content))
    return {**params, payload.name: members} if payload is not None else {**members, **params}


def render(operation: OperationModel, output: Document, request_id: str) -> Response:
    """Status and headers from members, the rest as XML or as the stream it is."""
    shape = operation.output_shape
    bound = rest.bind_output(operation, output, HEADER_TIMES)
    if output.get("ContentRange"):
        bound = replace(bound, status=PARTIAL)
    identified = bound.with_headers(*identifiers(request_id))
    if shape is None:
        return identified
    payload = shape.payload
    if payload is not None and payload.shape.kind in ("blob", "string"):
        content = rest.payload_body(output.get(payload.name))
        default = ("Content-Type", "binary/octet-stream")
        return Response(bound.status, identified.headers, content).with_headers(default)
    if payload is not None:
        value = output.get(payload.name)
        if value is None:
            return identified
        return _xml(identified, payload.wire_name, xmltree.write(payload.shape, value, BODY_TIMES))
    if not rest.body_members(shape):
        return identified
    if operation.traits.get("unwrappedOutput"):
        return _xml(identified, *_only_member(shape, output))
    name = operation.traits.get("outputRoot") or f"{operation.name}Result"
    return _xml(identified, name, xmltree.write(shape, output, BODY_TIMES))


def fault(problem: Problem) -> Response:
    """S3's Error element; statuses that have no body get none."""
    headers = identifiers(problem.request_id) + tuple(
        (header, rest.printable("true" if problem.members[name] is True else str(problem.members[name])))
        for name, header in FAULT_HEADERS.items()
        if problem.members.get(name)
    )
    if problem.status in (204, 304):
        return Response(problem.status, headers)
    fields = {
        "Code": problem.code,
        "Message": problem.message,
        **problem.members,
        "Resource": problem.resource,
        "RequestId": problem.request_id,
        "HostId": host_id(problem.request_id),
    }
    content = "".join(xmltree.element(name, xmltree.text(str(value))) for name, value in fields.items())
    error = (xmltree.DECLARATION + xmltree.element("Error", content)).encode()
    return Response(problem.status, (*headers, XML), error)


def identifiers(request_id: str) -> tuple[tuple[str, str], ...]:
    """S3's two names of a request."""
    return (("x-amz-request-id", request_id), ("x-amz-id-2", host_id(request_id)))


def host_id(request_id: str) -> str:
    """What S3 adds to a request's id: here nothing that the id does not say."""
    return request_id.replace("-", "")


def _xml(bound: Response, root: str, content: str) -> Response:
    document = xmltree.DECLARATION + xmltree.element(root, content, NAMESPACE)
    return Response(bound.status, bound.headers, document.encode()).with_headers(XML)


def _only_member(shape: Shape, output: Document) -> tuple[str, str]:
    member = rest.body_members(shape)[0]
    return member.wire_name, xmltree.text(str(output.get(member.name) or ""))
