"""Room services: one page of a list that is at hand as a whole. In: request and list. Out: the answer."""

from __future__ import annotations

from collections.abc import Sequence

from stepwell.base.documents import Document
from stepwell.services import paging

MOST_A_PAGE = 100


def page(request: Document, member: str, items: Sequence[object]) -> Document:
    """The page that NextToken and Limit ask for. Raises ValidationException for a token that we did not give."""
    position = paging.decode(request.get("NextToken"))
    start = max(position[1], 0) if position else 0
    end = start + request.get("Limit", MOST_A_PAGE)
    answer: Document = {member: list(items[start:end])}
    return {**answer, "NextToken": paging.encode((0, end))} if end < len(items) else answer
