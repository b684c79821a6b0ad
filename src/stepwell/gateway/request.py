"""Room gateway: the head of one HTTP request as an immutable value. In: an ASGI scope. Out: a Request.

Path and query stay as they came (percent-encoded), because signatures are made over them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from stepwell.base.faults import Fault

MOST_HEADERS = 200
LONGEST_HEAD = 64 * 1024
"""Bytes of path, query and headers together; S3 allows 8 KiB of headers, presigned URLs some more."""
MOST_QUERY_FIELDS = 1000


@dataclass(frozen=True, slots=True)
class Request:
    """Method, path, query and headers of a request."""

    method: str
    path: str
    """Percent-encoded, as sent; without the query."""
    query: str
    """Percent-encoded, as sent; without the question mark."""
    headers: Mapping[str, str]
    """By lower-case name. Latin-1 text, one character per byte; repeated headers are joined by commas."""
    fields: tuple[tuple[str, str], ...]
    """The query's names and values, decoded, in order. `?uploads` is ("uploads", "")."""

    def field(self, name: str) -> str | None:
        """The first value of a query field."""
        return next((value for found, value in self.fields if found == name), None)

    @property
    def content_length(self) -> int | None:
        """The declared length of the body; None when it is not declared."""
        text = self.headers.get("content-length")
        return int(text) if text is not None and text.isascii() and text.isdigit() else None

    @property
    def has_body(self) -> bool:
        return bool(self.content_length) or "transfer-encoding" in self.headers

    @property
    def expects_continue(self) -> bool:
        """The client holds its body back until it hears `100 Continue`, or a final answer."""
        return self.headers.get("expect", "").lower() == "100-continue"

    @property
    def media_type(self) -> str:
        """The Content-Type without its parameters, lower-case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


def from_scope(scope: Mapping[str, Any]) -> Request:
    """The request of an ASGI scope."""
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query = scope.get("query_string", b"").decode("latin-1")
    return Request(
        method=scope["method"],
        path=path.partition(b"?")[0].decode("latin-1"),
        query=query,
        headers=_joined(scope["headers"]),
        fields=tuple(_decoded(query)) if query else (),
    )


def refuse_oversized(request: Request) -> None:
    """Raises Fault when the head is larger than any client of AWS would send."""
    size = len(request.path) + len(request.query)
    size += sum(len(name) + len(value) for name, value in request.headers.items())
    if size > LONGEST_HEAD or len(request.headers) > MOST_HEADERS or len(request.fields) > MOST_QUERY_FIELDS:
        raise Fault("RequestHeaderSectionTooLarge", "Your request header section is too large.", 400)


def _joined(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1").strip()
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


def _decoded(query: str) -> Iterable[tuple[str, str]]:
    for part in query.split("&")[: MOST_QUERY_FIELDS + 1]:
        if part:
            name, _, value = part.partition("=")
            yield unquote_plus(name), unquote_plus(value)
