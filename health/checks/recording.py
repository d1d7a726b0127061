"""Check that the required footage exists: reads the rows of the archive and compares a sample of the files."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.states import StreamKind
from cameras.tables import Camera
from core.clock import DAY_US, HOUR_US, to_microseconds
from health.faults.findings import CheckFindings
from health.vocabulary import EvidenceFigures, FaultFamily
from nvr.archive import gaps, segment_index
from nvr.tables import Shortfall

MIN_GAP_US = 60_000_000  # gaps longer than this are reported
FLAPPING_INTERRUPTIONS = 4  # interruptions of a stream within an hour
INTERRUPTION_CAUSES = ("unreachable", "no_packets", "protocol_error")
PLANNED_CAUSES = ("schedule", "retention")
COUNTER_WATCH_US = 120_000_000  # the newest two minutes belong to the counter watch
SampledFiles = dict[str, list[tuple[Path, int]]]  # by camera: indexed files and their sizes in bytes


async def findings(session: AsyncSession, cameras: Sequence[Camera], now: datetime) -> dict[str, CheckFindings]:
    """Check gaps and interruptions of the last day, and days of footage held against days required; by camera."""
    streams = _recorded_main(cameras)
    unknown = {FaultFamily.GAPS, FaultFamily.RETENTION, FaultFamily.FLAPPING, FaultFamily.INDEX}
    checked = {c.id: CheckFindings(unknown={*unknown}) for c in cameras}
    for camera in streams.values():
        checked[camera] = CheckFindings(unknown={FaultFamily.INDEX})
    await _check_gaps(session, streams, checked, now)
    yesterday = (now - timedelta(days=1)).strftime("%Y-%m-%d")
    short = select(Shortfall).where(Shortfall.stream.in_(streams), Shortfall.day >= yesterday).order_by(Shortfall.day)
    for row in await session.scalars(short):
        checked[streams[row.stream]].found[FaultFamily.RETENTION] = {
            "days": round(row.held_days, 1), "required": round(row.required_days, 1), "reason": row.reason,
        }  # fmt: skip
    return checked


async def _check_gaps(
    session: AsyncSession, streams: Mapping[str, str], checked: Mapping[str, CheckFindings], now: datetime
) -> None:
    end = to_microseconds(now) - COUNTER_WATCH_US
    start = end - DAY_US
    seconds_by_cause: dict[str, dict[str, float]] = {}
    interruptions: Counter[str] = Counter()
    for gap in await gaps.touching(session, streams, start, end):
        if gap.cause in PLANNED_CAUSES:
            continue
        camera = streams[gap.stream]
        if gap.start_us > end - HOUR_US and gap.cause in INTERRUPTION_CAUSES:
            interruptions[camera] += 1
        length = min(gap.end_us or end, end) - max(gap.start_us, start)
        if length > MIN_GAP_US:
            causes = seconds_by_cause.setdefault(camera, {})
            causes[gap.cause] = causes.get(gap.cause, 0.0) + length / 1e6
    for camera, times in interruptions.items():
        if times >= FLAPPING_INTERRUPTIONS:
            checked[camera].found[FaultFamily.FLAPPING] = {"times": times}
    for camera, causes in seconds_by_cause.items():
        lost, worst = sum(causes.values()), max(causes, key=causes.__getitem__)
        checked[camera].found[FaultFamily.GAPS] = {
            "seconds": round(lost), "cause": worst, "complete": round(1 - lost / 86400, 4),
        }  # fmt: skip


def _recorded_main(cameras: Sequence[Camera]) -> dict[str, str]:
    """Map each recorded main stream to its camera."""
    return {s.id: c.id for c in cameras for s in c.streams if s.record and s.kind == StreamKind.MAIN}


async def sample_files(session: AsyncSession, cameras: Sequence[Camera], now: datetime) -> SampledFiles:
    """Return by camera the indexed files, with sizes in bytes, of one minute of the last day.

    The minute changes every two hours; a second inspection within them draws the same minute.
    """
    streams = _recorded_main(cameras)
    draw = zlib.crc32(f"{now:%Y%m%d}{now.hour // 2}".encode()) % 1440
    at = to_microseconds(now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=1, minutes=draw))
    volumes = await segment_index.volume_paths(session)
    found: SampledFiles = {}
    for segment in await segment_index.between(session, list(streams), at, at + 1):
        if not segment.open and segment.volume in volumes:
            found.setdefault(streams[segment.stream], []).append(
                (segment_index.path_of(volumes, segment), segment.size)
            )
    return found


def mismatched_files(sample: SampledFiles) -> dict[str, EvidenceFigures]:
    """Return figures by camera where a file is missing or its size differs from the index.

    Blocking; call it from a thread.
    """
    mismatched: dict[str, EvidenceFigures] = {}
    for camera, files in sample.items():
        for path, indexed in files:
            try:
                size = path.stat().st_size
            except FileNotFoundError:
                size = -1
            except OSError:
                continue  # a disk error; reported as a volume fault
            if size != indexed:
                mismatched[camera] = {"file": path.name, "bytes": max(size, 0), "indexed": indexed}
    return mismatched


def add_mismatches(
    checked: Mapping[str, CheckFindings], sample: SampledFiles, mismatched: Mapping[str, EvidenceFigures]
) -> None:
    """Add the result of `mismatched_files` to the findings; cameras of the sample are tested now."""
    for camera in sample:
        checked[camera].unknown.discard(FaultFamily.INDEX)
    for camera, figures in mismatched.items():
        checked[camera].found[FaultFamily.INDEX] = figures
