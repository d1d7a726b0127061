"""Background tasks: restarted, counted, ended; no failure goes unnoticed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator

import pytest

from core import tasks
from core.clock import ManualClock
from core.errors import TaskFailed
from core.tasks import BackgroundTasks


class Body:
    """Counts its runs, and fails in the first `failures` of them."""

    def __init__(self, failures: int, *, returns: bool = False):
        self.runs = 0
        self._failures, self._returns = failures, returns

    async def __call__(self) -> None:
        self.runs += 1
        if self.runs <= self._failures:
            if self._returns:
                return
            raise OSError(30, "Read-only file system")
        await asyncio.Event().wait()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
def expected_errors(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Allow the error records that these tests cause on purpose."""
    logger = logging.getLogger("core.tasks")
    logger.addFilter(_without_traceback)
    yield caplog
    logger.removeFilter(_without_traceback)


def _without_traceback(record: logging.LogRecord) -> bool:
    record.exc_info = None
    return True


@pytest.mark.parametrize("returns", [False, True])
async def test_what_ends_is_restarted_with_growing_delays(
    clock: ManualClock, expected_errors: pytest.LogCaptureFixture, returns: bool
) -> None:
    owned, body = BackgroundTasks(clock), Body(3, returns=returns)
    heard: list[Exception] = []
    owned.run_forever("writer", body, failed=heard.append)
    for runs, delay in ((1, 1), (2, 2), (3, 5)):
        await settle()
        assert body.runs == runs
        clock.advance(delay - 0.1)
        await settle()
        assert body.runs == runs
        clock.advance(0.2)
    await settle()
    assert body.runs == 4 and owned.failures["writer"] == 3 == len(heard)
    assert "writer" in expected_errors.text
    await owned.close()


async def test_running_long_makes_the_next_failure_a_first_one(
    clock: ManualClock, expected_errors: pytest.LogCaptureFixture
) -> None:
    owned, starts = BackgroundTasks(clock), list[float]()

    async def body() -> None:
        starts.append(clock.monotonic())
        await clock.sleep(100)
        raise OSError

    owned.run_forever("steady", body)
    for _ in range(3):
        await settle()
        clock.advance(100)
        await settle()
        clock.advance(1)
    await settle()
    assert starts == [0, 101, 202, 303]
    await owned.close()


async def test_an_essential_task_that_keeps_failing_ends_its_process(
    clock: ManualClock, expected_errors: pytest.LogCaptureFixture
) -> None:
    owned, other = BackgroundTasks(clock), BackgroundTasks(clock)
    owned.run_forever("poll loop", Body(100), essential=True)
    other.run_forever("news", Body(100))
    for _ in range(10):
        await settle()
        clock.advance(60)
    with pytest.raises(TaskFailed, match=r"poll loop.*Read-only"):
        await owned.until_fatal()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(other.until_fatal(), 0.01)
    await owned.close()
    await other.close()


async def test_one_bad_step_ends_no_repetition(clock: ManualClock, expected_errors: pytest.LogCaptureFixture) -> None:
    owned, runs = BackgroundTasks(clock), 0

    async def step() -> None:
        nonlocal runs
        runs += 1
        if runs == 2:
            raise ValueError("one bad minute")

    owned.repeat("status", 4.0, step)
    for _ in range(4):
        await settle()
        clock.advance(4)
    await settle()
    assert runs == 5 and owned.failures == {"status": 1} and "one bad minute" in expected_errors.text
    await owned.close()
    clock.advance(4)
    await settle()
    assert runs == 5


async def test_work_that_nobody_waits_for_is_counted_where_it_fails(
    clock: ManualClock, expected_errors: pytest.LogCaptureFixture
) -> None:
    owned = BackgroundTasks(clock)
    task = owned.start("survey", Body(1)())
    never_begun = owned.start("identify", Body(0)())
    never_begun.cancel()  # its coroutine is closed nevertheless
    await asyncio.wait((task, never_begun))
    await settle()
    assert owned.failures == {"survey": 1} and "survey" in expected_errors.text


async def test_all_or_none(expected_errors: pytest.LogCaptureFixture) -> None:
    async def give(value: int) -> int:
        await asyncio.sleep(0)
        return value

    ended = []

    async def wait() -> int:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)
        return 0

    assert await tasks.run_all(give(1), give(2)) == [1, 2] and await tasks.run_all() == []
    with pytest.raises(OSError, match="Read-only"):
        await tasks.run_all(wait(), Body(1)(), wait())
    assert ended == [True, True]


async def test_the_first_to_end_ends_the_others() -> None:
    ended = []

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async def quick() -> None: ...

    await tasks.first_of(wait(), quick())
    assert ended == [True]
    with pytest.raises(OSError, match="Read-only"):
        await tasks.first_of(wait(), Body(1)())
    both = tasks.spawn(tasks.first_of(wait(), wait()))
    await settle()
    await tasks.end(both)
    assert len(ended) == 4


async def test_a_death_is_told_at_the_end_too(expected_errors: pytest.LogCaptureFixture) -> None:
    async with tasks.running(Body(1)(), "ticker"):
        await settle()
    assert "ticker failed" in expected_errors.text


async def test_work_is_guarded_by_what_it_needs(clock: ManualClock, expected_errors: pytest.LogCaptureFixture) -> None:
    owned = BackgroundTasks(clock)

    async def give() -> int:
        return 3

    assert await owned.guard(give()) == 3
    owned.run_forever("poll loop", Body(100), essential=True)
    waiting = tasks.spawn(owned.guard(asyncio.Event().wait()))
    for _ in range(10):
        await settle()
        clock.advance(60)
    with pytest.raises(TaskFailed, match="poll loop"):
        await waiting
    await owned.close()


async def test_a_cancellation_from_inside_is_a_failure_like_any_other(
    expected_errors: pytest.LogCaptureFixture,
) -> None:
    """Awaiting a task that others cancel raises CancelledError: the supervisor once ended because of it, silently."""

    async def broken_off() -> None:
        inner = asyncio.ensure_future(asyncio.Event().wait())
        inner.cancel()
        await inner

    duties = BackgroundTasks(ManualClock())
    duties.run_forever("following", broken_off)
    duties.repeat("looking", 1.0, broken_off)
    await settle()
    await settle()
    assert duties.failures["following"] >= 1 and duties.failures["looking"] >= 1
    await asyncio.wait_for(duties.close(), 2)


async def test_a_loop_ends_although_a_library_swallows_its_cancellation() -> None:
    turns = 0

    async def swallow() -> None:
        nonlocal turns
        while True:
            turns += 1
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            tasks.raise_if_cancelled()

    task = tasks.spawn(swallow())
    await asyncio.sleep(0)
    await asyncio.wait_for(tasks.end(task), 5)
    assert task.cancelled() and turns == 1
