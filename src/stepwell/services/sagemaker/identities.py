"""Who made or changed something, as Describe operations show it."""

from __future__ import annotations

from stepwell.base.arn import Scope
from stepwell.base.documents import Document


def user_context(scope: Scope) -> Document:
    """A UserContext for the caller of `scope`."""
    return {"IamIdentity": {"Arn": scope.principal}} if scope.principal else {}
