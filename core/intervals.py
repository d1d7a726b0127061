"""Half-open intervals (start, end) of any unit, treated as sets of instants."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

Interval = tuple[float, float]
N = TypeVar("N", int, float)


def merge(intervals: Iterable[tuple[N, N]]) -> list[tuple[N, N]]:
    """Merge overlapping and touching intervals; sorted, without empty ones."""
    found: list[tuple[N, N]] = []
    for start, end in sorted(i for i in intervals if i[1] > i[0]):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def length(intervals: Iterable[tuple[N, N]]) -> N:
    return sum(end - start for start, end in merge(intervals))


def subtract(intervals: Iterable[tuple[N, N]], excluded: Iterable[tuple[N, N]]) -> list[tuple[N, N]]:
    """Subtract `excluded` from the intervals. Linear in both after sorting: a day has thousands of segments."""
    found: list[tuple[N, N]] = []
    cuts, first = merge(excluded), 0
    for start, end in merge(intervals):
        while first < len(cuts) and cuts[first][1] <= start:
            first += 1
        at = first
        while at < len(cuts) and cuts[at][0] < end:
            if cuts[at][0] > start:
                found.append((start, cuts[at][0]))
            start = max(start, cuts[at][1])
            at += 1
        if start < end:
            found.append((start, end))
    return found


def intersect(first: Iterable[tuple[N, N]], second: Iterable[tuple[N, N]]) -> list[tuple[N, N]]:
    """Return the intersection of both."""
    wanted = merge(first)
    return subtract(wanted, subtract(wanted, second))
