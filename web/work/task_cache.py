"""A cache of computations: each key is computed once, however many callers wait for it; failures are not kept."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Coroutine, Hashable
from functools import partial
from typing import Generic, TypeVar

from core.tasks import spawn

K = TypeVar("K", bound=Hashable)


class TaskCache(Generic[K]):
    """Tasks by key; the `limit` most recently used are kept, and those that still run."""

    def __init__(self, name: str, limit: int):
        self._name, self._limit = name, limit
        self._tasks: OrderedDict[K, asyncio.Task[bytes]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._tasks)

    def get(self, key: K) -> asyncio.Task[bytes] | None:
        """Return the task of a key, running or done. Await it with `asyncio.shield`: other callers wait for it too."""
        task = self._tasks.get(key)
        if task is not None:
            self._tasks.move_to_end(key)
        return task

    def start(self, key: K, work: Coroutine[object, None, bytes]) -> asyncio.Task[bytes]:
        """Start the computation of a key that `get` does not know."""
        self._tasks[key] = task = spawn(work, self._name)
        task.add_done_callback(partial(self._forget_failure, key))
        done = [k for k, t in self._tasks.items() if t.done()] if len(self._tasks) > self._limit else []
        for old in done[: len(self._tasks) - self._limit]:
            del self._tasks[old]
        return task

    def _forget_failure(self, key: K, task: asyncio.Task[bytes]) -> None:
        """Drop a failed or cancelled computation, so that the next request tries again."""
        if (task.cancelled() or task.exception() is not None) and self._tasks.get(key) is task:
            del self._tasks[key]
