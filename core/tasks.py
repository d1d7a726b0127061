"""Background tasks: the only module that creates them.

- `BackgroundTasks` belongs to an object or a process: `run_forever` restarts what ends, `repeat` runs a step at an
  interval, `start` runs one piece of work that nobody awaits. A failure is logged and counted. `close` ends all tasks.
- `run_all` waits for several coroutines; if one fails, the others are ended before its exception is raised.
- `first_of` waits until the first of several ends, and ends the others; `running` runs one beside a block.
- `spawn` is for a task that its caller awaits, or passes to `end`.

No other module creates tasks (tests/test_task_ownership.py): a failure in a task that nobody awaits goes unnoticed.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeAlias, TypeVar

from core.clock import Clock, SystemClock
from core.errors import TaskFailed

log = logging.getLogger(__name__)

T = TypeVar("T")
Work: TypeAlias = Coroutine[Any, Any, T]  # a call of an `async def`: what it yields and takes concerns only the loop
RESTART_DELAYS_S = (1, 2, 5, 10, 30, 60)  # after the first, second … failure in a row
FAILURE_RESET_S = 60.0  # after a run of this length, the next failure counts as the first
MAX_FAILURES_IN_A_ROW = 6  # in a row, of an essential task: its process then ends, and the supervisor starts a new one


class BackgroundTasks:
    """The tasks of one owner.

    `failures` counts failures by task name; `until_fatal` raises when an essential task keeps failing.
    """

    def __init__(self, clock: Clock | None = None):
        self._clock = clock or SystemClock()
        self._tasks: set[asyncio.Task[None]] = set()
        self.failures: Counter[str] = Counter()
        self._fatal: TaskFailed | None = None
        self._fatal_happened = asyncio.Event()

    def run_forever(
        self,
        name: str,
        body: Callable[[], Awaitable[object]],
        *,
        essential: bool = False,
        failed: Callable[[Exception], object] | None = None,
    ) -> asyncio.Task[None]:
        """Keep `body` running: if it ends or raises, start it again after 1, 2, 5, 10, 30, 60 s.

        `failed` is called with each exception. An `essential` body that fails six times in a row makes `until_fatal`
        raise.
        """
        return self._add(self._keep_running(name, body, essential, failed), name)

    def repeat(self, name: str, seconds: float, step: Callable[[], Awaitable[object]]) -> asyncio.Task[None]:
        """Run `step` now, and again `seconds` after each end; a failed step is logged, counted and run again."""
        return self._add(self._repeat(name, seconds, step), name)

    def start(self, name: str, work: Work[None]) -> asyncio.Task[None]:
        """Run one piece of work that nobody awaits; its failure is logged and counted."""
        task = self._add(work, name)
        task.add_done_callback(partial(self._note_end, name))
        return task

    async def until_fatal(self) -> None:
        """Raise TaskFailed once an essential task keeps failing; until then wait."""
        await self._fatal_happened.wait()
        assert self._fatal is not None
        raise self._fatal

    async def guard(self, work: Work[T]) -> T:
        """Return the result of `work`. Raises TaskFailed if an essential task keeps failing meanwhile."""
        task, fatal = spawn(work), spawn(self.until_fatal())
        try:
            await asyncio.wait((task, fatal), return_when=asyncio.FIRST_COMPLETED)
            if fatal.done():
                fatal.result()
            return await task
        finally:
            await end(*(t for t in (task, fatal) if not t.done()))

    async def close(self) -> None:
        """End every task and wait for it."""
        tasks = [t for t in self._tasks if t is not asyncio.current_task()]
        await end(*tasks)

    def _add(self, work: Work[None], name: str) -> asyncio.Task[None]:
        task = spawn(work, name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _keep_running(
        self,
        name: str,
        body: Callable[[], Awaitable[object]],
        essential: bool,
        failed: Callable[[Exception], object] | None,
    ) -> None:
        in_a_row = 0
        while True:
            started = self._clock.monotonic()
            error = await _failure_of(body) or TaskFailed(f"'{name}' ended, but must keep running")
            in_a_row = 1 if self._clock.monotonic() - started > FAILURE_RESET_S else in_a_row + 1
            delay = RESTART_DELAYS_S[min(in_a_row, len(RESTART_DELAYS_S)) - 1]
            self._note(name, error, f"restarting in {delay} s")
            if failed is not None:
                self._tell(name, failed, error)
            if essential and in_a_row >= MAX_FAILURES_IN_A_ROW:
                self._fatal = self._fatal or TaskFailed(
                    f"'{name}' failed {in_a_row} times in a row, at last with: {error}"
                )
                self._fatal_happened.set()
            await self._clock.sleep(delay)

    def _tell(self, name: str, failed: Callable[[Exception], object], error: Exception) -> None:
        try:
            failed(error)
        except Exception as e:  # noqa: BLE001  # the task is started again all the same
            self._note(name, e, "while its failure was reported")

    async def _repeat(self, name: str, seconds: float, step: Callable[[], Awaitable[object]]) -> None:
        while True:
            error = await _failure_of(step)
            if error is not None:
                self._note(name, error, "it is retried")
            await self._clock.sleep(seconds)

    def _note_end(self, name: str, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self._note(name, error, "it is not retried")

    def _note(self, name: str, error: Exception, then: str) -> None:
        self.failures[name] += 1
        log.error("%s failed (%s); %s", name, str(error) or type(error).__name__, then, exc_info=error)


async def _failure_of(work: Callable[[], Awaitable[object]]) -> Exception | None:
    """Return why `work` failed; None if it succeeded. Raises CancelledError only if this task itself is cancelled."""
    try:
        await work()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        return TaskFailed("something that it waited for was cancelled")
    except Exception as e:  # noqa: BLE001  # the outermost call of a task
        return e
    return None


def raise_if_cancelled() -> None:
    """Raise CancelledError if this task was cancelled and a library swallowed that.

    asyncio.wait_for does so in Python 3.11 where its result comes at the same time. A loop around a library that uses
    it calls this in each turn; otherwise nobody could end it.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def spawn(work: Work[T], name: str | None = None) -> asyncio.Task[T]:
    """Start a task whose result the caller awaits, or that the caller passes to `end`."""
    return asyncio.create_task(work, name=name)


async def end(*tasks: asyncio.Task[object] | None) -> None:
    """Cancel the tasks and wait for them; logs the error of a task that failed before or while it ended."""
    given = [t for t in tasks if t is not None]
    for task in given:
        task.cancel()
    if given:
        await asyncio.wait(given)
    for task in given:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s failed: %s", task.get_name(), error, exc_info=error)


async def run_all(*work: Work[T]) -> list[T]:
    """Return the results in the order given. If one fails, the others are ended first; raises the first failure."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(w) for w in work]
    except BaseExceptionGroup as e:
        for other in e.exceptions[1:]:
            log.error("failed as well: %s", other)
        raise e.exceptions[0] from None
    return [t.result() for t in tasks]


async def first_of(*work: Work[object]) -> None:
    """Run all until the first ends; ends the others and waits for them. Raises what the first raised."""
    tasks = [spawn(w) for w in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        await end(*tasks)
        raise
    await end(*(t for t in tasks if t not in done))
    for task in (t for t in tasks if t in done):
        task.result()


@asynccontextmanager
async def running(work: Work[T], name: str | None = None) -> AsyncIterator[asyncio.Task[T]]:
    """Run `work` beside the block and end it with the block."""
    task = spawn(work, name)
    try:
        yield task
    finally:
        await end(task)
