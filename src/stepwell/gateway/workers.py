"""Room gateway: threads that do what may block. In: a function, from the event loop. Out: its result, awaited there.

A small call costs as much to hand over as to perform, so this is the handing over and nothing else: `asyncio`'s own
`run_in_executor` makes two futures with a condition variable between them. All bookkeeping happens on the event
loop's thread, so it needs no lock. A function that nobody waits for any more still runs to its end.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import TypeVar, TypeVarTuple

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")


class Workers:
    """Up to `most` threads, started as they are needed. They end with the process, or when `dismiss` is called."""

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._orders: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads = 0
        self._unfinished = 0

    async def run(self, function: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        """What `function` returns or raises. It waits for its turn while all threads are taken."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()

        def perform() -> None:
            try:
                outcome: tuple[Callable[..., None], object] = future.set_result, function(*arguments)
            except BaseException as error:  # whatever it is belongs to who waits
                outcome = future.set_exception, error
            with suppress(RuntimeError):  # the loop was closed, and nobody waits
                loop.call_soon_threadsafe(self._finish, future, *outcome)

        self._unfinished += 1
        if self._threads < min(self._unfinished, self._most):
            self._threads += 1
            threading.Thread(target=self._work, name=f"{self._name}-{self._threads}", daemon=True).start()
        self._orders.put(perform)
        return await future

    def dismiss(self) -> None:
        """Let every thread end once it has done what was ordered before."""
        for _ in range(self._threads):
            self._orders.put(None)

    def _work(self) -> None:
        while (order := self._orders.get()) is not None:
            order()
            del order

    def _finish(self, future: asyncio.Future[Result], settle: Callable[..., None], outcome: object) -> None:
        self._unfinished -= 1
        if not future.done():
            settle(outcome)
