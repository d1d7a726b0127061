"""Tasks for the processes of a decode pool.

A module of its own: each new process imports it, and the tests beside it import pytest.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path


def crash() -> None:
    os.abort()


def hang() -> None:
    threading.Event().wait()


def fine() -> int:
    return 42


def me() -> int:
    return os.getpid()


def work(seconds: float, number: int, payload: bytes = b"") -> tuple[int, int, bytes]:
    """Work for a while; return the process id, the number and the payload."""
    time.sleep(seconds)
    return os.getpid(), number, payload


def work_marked(seconds: float, marker: Path) -> None:
    """Work for a while; the marker file exists from the beginning on."""
    marker.touch()
    time.sleep(seconds)


def hang_marked(marker: Path) -> None:
    marker.touch()
    hang()


def kill_own_process(marker: Path) -> str:
    """Kill this process with SIGKILL the first time, as the kernel does when memory is short."""
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def killed_while_it_answers(marker: Path) -> bytes:
    """The first time, kill this process while a part of its answer is in the pipe."""
    if not marker.exists():
        marker.touch()
        threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGKILL)).start()
        return bytes(300_000_000)
    return b"done"


def always_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def own_timeout() -> None:
    raise TimeoutError("of the function itself")


def refuse_to_start() -> None:
    raise RuntimeError("no such model")


def start_slowly() -> None:
    time.sleep(0.05)
