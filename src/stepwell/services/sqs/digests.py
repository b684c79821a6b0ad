"""The MD5 sums that clients check what they sent and received by. Pure.

Attributes are summed by name: each name, type and value with its length before it, and a byte for the kind of
transport (SQS Developer Guide, "Calculating the MD5 message digest for message attributes").
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

from stepwell.base.documents import Document

TEXT, BINARY = b"\x01", b"\x02"


def of_body(body: str) -> str:
    """MD5OfMessageBody."""
    return hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()


def of_attributes(attributes: Mapping[str, Document]) -> str | None:
    """MD5OfMessageAttributes, of attributes as they are stored (`contents.stored`); None when there are none."""
    if not attributes:
        return None
    summed = hashlib.md5(usedforsecurity=False)
    for name in sorted(attributes):
        attribute = attributes[name]
        summed.update(_measured(name.encode()) + _measured(str(attribute["DataType"]).encode()))
        if "BinaryValue" in attribute:
            summed.update(BINARY + _measured(base64.b64decode(attribute["BinaryValue"])))
        else:
            summed.update(TEXT + _measured(str(attribute["StringValue"]).encode()))
    return summed.hexdigest()


def _measured(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data
