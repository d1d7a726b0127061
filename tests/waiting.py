"""Waiting for a condition in tests, instead of sleeping for a fixed time."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, overload

T = TypeVar("T")
POLL_INTERVAL_S = 0.02


def wait_until(condition: Callable[[], T], seconds: float = 30.0, detail: Callable[[], object] = lambda: "") -> T:
    """Return the first true result of `condition`. Fails after `seconds`, with `detail`."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {detail()}"
        time.sleep(POLL_INTERVAL_S)
    return found


@overload
async def eventually(condition: Callable[[], Coroutine[Any, Any, T]], seconds: float = 20.0) -> T: ...


@overload
async def eventually(condition: Callable[[], T], seconds: float = 20.0) -> T: ...


async def eventually(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Return the first true result of `condition`, a function or coroutine function. Fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        found = await result if inspect.isawaitable(result) else result
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s"
        await asyncio.sleep(POLL_INTERVAL_S)
