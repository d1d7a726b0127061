"""Thread pools for one purpose each, so that slow calls in one do not delay others.

asyncio's own pool is for file access.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, Protocol, TypeVar

from core.errors import StorageError, TooManyError

P = ParamSpec("P")
T = TypeVar("T")
FILE_THREADS = 16
RETRY_AFTER_S = 5
# The account whose work a call is, for `FairExecutor`; 0: the station itself.
ASKER: contextvars.ContextVar[int] = contextvars.ContextVar("asker", default=0)


class RunInThread(Protocol):
    """The signature of asyncio.to_thread."""

    async def __call__(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T: ...


class Executor:
    """A pool of `workers` threads, started on demand."""

    def __init__(self, name: str, workers: int):
        self._pool = ThreadPoolExecutor(workers, name)

    async def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a call as asyncio.to_thread does, in a thread of this pool."""
        call = partial(contextvars.copy_context().run, function, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)


class FairExecutor:
    """A pool of `workers` threads that accounts (`ASKER`) use in turn; one account runs at most `of_one` calls at a
    time.

    At most `waiting` calls wait, at most `waiting_of_one` of them from one account, each for at most `wait_s` seconds;
    further calls are refused and counted (`refused`). A call that takes longer than `answer_s` seconds is abandoned and
    counted (`given_up`); its thread stays occupied until the call ends.
    """

    def __init__(
        self,
        name: str,
        workers: int,
        *,
        of_one: int,
        waiting: int,
        waiting_of_one: int,
        wait_s: float = 30.0,
        answer_s: float = 120.0,
    ):
        self.name, self._workers, self._of_one = name, workers, of_one
        self._most_waiting, self._most_waiting_of_one = waiting, waiting_of_one
        self._wait_s, self._answer_s = wait_s, answer_s
        self._pool = ThreadPoolExecutor(workers, name)
        self._running: Counter[int] = Counter()
        self._waiting: OrderedDict[int, deque[asyncio.Future[None]]] = OrderedDict()  # the next asker first
        self.refused = self.given_up = 0

    async def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a call as asyncio.to_thread does.

        Raises TooManyError if too many calls wait, StorageError if the call does not end within `answer_s`.
        """
        asker, loop = ASKER.get(), asyncio.get_running_loop()
        await self._turn(asker)
        try:
            work = self._pool.submit(contextvars.copy_context().run, partial(function, *args, **kwargs))
        except BaseException:
            self._release(asker)
            raise
        work.add_done_callback(partial(_tell, loop, self._release, asker))
        try:
            async with asyncio.timeout(self._answer_s):
                return await asyncio.wrap_future(work)
        except TimeoutError as e:
            if not work.done():
                self.given_up += 1
                raise StorageError(f"no answer within {self._answer_s:.0f} s ({self.name}); a disk may hang") from e
            raise  # raised by the function itself

    @property
    def busy(self) -> int:
        """Number of calls that run or wait."""
        return self._running.total() + sum(map(len, self._waiting.values()))

    async def _turn(self, asker: int) -> None:
        mine = self._waiting.setdefault(asker, deque())
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        mine.append(turn)
        self._next()
        if not turn.done() and (
            len(mine) > self._most_waiting_of_one or sum(map(len, self._waiting.values())) > self._most_waiting
        ):
            self._leave(asker, turn)
            raise self._full()
        try:
            async with asyncio.timeout(self._wait_s):
                await turn
        except TimeoutError as e:
            self._leave(asker, turn)
            raise self._full() from e
        except BaseException:
            self._leave(asker, turn)
            raise

    def _full(self) -> TooManyError:
        self.refused += 1
        return TooManyError(f"the station is busy ({self.name}); try again in a moment", retry_after_s=RETRY_AFTER_S)

    def _leave(self, asker: int, turn: asyncio.Future[None]) -> None:
        """Remove a waiter; a turn that was granted at the same moment passes to the next waiter."""
        if turn.done() and not turn.cancelled():
            self._release(asker)
            return
        turn.cancel()
        if turn in (mine := self._waiting.get(asker, deque())):
            mine.remove(turn)
        if not mine:
            self._waiting.pop(asker, None)

    def _release(self, asker: int) -> None:
        self._running[asker] -= 1
        if not self._running[asker]:
            del self._running[asker]
        self._next()

    def _next(self) -> None:
        """Give free threads to the accounts in turn."""
        while self._running.total() < self._workers:
            asker = next((a for a in self._waiting if self._running[a] < self._of_one), None)
            if asker is None:
                return
            mine = self._waiting[asker]
            turn = mine.popleft()
            self._waiting.move_to_end(asker)
            if not mine:
                del self._waiting[asker]
            if turn.done():
                continue  # just cancelled; its waiter has not run yet
            self._running[asker] += 1
            turn.set_result(None)


def _tell(loop: asyncio.AbstractEventLoop, release: Callable[[int], None], asker: int, _work: Future[object]) -> None:
    """Runs in the worker thread: releases the account's turn in the event loop."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(release, asker)


def set_file_threads() -> None:
    """Give asyncio.to_thread FILE_THREADS threads: a slow disk could occupy all of the default (CPU cores + 4)."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(FILE_THREADS, "files"))
