"""Read access to the archive: coverage, GOPs and keyframes of recorded streams, the open segment included.

Nothing here decodes. Threads read the files; a file that retention removed meanwhile is skipped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock, to_microseconds
from core.database import Database
from core.errors import ProtocolError
from core.executors import RunInThread
from core.units import media_to_us, us_to_media
from nvr.archive import segment_index
from nvr.archive.archive_log import TimelineSpan, gaps_between
from nvr.archive.segment_index import Segment
from nvr.media.mp4 import fmp4, gop_index
from nvr.media.mp4.gop_index import Gop
from nvr.media.pictures import gradual_refresh

MAX_EXTRA_TRIES = 3  # further tries for GOPs at the live edge whose refresh may be incomplete …
EXTRA_TRY_DISTANCE_US = 1_000_000  # … at least this far apart
MAX_READ_BYTES = 48_000_000  # bytes that one request reads of a stream for its keyframes and their refresh
MAX_PICTURES_TO_MOMENT = 400  # decoded for one picture between two keyframes
MAX_JOINT_US = 100_000  # largest distance between two consecutive files


@dataclass(frozen=True, slots=True)
class LocatedGop:
    """A GOP on the timeline. Times in µs UTC."""

    start_us: int
    end_us: int
    path: Path
    offset: int
    size: int
    segment_us: int  # start of its segment, which with the stream identifies the segment


@dataclass(frozen=True, slots=True)
class Keyframe:
    """A coded keyframe with everything that a decoder needs."""

    stream: str
    at_us: int
    codec: str  # 'h264' or 'h265'
    configuration: bytes  # avcC or hvcC record
    data: bytes  # NAL units with 4-byte lengths
    gop_bytes: int = 0  # of the whole GOP that it opens; 0: not known
    # The coded pictures that follow, of which the last is shown. With gradual refresh: those until the picture is
    # complete (nvr.media.pictures.gradual_refresh); for a picture between two keyframes: those up to it. `at_us` is
    # the time of the first picture.
    following: tuple[bytes, ...] = ()
    refresh_us: int = 0  # from the first to the last of these pictures
    unusable: str = ""  # why it yields no picture; empty: it is usable

    @property
    def complete_us(self) -> int:
        """The time from which the picture is complete, µs UTC."""
        return self.at_us + self.refresh_us


class ArchiveReader:
    """Reads the archive. `run` runs file reads in threads."""

    def __init__(self, database: Database, clock: Clock, run: RunInThread = asyncio.to_thread):
        self._database = database
        self._run = run
        self._clock = clock

    async def segments(self, stream: str, start_us: int, end_us: int) -> list[tuple[Segment, Path]]:
        """Return the segments that touch [start, end), oldest first, with the paths of their files."""
        async with self._database.reading() as session:
            return await self._located(session, [stream], start_us, end_us)

    async def _located(
        self, session: AsyncSession, streams: Sequence[str], start_us: int, end_us: int
    ) -> list[tuple[Segment, Path]]:
        volumes = await segment_index.volume_paths(session)
        found = await segment_index.between(session, streams, start_us, end_us)
        return [(s, segment_index.path_of(volumes, s)) for s in found if s.volume in volumes]

    async def coverage(self, stream: str, start_us: int, end_us: int) -> list[TimelineSpan]:
        """Return recorded spans and gaps with their causes in [start, end), in order of time."""
        now_us = to_microseconds(self._clock.now())
        async with self._database.reading() as session:
            closed = (await segment_index.spans(session, [stream], start_us, end_us))[stream]
            writing = await segment_index.open_segments(session, [stream], end_us)
            gaps = await gaps_between(session, stream, start_us, end_us, now_us)
            volumes = await segment_index.volume_paths(session) if writing else {}
        known = {start for start, _ in closed}
        for segment in writing:
            if segment.volume not in volumes or segment.start_us in known:
                continue
            end = await self._run(_open_end, segment, segment_index.path_of(volumes, segment))
            if end > start_us and segment.start_us < end_us:
                closed.append((segment.start_us, end))
        spans = [
            TimelineSpan(max(start, start_us), min(end, end_us))
            for start, end in segment_index.merge_spans(sorted(closed))
        ]
        return sorted(spans + gaps, key=lambda s: s.start_us)

    async def gops(self, stream: str, start_us: int, end_us: int, limit: int = 5000) -> list[LocatedGop]:
        """Return the GOPs that touch [start, end), oldest first."""
        rows = await self.segments(stream, start_us, end_us)
        return await self._run(_all_gops, rows, start_us, end_us, limit)

    async def keyframes(
        self, stream: str, start_us: int, end_us: int, limit: int = 50, *, step_us: int = 0
    ) -> list[Keyframe]:
        """Return keyframes with start <= time < end, oldest first, at least `step_us` apart.

        There are fewer than recorded if they are large, or if the refresh of one overlaps others.
        """
        gops = [g for g in await self.gops(stream, start_us, end_us) if start_us <= g.start_us < end_us]
        return await self._run(partial(_read_keyframes, stream, gops, limit, step_us=step_us))

    async def latest_keyframes(self, stream: str, seconds: float, limit: int = 12) -> list[Keyframe]:
        """Return the newest keyframes of the last `seconds`, oldest first."""
        return (await self.newest_keyframes([stream], seconds, limit)).get(stream, [])

    async def newest_keyframes(
        self, streams: Sequence[str], seconds: float, limit: int = 12
    ) -> dict[str, list[Keyframe]]:
        """As `latest_keyframes`, for many streams with one database query. Streams without keyframes are left out."""
        now_us = to_microseconds(self._clock.now())
        start_us, end_us = now_us - int(seconds * 1e6), now_us + 60_000_000
        async with self._database.reading() as session:
            found = await self._located(session, streams, start_us, end_us)
        rows: dict[str, list[tuple[Segment, Path]]] = {}
        for segment, path in found:
            rows.setdefault(segment.stream, []).append((segment, path))
        return await self._run(_newest_of_all, rows, start_us, end_us, limit)

    async def picture_at(self, stream: str, at_us: int) -> Keyframe | None:
        """Return the picture that was shown at `at_us`, with the keyframe that it needs; None if there is none.

        `Keyframe.complete_us` is the time of the picture. Where the GOP begins at no keyframe, or has more than
        MAX_READ_BYTES before the picture, it is the picture of `keyframe_at`.
        """
        gops = await self.gops(stream, at_us, at_us + 1)
        frames = await self._run(_read_keyframes, stream, gops, 1)
        if not frames or frames[0].following or frames[0].unusable or frames[0].at_us >= at_us:
            return frames[0] if frames else None
        return await self._run(_with_pictures_until, frames[0], gops[0], at_us)

    async def keyframe_at(self, stream: str, at_us: int) -> Keyframe | None:
        """Return the keyframe of the GOP that contains `at_us`; None if there is none."""
        gops = await self.gops(stream, at_us, at_us + 1)
        frames = await self._run(_read_keyframes, stream, gops, 1)
        return frames[0] if frames else None


def _open_end(segment: Segment, path: Path) -> int:
    gops = _gops_of(segment, path)
    return segment.start_us + gops[-1].time_us + gops[-1].duration_us if gops else segment.start_us


def _gops_of(segment: Segment, path: Path) -> list[Gop]:
    try:
        return gop_index.read(path, segment.media_us)
    except OSError:  # removed, or its disk cannot read it (nvr.playback.clip.unreadable_ranges reports it)
        return []


def _all_gops(rows: Sequence[tuple[Segment, Path]], start_us: int, end_us: int, limit: int) -> list[LocatedGop]:
    found: list[LocatedGop] = []
    for segment, path in rows:
        gops = _locate(segment, path, _gops_of(segment, path))
        found += [g for g in gops if g.end_us > start_us and g.start_us < end_us]
        if len(found) >= limit:
            break
    return found[:limit]


def _newest_of_all(
    rows: dict[str, list[tuple[Segment, Path]]], start_us: int, end_us: int, limit: int
) -> dict[str, list[Keyframe]]:
    found = {}
    for stream, segments in rows.items():
        gops = [g for g in _all_gops(segments, start_us, end_us, 5000) if g.start_us >= start_us]
        frames = _newest_keyframes(stream, gops, limit)
        if frames:
            found[stream] = frames
    return found


def _locate(segment: Segment, path: Path, gops: Sequence[Gop]) -> list[LocatedGop]:
    # Wall and media clocks differ by parts per thousand: the difference is spread over the file.
    start = segment.start_us
    stretch = (segment.end_us - start) / segment.media_us if segment.media_us and not segment.open else 1.0
    return [
        LocatedGop(
            start + int(g.time_us * stretch),
            start + int((g.time_us + g.duration_us) * stretch),
            path,
            g.offset,
            g.size,
            start,
        )
        for g in gops
    ]


def _read_keyframes(stream: str, gops: Sequence[LocatedGop], limit: int, *, step_us: int = 0) -> list[Keyframe]:
    """Return the oldest keyframes.

    No picture belongs to two refreshes: a start point within the previous refresh is skipped.
    """
    files, frames, tries, free_us = _KeyframeReader(stream, gops), list[Keyframe](), 0, -1
    for i, gop in enumerate(gops):
        if len(frames) == limit or tries == limit + MAX_EXTRA_TRIES or files.allowance.left <= 0:
            break
        if gop.start_us < free_us:
            continue
        tries += 1
        if (frame := files.keyframe(i)) is not None:
            frames.append(frame)
            free_us = max(frame.complete_us + 1, frame.at_us + step_us)
    return frames


def _newest_keyframes(stream: str, gops: Sequence[LocatedGop], limit: int) -> list[Keyframe]:
    """Return the newest keyframes, oldest first. As above, no picture belongs to two refreshes."""
    files, frames, tries = _KeyframeReader(stream, gops), list[Keyframe](), 0
    until_us, last_us = 2**62, 0  # limit for the end of a refresh; duration of the last refresh
    for i in range(len(gops) - 1, -1, -1):
        if len(frames) == limit or tries == limit + MAX_EXTRA_TRIES or files.allowance.left <= 0:
            break
        if gops[i].start_us + last_us >= until_us:
            continue
        tries += 1
        frame = files.keyframe(i)
        if frame is None:  # incomplete, and so is one just before it
            until_us = min(until_us, gops[i].start_us - EXTRA_TRY_DISTANCE_US) if not frames else until_us
            continue
        last_us = frame.refresh_us
        if frame.complete_us < until_us or not frames:
            frames.append(frame)
            until_us = frame.at_us
    return frames[::-1]


def _with_pictures_until(frame: Keyframe, gop: LocatedGop, at_us: int) -> Keyframe:
    """Return a keyframe with the pictures after it in its GOP that begin at `at_us` or before."""
    following, left, first, last = list[bytes](), MAX_READ_BYTES, -1, 0
    try:
        with gop.path.open("rb") as f:
            for time, offset, size, _ in fmp4.samples(gop.path, gop.offset):
                first = time if first < 0 else first
                if offset >= gop.offset + gop.size or gop.start_us + media_to_us(time - first) > at_us:
                    break
                left -= size
                if left < 0 or len(following) > MAX_PICTURES_TO_MOMENT:
                    return frame
                f.seek(offset)
                following.append(f.read(size))
                last = time - first
    except OSError:
        return frame
    return replace(frame, following=tuple(following[1:]), refresh_us=media_to_us(last))


class _KeyframeReader:
    """Reads the keyframes of one stream's GOPs. Blocking."""

    def __init__(self, stream: str, gops: Sequence[LocatedGop]):
        self.allowance = gradual_refresh.ReadAllowance(MAX_READ_BYTES)
        self._stream, self._gops = stream, gops
        self._configurations: dict[Path, tuple[str, bytes]] = {}

    def keyframe(self, i: int) -> Keyframe | None:
        """Return the keyframe that begins GOP `i`; None if it cannot be read or is not complete yet."""
        gop = self._gops[i]
        try:
            if gop.path not in self._configurations:
                self._configurations[gop.path] = fmp4.codec_configuration(fmp4.read_init(gop.path))
            codec, record = self._configurations[gop.path]
            fragment = next(fmp4.scan(gop.path, gop.offset), None)
            if fragment is None or not codec:
                return None
            with gop.path.open("rb") as f:
                f.seek(fragment.data_offset)
                data = f.read(fragment.first_size)
            self.allowance.left -= len(data)
            frame = Keyframe(self._stream, gop.start_us, codec, record, data, gop.size)
            return frame if gradual_refresh.is_keyframe(data, codec) else self._with_refresh(frame, i)
        except OSError:
            return None

    def _with_refresh(self, frame: Keyframe, i: int) -> Keyframe | None:
        """Return a GOP's first picture, which is no keyframe, with the pictures after it that a decoder needs.

        Return None if they are not complete yet. Raises OSError.
        """
        gop = self._gops[i]
        needed, period = (
            gradual_refresh.pictures_needed(frame.data, frame.codec),
            us_to_media(gop.end_us - gop.start_us),
        )
        try:
            found = gradual_refresh.read_refresh(self._places(i), frame.codec, needed, period, self.allowance)
        except ProtocolError as e:
            return replace(frame, unusable=str(e))
        if found is None:
            return None
        return replace(frame, following=tuple(found.pictures), refresh_us=media_to_us(found.duration))

    def _places(self, i: int) -> Iterator[gradual_refresh.GopLocation]:
        """Yield where GOP `i` begins, and each later file that continues the previous one."""
        path, file_end = self._gops[i].path, self._gops[i].end_us
        yield path, self._gops[i].offset
        for k in range(i + 1, len(self._gops)):
            later = self._gops[k]
            if later.path != path:
                if abs(later.start_us - file_end) > MAX_JOINT_US:
                    return
                path = later.path
                yield path, later.offset
            file_end = later.end_us
