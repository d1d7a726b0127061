"""A pool of disposable processes for work on untrusted pictures.

A worker that crashes or hangs takes nobody along: the pool is made anew, and the caller learns that
this input was the one that did it.
"""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, ParamSpec, TypeVar

from core.errors import ProtocolError

P = ParamSpec("P")
T = TypeVar("T")
TASKS_PER_WORKER = 500


class DecodePool:
    def __init__(
        self,
        workers: int = 1,
        timeout: float = 20.0,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
    ):
        self._workers = workers
        self._timeout = timeout
        self._initializer, self._initargs = initializer, initargs
        self._executor: ProcessPoolExecutor | None = None
        self._making = asyncio.Lock()

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a module-level function in a worker. Raises ProtocolError where it crashes or hangs."""
        # Making the pool and starting its processes is not for the loop.
        async with self._making:
            if self._executor is None:
                self._executor = await asyncio.to_thread(self._make)
            executor = self._executor
        future = await asyncio.to_thread(executor.submit, function, *args, **kwargs)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self._timeout)
        except BrokenProcessPool as e:
            await self._discard(executor)
            raise ProtocolError("the picture crashed its decoder") from e
        except TimeoutError as e:
            await self._discard(executor)
            raise ProtocolError(f"the picture kept its decoder busy for more than {self._timeout:g} s") from e

    def _make(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            self._workers, mp_context=multiprocessing.get_context("spawn"), max_tasks_per_child=TASKS_PER_WORKER,
            initializer=self._initializer, initargs=self._initargs,
        )  # fmt: skip

    async def _discard(self, executor: ProcessPoolExecutor) -> None:
        if self._executor is executor:
            self._executor = None
        for process in list((executor._processes or {}).values()):
            process.kill()
        await asyncio.to_thread(executor.shutdown, wait=True, cancel_futures=True)

    async def close(self) -> None:
        if self._executor is not None:
            executor, self._executor = self._executor, None
            await asyncio.to_thread(executor.shutdown, wait=True, cancel_futures=True)
