"""A pool of disposable processes for work on untrusted pictures.

Each worker is a `pebble.ProcessPool` of one process and gets one task at a time, so that whatever happens to a process
affects only its own task:

- it crashes or takes too long: that task fails with ProtocolError, the process is replaced;
- it is killed from outside (SIGKILL, as the kernel does when memory runs out): the task is tried once more, because the
  kernel picks a victim, not a culprit;
- it dies idle or while starting: the task goes to a new process, and the caller does not notice.

One pool of many processes would not work: its workers share one pipe and one lock, and a worker killed while it reads a
task leaves both unusable for the others. A pipe is not reused after its process either: a process that ended during a
task may have left half an answer in it, after which nothing can be parsed.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import signal
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from typing import ParamSpec, TypeVar

from pebble import ProcessExpired, ProcessPool

from core.error_codes import ErrorCode
from core.errors import DetectorError, ProtocolError
from core.tasks import run_all, spawn

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
TASKS_PER_WORKER = 500
# A worker is given up if no process takes a task within this time plus the task's own limit. Loading a model takes
# seconds.
START_TIMEOUT_S = 60.0
MAX_STARTS = 10  # processes that may die before they take the task
MAX_KILLS = 2  # kills from outside before the task itself is suspected


@dataclass(slots=True, eq=False)
class _Worker:
    """One process at a time, started when it is first needed."""

    pool: ProcessPool | None = None


@dataclass(slots=True)
class PoolCounters:
    """What happened to the processes since the pool was created."""

    tasks: int = 0
    crashed: int = 0
    timed_out: int = 0
    killed: int = 0  # from outside, while busy
    died_idle: int = 0  # idle or while starting


@dataclass(slots=True)
class _Attempts:
    starts: int = 0
    kills: int = 0


class DecodePool:
    """`workers` disposable processes; a task has `timeout` seconds from the moment a process takes it."""

    def __init__(
        self,
        workers: int = 1,
        timeout: float = 20.0,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[object, ...] = (),
    ):
        self._timeout = timeout
        self._initializer, self._initargs = initializer, initargs
        # Reuse the most recent worker: the others stay idle and small.
        self._idle: asyncio.LifoQueue[_Worker] = asyncio.LifoQueue()
        self._workers = [_Worker() for _ in range(workers)]
        for worker in self._workers:
            self._idle.put_nowait(worker)
        self._jobs: set[asyncio.Task[object]] = set()
        self.counters = PoolCounters()

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a module-level function in a worker.

        Raises ProtocolError if it crashes or takes too long, DetectorError if no process starts, and whatever the
        function raises. If the caller is cancelled, the task runs to its end.
        """
        worker = await self._idle.get()
        job = spawn(self._run_on_worker(worker, partial(function, *args, **kwargs)))
        self._jobs.add(job)
        job.add_done_callback(self._end_job)
        return await asyncio.shield(job)

    def _end_job(self, job: asyncio.Task[object]) -> None:
        self._jobs.discard(job)
        if not job.cancelled():
            job.exception()  # retrieved here, because its caller may be gone

    async def _run_on_worker(self, worker: _Worker, call: Callable[[], T]) -> T:
        self.counters.tasks += 1
        attempts = _Attempts()
        try:
            while True:
                try:
                    return await self._attempt(worker, call)
                except BrokenProcessPool as e:
                    await self._replace_dead(worker, attempts, e)
                except ProcessExpired as e:
                    await self._discard(worker)
                    self._count_death(attempts, e)
        finally:
            self._idle.put_nowait(worker)

    async def _attempt(self, worker: _Worker, call: Callable[[], T]) -> T:
        starting = spawn(asyncio.to_thread(self._schedule, worker, call))
        try:
            future = await asyncio.shield(starting)
        except asyncio.CancelledError:
            await asyncio.wait({starting})  # the thread cannot be stopped; `close` must know what it starts
            raise
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self._timeout + START_TIMEOUT_S)
        except TimeoutError as e:  # from pebble, or no process took the task
            if future.done() and not future.cancelled() and e.args[:1] != ("Task timeout",):
                raise  # from the function itself
            await self._discard(worker)
            self.counters.timed_out += 1
            raise ProtocolError(
                f"the picture took more than {self._timeout:g} s to decode", ErrorCode.PICTURE_NOT_DECODABLE
            ) from e

    def _schedule(self, worker: _Worker, call: Callable[[], T]) -> Future[T]:
        """Schedule the task; start the process if there is none. Blocking.

        Raises BrokenProcessPool if it died while idle.
        """
        if worker.pool is None:
            worker.pool = ProcessPool(
                1, TASKS_PER_WORKER, self._initializer, self._initargs, multiprocessing.get_context("spawn")
            )
        try:
            return worker.pool.schedule(call, timeout=self._timeout)
        except RuntimeError as e:  # pebble raises this for a pool that no longer runs
            raise BrokenProcessPool(str(e)) from e

    async def _replace_dead(self, worker: _Worker, attempts: _Attempts, error: BaseException) -> None:
        """Replace a process that died before it took the task, or give up after MAX_STARTS."""
        self.counters.died_idle += 1
        await self._discard(worker)
        attempts.starts += 1
        if attempts.starts >= MAX_STARTS:
            raise DetectorError(
                f"{attempts.starts} decoding processes ended before they started their task; "
                "see the log lines above and dmesg"
            ) from error

    def _count_death(self, attempts: _Attempts, error: ProcessExpired) -> None:
        """Count a process that died during the task.

        Return if the task is to be tried once more, otherwise raise ProtocolError.
        """
        if error.exitcode == -signal.SIGKILL:
            self.counters.killed += 1
            attempts.kills += 1
            if attempts.kills < MAX_KILLS:
                log.warning(
                    "a decoding process was killed while it worked, probably for lack of memory; "
                    "its task is tried again"
                )
                return
        self.counters.crashed += 1
        raise ProtocolError("the picture crashed its decoder", ErrorCode.PICTURE_NOT_DECODABLE) from error

    async def _discard(self, worker: _Worker) -> None:
        pool, worker.pool = worker.pool, None
        if pool is not None:
            await asyncio.to_thread(_end, pool)

    async def close(self) -> None:
        """End all processes and cancel the running tasks."""
        jobs = list(self._jobs)
        for job in jobs:
            job.cancel()
        if jobs:
            await asyncio.wait(jobs)  # their callers got the errors
        await run_all(*(self._discard(w) for w in self._workers))

    def processes(self) -> list[int]:
        """Return the ids of the processes that exist now."""
        return [pid for w in self._workers if w.pool is not None for pid in w.pool._pool_manager.worker_manager.workers]


def _end(pool: ProcessPool) -> None:
    """Stop a pool. Blocking: a stopped pool ends its process with SIGTERM, then SIGKILL after 3 s."""
    pool.stop()  # type: ignore[no-untyped-call]
    pool.join()
