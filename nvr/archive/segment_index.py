"""The index of closed segment files: packed entries, one row per stream and hour.

A town's month is 100 million files. As separate rows they would need tens of gigabytes and, on PostgreSQL, a random
page each; packed, an hour of a stream is one row of less than 4 kB, and a camera's day is 24 neighbouring rows. One
upsert appends an entry in the database without reading the row. Paths are not stored: they follow from volume, stream
and start (`path_of`). See docs/design/archive.md.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from enum import IntFlag
from pathlib import Path

from sqlalchemy import Result, delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import HOUR_US, SECOND
from nvr.tables import Footage, OpenSegment, StreamUsage, Volume

MAX_SEGMENT_US = 900 * SECOND  # no segment lasts longer
NO_CLOCK = -(2**63)
_ENTRY = struct.Struct("<IIIIIIqB32s")
_SPAN = struct.Struct("<II24xB32x")  # start, duration and flags of an entry
ENTRY_BYTES = _ENTRY.size
NO_HASH = bytes(32)


class SegmentFlag(IntFlag):
    """Flags of an entry. The values are stored."""

    DELETING = 1  # its file is being removed
    BACKFILLED = 2  # fetched from the camera's own storage
    AUDIO = 4
    RECOVERED = 8  # completed or salvaged after a crash or a disk error: it may be shorter than what was recorded
    UNHASHED = 16  # its SHA-256 is not known yet


_DELETING = SegmentFlag.DELETING.value  # a plain int: operations of IntFlag are slow, and queries test every entry


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment file. Times in µs UTC, durations in µs. `end_us` of an open one is its start."""

    stream: str
    volume: int
    start_us: int
    end_us: int
    media_us: int = 0  # by the camera's clock
    size: int = 0  # -1: the file could not be created
    frames: int = 0
    lost: int = 0
    clock_offset_us: int | None = None
    flags: int = 0  # of SegmentFlag
    sha256: bytes = NO_HASH
    open: bool = False

    @property
    def hour(self) -> int:
        return self.start_us // HOUR_US


def pack(segment: Segment) -> bytes:
    """Return the entry of a segment as it is stored in `footage.entries`."""
    clock = NO_CLOCK if segment.clock_offset_us is None else segment.clock_offset_us
    return _ENTRY.pack(
        segment.start_us % HOUR_US, min(segment.end_us - segment.start_us, 2**32 - 1), min(segment.media_us, 2**32 - 1),
        segment.size, segment.frames, segment.lost, clock, segment.flags, segment.sha256,
    )  # fmt: skip


def unpack(stream: str, hour: int, volume: int, entries: bytes) -> list[Segment]:
    """Return the segments of a row."""
    base = hour * HOUR_US
    return [
        Segment(
            stream, volume, base + start, base + start + duration, media, size, frames, lost,
            None if clock == NO_CLOCK else clock, flags, sha,
        )
        for start, duration, media, size, frames, lost, clock, flags, sha in _ENTRY.iter_unpack(entries)
    ]  # fmt: skip


def segments_of(row: Footage) -> list[Segment]:
    """Return the segments of a row, in the order of closing."""
    return unpack(row.stream, row.hour, row.volume, row.entries)


