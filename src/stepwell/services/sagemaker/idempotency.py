"""Requests that carry a token: sent again they are the same request, and another request under it is refused.

No operations of its own. What is kept of a request is a digest of all it asks for but the token. Spec 02, section 10.
"""

from __future__ import annotations

import hashlib
import json

from stepwell.base.documents import Document
from stepwell.base.faults import validation

TOKEN = "ClientRequestToken"
MEMBER = "RequestDigest"
"""Member of a stored document that holds the digest of the request that made it."""


def digest(request: Document) -> str:
    """The same for requests that ask for the same."""
    asked = {name: value for name, value in request.items() if name != TOKEN}
    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()


def require_same(stored: str | None, request: Document) -> None:
    """Raises ValidationException when the token was used for another request."""
    if stored is not None and stored != digest(request):
        raise validation(
            f"The ClientRequestToken '{request[TOKEN]}' was used before with different parameters. "
            "Use a new token for a new request."
        )
