"""Workers: what a function gives is awaited, threads are as many as needed, and nobody's end takes a thread along."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from stepwell.gateway.workers import Workers


@pytest.fixture
def workers() -> Iterator[Workers]:
    made = Workers(2, "test")
    yield made
    made.dismiss()


def test_the_result_comes_back(workers: Workers) -> None:
    assert asyncio.run(workers.run(divmod, 7, 2)) == (3, 1)


def test_what_is_raised_comes_back(workers: Workers) -> None:
    with pytest.raises(ZeroDivisionError):
        asyncio.run(workers.run(divmod, 7, 0))
    assert asyncio.run(workers.run(abs, -1)) == 1


def test_a_thread_that_is_free_is_used_again(workers: Workers) -> None:
    async def names() -> set[str]:
        return {await workers.run(lambda: threading.current_thread().name) for _ in range(5)}

    assert asyncio.run(names()) == {"test-1"}


def test_functions_run_side_by_side_up_to_the_limit(workers: Workers) -> None:
    both = threading.Barrier(2)

    async def pairs() -> list[int]:
        return list(await asyncio.gather(*(workers.run(both.wait, 10) for _ in range(6))))

    assert sorted(asyncio.run(pairs())) == [0, 0, 0, 1, 1, 1]


def test_who_gives_up_does_not_take_a_thread_along(workers: Workers) -> None:
    gates = [threading.Event(), threading.Event()]

    async def given_up() -> list[int]:
        tasks = [asyncio.create_task(workers.run(gate.wait, 10)) for gate in gates]
        await asyncio.sleep(0)
        for task, gate in zip(tasks, gates, strict=True):
            task.cancel()
            gate.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        return list(await asyncio.gather(workers.run(abs, -1), workers.run(abs, -2)))

    assert asyncio.run(given_up()) == [1, 2]


def test_a_loop_that_is_gone_harms_nobody(workers: Workers) -> None:
    gate, ran = threading.Event(), threading.Event()

    def late() -> None:
        gate.wait(10)
        ran.set()

    async def leave() -> None:
        task = asyncio.create_task(workers.run(late))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(leave())
    gate.set()
    assert ran.wait(10)
