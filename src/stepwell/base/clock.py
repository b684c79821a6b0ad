"""The only place that reads time or sleeps. Everything else takes `now`: epoch seconds as a float."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now() -> float:
    """The wall clock, in epoch seconds rounded to the millisecond AWS answers with."""
    return round(time.time(), 3)


def monotonic() -> float:
    """A clock for measuring spans, in seconds."""
    return time.monotonic()


def sleep(seconds: float) -> None:
    """Wait. For the rim only: the command line and tests."""
    time.sleep(seconds)


def iso(moment: float) -> str:
    """`moment` as ISO 8601 in UTC with milliseconds: 2021-03-15T16:03:13.123Z."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_iso(text: str) -> float:
    """Epoch seconds of an ISO 8601 text; a text without a zone is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
