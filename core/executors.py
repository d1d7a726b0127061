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

from core.error_codes import ErrorCode
from core.errors import StorageError, TooManyError

P = ParamSpec("P")
T = TypeVar("T")
FILE_THREADS = 16
RETRY_AFTER_S = 5
# The account whose work a call is, for `FairExecutor`; 0: the station itself.
CALLER_ACCOUNT: contextvars.ContextVar[int] = contextvars.ContextVar("account", default=0)


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
    """A pool of `workers` threads that accounts (`CALLER_ACCOUNT`) use in turn; one account runs at most
    `max_running_per_account` calls at a time.

    At most `max_waiting` calls wait, at most `max_waiting_per_account` of them from one account, each for at most
    `max_wait_s` seconds; further calls are refused and counted (`refused`). A call that takes longer than `max_run_s`
    seconds is abandoned and counted (`abandoned`); its thread stays occupied until the call ends.
    """

    def __init__(
        self,
        name: str,
        workers: int,
        *,
        max_running_per_account: int,
        max_waiting: int,
        max_waiting_per_account: int,
        max_wait_s: float = 30.0,
        max_run_s: float = 120.0,
    ):
        self.name, self._workers, self._max_running_per_account = name, workers, max_running_per_account
        self._max_waiting, self._max_waiting_per_account = max_waiting, max_waiting_per_account
        self._max_wait_s, self._max_run_s = max_wait_s, max_run_s
        self._pool = ThreadPoolExecutor(workers, name)
        self._running: Counter[int] = Counter()
        self._waiting: OrderedDict[int, deque[asyncio.Future[None]]] = OrderedDict()  # the next account first
        self.refused = self.abandoned = 0

    async def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a call as asyncio.to_thread does.

        Raises TooManyError if too many calls wait, StorageError if the call does not end within `max_run_s`.
        """
        account, loop = CALLER_ACCOUNT.get(), asyncio.get_running_loop()
        await self._turn(account)
        try:
            work = self._pool.submit(contextvars.copy_context().run, partial(function, *args, **kwargs))
        except BaseException:
            self._release(account)
            raise
        work.add_done_callback(partial(_release_in_loop, loop, self._release, account))
        try:
            async with asyncio.timeout(self._max_run_s):
                return await asyncio.wrap_future(work)
        except TimeoutError as e:
            if not work.done():
                self.abandoned += 1
                raise StorageError(
                    f"no answer within {self._max_run_s:.0f} s ({self.name}); a disk may hang",
                    ErrorCode.DISK_NOT_ANSWERING,
                    seconds=round(self._max_run_s),
                ) from e
            raise  # raised by the function itself

    @property
    def busy(self) -> int:
        """Number of calls that run or wait."""
        return self._running.total() + sum(map(len, self._waiting.values()))

    async def _turn(self, account: int) -> None:
        mine = self._waiting.setdefault(account, deque())
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        mine.append(turn)
        self._next()
        if not turn.done() and (
            len(mine) > self._max_waiting_per_account or sum(map(len, self._waiting.values())) > self._max_waiting
        ):
            self._leave(account, turn)
            raise self._full()
        try:
            async with asyncio.timeout(self._max_wait_s):
                await turn
        except TimeoutError as e:
            self._leave(account, turn)
            raise self._full() from e
        except BaseException:
            self._leave(account, turn)
            raise

    def _full(self) -> TooManyError:
        self.refused += 1
        return TooManyError(
            f"the station is busy ({self.name}); try again in a moment",
            ErrorCode.STATION_BUSY,
            retry_after_s=RETRY_AFTER_S,
        )

    def _leave(self, account: int, turn: asyncio.Future[None]) -> None:
        """Remove a waiter; a turn that was granted at the same moment passes to the next waiter."""
        if turn.done() and not turn.cancelled():
            self._release(account)
            return
        turn.cancel()
        if turn in (mine := self._waiting.get(account, deque())):
            mine.remove(turn)
        if not mine:
            self._waiting.pop(account, None)

    def _release(self, account: int) -> None:
        self._running[account] -= 1
        if not self._running[account]:
            del self._running[account]
        self._next()

    def _next(self) -> None:
        """Give free threads to the accounts in turn."""
        while self._running.total() < self._workers:
            account = next((a for a in self._waiting if self._running[a] < self._max_running_per_account), None)
            if account is None:
                return
            mine = self._waiting[account]
            turn = mine.popleft()
            self._waiting.move_to_end(account)
            if not mine:
                del self._waiting[account]
            if turn.done():
                continue  # just cancelled; its waiter has not run yet
            self._running[account] += 1
            turn.set_result(None)


def _release_in_loop(
    loop: asyncio.AbstractEventLoop, release: Callable[[int], None], account: int, _work: Future[object]
) -> None:
    """Runs in the worker thread: releases the account's turn in the event loop."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(release, account)


def set_file_threads() -> None:
    """Give asyncio.to_thread FILE_THREADS threads: a slow disk could occupy all of the default (CPU cores + 4)."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(FILE_THREADS, "files"))
