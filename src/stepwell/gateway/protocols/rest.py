"""Room gateway/protocols: what the REST protocols share: members in the path, the query, headers and the status.

In: a route and a request, or an operation and its output. Out: the members found there, or the headers made of
them; what travels in the body is left to rest_json and rest_xml.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping

from stepwell.base.documents import Document
from stepwell.gateway.body import BodyStream
from stepwell.gateway.protocols import limits, texts
from stepwell.gateway.request import Request
from stepwell.gateway.responses import Body, Iterating, Response
from stepwell.gateway.routing import Route
from stepwell.spec.models import Member, OperationModel, Shape


def bound_members(route: Route, request: Request) -> Document:
    """The request's members that travel outside of the body."""
    shape = route.operation.input_shape
    found: Document = {}
    for name, member in shape.members.items() if shape else ():
        value: object = None
        match member.location:
            case "uri":
                label = route.labels.get(member.wire_name)
                value = texts.read(member, label) if label is not None else None
            case "querystring":
                value = _from_query(member, request)
            case "header":
                text = request.headers.get(member.wire_name.lower())
                value = _from_header(member, text) if text is not None else None
            case "headers":
                value = _with_prefix(member.wire_name.lower(), request.headers) or None
        if value is not None:
            found[name] = value
    return found


def raw_payload(route: Route, body: BodyStream) -> object:
    """The payload of an operation whose body is one blob or string: a stream where the model says so."""
    shape = route.operation.input_shape
    payload = shape.payload if shape else None
    assert payload is not None
    if payload.shape.kind == "blob" and payload.trait("streaming"):
        return body
    content = limits.whole(route.operation, body)
    return content.decode("utf-8", "replace") if payload.shape.kind == "string" else content


def bind_output(operation: OperationModel, output: Mapping[str, object], time_format: str) -> Response:
    """The status and headers that the output's members make; the body is empty yet."""
    status, headers = operation.success_status, list[tuple[str, str]]()
    shape = operation.output_shape
    for name, member in shape.members.items() if shape else ():
        value = output.get(name)
        if value is None:
            continue
        match member.location:
            case "statusCode":
                assert isinstance(value, int)
                status = value
            case "header":
                headers.append((member.wire_name, header_text(member, value, time_format)))
            case "headers":
                assert isinstance(value, Mapping)
                headers += [(f"{member.wire_name}{key}", printable(str(text))) for key, text in value.items()]
    return Response(status, tuple(headers))


def header_text(member: Member, value: object, time_format: str) -> str:
    """A member as a header's value."""
    if member.shape.kind == "list":
        assert isinstance(value, list | tuple)
        return ",".join(texts.write(member.shape.element, item, time_format) for item in value)
    return printable(texts.write(member, value, time_format))


def payload_body(value: object) -> Body:
    """A payload member of the answer as a response's body."""
    match value:
        case None:
            return b""
        case str():
            return value.encode()
        case bytearray() | memoryview():
            return bytes(value)
        case bytes() | Iterating():
            return value
        case _:
            raise TypeError(f"a streaming member cannot be a {type(value).__name__}")


def body_members(shape: Shape) -> list[Member]:
    """The members that travel in the body, when no single one is it."""
    return [member for member in shape.members.values() if member.location is None]


def _from_query(member: Member, request: Request) -> object:
    values = [value for name, value in request.fields if name == member.wire_name]
    match member.shape.kind:
        case "list":
            return [texts.read(member.shape.element, value) for value in values] or None
        case "map":
            return dict(request.fields) or None
        case _:
            return texts.read(member, values[0]) if values else None


def _from_header(member: Member, text: str) -> object:
    if member.shape.kind == "list":
        return [texts.read(member.shape.element, part.strip()) for part in text.split(",") if part.strip()]
    # A header is bytes; those above ASCII are UTF-8 wherever a client sends them at all.
    return texts.read(member, _utf8(text))


def _with_prefix(prefix: str, headers: Mapping[str, str]) -> dict[str, str]:
    return {name[len(prefix) :]: _utf8(text) for name, text in headers.items() if name.startswith(prefix)}


def _utf8(text: str) -> str:
    return text if text.isascii() else text.encode("latin-1").decode("utf-8", "replace")


def printable(text: str) -> str:
    """`text` as a header may carry it: RFC 2047 where it is not plain ASCII, as S3 answers such metadata."""
    if text.isascii() and text.isprintable():
        return text
    return f"=?UTF-8?B?{base64.b64encode(text.encode()).decode()}?="
