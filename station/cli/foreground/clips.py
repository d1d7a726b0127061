"""`minwang clip`: recordings as an MP4 file, or of several cameras as a zip."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TypedDict

from sqlalchemy import select

from cameras.tables import Camera
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.clock import SystemClock, from_microseconds
from core.database import Database
from core.errors import UsageError
from core.host import system_user
from core.ids import StreamId
from nvr.archive.reader import ArchiveReader
from nvr.playback import bundle as write_bundle
from nvr.playback import clip as write_clip
from nvr.playback import mp4_writer
from nvr.playback.bundle import BundleManifest
from nvr.playback.clip import Clip
from nvr.tables import GapCause
from station.cli.base import parse_time_us


class Span(TypedDict):
    """Times are ISO 8601."""

    start: str
    end: str
    seconds: float


class GapSpan(Span):
    cause: GapCause


class UnreadableSpan(Span):
    file: str


class ClipFile(TypedDict):
    """A written MP4 file; `formats` in the order of their first picture."""

    file: str
    pictures: int
    bytes: int
    formats: list[str]
    start: str
    end: str


class ClipFacts(TypedDict):
    """A written clip: its files, and what is missing in them."""

    file: str
    pictures: int
    bytes: int
    start: str
    end: str
    files: list[ClipFile]
    gaps: list[GapSpan]
    unreadable: list[UnreadableSpan]


async def _record_export(
    database: Database, streams: list[str], start_us: int, end_us: int, target: Path, reason: str
) -> None:
    """Record in the audit trail that footage leaves the archive, before it is written."""
    async with database.session() as session:
        cameras = [StreamId(s).camera for s in streams]
        villages = sorted(set(await session.scalars(select(Camera.village).where(Camera.id.in_(cameras)))))
        await audit_trail.record(
            session, SystemClock().now(), system_user.actor(), AuditAction.FOOTAGE_EXPORT, ",".join(streams),
            reason=reason, start=from_microseconds(start_us).isoformat(), end=from_microseconds(end_us).isoformat(),
            streams=streams, village=",".join(villages), file=str(target),
        )  # fmt: skip


async def clip(database: Database, stream: str, start: str, end: str, target: Path, reason: str) -> ClipFacts:
    """Write a clip. In the result, `files` are the written files, several if codec or sound change.

    `unreadable` spans were recorded but are not in the files; `gaps` were not recorded.
    """
    start_us, end_us = parse_time_us(start), parse_time_us(end)
    if not start_us < end_us:
        raise UsageError("the end must lie after the start")
    reader = ArchiveReader(database, SystemClock())
    gops = await reader.gops(stream, start_us, end_us, write_clip.MAX_GOPS)
    lost = await write_clip.unreadable_ranges(reader, stream, start_us, end_us, gops)
    if not gops:
        write_clip.raise_nothing_to_export(lost, f"nothing of {stream} is recorded in this range")
    await _record_export(database, [stream], start_us, end_us, target, reason)
    made = await asyncio.to_thread(write_clip.plan_files, gops)
    names = mp4_writer.output_paths(target, len(made))
    sizes = [await asyncio.to_thread(mp4_writer.write, part, name) for part, name in zip(made, names, strict=True)]
    spans = await reader.coverage(stream, gops[0].start_us, gops[-1].end_us)
    return {
        "file": str(target),
        "pictures": sum(p.pictures for p in made),
        "bytes": sum(sizes),
        "start": from_microseconds(made[0].start_us).isoformat(),
        "end": from_microseconds(made[-1].end_us).isoformat(),
        "files": [_clip_file(*file) for file in zip(made, names, sizes, strict=True)],
        "gaps": [{**_span(s.start_us, s.end_us), "cause": s.cause} for s in spans if s.cause],
        "unreadable": [{**_span(u.start_us, u.end_us), "file": str(u.path)} for u in [*lost, *made[0].unreadable]],
    }


def _clip_file(part: Clip, name: Path, size: int) -> ClipFile:
    return {
        "file": str(name),
        "pictures": part.pictures,
        "bytes": size,
        "formats": part.formats,
        "start": from_microseconds(part.start_us).isoformat(),
        "end": from_microseconds(part.end_us).isoformat(),
    }


def _span(start_us: int, end_us: int) -> Span:
    return {
        "start": from_microseconds(start_us).isoformat(timespec="milliseconds"),
        "end": from_microseconds(end_us).isoformat(timespec="milliseconds"),
        "seconds": round((end_us - start_us) / 1e6, 1),
    }


async def bundle(
    database: Database, streams: list[str], start: str, end: str, target: Path, reason: str
) -> BundleManifest:
    start_us, end_us = parse_time_us(start), parse_time_us(end)
    if not start_us < end_us:
        raise UsageError("the end must lie after the start")
    await _record_export(database, streams, start_us, end_us, target, reason)
    return await write_bundle.write(ArchiveReader(database, SystemClock()), streams, start_us, end_us, target)
