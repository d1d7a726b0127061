"""Shared thread pools: fair, bounded, and counting refused calls."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from core.errors import StorageError, TooManyError
from core.executors import CALLER_ACCOUNT, FairExecutor
from tests.waiting import eventually

Held = tuple[FairExecutor, threading.Event]


@pytest.fixture
async def held() -> AsyncIterator[Held]:
    """A pool of two threads whose calls last until the event is set."""
    event = threading.Event()
    yield (
        FairExecutor(
            "searches",
            2,
            max_running_per_account=1,
            max_waiting=3,
            max_waiting_per_account=2,
            max_wait_s=5,
            max_run_s=5,
        ),
        event,
    )
    event.set()
    await asyncio.sleep(0.05)


async def call(held: Held, asker: int, said: list[int]) -> None:
    CALLER_ACCOUNT.set(asker)
    lane, event = held

    def work() -> None:
        event.wait(5)
        said.append(CALLER_ACCOUNT.get())

    await lane.run(work)


def start(held: Held, askers: list[int], said: list[int]) -> list[asyncio.Task[None]]:
    return [asyncio.ensure_future(call(held, a, said)) for a in askers]


async def test_one_asker_has_his_share_and_others_go_first(held: Held) -> None:
    said: list[int] = []
    tasks = start(held, [1, 1, 1, 2, 3], said)
    await asyncio.sleep(0.05)
    assert held[0].busy == 5 and dict(held[0]._running) == {1: 1, 2: 1}
    held[1].set()
    await asyncio.wait_for(asyncio.gather(*tasks), 5)
    # before the last call of the greedy account
    assert sorted(said) == [1, 1, 1, 2, 3] and said.index(3) < len(said) - 1
    await asyncio.sleep(0.01)
    assert held[0].busy == 0 and not held[0]._waiting and not held[0]._running


async def test_beyond_its_places_it_refuses_and_counts(held: Held) -> None:
    said: list[int] = []
    tasks = start(held, [1, 1, 1, 1], said)  # one runs, two wait, the fourth exceeds the limit of one account
    await asyncio.sleep(0.05)
    assert isinstance(tasks[3].exception(), TooManyError) and held[0].refused == 1
    tasks += start(held, [2, 3, 4], said)  # takes the second thread; takes the last waiting place; refused
    await asyncio.sleep(0.05)
    refused = tasks[6].exception()
    assert isinstance(refused, TooManyError) and refused.retry_after_s and "searches" in str(refused)
    assert held[0].refused == 2
    held[1].set()
    await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)
    assert len(said) == 5


async def test_whoever_waits_too_long_or_leaves_takes_no_place(held: Held) -> None:
    held[0]._max_wait_s = 0.05
    said: list[int] = []
    tasks = start(held, [1, 2, 1, 2], said)
    await asyncio.sleep(0.02)
    tasks[3].cancel()
    await eventually(lambda: tasks[2].done() and tasks[3].done())
    assert isinstance(tasks[2].exception(), TooManyError) and tasks[3].cancelled()
    assert held[0].busy == 2 and not held[0]._waiting
    held[1].set()
    await asyncio.gather(*tasks[:2])
    assert sorted(said) == [1, 2]


async def test_whoever_leaves_at_the_moment_of_his_turn_holds_up_nobody(held: Held) -> None:
    said: list[int] = []
    tasks = start(held, [1, 2, 3, 4], said)
    await asyncio.sleep(0.05)
    tasks[2].cancel()
    held[0]._release(1)  # before the cancelled one has run
    await asyncio.sleep(0)
    assert dict(held[0]._running) == {2: 1, 4: 1}
    held[0]._running[1] += 1
    held[1].set()
    await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)
    assert tasks[2].cancelled() and sorted(said) == [1, 2, 4]
    await asyncio.sleep(0.05)
    assert held[0].busy == 0 and not held[0]._waiting


async def test_a_thread_that_hangs_stays_taken_and_its_caller_is_told(held: Held) -> None:
    held[0]._max_run_s = 0.05
    said: list[int] = []
    tasks = start(held, [1, 2], said)
    await eventually(lambda: all(t.done() for t in tasks))
    assert all(isinstance(t.exception(), StorageError) for t in tasks)
    assert held[0].abandoned == 2 and held[0].busy == 2
    held[1].set()
    await eventually(lambda: held[0].busy == 0)


async def test_errors_and_results_come_through(held: Held) -> None:
    held[1].set()
    assert await held[0].run(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await held[0].run(divmod, 7, 0)

    def late() -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        await held[0].run(late)
    await asyncio.sleep(0.01)
    assert held[0].busy == 0
