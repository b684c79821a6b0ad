"""Room runtime: hears when containers end. In: file descriptors that become readable then. Out: calls.

One thread waits for all of them. What it misses (a crash in between, a descriptor that could not be had) is found by
the look that every running job gets now and then.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable, Sequence


class Watcher:
    """Tells `ended` the subjects of descriptors that became readable, each once. Thread-safe."""

    def __init__(self, ended: Callable[[Sequence[str]], None]) -> None:
        self._ended = ended
        self._epoll = select.epoll()
        self._guard = threading.Lock()
        self._watched: dict[int, tuple[str, str]] = {}
        self._closing = os.eventfd(0, os.EFD_CLOEXEC)
        self._epoll.register(self._closing, select.EPOLLIN)
        self._thread = threading.Thread(target=self._wait, name="stepwell-watch", daemon=True)
        self._thread.start()

    def is_watching(self, subject: str, part: str) -> bool:
        """Whether that part of the subject is watched already."""
        with self._guard:
            return (subject, part) in self._watched.values()

    def add(self, subject: str, part: str, descriptor: int) -> None:
        """Watch `descriptor`, which is the watcher's from now on."""
        with self._guard:
            self._watched[descriptor] = (subject, part)
            self._epoll.register(descriptor, select.EPOLLIN)

    def close(self) -> None:
        """Watch nothing any more."""
        os.eventfd_write(self._closing, 1)
        self._thread.join()
        with self._guard:
            for descriptor in (*self._watched, self._closing):
                os.close(descriptor)
            self._watched.clear()
        self._epoll.close()

    def _wait(self) -> None:
        while True:
            found = [descriptor for descriptor, _ in self._epoll.poll()]
            if self._closing in found:
                return
            self._ended([self._forget(descriptor) for descriptor in found])

    def _forget(self, descriptor: int) -> str:
        with self._guard:
            subject, _part = self._watched.pop(descriptor)
            self._epoll.unregister(descriptor)
            os.close(descriptor)
        return subject
