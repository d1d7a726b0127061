"""Threads of one purpose: what is slow there keeps nothing else waiting. asyncio's own pool is for files."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
FILE_THREADS = 16


class Executor:
    """`workers` threads, started when they are first needed."""

    def __init__(self, name: str, workers: int):
        self._pool = ThreadPoolExecutor(workers, name)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As asyncio.to_thread, in a thread of this pool."""
        call = partial(contextvars.copy_context().run, function, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)


def set_file_threads() -> None:
    """asyncio.to_thread has by default as many threads as cores plus four: a slow disk would hold them all."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(FILE_THREADS, "files"))
