"""Room gateway/protocols: query (STS, IAM, CloudFormation, old SQS). In: a form, Action and dotted names. Out: XML.

`Tags.member.1.Key=a&Tags.member.1.Value=b` is first made a tree of its dots, then read by shape.
Source: Smithy 2.0, "AWS query protocol".
"""

from __future__ import annotations

from typing import TypeAlias

from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.gateway.body import BodyStream
from stepwell.gateway.protocols import texts, xmltree
from stepwell.gateway.protocols.problem import Problem
from stepwell.gateway.request import Request
from stepwell.gateway.responses import Response
from stepwell.gateway.routing import Route
from stepwell.spec.models import Member, OperationModel, Shape

Tree: TypeAlias = "dict[str, Tree | str]"
"""Parts of dotted names; the empty name holds the value that stands at the node itself."""

DEEPEST = 32
"""Dots a field's name may have; no model nests as deeply."""
TIME_FORMAT = "iso8601"


def parse(route: Route, request: Request, body: BodyStream) -> Document:  # noqa: ARG001 - all protocols' signature
    """The fields of the form as members. Raises Fault."""
    shape = route.operation.input_shape
    return _read_structure(shape, _tree(route.form)) if shape is not None else {}


def render(operation: OperationModel, output: Document, request_id: str) -> Response:
    """The Result inside the Response, and the request's id."""
    shape = operation.output_shape
    content = ""
    if shape is not None:
        content = xmltree.write(shape, output, TIME_FORMAT)
        wrapper = operation.traits["output"].get("resultWrapper")
        content = xmltree.element(wrapper, content) if wrapper else content
    metadata = xmltree.element("ResponseMetadata", xmltree.element("RequestId", request_id))
    root = xmltree.element(f"{operation.name}Response", content + metadata, operation.service.xml_namespace)
    return _xml(200, root, request_id)


def fault(problem: Problem) -> Response:
    """An ErrorResponse."""
    # a service that has left query calls its errors otherwise today
    code = problem.shape.traits.get("queryCode", problem.code) if problem.shape else problem.code
    error = {
        "Type": "Receiver" if problem.is_ours else "Sender",
        "Code": code,
        "Message": problem.message,
        **problem.members,
    }
    content = "".join(xmltree.element(name, xmltree.text(str(value))) for name, value in error.items())
    namespace = problem.service.xml_namespace if problem.service else None
    inner = xmltree.element("Error", content) + xmltree.element("RequestId", problem.request_id)
    return _xml(problem.status, xmltree.element("ErrorResponse", inner, namespace), problem.request_id)


def _xml(status: int, root: str, request_id: str) -> Response:
    headers = (("x-amzn-RequestId", request_id), ("Content-Type", "text/xml"))
    return Response(status, headers, root.encode())


def _tree(form: tuple[tuple[str, str], ...]) -> Tree:
    root: Tree = {}
    for name, value in form:
        if name.count(".") > DEEPEST:
            raise Fault("MalformedQueryString", "The query string contains a syntax error.")
        node = root
        for part in name.split("."):
            below = node.setdefault(part, {})
            assert isinstance(below, dict)
            node = below
        node[""] = value
    return root


def _read(member: Member, node: Tree) -> object:
    shape = member.shape
    match shape.kind:
        case "structure":
            return _read_structure(shape, node)
        case "list":
            return _read_list(member, node)
        case "map":
            return _read_map(member, node)
        case _:
            value = node.get("", "")
            return texts.read(member, value) if isinstance(value, str) else None


def _read_structure(shape: Shape, node: Tree) -> Document:
    found: Document = {}
    for name, member in shape.members.items():
        below = _below(node, member)
        if below is not None:
            found[name] = _read(member, below)
    return found


def _below(node: Tree, member: Member) -> Tree | None:
    """What stands under the member's name; a flattened list stands under its elements' name."""
    names = [member.wire_name]
    if member.shape.kind == "list" and member.trait("flattened"):
        names.insert(0, str(member.shape.element.traits.get("locationName") or member.wire_name))
    found = next((node[name] for name in names if name in node), None)
    return found if isinstance(found, dict) else None


def _read_list(member: Member, node: Tree) -> list[object]:
    element = member.shape.element
    if not member.trait("flattened"):
        inner = node.get(str(element.traits.get("locationName") or "member"), {})
        node = inner if isinstance(inner, dict) else {}
    return [_read(element, below) for below in _numbered(node)]


def _read_map(member: Member, node: Tree) -> dict[str, object]:
    shape = member.shape
    if not member.trait("flattened"):
        inner = node.get("entry", {})
        node = inner if isinstance(inner, dict) else {}
    key_name = str(shape.key.traits.get("locationName") or "key")
    value_name = str(shape.value.traits.get("locationName") or "value")
    found: dict[str, object] = {}
    for entry in _numbered(node):
        key, value = entry.get(key_name), entry.get(value_name)
        if isinstance(key, dict) and isinstance(value, dict):
            found[str(key.get("", ""))] = _read(shape.value, value)
    return found


def _numbered(node: Tree) -> list[Tree]:
    """The parts called 1, 2, 3, … in the order of their numbers; gaps mean nothing."""
    numbered = [
        (int(name), below)
        for name, below in node.items()
        if isinstance(below, dict) and name.isascii() and name.isdigit() and len(name) < 10
    ]
    return [below for _, below in sorted(numbered, key=lambda pair: pair[0])]
