"""Who waits in this process for an invocation to end, and is told at once.

A convenience over the row, which counts: a caller who was not told (the process died in between) finds nothing here
and asks the row instead. In: the subject and its end. Out: the end, in the thread that waits.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

from stepwell.machines.invocation import Ended

_guard = threading.Lock()
_waiting: dict[str, Future[Ended]] = {}


@contextmanager
def expected(subject: str) -> Iterator[Future[Ended]]:
    """A future that gets the end of `subject`. To be opened before the invocation begins."""
    future: Future[Ended] = Future()
    with _guard:
        _waiting[subject] = future
    try:
        yield future
    finally:
        with _guard:
            _waiting.pop(subject, None)


def tell(subject: str, ended: Ended) -> None:
    """Hand the end to whoever waits for it."""
    with _guard:
        future = _waiting.pop(subject, None)
    if future is not None:
        future.set_result(ended)
