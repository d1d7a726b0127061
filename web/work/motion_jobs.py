"""Runs motion searches: a few at once, each owned by a session, forgotten an hour after they end.

A search ends when its session ends or its account changes, and then returns no results.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from core.clock import Clock
from core.error_codes import ErrorCode
from core.errors import ConflictError, ForbiddenError, MinwangError, NotFoundError
from core.tasks import BackgroundTasks, end
from nvr.archive.reader import ArchiveReader
from nvr.playback.decode_pool import DecodePool
from search.analysis.moving_pixels import Mask
from search.query import motion_search
from search.query.motion_search import MotionSpan

MAX_RUNNING_JOBS, MAX_JOBS, JOB_LIFETIME_S = 3, 50, 3600.0
MAX_SPANS = 2000
WORKERS = 2
AccessCheck = Callable[[], Awaitable[None]]
log = logging.getLogger(__name__)


@dataclass
class MotionJob:
    """One motion search and what it has found so far. Times in µs, `ended` in monotonic seconds."""

    number: int
    owner: int
    session: str
    camera: str
    start_us: int
    end_us: int
    until_us: int
    keyframes: int = 0
    found: list[MotionSpan] = field(default_factory=list)
    more: bool = False
    problem: str = ""
    ended: float | None = None  # monotonic
    task: asyncio.Task[None] | None = None


class MotionJobs:
    """The motion searches of one controller."""

    def __init__(self, clock: Clock, reader: ArchiveReader):
        self._clock, self._reader = clock, reader
        self._pool = DecodePool(WORKERS, 60.0)
        self._jobs: dict[int, MotionJob] = {}
        self._numbers = itertools.count(1)
        self._tasks = BackgroundTasks(clock)

    def begin(
        self,
        owner: int,
        session: str,
        camera: str,
        stream: str,
        start_us: int,
        end_us: int,
        mask: Mask,
        check_access: AccessCheck,
    ) -> MotionJob:
        """Start a search. Raises ConflictError if MAX_RUNNING_JOBS searches run already, or one of this person.

        `check_access` is awaited before each result is stored; it raises ForbiddenError if the session may no longer
        have the result.
        """
        self._forget()
        running = [j for j in self._jobs.values() if j.ended is None]
        if len(running) >= MAX_RUNNING_JOBS or any(j.owner == owner for j in running):
            raise ConflictError(
                "a motion search is running already; wait for it or end it", ErrorCode.MOTION_SEARCH_RUNNING
            )
        job = MotionJob(next(self._numbers), owner, session, camera, start_us, end_us, start_us)
        job.task = self._tasks.start(f"motion search {job.number}", self._run(job, stream, mask, check_access))
        self._jobs[job.number] = job
        return job

    def get(self, number: int, session: str) -> MotionJob:
        """Return a job of this session. Raises NotFoundError, also for a job of another session."""
        job = self._jobs.get(number)
        if job is None or job.session != session:
            raise NotFoundError("this motion search does not exist or was deleted", ErrorCode.MOTION_SEARCH_NOT_FOUND)
        return job

    async def end(self, job: MotionJob) -> None:
        await end(job.task)

    async def close(self) -> None:
        await self._tasks.close()
        await self._pool.close()

    async def _run(self, job: MotionJob, stream: str, mask: Mask, check_access: AccessCheck) -> None:
        try:
            async for progress in motion_search.search(
                self._reader, self._pool, stream, job.start_us, job.end_us, mask, WORKERS
            ):
                await check_access()
                job.until_us, job.keyframes = progress.until_us, job.keyframes + progress.keyframes
                job.found = motion_search.joined(job.found, progress.found)
                if len(job.found) > MAX_SPANS:
                    job.found, job.more = job.found[:MAX_SPANS], True
                    return
            job.until_us = job.end_us
        except ForbiddenError as e:
            job.problem, job.found = str(e), []
        except MinwangError as e:
            job.problem = str(e)
        except Exception:
            job.problem = "the search failed; see the station's log"
            raise
        finally:
            job.ended = self._clock.monotonic()

    def _forget(self) -> None:
        now = self._clock.monotonic()
        over = [n for n, j in self._jobs.items() if j.ended is not None and now - j.ended > JOB_LIFETIME_S]
        ended = [n for n, j in self._jobs.items() if j.ended is not None]
        for number in {*over, *(ended[: len(self._jobs) - MAX_JOBS] if len(self._jobs) > MAX_JOBS else [])}:
            del self._jobs[number]