def name_of(start_us: int) -> str:
    """Return <day>/<time>.mp4 of a segment that starts at `start_us`."""
    moment = datetime.fromtimestamp(start_us // SECOND, timezone.utc)
    return f"{moment:%Y%m%d}/{moment:%H%M%S}-{start_us % SECOND:06d}.mp4"


def start_of(path: Path) -> int | None:
    """Return the start given by a segment file's name; None if it is not such a name."""
    try:
        moment = datetime.strptime(f"{path.parent.name} {path.stem[:6]}", "%Y%m%d %H%M%S").replace(tzinfo=timezone.utc)
        fraction = path.stem[7:]
        return int(moment.timestamp()) * SECOND + int(fraction.ljust(6, "0"))
    except ValueError:
        return None


def path_of(volumes: dict[int, Path], segment: Segment) -> Path:
    return volumes[segment.volume] / segment.stream / name_of(segment.start_us)


async def volume_paths(session: AsyncSession) -> dict[int, Path]:
    rows = await session.execute(select(Volume.number, Volume.path))
    return {number: Path(path) for number, path in rows}


_APPEND = {
    "sqlite": "CAST(footage.entries || excluded.entries AS BLOB)",
    "postgresql": "footage.entries || excluded.entries",
}


async def append(session: AsyncSession, segments: Sequence[Segment]) -> None:
    """Add entries of closed segments and remove their open rows in the same transaction."""
    if not segments:
        return
    dialect = session.get_bind().dialect.name
    statement = text(
        "INSERT INTO footage (stream, hour, volume, deleting, entries) "
        "VALUES (:stream, :hour, :volume, false, :entries) "
        f"ON CONFLICT (stream, hour, volume) DO UPDATE SET entries = {_APPEND[dialect]}"
    )
    usage = text(
        "INSERT INTO stream_usage (stream, bytes_held, files) VALUES (:stream, :size, 1) "
        "ON CONFLICT (stream) DO UPDATE SET "
        "bytes_held = stream_usage.bytes_held + :size, files = stream_usage.files + 1"
    )
    opened = text("DELETE FROM open_segment WHERE stream = :stream AND start_us = :start_us")
    rows = [
        {
            "stream": s.stream,
            "hour": s.hour,
            "volume": s.volume,
            "entries": pack(s),
            "size": s.size,
            "start_us": s.start_us,
        }
        for s in segments
    ]
    await session.execute(statement, [{k: r[k] for k in ("stream", "hour", "volume", "entries")} for r in rows])
    await session.execute(usage, [{k: r[k] for k in ("stream", "size")} for r in rows])
    await session.execute(opened, [{k: r[k] for k in ("stream", "start_us")} for r in rows])


async def rewrite(session: AsyncSession, row: Footage, segments: Sequence[Segment]) -> None:
    """Replace the entries of a row that `lock_row` read in this transaction; delete the row if there are none."""
    before = segments_of(row)
    held = sum(s.size for s in segments) - sum(s.size for s in before)
    await session.execute(
        update(StreamUsage)
        .where(StreamUsage.stream == row.stream)
        .values(bytes_held=StreamUsage.bytes_held + held, files=StreamUsage.files + len(segments) - len(before))
    )
    if not segments:
        await session.delete(row)
        return
    row.entries = b"".join(pack(s) for s in segments)
    row.deleting = any(s.flags & _DELETING for s in segments)


async def lock_row(session: AsyncSession, number: int) -> Footage | None:
    """Return a row locked for rewriting: nobody can append to it (SQLite: a transaction that writes is alone)."""
    query = select(Footage).where(Footage.id == number).with_for_update().execution_options(populate_existing=True)
    row: Footage | None = await session.scalar(query)
    return row


async def between(session: AsyncSession, streams: Iterable[str], start_us: int, end_us: int) -> list[Segment]:
    """Return the segments of the streams that touch [start, end), open ones included, by stream and time."""
    wanted = list(streams)
    found: dict[tuple[str, int], Segment] = {}
    for stream, hour, volume, entries in await _rows(session, wanted, start_us, end_us):
        for segment in unpack(stream, hour, volume, entries):
            if segment.end_us > start_us and segment.start_us < end_us and not segment.flags & _DELETING:
                found[(stream, segment.start_us)] = segment
    for segment in await open_segments(session, wanted, end_us):
        found.setdefault((segment.stream, segment.start_us), segment)
    return [found[key] for key in sorted(found)]


async def _rows(
    session: AsyncSession, streams: Sequence[str], start_us: int, end_us: int
) -> Result[str, int, int, bytes]:
    """Return (stream, hour, volume, entries) of the rows that can hold a segment in [start, end)."""
    hours = Footage.hour.between((start_us - MAX_SEGMENT_US) // HOUR_US, (end_us - 1) // HOUR_US)
    columns = select(Footage.stream, Footage.hour, Footage.volume, Footage.entries)
    return await session.execute(columns.where(Footage.stream.in_(streams), hours))


async def spans(
    session: AsyncSession, streams: Iterable[str], start_us: int, end_us: int
) -> dict[str, list[tuple[int, int]]]:
    """Return (start, end) of the closed segments of each stream that touch [start, end), in order.

    Every timeline uses this query: a day of nine cameras is 13,000 entries, so no object is created per entry.
    """
    found: dict[str, list[tuple[int, int]]] = {stream: [] for stream in streams}
    for stream, hour, _, entries in await _rows(session, list(found), start_us, end_us):
        base = hour * HOUR_US
        found[stream] += [
            (base + start, base + start + duration)
            for start, duration, flags in _SPAN.iter_unpack(entries)
            if not flags & _DELETING and base + start < end_us and base + start + duration > start_us
        ]
    for pairs in found.values():
        pairs.sort()
    return found


def merge_spans(pairs: Sequence[tuple[int, int]], joint_us: int = SECOND) -> list[tuple[int, int]]:
    """Merge neighbouring (start, end) pairs, given in order, if at most `joint_us` lies between them."""
    whole: list[tuple[int, int]] = []
    if not pairs:
        return whole
    begin, until = pairs[0]
    for start, end in pairs:
        if start - until > joint_us:
            whole.append((begin, until))
            begin, until = start, end
        elif end > until:
            until = end
    whole.append((begin, until))
    return whole


async def open_segments(session: AsyncSession, streams: Sequence[str], end_us: int) -> list[Segment]:
    """Return the streams' segments that are being written and began before `end_us`."""
    query = select(OpenSegment).where(OpenSegment.stream.in_(streams), OpenSegment.start_us < end_us)
    return [
        Segment(o.stream, o.volume, o.start_us, o.start_us, flags=o.flags, open=True)
        for o in await session.scalars(query)
    ]


async def newest(session: AsyncSession, stream: str) -> Segment | None:
    """Return the newest segment of a stream: the one being written, otherwise the last closed one."""
    row = await session.scalar(
        select(OpenSegment).where(OpenSegment.stream == stream).order_by(OpenSegment.start_us.desc()).limit(1)
    )
    if row is not None:
        return Segment(stream, row.volume, row.start_us, row.start_us, open=True)
    last = await session.scalar(select(Footage).where(Footage.stream == stream).order_by(Footage.hour.desc()).limit(1))
    return max(segments_of(last), key=lambda s: s.start_us) if last else None


async def oldest(session: AsyncSession) -> dict[str, int]:
    """Return the start of each stream's oldest recording, to the hour, µs UTC: one index seek per stream."""
    query = text(
        "SELECT u.stream, (SELECT MIN(f.hour) FROM footage f WHERE f.stream = u.stream) "
        "FROM stream_usage u WHERE u.files > 0"
    )
    return {stream: hour * HOUR_US for stream, hour in await session.execute(query) if hour is not None}


async def first_start(session: AsyncSession) -> int | None:
    """Return the start of the oldest recording of all, µs UTC; to the hour for closed segments."""
    starts = [*(await oldest(session)).values()]
    open_start = await session.scalar(select(OpenSegment.start_us).order_by(OpenSegment.start_us).limit(1))
    if open_start is not None:
        starts.append(open_start)
    return min(starts, default=None)


async def delete_open_row(session: AsyncSession, stream: str, start_us: int) -> None:
    await session.execute(delete(OpenSegment).where(OpenSegment.stream == stream, OpenSegment.start_us == start_us))


def with_flag(segment: Segment, flag: SegmentFlag) -> Segment:
    return replace(segment, flags=segment.flags | flag)
