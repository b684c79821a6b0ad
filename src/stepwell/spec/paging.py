"""Room spec: how a list operation is paged. In: service and operation. Out: names of tokens, limit and list.

From botocore's `paginators-1.json`: what clients' paginators rely on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from stepwell.base.documents import Document
from stepwell.spec import models


@dataclass(frozen=True, slots=True)
class Paging:
    """The members by which one operation is read page by page."""

    results: tuple[str, ...]
    """Members of the answer that are the list (some operations answer several)."""
    input_tokens: tuple[str, ...]
    output_tokens: tuple[str, ...]
    limit: str | None
    """The request's member for the length of a page; None when the client cannot choose."""
    smallest: int | None
    largest: int | None
    """Bounds the model states for `limit`."""


def paging(service: str, operation: str) -> Paging | None:
    """How `operation` is paged; None when it is not. Raises UnknownServiceError or UnknownOperationError."""
    entry = _entries(service).get(operation)
    if entry is None:
        models.operation(service, operation)
        return None
    limit = entry.get("limit_key")
    bounds = _bounds(models.operation(service, operation), limit)
    return Paging(
        results=_names(entry.get("result_key")),
        input_tokens=_names(entry.get("input_token")),
        output_tokens=_names(entry.get("output_token")),
        limit=limit,
        smallest=bounds.get("min"),
        largest=bounds.get("max"),
    )


@cache
def _entries(service: str) -> Mapping[str, Document]:
    data = models.data_file(service, "paginators-1") or {}
    found: Mapping[str, Document] = data.get("pagination", {})
    return found


def _names(value: str | list[str] | None) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)


def _bounds(operation: models.OperationModel, limit: str | None) -> Mapping[str, int]:
    shape = operation.input_shape
    if shape is None or limit is None or limit not in shape.members:
        return {}
    return shape.members[limit].shape.traits
