"""The queue of facts between a recorder and the database: bounded, in order, and constant time per fact.

Facts wait here while the database is locked or slow. When the queue is full, the oldest entries of files are dropped
first, because recovery adopts files without an entry at the next start; gaps and events exist nowhere else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable

from sqlalchemy.ext.asyncio import AsyncSession

from nvr.archive.segment_index import Segment

Write = Callable[[AsyncSession], Awaitable[object]]
Fact = Segment | Write


class FactQueue:
    """`dropped` counts the facts that did not fit since the start."""

    def __init__(self, limit: int):
        self.limit = limit
        self._files: deque[tuple[int, Fact]] = deque()
        self._others: deque[tuple[int, Fact]] = deque()
        # Sequence numbers: the lowest of the facts that were put back, and the next for a new fact.
        self._first, self._next = 0, 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._files) + len(self._others)

    def put(self, fact: Fact) -> None:
        (self._files if isinstance(fact, Segment) else self._others).append((self._next, fact))
        self._next += 1
        self._drop_oldest()

    def pop_batch(self, limit: int) -> list[Fact]:
        """Remove and return up to `limit` of the oldest facts, in order."""
        return [self._pop_oldest() for _ in range(min(limit, len(self)))]

    def put_back(self, facts: Iterable[Fact]) -> None:
        """Return facts that `take` removed and that could not be written to the front of the queue."""
        for fact in reversed(list(facts)):
            self._first -= 1
            (self._files if isinstance(fact, Segment) else self._others).appendleft((self._first, fact))
        self._drop_oldest()

    def _pop_oldest(self) -> Fact:
        files, others = self._files, self._others
        if not others or (files and files[0][0] < others[0][0]):
            return files.popleft()[1]
        return others.popleft()[1]

    def _drop_oldest(self) -> None:
        while len(self) > self.limit:
            (self._files or self._others).popleft()
            self.dropped += 1
