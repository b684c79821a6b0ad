"""How IAM's List operations page: Marker and MaxItems in, IsTruncated and Marker out.

IAM's lists are short (roles of an installation, policies of a role), so they are read whole and cut here; the
marker is the name of the last item given.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from typing import TypeVar

from stepwell.base.documents import Document
from stepwell.base.faults import Fault

Item = TypeVar("Item")
DEFAULT_ITEMS = 100


def page(
    request: Document, member: str, items: Iterable[Item], name: Callable[[Item], str], show: Callable[[Item], object]
) -> Document:
    """One page of `items` by name, shown under `member`."""
    beyond = _name_of(request.get("Marker"))
    waiting = sorted((item for item in items if beyond is None or name(item) > beyond), key=name)
    given = waiting[: request.get("MaxItems", DEFAULT_ITEMS)]
    answer: Document = {member: [show(item) for item in given], "IsTruncated": len(given) < len(waiting)}
    if len(given) < len(waiting):
        answer["Marker"] = base64.urlsafe_b64encode(name(given[-1]).encode()).decode()
    return answer


def _name_of(marker: str | None) -> str | None:
    if marker is None:
        return None
    try:
        return base64.b64decode(marker.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise Fault("ValidationError", "Invalid Marker. Use the Marker of the previous answer as it is.") from None
