"""The only place that reads time or sleeps. Everything else takes `now`: epoch seconds as a float."""

from __future__ import annotations

import time


def now() -> float:
    """The wall clock, in epoch seconds rounded to the millisecond AWS answers with."""
    return round(time.time(), 3)


def monotonic() -> float:
    """A clock for measuring spans, in seconds."""
    return time.monotonic()


def sleep(seconds: float) -> None:
    """Wait. For the rim only: the command line and tests."""
    time.sleep(seconds)
