"""Waking those who wait for a message, within this process. Holds no truth: that is in the store.

A waiter listens before it looks, so a message that comes between its look and its wait still wakes it. Messages that
another process sends wake nobody here: waiters look again after `NAP` at the latest.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

NAP = 1.0
"""Seconds after which a waiter looks for itself."""

_listening: dict[int, set[threading.Event]] = {}
_changing = threading.Lock()


@contextmanager
def listening(queue_id: int) -> Iterator[threading.Event]:
    """An event that is set whenever something may have become due in the queue."""
    event = threading.Event()
    with _changing:
        _listening.setdefault(queue_id, set()).add(event)
    try:
        yield event
    finally:
        with _changing:
            remaining = _listening[queue_id]
            remaining.discard(event)
            if not remaining:
                del _listening[queue_id]


def announce(queue_id: int) -> None:
    """Something may have become due in the queue."""
    with _changing:
        events = list(_listening.get(queue_id, ()))
    for event in events:
        event.set()
