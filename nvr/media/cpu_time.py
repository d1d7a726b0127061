"""CPU time of the calling thread without the pauses of Python's cyclic collector.

A full collection in a recorder of a thousand streams takes a few tenths of a second and strikes whichever camera is being read
at that moment; that camera's packets did not cause it.
"""

from __future__ import annotations

import gc
import threading
from time import thread_time
from typing import Any

_collector = threading.local()


def cpu_time() -> float:
    """Seconds. Only differences between two calls in one thread mean something."""
    return thread_time() - getattr(_collector, "seconds", 0.0)


def _note(phase: str, _info: dict[str, Any]) -> None:
    """Called by the collector, in the thread that it interrupts, when it starts and when it stops."""
    if phase == "start":
        _collector.began = thread_time()
    elif (began := getattr(_collector, "began", None)) is not None:
        _collector.seconds = getattr(_collector, "seconds", 0.0) + thread_time() - began
        _collector.began = None


gc.callbacks.append(_note)
