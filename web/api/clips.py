"""Routes for clips: preview a range of some cameras, then download it as MP4 or zip, bit for bit as recorded."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from aiohttp import web
from pydantic import BaseModel, Field

from cameras.registry import lookup
from cameras.states import StreamKind
from cameras.tables import Camera
from core.accounts.permissions import Permission
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.clock import SECOND, from_microseconds, to_microseconds
from core.error_codes import ErrorCode
from core.errors import ConflictError, UsageError
from nvr.archive.archive_log import TimelineSpan
from nvr.archive.coverage import activity, recorded_days
from nvr.playback import clip, clip_stream, mp4_writer
from nvr.playback.clip import Clip, UnreadableRange
from nvr.playback.clip_stream import ZipStream
from web.api.timeline import LaneSpan, lane_span
from web.framework.context import AnyContext, Context
from web.framework.routing import ReplyKind, RouteTable
from web.policy import check_playback, visible_camera
from web.work.byte_stream import only, send_parts

routes = RouteTable()

MAX_CAMERAS = 9
MAX_SPANS = 5_000
UNREADABLE = "unreadable"  # in gaps.csv, beside the causes of gaps: recorded, and its disk cannot read it


class ClipFormat(StrEnum):
    """MP4: one file of one camera. ZIP: a file of each camera, gaps.csv, SHA256SUMS."""

    MP4 = "mp4"
    ZIP = "zip"


class ClipLimit(StrEnum):
    """Which limit of the settings a range exceeds."""

    HOURS = "hours"
    BYTES = "bytes"


class ClipRange(BaseModel):
    cameras: list[str] = Field(min_length=1, max_length=MAX_CAMERAS)
    start: datetime
    end: datetime
    stream: StreamKind | None = Field(None, description="Absent: main, if it is recorded")


class ClipBody(ClipRange):
    reason: str = Field(min_length=2, max_length=200, description="Why it leaves the station; audited")
    format: ClipFormat | None = Field(None, description="Absent: MP4 for one camera, ZIP for several")


class ClipCameraView(BaseModel):
    camera: str
    name: str
    stream: str
    spans: list[LaneSpan] = Field(description=f"Recorded spans and gaps with causes, the first {MAX_SPANS}")
    recorded_seconds: float
    bytes: int = Field(description="Estimated from the index; the file differs by its header")


class ClipPreview(BaseModel):
    cameras: list[ClipCameraView]
    seconds: float
    bytes: int
    exceeds: list[ClipLimit]
    max_hours: float
    max_bytes: int


@routes.add("POST", "/api/clips/preview", Permission.PLAYBACK_VIEW, body=ClipRange, reply=ClipPreview)
async def preview_clip(c: Context[None, ClipRange]) -> ClipPreview:
    """What a clip would contain: recorded spans, gaps with causes, bytes, and whether it exceeds a limit."""
    cameras, start, end = await _checked(c, c.body)
    views = [await _camera_view(c, camera, _stream(camera, c.body), start, end) for camera in cameras]
    total = sum(v.bytes for v in views)
    return ClipPreview(
        cameras=views, seconds=(end - start) / SECOND, bytes=total, exceeds=_exceeded(c, start, end, total),
        max_hours=c.services.settings.clips.max_hours, max_bytes=c.services.settings.clips.max_bytes,
    )  # fmt: skip


@routes.add("POST", "/api/clips", Permission.PLAYBACK_VIEW, body=ClipBody, kind=ReplyKind.FILE)
async def download_clip(c: Context[None, ClipBody]) -> web.StreamResponse:
    """Download a range, not re-encoded; needs a stated purpose and a reason. The audit row precedes the first byte."""
    cameras, start, end = await _checked(c, c.body)
    streams = [_stream(camera, c.body) for camera in cameras]
    views = [await _camera_view(c, camera, s, start, end) for camera, s in zip(cameras, streams, strict=True)]
    if exceeded := _exceeded(c, start, end, sum(v.bytes for v in views)):
        limits = c.services.settings.clips
        raise ConflictError(
            f"the range exceeds the station's limit of {' and '.join(exceeded)}; choose a shorter one",
            ErrorCode.CLIP_EXCEEDS_LIMIT,
            hours=int(limits.max_hours),
            limit_mb=limits.max_bytes // 1_000_000,
        )
    single = c.body.format is ClipFormat.MP4 or (c.body.format is None and len(cameras) == 1)
    if single and len(cameras) > 1:
        raise UsageError("an MP4 holds one camera; choose zip for several", ErrorCode.MP4_HOLDS_ONE_CAMERA)
    c.services.attendance.check(c.identity.session)
    with c.services.downloads.hold(c.session_key, c.identity.user_id):
        if single:
            return await _send_mp4(c, cameras[0], streams[0], start, end)
        return await _send_zip(c, cameras, streams, start, end)


async def _checked(c: AnyContext, body: ClipRange) -> tuple[list[Camera], int, int]:
    """Return cameras and range (µs). Raises NotFoundError, UsageError, PurposeRequired, ForbiddenError (R-VIEW-3)."""
    cameras = [await visible_camera(c, number, with_retired=True) for number in dict.fromkeys(body.cameras)]
    start, end = to_microseconds(body.start), to_microseconds(body.end)
    if not start < end:
        raise UsageError("the end must be after the start", ErrorCode.END_BEFORE_START)
    check_playback(c, body.start)
    return cameras, start, end


def _stream(camera: Camera, body: ClipRange) -> str:
    return f"{camera.id}/{body.stream}" if body.stream is not None else lookup.full_stream(camera)


async def _camera_view(c: AnyContext, camera: Camera, stream: str, start: int, end: int) -> ClipCameraView:
    limit_us = round(c.services.settings.clips.max_hours * 3_600 * SECOND)
    until = min(end, start + limit_us)  # a longer range is refused: what lies beyond the limit is not read
    spans = await c.services.reader.coverage(stream, start, until)
    async with c.services.database.reading() as session:
        rows = await recorded_days.index_rows(session, stream, start, until)
    held = await c.services.footage_executor.run(activity.bytes_between, rows, start, until)
    recorded = sum(s.end_us - s.start_us for s in spans if not s.cause) / SECOND
    return ClipCameraView(
        camera=camera.id, name=camera.name, stream=stream, spans=[lane_span(s) for s in spans[:MAX_SPANS]],
        recorded_seconds=round(recorded, 1), bytes=held,
    )  # fmt: skip


def _exceeded(c: AnyContext, start: int, end: int, size: int) -> list[ClipLimit]:
    limits = c.services.settings.clips
    found = [ClipLimit.HOURS] if end - start > limits.max_hours * 3_600 * SECOND else []
    return found + ([ClipLimit.BYTES] if size > limits.max_bytes else [])


async def _record_export(
    c: Context[None, ClipBody], cameras: Sequence[Camera], streams: Sequence[str], file: str
) -> None:
    async with c.services.database.session() as session:
        await audit_trail.record(
            session, c.services.clock.now(), c.identity.name, AuditAction.FOOTAGE_EXPORT, ",".join(streams),
            reason=c.body.reason, purpose=c.purpose, by_session=c.identity.session, file=file, streams=list(streams),
            village=",".join(sorted({camera.village for camera in cameras})),
            start=c.body.start.isoformat(), end=c.body.end.isoformat(),
        )  # fmt: skip


async def _planned(
    c: AnyContext, stream: str, start: int, end: int
) -> tuple[list[Clip], list[TimelineSpan], list[UnreadableRange]]:
    """Return the files of a stream (none: nothing is recorded), its gaps, and what cannot be read."""
    gops = await c.services.reader.gops(stream, start, end, clip.MAX_GOPS)
    lost = await clip.unreadable_ranges(c.services.reader, stream, start, end, gops)
    gaps = [s for s in await c.services.reader.coverage(stream, start, end) if s.cause]
    if not gops:
        return [], gaps, lost
    planned = await c.services.footage_executor.run(clip.plan_files, gops)
    return planned, gaps, lost + planned[0].unreadable


async def _send_mp4(
    c: Context[None, ClipBody], camera: Camera, stream: str, start: int, end: int
) -> web.StreamResponse:
    planned, gaps, lost = await _planned(c, stream, start, end)
    if not planned:
        clip.raise_nothing_to_export(lost, "nothing is recorded in this range")
    if len(planned) > 1:
        raise ConflictError(
            f"codec or sound change, so the range needs {len(planned)} files; choose zip",
            ErrorCode.CLIP_NEEDS_SEVERAL_FILES,
            count=len(planned),
        )
    name = _file_name(c, camera, planned[0].start_us, "mp4")
    await _record_export(c, [camera], [stream], name)
    response = _response(name, "video/mp4")
    run = c.services.footage_executor.run
    response.content_length = await run(clip_stream.mp4_size, planned[0])
    response.headers["X-Minwang-Gaps"] = str(len(gaps) + len(lost))  # told in full by the preview and by the zip
    await send_parts(c.request, response, run, only(clip_stream.mp4_pieces(planned[0])))
    return response


async def _send_zip(
    c: Context[None, ClipBody], cameras: Sequence[Camera], streams: Sequence[str], start: int, end: int
) -> web.StreamResponse:
    name = f"clips_{from_microseconds(start).astimezone(c.services.zone):%Y%m%d-%H%M%S}.zip"
    parts = _zip_parts(c, cameras, streams, start, end)
    first = await anext(parts)  # raises if nothing can be exported, before anything is said
    await _record_export(c, cameras, streams, name)
    response = _response(name, "application/zip")
    await send_parts(c.request, response, c.services.footage_executor.run, _joined(first, parts))
    return response


async def _joined(first: Iterator[bytes], rest: AsyncIterator[Iterator[bytes]]) -> AsyncIterator[Iterator[bytes]]:
    yield first
    async for part in rest:
        yield part


async def _zip_parts(
    c: AnyContext, cameras: Sequence[Camera], streams: Sequence[str], start: int, end: int
) -> AsyncIterator[Iterator[bytes]]:
    """Yield the bytes of the zip, file by file: one camera's sample tables are in memory at a time.

    Raises NotFoundError or StorageError if no camera has anything.
    """
    archive, rows, written = ZipStream(c.services.clock.now().astimezone(c.services.zone)), list[list[str]](), 0
    all_lost: list[UnreadableRange] = []
    for camera, stream in zip(cameras, streams, strict=True):
        planned, gaps, lost = await _planned(c, stream, start, end)
        all_lost += lost
        rows += [_gap_row(c, camera, g.start_us, g.end_us, str(g.cause)) for g in gaps]
        rows += [_gap_row(c, camera, u.start_us, u.end_us, UNREADABLE) for u in lost]
        for part, at in zip(planned, _names(c, camera, planned), strict=True):
            written += 1
            yield archive.add(at, clip_stream.mp4_pieces(part))
    if not written:
        clip.raise_nothing_to_export(all_lost, "none of these cameras has recordings in this range")
    yield archive.add("gaps.csv", [_csv(rows)])
    yield archive.finish()


def _names(c: AnyContext, camera: Camera, planned: Sequence[Clip]) -> list[str]:
    """Return the names of a camera's files: one, or several where codec or sound change."""
    if not planned:
        return []
    first = _file_name(c, camera, planned[0].start_us, "mp4")
    return [str(path) for path in mp4_writer.output_paths(Path(first), len(planned))]


def _file_name(c: AnyContext, camera: Camera, start_us: int, suffix: str) -> str:
    return f"{camera.id}_{from_microseconds(start_us).astimezone(c.services.zone):%Y%m%d-%H%M%S}.{suffix}"


def _gap_row(c: AnyContext, camera: Camera, start_us: int, end_us: int, cause: str) -> list[str]:
    start, end = (from_microseconds(us).astimezone(c.services.zone).isoformat() for us in (start_us, end_us))
    return [camera.id, camera.name, start, end, f"{(end_us - start_us) / SECOND:.1f}", cause]


def _csv(rows: Sequence[Sequence[str]]) -> bytes:
    """Return a table for spreadsheets: UTF-8 with a byte order mark, because they guess another encoding without it."""
    text = io.StringIO()
    csv.writer(text).writerows([["camera", "name", "start", "end", "seconds", "cause"], *rows])
    return text.getvalue().encode("utf-8-sig")


def _response(name: str, content_type: str) -> web.StreamResponse:
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}"'}
    response = web.StreamResponse(headers=headers)
    response.content_type = content_type
    return response
