"""Readers of the log: coverage, GOPs and keyframes of recorded streams, the open segment included.

Nothing here decodes. File reads run in threads; a file that vanished meanwhile (retention) is
simply passed over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from core.clock import Clock, to_microseconds
from core.database import Database
from nvr import fmp4, gop_index
from nvr.archive import Span, gaps_between, merge, segments_between
from nvr.gop_index import Gop
from nvr.tables import CLOSED, OPEN, Segment


@dataclass(frozen=True, slots=True)
class LocatedGop:
    """A GOP on the time line. Times µs UTC."""

    start_us: int
    end_us: int
    path: Path
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Keyframe:
    """A coded keyframe with all that a decoder needs."""

    stream: str
    at_us: int
    codec: str  # 'h264' or 'h265'
    configuration: bytes  # avcC or hvcC record
    data: bytes  # NAL units with 4-byte lengths


class ArchiveReader:
    def __init__(self, database: Database, clock: Clock):
        self._database = database
        self._clock = clock

    async def coverage(self, stream: str, start_us: int, end_us: int) -> list[Span]:
        """Recorded spans and gaps with cause in [start, end), in order of time."""
        now_us = to_microseconds(self._clock.now())
        async with self._database.reading() as session:
            rows = await segments_between(session, stream, start_us, end_us)
            gaps = await gaps_between(session, stream, start_us, end_us, now_us)
        spans = []
        for row in rows:
            end = row.end_us if row.state == CLOSED else await asyncio.to_thread(_open_end, row)
            if end > start_us and row.start_us < end_us:
                spans.append(Span(max(row.start_us, start_us), min(end, end_us)))
        return sorted(merge(spans) + gaps, key=lambda s: s.start_us)

    async def gops(self, stream: str, start_us: int, end_us: int, limit: int = 5000) -> list[LocatedGop]:
        """GOPs that touch [start, end), oldest first."""
        async with self._database.reading() as session:
            rows = await segments_between(session, stream, start_us, end_us)
        found: list[LocatedGop] = []
        for row in rows:
            gops = gop_index.unpack(row.gops) if row.gops else await asyncio.to_thread(_scan_gops, Path(row.path))
            found += [g for g in _locate(row, gops) if g.end_us > start_us and g.start_us < end_us]
            if len(found) >= limit:
                break
        return found[:limit]

    async def keyframes(self, stream: str, start_us: int, end_us: int, limit: int = 50) -> list[Keyframe]:
        """Keyframes with start <= time < end, oldest first."""
        gops = [g for g in await self.gops(stream, start_us, end_us) if start_us <= g.start_us < end_us]
        return await asyncio.to_thread(_read_keyframes, stream, gops[:limit])

    async def latest_keyframes(self, stream: str, seconds: float, limit: int = 12) -> list[Keyframe]:
        """The newest keyframes of the last `seconds`, oldest first."""
        now_us = to_microseconds(self._clock.now())
        start_us = now_us - int(seconds * 1e6)
        gops = [g for g in await self.gops(stream, start_us, now_us + 60_000_000) if g.start_us >= start_us]
        return await asyncio.to_thread(_read_keyframes, stream, gops[-limit:])

    async def keyframe_at(self, stream: str, at_us: int) -> Keyframe | None:
        """The keyframe of the GOP that holds `at_us`."""
        gops = await self.gops(stream, at_us, at_us + 1)
        frames = await asyncio.to_thread(_read_keyframes, stream, gops[:1])
        return frames[0] if frames else None

    async def newest_end(self, stream: str) -> int | None:
        """Wall time at which the newest segment begins or ends; None where nothing is recorded."""
        async with self._database.reading() as session:
            query = select(Segment).where(Segment.stream == stream, Segment.state.in_((OPEN, CLOSED)))
            row = await session.scalar(query.order_by(Segment.start_us.desc()).limit(1))
        if row is None:
            return None
        return row.end_us if row.state == CLOSED else await asyncio.to_thread(_open_end, row)


def _open_end(row: Segment) -> int:
    gops = _scan_gops(Path(row.path))
    return row.start_us + gops[-1].time_us + gops[-1].duration_us if gops else row.start_us


def _scan_gops(path: Path) -> list[Gop]:
    try:
        return list(gop_index.from_fragments(fmp4.scan(path)))
    except FileNotFoundError:
        return []


def _locate(row: Segment, gops: Sequence[Gop]) -> list[LocatedGop]:
    # Wall and media clocks differ by parts per thousand: the difference is spread over the file.
    stretch = (row.end_us - row.start_us) / row.media_us if row.state == CLOSED and row.media_us else 1.0
    return [
        LocatedGop(
            row.start_us + int(g.time_us * stretch), row.start_us + int((g.time_us + g.duration_us) * stretch),
            Path(row.path), g.offset, g.size,
        )
        for g in gops
    ]  # fmt: skip


def _read_keyframes(stream: str, gops: Sequence[LocatedGop]) -> list[Keyframe]:
    frames: list[Keyframe] = []
    configurations: dict[Path, tuple[str, bytes]] = {}
    for gop in gops:
        try:
            if gop.path not in configurations:
                configurations[gop.path] = fmp4.codec_configuration(fmp4.read_init(gop.path))
            codec, record = configurations[gop.path]
            fragment = next(fmp4.scan(gop.path, gop.offset), None)
            if fragment is None or not codec:
                continue
            with gop.path.open("rb") as f:
                f.seek(fragment.data_offset)
                frames.append(Keyframe(stream, gop.start_us, codec, record, f.read(fragment.first_size)))
        except FileNotFoundError:
            continue
    return frames
