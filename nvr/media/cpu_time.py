"""CPU time of the calling thread without the pauses of Python's cyclic garbage collector.

A full collection in a recorder of a thousand streams takes a few tenths of a second and interrupts whichever camera is
being processed at that moment. That camera's packets did not cause the cost, so it must not be charged for it.
"""

from __future__ import annotations

import gc
import threading
from time import thread_time

_collector = threading.local()


def cpu_time() -> float:
    """Return CPU seconds of this thread. Only differences between two calls in one thread are meaningful."""
    return thread_time() - getattr(_collector, "seconds", 0.0)


def _on_collection(phase: str, _info: dict[str, int]) -> None:
    """Measure one collection. The collector calls this in the interrupted thread, at the start and at the end."""
    if phase == "start":
        _collector.began = thread_time()
    elif (began := getattr(_collector, "began", None)) is not None:
        _collector.seconds = getattr(_collector, "seconds", 0.0) + thread_time() - began
        _collector.began = None


gc.callbacks.append(_on_collection)
