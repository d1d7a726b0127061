"""Blocking calls on volumes with a time limit: a network file system that stalls delays only calls on its own volume.

A thread that hangs in the kernel cannot be stopped. Nobody waits for it, and no further call goes to the same volume
until it returns. The threads are daemons, so that the process can exit nevertheless.
"""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import Callable, Hashable
from typing import TypeVar

T = TypeVar("T")


class DiskCalls:
    """Runs blocking calls in threads, at most one per volume, with a default limit of `limit_s` seconds."""

    def __init__(self, limit_s: float):
        self._limit_s = limit_s
        self._busy: set[Hashable] = set()

    def is_hanging(self, volume: Hashable) -> bool:
        """Return whether an earlier call on the volume has not returned yet."""
        return volume in self._busy

    async def run(self, volume: Hashable, function: Callable[[], T], limit_s: float | None = None) -> T:
        """Run the function in a thread and return its result.

        Raises what the function raises, TimeoutError (an OSError) if it hangs, and OSError if no thread can be started.
        """
        limit = limit_s or self._limit_s
        if self.is_hanging(volume):
            raise TimeoutError(f"a call on {volume} has not returned yet")
        done = self._start(volume, function)
        try:
            async with asyncio.timeout(limit):
                return await done
        except TimeoutError as e:
            if self.is_hanging(volume):
                raise TimeoutError(f"{volume} does not answer within {limit:g} s") from e
            raise

    def _start(self, volume: Hashable, function: Callable[[], T]) -> asyncio.Future[T]:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def tell(result: T | None, error: Exception | None) -> None:
            self._busy.discard(volume)
            if done.done():
                return
            if error is not None:
                done.set_exception(error)
            else:
                done.set_result(result)  # type: ignore[arg-type]

        def work() -> None:
            result, error = None, None
            try:
                result = function()
            except Exception as e:  # noqa: BLE001  # reported to the caller
                error = e
            if not loop.is_closed():
                loop.call_soon_threadsafe(tell, result, error)

        self._busy.add(volume)
        try:
            threading.Thread(target=work, name=f"disk call {volume}", daemon=True).start()
        except RuntimeError as e:  # the process may have reached its thread limit: not the volume's fault
            self._busy.discard(volume)
            raise OSError(errno.EAGAIN, "no thread could be started for a disk call") from e
        return done
