"""The queue of facts: order, what is dropped first when it is full, and cost per fact at any fill level."""

from __future__ import annotations

import time
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from nvr.archive.fact_queue import Fact, FactQueue
from nvr.archive.segment_index import Segment


def file(number: int) -> Segment:
    return Segment("c-1/main", 1, number, number + 1, 1, 1, 1)


def other() -> Any:
    async def write(_session: object) -> None: ...

    return write


def test_facts_leave_in_the_order_in_which_they_came() -> None:
    queue, facts = FactQueue(100), [file(0), other(), other(), file(1), other(), file(2)]
    for fact in facts:
        queue.put(fact)
    taken = queue.pop_batch(4)
    late = other()
    queue.put(late)
    queue.put_back(taken[1:])
    assert queue.pop_batch(100) == [*facts[1:], late] and len(queue) == 0 and queue.dropped == 0


def test_a_full_queue_drops_the_oldest_files_first_then_the_oldest_of_all() -> None:
    queue, facts = FactQueue(4), [file(0), other(), file(1), other(), other(), other(), other()]
    for fact in facts:
        queue.put(fact)
    assert queue.pop_batch(9) == facts[3:] and queue.dropped == 3


@given(st.lists(st.tuples(st.sampled_from(["file", "other", "take", "back"]), st.integers(1, 6)), max_size=60))
def test_order_and_count_hold_whatever_happens(steps: list[tuple[str, int]]) -> None:
    queue, number, order, taken = FactQueue(12), 0, dict[int, int](), list[Fact]()
    left = 0
    for action, count in steps:
        if action == "take":
            left += len(taken)
            taken = queue.pop_batch(count)
            numbers = [order[id(f)] for f in taken]
            assert numbers == sorted(numbers)
        elif action == "back":
            queue.put_back(taken)
            taken = []
        else:
            for _ in range(count):
                fact: Fact = file(number) if action == "file" else other()
                order[id(fact)] = number
                keep.append(fact)
                number += 1
                queue.put(fact)
        assert len(queue) <= 12
    assert len(queue) + len(taken) + left + queue.dropped == number
    numbers = [order[id(f)] for f in queue.pop_batch(100)]
    assert numbers == sorted(numbers)


keep: list[Fact] = []  # so that no two facts of one example have the same id


def test_a_full_queue_without_files_costs_no_more_per_fact() -> None:
    """A full queue once cost a search through 200,000 facts for each further one, which blocked the event loop.

    Gaps of a slow disk had filled it, and each further fact searched for a file to drop.
    """
    queue, fact = FactQueue(200_000), other()
    for _ in range(200_000):
        queue.put(fact)
    began = time.process_time()
    for _ in range(5_000):
        queue.put(fact)
    assert time.process_time() - began < 1.0  # it takes milliseconds; a search through the queue takes minutes
    assert queue.dropped == 5_000
