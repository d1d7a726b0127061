"""Collections of Python's garbage collector are charged to no camera."""

from __future__ import annotations

import gc
from time import thread_time

from nvr.media.cpu_time import cpu_time


def test_pauses_of_the_collector_do_not_count() -> None:
    heap = [[n] for n in range(400_000)]
    gc.collect()
    whole, ours = thread_time(), cpu_time()
    gc.collect()
    whole, ours = thread_time() - whole, cpu_time() - ours
    assert whole > 0.002 and ours < whole / 4
    assert len(heap) == 400_000


def test_work_counts() -> None:
    began, whole = cpu_time(), thread_time()
    sum(range(2_000_000))
    assert abs((cpu_time() - began) - (thread_time() - whole)) < 0.005 and cpu_time() > began
