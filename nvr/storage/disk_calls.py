"""Blocking calls on volumes, each with a limit: a network file system that stalls holds up its own volume only.

A thread that hangs in the kernel cannot be ended; nobody waits for it, and until it is back the same volume is not asked
again. The threads are daemons, so that a process can end all the same.
"""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import Callable, Hashable
from typing import TypeVar

T = TypeVar("T")


class DiskCalls:
    def __init__(self, limit_s: float):
        self._limit_s = limit_s
        self._busy: set[Hashable] = set()

    def hangs(self, volume: Hashable) -> bool:
        """A call of before has not come back yet."""
        return volume in self._busy

    async def run(self, volume: Hashable, function: Callable[[], T], limit_s: float | None = None) -> T:
        """The function's result, from a thread. Raises what it raises, and TimeoutError (an OSError) where it hangs."""
        limit = limit_s or self._limit_s
        if self.hangs(volume):
            raise TimeoutError(f"{volume} still does not answer")
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
            except Exception as e:  # noqa: BLE001  # told to who waits
                error = e
            if not loop.is_closed():
                loop.call_soon_threadsafe(tell, result, error)

        self._busy.add(volume)
        try:
            threading.Thread(target=work, name=f"disk call {volume}", daemon=True).start()
        except RuntimeError as e:  # the process may have no more threads: that is not the volume's fault
            self._busy.discard(volume)
            raise OSError(errno.EAGAIN, "no thread for a call of the disk") from e
        try:
            async with asyncio.timeout(limit):
                return await done
        except TimeoutError as e:
            if self.hangs(volume):
                raise TimeoutError(f"{volume} does not answer within {limit:g} s") from e
            raise
