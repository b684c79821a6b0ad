"""Moments as text: ISO 8601 to epoch seconds and back. Pure; the clock itself is in `clock.py`."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=4096)  # lists show the same moments again and again
def iso(moment: float) -> str:
    """`moment` as ISO 8601 in UTC with milliseconds: 2021-03-15T16:03:13.123Z."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_iso(text: str) -> float:
    """Epoch seconds of an ISO 8601 text; a text without a zone is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
