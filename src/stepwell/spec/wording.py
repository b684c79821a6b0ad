"""Room spec: the words and codes in which AWS refuses a request. In: what is wrong. Out: text, or the Fault.

The one place that knows how refusals differ between services (spec 06, section 2): most answer
ValidationException with every violation; query services ValidationError; some have their own code; S3 speaks of
arguments and XML.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.spec.models import OperationModel

CODES: Mapping[str, str] = {
    "cloudwatch": "ValidationError",
    "logs": "InvalidParameterException",
    "ecr": "InvalidParameterException",
    "codebuild": "InvalidInputException",
    "sqs": "InvalidParameterValue",
}
"""Services whose code for a violated constraint is their own."""

LONGEST_VALUE = 1024
"""Characters of a refused value that are repeated to the client."""

MOST_VIOLATIONS = 100
"""Violations listed in one message; beyond that a message helps nobody."""


def violated(operation: OperationModel, params: Document, violations: list[str]) -> Fault:
    """The Fault for a request that breaks constraints of the model."""
    service = operation.service
    if service.protocol == "rest-xml":
        return _rest_xml(operation, params)
    missing = [name for name in _required(operation) if params.get(name) is None]
    if service.name == "sqs" and missing:
        return Fault("MissingParameter", f"The request must contain the parameter {missing[0]}.")
    default = "ValidationError" if service.protocol == "query" else "ValidationException"
    return Fault(CODES.get(service.name, default), summary(violations))


def wrong_type(operation: OperationModel, problem: str, path: str) -> Fault:
    """The Fault for a value that cannot be read as what belongs there."""
    match operation.service.protocol:
        case "rest-xml":
            return malformed_xml()
        case "query":
            return Fault("MalformedInput", located(problem, path))
        case _:
            return Fault("SerializationException", located(problem, path))


def summary(violations: list[str]) -> str:
    """All violations as one message."""
    count = len(violations)
    noun = "error" if count == 1 else "errors"
    return f"{count} validation {noun} detected: {'; '.join(violations[:MOST_VIOLATIONS])}"


def located(problem: str, path: str) -> str:
    """What is wrong, and where."""
    return f"{problem} at '{path}'" if path else problem


def malformed_xml() -> Fault:
    """S3's answer to a body that is not what the operation takes."""
    text = "The XML you provided was not well-formed or did not validate against our published schema"
    return Fault("MalformedXML", text)


def _rest_xml(operation: OperationModel, params: Document) -> Fault:
    shape = operation.input_shape
    assert shape is not None
    for member in shape.members.values():
        value, allowed = params.get(member.name), member.shape.enum
        if not member.location:
            continue
        if value is None and member.name in shape.required:
            text = f"Missing required {member.location} for this request: {member.wire_name}"
            return Fault("InvalidRequest", text)
        if value is not None and allowed and value not in allowed:
            return Fault("InvalidArgument", f"Invalid value {shown(value)} for {member.wire_name}")
    return malformed_xml()


def _required(operation: OperationModel) -> tuple[str, ...]:
    return operation.input_shape.required if operation.input_shape else ()


def lower_camel(name: str) -> str:
    """A member's name as it stands in violations: `PipelineName` -> `pipelineName`."""
    return name[:1].lower() + name[1:]


def shown(value: object) -> str:
    """A value as Java prints it, quoted, and cut when it is long."""
    if value is None:
        return "null"
    text = _java(value)
    return f"'{text[:LONGEST_VALUE]}...'" if len(text) > LONGEST_VALUE else f"'{text}'"


def _java(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case Mapping():
            return "{" + ", ".join(f"{key}={_java(item)}" for key, item in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(_java(item) for item in value) + "]"
        case bytes() | bytearray() | memoryview():
            return f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
        case _:
            return str(value)


def enum(allowed: Iterable[str]) -> str:
    return f"Member must satisfy enum value set: [{', '.join(allowed)}]"


def pattern(expression: str) -> str:
    return f"{_PATTERN} {expression}"


def is_pattern(violation: str) -> bool:
    """Whether a violation is that of a pattern."""
    return _PATTERN in violation


_PATTERN = "Member must satisfy regular expression pattern:"


def length_at_most(bound: int) -> str:
    return f"Member must have length less than or equal to {bound}"


def length_at_least(bound: int) -> str:
    return f"Member must have length greater than or equal to {bound}"


def at_most(bound: float) -> str:
    return f"Member must have value less than or equal to {bound}"


def at_least(bound: float) -> str:
    return f"Member must have value greater than or equal to {bound}"


def cannot_convert(value: object, target: str) -> str:
    """What AWS's JSON reader says of a scalar of the wrong kind."""
    match value:
        case Mapping():
            return "Start of structure or map found where not expected."
        case list() | tuple():
            return "Start of list found where not expected"
        case _:
            article = "an" if target[0] in "AEIOU" else "a"
            return f"{_token(value)} can not be converted to {article} {target}"


def not_a(value: object, expected: str) -> str:
    """What AWS's JSON reader says where a structure, list or map belongs."""
    match value:
        case Mapping():
            return "Start of structure or map found where not expected."
        case list() | tuple():
            return "Start of list found where not expected"
        case _:
            return f"Unexpected {_token(value)}: expected {expected} or null"


def _token(value: object) -> str:
    match value:
        case bool():
            return "TRUE_VALUE" if value else "FALSE_VALUE"
        case int() | float():
            return "NUMBER_VALUE"
        case _:
            return "STRING_VALUE"
