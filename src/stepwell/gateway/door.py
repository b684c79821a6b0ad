"""Room gateway: the two things it is built from. `Door`: where a call goes. `Keys`: who may sign.

Both are Protocols; the rooms above implement them, and the gateway never learns by what.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from stepwell.base.arn import Scope
from stepwell.base.documents import Document

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]


class Door(Protocol):
    """Where every call goes: validated, dispatched and answered with a document of the output shape."""

    def call(self, scope: Scope, service: str, operation: str, params: Document) -> Document:
        """Runs on a worker thread, and may block. Raises Fault for what the client may see."""


@dataclass(frozen=True, slots=True)
class Key:
    """A secret, and whose it is."""

    secret: str = field(repr=False)
    session_token: str | None = field(repr=False)
    """What X-Amz-Security-Token must be; None for a long-term key, which must come without one."""
    account: str
    principal: str
    """ARN of the user or assumed role."""
    expires: float | None
    """Epoch seconds; None: never."""


class Keys(Protocol):
    """The known access keys."""

    def find(self, access_key_id: str, now: float) -> Key | None:
        """The key of this id, expired or not; None when there is none. Runs on a worker thread."""
