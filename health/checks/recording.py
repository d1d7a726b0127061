"""Check that the required footage exists: reads the rows of the archive and compares a sample of the files."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera
from core.clock import DAY_US, HOUR_US, to_microseconds
from nvr.archive import gaps, segment_index
from nvr.tables import Shortfall

LONGEST_US = 60_000_000  # gaps longer than this are reported
FLAPS = 4  # interruptions of a stream within an hour
BREAKS = ("unreachable", "no_packets", "protocol_error")
PLANNED = ("schedule", "retention")
SETTLED_US = 120_000_000  # the newest two minutes belong to the counter watch


Findings = tuple[dict[str, dict[str, Any]], set[str]]


async def findings(session: AsyncSession, cameras: Sequence[Camera], now: datetime) -> dict[str, Findings]:
    """Return by camera: (families found with their figures, families that could not be tested).

    Covers gaps and interruptions of the last day, and days of footage held against days required.
    """
    streams = _recorded_main(cameras)
    told: dict[str, Findings] = {c.id: ({}, {"gaps", "retention", "flapping", "index"}) for c in cameras}
    for camera in streams.values():
        told[camera] = ({}, {"index"})
    end = to_microseconds(now) - SETTLED_US
    start = end - DAY_US
    causes: dict[str, dict[str, float]] = {}
    breaks: dict[str, int] = {}
    for gap in await gaps.touching(session, streams, start, end):
        if gap.cause in PLANNED:
            continue
        if gap.start_us > end - HOUR_US and gap.cause in BREAKS:
            breaks[streams[gap.stream]] = breaks.get(streams[gap.stream], 0) + 1
        length = min(gap.end_us or end, end) - max(gap.start_us, start)
        if length > LONGEST_US:
            mine = causes.setdefault(streams[gap.stream], {})
            mine[gap.cause] = mine.get(gap.cause, 0.0) + length / 1e6
    for camera, times in breaks.items():
        if times >= FLAPS:
            told[camera][0]["flapping"] = {"times": times}
    for camera, mine in causes.items():
        lost = sum(mine.values())
        worst = max(mine, key=lambda cause: mine[cause])
        told[camera][0]["gaps"] = {"seconds": round(lost), "cause": worst, "complete": round(1 - lost / 86400, 4)}
    yesterday = (now - timedelta(days=1)).strftime("%Y-%m-%d")
    short = select(Shortfall).where(Shortfall.stream.in_(streams), Shortfall.day >= yesterday).order_by(Shortfall.day)
    for row in await session.scalars(short):
        told[streams[row.stream]][0]["retention"] = {
            "days": round(row.held_days, 1), "required": round(row.required_days, 1), "reason": row.reason,
        }  # fmt: skip
    return told


def _recorded_main(cameras: Sequence[Camera]) -> dict[str, str]:
    """Map each recorded main stream to its camera."""
    return {s.id: c.id for c in cameras for s in c.streams if s.record and s.kind == "main"}


async def sampled(session: AsyncSession, cameras: Sequence[Camera], now: datetime) -> dict[str, list[tuple[Path, int]]]:
    """Return by camera the indexed files, with sizes in bytes, of one minute of the last day.

    The minute changes every two hours; a second inspection within them draws the same minute.
    """
    streams = _recorded_main(cameras)
    draw = zlib.crc32(f"{now:%Y%m%d}{now.hour // 2}".encode()) % 1440
    at = to_microseconds(now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=1, minutes=draw))
    volumes = await segment_index.volume_paths(session)
    found: dict[str, list[tuple[Path, int]]] = {}
    for segment in await segment_index.between(session, list(streams), at, at + 1):
        if not segment.open and segment.volume in volumes:
            found.setdefault(streams[segment.stream], []).append(
                (segment_index.path_of(volumes, segment), segment.size)
            )
    return found


def compare(sample: dict[str, list[tuple[Path, int]]]) -> dict[str, dict[str, Any]]:
    """Return figures by camera where a file is missing or its size differs from the index.

    Blocking; call it from a thread.
    """
    told: dict[str, dict[str, Any]] = {}
    for camera, files in sample.items():
        for path, size in files:
            try:
                there = path.stat().st_size
            except FileNotFoundError:
                there = -1
            except OSError:
                continue  # a disk error; reported as a volume fault
            if there != size:
                told[camera] = {"file": path.name, "bytes": max(there, 0), "indexed": size}
    return told
