"""A pool of disposable processes for work on untrusted pictures.

Each worker is a `pebble.ProcessPool` of one process and is given one task at a time, so that whatever happens to a
process concerns its own task alone:

- it crashes or takes too long: that task fails with ProtocolError, the process is replaced;
- it is killed from outside (SIGKILL, as the kernel does when memory runs out): the task is tried once more, because
  the kernel picks a victim, not a culprit;
- it dies idle or while starting: the task goes to a new process and nobody notices.

One pool of many processes would not do: its workers share one pipe and one lock, and a worker killed while it
reads a task leaves both unusable for the others. Nor does a pipe outlive its process: one that ended over a task may
have left half an answer in it, behind which nothing is understood any more.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import signal
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from pebble import ProcessExpired, ProcessPool

from core.errors import DetectorError, ProtocolError
from core.tasks import run_all, spawn

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
TASKS_PER_WORKER = 500
# A task that no process took within this time, beside its own: its worker is given up. Loading a model takes seconds.
START_SECONDS = 60.0
MAX_STARTS = 10  # processes that may die before they took the task
MAX_KILLS = 2  # kills from outside before the task itself is suspected


@dataclass(slots=True, eq=False)
class _Worker:
    """One process at a time, made when it is first needed."""

    pool: ProcessPool | None = None


@dataclass(slots=True)
class PoolCounters:
    """What happened to the processes since the pool was made."""

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
        initargs: tuple[Any, ...] = (),
    ):
        self._timeout = timeout
        self._initializer, self._initargs = initializer, initargs
        # The worker used last is used next: the others stay cold and small.
        self._idle: asyncio.LifoQueue[_Worker] = asyncio.LifoQueue()
        self._workers = [_Worker() for _ in range(workers)]
        for worker in self._workers:
            self._idle.put_nowait(worker)
        self._jobs: set[asyncio.Task[Any]] = set()
        self.counters = PoolCounters()

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a module-level function in a worker.

        Raises ProtocolError where it crashes or takes too long, DetectorError where no process comes up, and whatever
        the function raises. A caller that is cancelled leaves the task to end by itself.
        """
        worker = await self._idle.get()
        job = spawn(self._occupy(worker, function, args, kwargs))
        self._jobs.add(job)
        job.add_done_callback(self._end_job)
        result: T = await asyncio.shield(job)
        return result

    def _end_job(self, job: asyncio.Task[Any]) -> None:
        self._jobs.discard(job)
        if not job.cancelled():
            job.exception()  # its caller may be gone

    async def _occupy(self, worker: _Worker, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        self.counters.tasks += 1
        attempts = _Attempts()
        try:
            while True:
                try:
                    return await self._attempt(worker, function, args, kwargs)
                except BrokenProcessPool as e:
                    await self._replace_dead(worker, attempts, e)
                except ProcessExpired as e:
                    await self._discard(worker)
                    self._count_death(attempts, e)
        finally:
            self._idle.put_nowait(worker)

    async def _attempt(self, worker: _Worker, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        starting = spawn(asyncio.to_thread(self._schedule, worker, function, args, kwargs))
        try:
            future = await asyncio.shield(starting)
        except asyncio.CancelledError:
            await asyncio.wait({starting})  # the thread cannot be stopped; what it starts must be known to `close`
            raise
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self._timeout + START_SECONDS)
        except TimeoutError as e:  # pebble's own, or nothing took the task
            if future.done() and not future.cancelled() and e.args[:1] != ("Task timeout",):
                raise  # the function's own
            await self._discard(worker)
            self.counters.timed_out += 1
            raise ProtocolError(f"the picture kept its decoder busy for more than {self._timeout:g} s") from e

    def _schedule(self, worker: _Worker, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Blocking: starts the process where there is none. Raises BrokenProcessPool where it died while idle."""
        if worker.pool is None:
            worker.pool = ProcessPool(
                1, TASKS_PER_WORKER, self._initializer, self._initargs, multiprocessing.get_context("spawn")
            )
        try:
            return worker.pool.schedule(function, args, kwargs, self._timeout)
        except RuntimeError as e:  # what pebble raises for a pool that is not running any more
            raise BrokenProcessPool(str(e)) from e

    async def _replace_dead(self, worker: _Worker, attempts: _Attempts, error: BaseException) -> None:
        """The process died before it took the task: make a new one, or give up after some."""
        self.counters.died_idle += 1
        await self._discard(worker)
        attempts.starts += 1
        if attempts.starts >= MAX_STARTS:
            raise DetectorError(
                f"{attempts.starts} decoding processes ended before they took their task; the lines above and `dmesg` say why"
            ) from error

    def _count_death(self, attempts: _Attempts, error: ProcessExpired) -> None:
        """The process died over the task. Returns where the task is tried once more."""
        if error.exitcode == -signal.SIGKILL:
            self.counters.killed += 1
            attempts.kills += 1
            if attempts.kills < MAX_KILLS:
                log.warning("a decoding process was killed while it worked (is memory short?); its task is tried again")
                return
        self.counters.crashed += 1
        raise ProtocolError("the picture crashed its decoder") from error

    async def _discard(self, worker: _Worker) -> None:
        pool, worker.pool = worker.pool, None
        if pool is not None:
            await asyncio.to_thread(_end, pool)

    async def close(self) -> None:
        """End all processes; the tasks under way are cancelled."""
        jobs = list(self._jobs)
        for job in jobs:
            job.cancel()
        if jobs:
            await asyncio.wait(jobs)  # what they failed of was told to who asked for it
        await run_all(*(self._discard(w) for w in self._workers))

    def processes(self) -> list[int]:
        """Ids of the processes that are there now."""
        return [pid for w in self._workers if w.pool is not None for pid in w.pool._pool_manager.worker_manager.workers]


def _end(pool: ProcessPool) -> None:
    """Blocking. A stopped pool ends its process with SIGTERM, then SIGKILL after 3 s."""
    pool.stop()  # type: ignore[no-untyped-call]
    pool.join()
