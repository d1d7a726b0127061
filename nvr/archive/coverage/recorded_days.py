"""How much of each day is recorded and still held, for calendars.

A month of a stream is at most 750 rows of the index, found by stream and hour; their entries are read with numpy, not
one by one. No file is read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import HOUR_US, SECOND
from core.executors import RunInThread
from core.intervals import merge
from nvr.archive.segment_index import ENTRY_BYTES, MAX_SEGMENT_US, SegmentFlag
from nvr.tables import Footage

# The fields of an entry that matter here, at their places in nvr.archive.segment_index._ENTRY (little-endian).
_ENTRIES = np.dtype(
    {
        "names": ["start", "duration", "size", "flags"],
        "formats": ["<u4", "<u4", "<u4", "u1"],
        "offsets": [0, 4, 12, 32],
        "itemsize": ENTRY_BYTES,
    }
)
Times = npt.NDArray[np.int64]


async def recorded_spans(
    session: AsyncSession, stream: str, start_us: int, end_us: int, run: RunInThread = asyncio.to_thread
) -> list[tuple[int, int]]:
    """Return the recorded spans of a stream that touch [start, end), µs UTC, merged over joints of up to a second."""
    rows = await index_rows(session, stream, start_us, end_us)
    return await run(_merged, rows, start_us, end_us)


async def index_rows(session: AsyncSession, stream: str, start_us: int, end_us: int) -> list[tuple[int, bytes]]:
    """Return (hour, entries) of the index rows that can hold a segment of the stream in [start, end)."""
    hours = Footage.hour.between((start_us - MAX_SEGMENT_US) // HOUR_US, (end_us - 1) // HOUR_US)
    query = select(Footage.hour, Footage.entries).where(Footage.stream == stream, hours)
    return [(hour, entries) for hour, entries in await session.execute(query)]


def entries_of(rows: Sequence[tuple[int, bytes]]) -> tuple[Times, Times, Times]:
    """Return starts and ends (µs UTC) and sizes (bytes) of the segments of index rows, in order of their starts."""
    starts, ends, sizes = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for hour, entries in rows:
        table = np.frombuffer(entries, _ENTRIES)
        table = table[table["flags"] & SegmentFlag.DELETING.value == 0]
        start = table["start"].astype(np.int64) + hour * HOUR_US
        starts.append(start)
        ends.append(start + table["duration"])
        sizes.append(table["size"].astype(np.int64))
    order = np.argsort(start := np.concatenate(starts), kind="stable")
    return start[order], np.concatenate(ends)[order], np.concatenate(sizes)[order]


def _merged(rows: Sequence[tuple[int, bytes]], start_us: int, end_us: int) -> list[tuple[int, int]]:
    starts, ends, _ = entries_of(rows)
    touching = (ends > start_us) & (starts < end_us)
    starts, ends = starts[touching], ends[touching]
    if not len(starts):
        return []
    reach = np.maximum.accumulate(ends)
    first = np.concatenate([[0], 1 + np.flatnonzero(starts[1:] - reach[:-1] > SECOND)])
    last = np.concatenate([first[1:] - 1, [len(starts) - 1]])
    return list(zip(starts[first].tolist(), reach[last].tolist(), strict=True))


def seconds_within(spans: Iterable[tuple[int, int]], periods: Sequence[tuple[int, int]]) -> list[float]:
    """Return how many seconds of each period (µs) the spans (µs) cover."""
    merged = np.array(merge(spans), np.int64).reshape(-1, 2)
    if not len(merged):
        return [0.0] * len(periods)
    lengths = merged[:, 1] - merged[:, 0]
    until = np.cumsum(lengths)
    covered = np.stack([until - lengths, until], axis=1).reshape(-1)
    edges = np.interp(np.array(periods, np.int64).reshape(-1, 2), merged.reshape(-1), covered)
    seconds: list[float] = ((edges[:, 1] - edges[:, 0]) / SECOND).tolist()
    return seconds
