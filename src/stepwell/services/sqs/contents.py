"""What may be sent: the characters and size of a message, and its attributes. Pure; raises Fault.

Source: SQS API Reference, SendMessage; SQS Developer Guide, "Amazon SQS message metadata" and "message quotas".
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.services.sqs.faults import invalid_parameters, invalid_value

MOST_ATTRIBUTES = 10
NAME = re.compile(r"(?!\.)(?!.*\.\.)[A-Za-z0-9_.-]{1,256}(?<!\.)")
RESERVED = ("aws.", "amazon.")
DATA_TYPE = re.compile(r"(?P<kind>String|Number|Binary)(?:\..+)?", re.DOTALL)
LONGEST_TYPE = 256
FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)
IDENTIFIER = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")


@dataclass(frozen=True, slots=True)
class Content:
    """A message as it may be stored. `attributes` as `stored` writes them."""

    body: str
    attributes: Document
    system_attributes: Document

    @property
    def size(self) -> int:
        """Bytes that count against the queue's limit: the body, and names, types and values of attributes."""
        return len(self.body.encode()) + sum(_size(name, value) for name, value in self.attributes.items())


def checked(body: str, attributes: Mapping[str, Document], system_attributes: Mapping[str, Document]) -> Content:
    """What a client wants to send. Raises Fault."""
    if not body:
        raise Fault("MissingParameter", "The request must contain the parameter MessageBody.")
    _check_text(body, "the message body")
    if len(attributes) > MOST_ATTRIBUTES:
        raise invalid_parameters(
            f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum [{MOST_ATTRIBUTES}]."
        )
    kept = {name: stored(name, attribute) for name, attribute in attributes.items()}
    system = {name: _trace(name, attribute) for name, attribute in system_attributes.items()}
    return Content(body, kept, system)


def check_size(content: Content, limit: int) -> None:
    """Raises Fault when the message is longer than its queue takes."""
    if content.size > limit:
        raise invalid_parameters(f"Message must be shorter than {limit} bytes.")


def stored(name: str, attribute: Document) -> Document:
    """One attribute as it is kept: DataType, and StringValue or BinaryValue, the latter as base64. Raises Fault."""
    _check_name(name)
    data_type = attribute["DataType"]
    found = DATA_TYPE.fullmatch(data_type)
    if found is None or len(data_type) > LONGEST_TYPE:
        raise _invalid(
            f"The type of message (user) attribute '{name}' is invalid. You must use only the following supported "
            "type prefixes: Binary, Number, String."
        )
    if attribute.get("StringListValues") or attribute.get("BinaryListValues"):
        raise Fault(
            "UnsupportedOperation", "Message attribute list values in SendMessage operation are not supported."
        )
    member = "BinaryValue" if found["kind"] == "Binary" else "StringValue"
    value, other = attribute.get(member), {"BinaryValue", "StringValue"} - {member}
    if not value or any(attribute.get(wrong) for wrong in other):
        only = "" if not value else "only "
        raise _invalid(
            f"Message (user) attribute '{name}' must contain {only}a non-empty value of type '{found['kind']}'."
        )
    if member == "BinaryValue":
        return {"DataType": data_type, member: base64.b64encode(value).decode()}
    _check_text(value, f"the message (user) attribute '{name}'")
    if found["kind"] == "Number":
        _check_number(name, value)
    return {"DataType": data_type, member: value}


def shown(attribute: Document) -> Document:
    """A stored attribute as ReceiveMessage answers it."""
    if "BinaryValue" in attribute:
        return {**attribute, "BinaryValue": base64.b64decode(attribute["BinaryValue"])}
    return attribute


def check_identifier(value: str, parameter: str) -> None:
    """The form of MessageGroupId and MessageDeduplicationId. Raises Fault."""
    if not IDENTIFIER.fullmatch(value):
        raise invalid_value(
            value,
            parameter,
            f"{parameter} can only include alphanumeric and punctuation characters. 1 to 128 in length.",
        )


def _check_text(text: str, where: str) -> None:
    found = FORBIDDEN.search(text)
    if found:
        raise Fault(
            "InvalidMessageContents",
            f"Invalid characters found in {where}: #x{ord(found[0]):X}. "
            "Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF.",
        )


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name) or name.lower().startswith(RESERVED):
        raise _invalid(
            f"Message (user) attribute name '{name[:256]}' is invalid. A name can include alphanumeric characters, "
            "underscores, hyphens and single periods inside, up to 256, and must not start with AWS. or Amazon."
        )


def _check_number(name: str, value: str) -> None:
    if not NUMBER.fullmatch(value) or not math.isfinite(float(value)):
        raise _invalid(f"Can't cast the value of message (user) attribute '{name}' to a number.")


def _trace(name: str, attribute: Document) -> str:
    value = attribute.get("StringValue")
    if name != "AWSTraceHeader":
        raise invalid_parameters(f"Message system attribute name '{name[:256]}' is invalid.")
    if attribute["DataType"] != "String" or not value:
        raise invalid_parameters("The system attribute 'AWSTraceHeader' must be a non-empty String.")
    _check_text(value, "the message system attribute 'AWSTraceHeader'")
    return str(value)


def _size(name: str, attribute: Document) -> int:
    if "BinaryValue" in attribute:
        value = len(base64.b64decode(attribute["BinaryValue"]))
    else:
        value = len(attribute["StringValue"].encode())
    return len(name.encode()) + len(attribute["DataType"].encode()) + value


def _invalid(reason: str) -> Fault:
    return Fault("InvalidParameterValue", reason)
