"""Routes for looking through long ranges: thumbnails under the cursor, and time-lapse."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import datetime

from aiohttp import web
from pydantic import BaseModel, Field

from cameras.registry import lookup
from cameras.states import StreamKind
from cameras.tables import Camera
from core.accounts.permissions import Permission
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.clock import DAY_US, from_microseconds, to_microseconds
from core.error_codes import ErrorCode
from core.errors import NotFoundError, UsageError
from nvr.archive.reader import Keyframe
from nvr.playback.time_lapse import MAX_SPEED, MIN_SPEED, TimeLapse
from web.framework.context import AnyContext, Context
from web.framework.routing import ReplyKind, RouteTable
from web.policy import check_playback, visible_camera
from web.sessions.attendance import FetchedFootage, ViewedStretch
from web.work.byte_stream import send_parts
from web.work.snapshots import masks_of

routes = RouteTable()

MAX_LAPSE_US = 7 * DAY_US


class ThumbnailQuery(BaseModel):
    at: datetime
    width: int = Field(160, ge=32, le=320)


class TimeLapseQuery(BaseModel):
    start: datetime = Field(alias="from")
    end: datetime = Field(alias="to")
    speed: int = Field(120, ge=MIN_SPEED, le=MAX_SPEED, description="Recorded seconds in a second of the video")
    stream: StreamKind | None = Field(None, description="Absent: sub, if it is held for the begin of the range")


@routes.add(
    "GET", "/api/playback/{camera}/thumbnail", Permission.PLAYBACK_VIEW, query=ThumbnailQuery, kind=ReplyKind.FILE
)
async def thumbnail(c: Context[ThumbnailQuery]) -> web.Response:
    """JPEG of the keyframe at or before a time; one audit row per camera and half an hour. Needs a stated purpose.

    Pictures are kept in the station's memory, never in the browser's cache.
    """
    camera = await visible_camera(c, with_retired=True)
    check_playback(c, c.query.at)
    at = to_microseconds(c.query.at)
    frame = await _keyframe(c, camera, at)
    if frame is None:
        raise NotFoundError("there is no picture", ErrorCode.NO_PICTURE)
    stream = lookup.full_stream(camera)
    await c.audit_view(
        AuditAction.THUMBNAIL_VIEW, stream, key=f"thumbnail.view {camera.id}", reason=c.purpose,
        village=camera.village, start=c.query.at.isoformat(), end=c.query.at.isoformat(),
    )  # fmt: skip
    jpeg = await c.services.snapshots.jpeg(frame, c.query.width, masks_of(camera))
    headers = {"Cache-Control": "no-store", "X-Minwang-Moment": from_microseconds(frame.at_us).isoformat()}
    return web.Response(body=jpeg, content_type="image/jpeg", headers=headers)


async def _keyframe(c: AnyContext, camera: Camera, at_us: int) -> Keyframe | None:
    """Return the keyframe of the small stream, or of the other where only that is still held."""
    for stream in dict.fromkeys((lookup.small_stream(camera), lookup.full_stream(camera))):
        if (frame := await c.services.reader.keyframe_at(stream, at_us)) is not None:
            return frame
    return None


@routes.add(
    "GET", "/api/playback/{camera}/time-lapse.mp4", Permission.PLAYBACK_VIEW, query=TimeLapseQuery, kind=ReplyKind.FILE
)
async def time_lapse(c: Context[TimeLapseQuery]) -> web.StreamResponse:
    """Keyframes of up to seven days at 60 to 600 times the speed, as fragmented MP4 for MSE; needs a stated purpose.

    A position in the video, in seconds, times the speed is the time since `from`. The header X-Minwang-Codecs names the
    codec for `addSourceBuffer`. Where footage in another codec begins, the video ends with a `free` box of 16 bytes:
    its 8 bytes of content are the recorded microseconds since `from` at which to ask again. A row `time_lapse.close`
    says how long it was watched, and how far.
    """
    camera = await visible_camera(c, with_retired=True)
    start, end = to_microseconds(c.query.start), to_microseconds(c.query.end)
    if not start < end <= start + MAX_LAPSE_US:
        raise UsageError("'to' must be after 'from', by at most seven days", ErrorCode.RANGE_INVALID, days=7)
    check_playback(c, c.query.start)
    c.services.attendance.check(c.identity.session)
    stream = f"{camera.id}/{c.query.stream}" if c.query.stream else await _held_stream(c, camera, start, end)
    lapse = TimeLapse(c.services.reader, stream, start, end, c.query.speed)
    with c.services.downloads.hold(c.session_key, c.identity.user_id):
        return await _send(c, camera, stream, lapse)


async def _send(c: Context[TimeLapseQuery], camera: Camera, stream: str, lapse: TimeLapse) -> web.StreamResponse:
    run, parts = c.services.footage_executor.run, lapse.parts()
    first, head = await _first_piece(c, parts)
    async with c.services.database.session() as session:
        await audit_trail.record(
            session, c.services.clock.now(), c.identity.name, AuditAction.TIME_LAPSE_OPEN, stream, reason=c.purpose,
            village=camera.village, by_session=c.identity.session, speed=c.query.speed,
            start=c.query.start.isoformat(), end=c.query.end.isoformat(),
        )  # fmt: skip
    response = web.StreamResponse(headers={"Cache-Control": "no-store", "X-Minwang-Codecs": lapse.codecs})
    response.content_type = "video/mp4"
    start_us = to_microseconds(c.query.start)
    log, fetched = c.services.playback_log, FetchedFootage(stream, start_us, start_us, c.query.speed)
    viewing = log.note(c.identity, camera.village, fetched)
    with log.holding(viewing):
        try:
            await send_parts(c.request, response, run, _until_end(c, lapse, viewing, _continued(head, first, parts)))
        finally:  # also where the browser went away in the middle of a part
            viewing.end_us = max(viewing.end_us, lapse.shown_until_us)
    return response


async def _until_end(
    c: Context[TimeLapseQuery], lapse: TimeLapse, viewing: ViewedStretch, parts: AsyncIterator[Iterator[bytes]]
) -> AsyncIterator[Iterator[bytes]]:
    """Yield the parts; the viewing reaches as far as what was sent, gaps at the end of the range included."""
    async for part in parts:
        yield part
        viewing.end_us = max(viewing.end_us, lapse.shown_until_us)
    if lapse.other_codec_us is None:
        viewing.end_us = max(viewing.end_us, to_microseconds(c.query.end))


async def _first_piece(c: AnyContext, parts: AsyncIterator[Iterator[bytes]]) -> tuple[Iterator[bytes], bytes]:
    """Return the first part with a picture, and its first piece: the codec is known then. Raises NotFoundError."""
    async for part in parts:
        if (piece := await c.services.footage_executor.run(next, part, None)) is not None:
            return part, piece
    raise NotFoundError("nothing is recorded in this range", ErrorCode.NOTHING_RECORDED)


async def _continued(
    head: bytes, first: Iterator[bytes], rest: AsyncIterator[Iterator[bytes]]
) -> AsyncIterator[Iterator[bytes]]:
    yield iter([head])
    yield first
    async for part in rest:
        yield part


async def _held_stream(c: AnyContext, camera: Camera, start_us: int, end_us: int) -> str:
    """Return the small stream if it begins as early as the full one in the range, otherwise the full one."""
    small, full = lookup.small_stream(camera), lookup.full_stream(camera)
    if small == full:
        return small
    begins: list[int] = []
    for stream in (small, full):
        spans = await c.services.reader.coverage(stream, start_us, end_us)
        begins.append(next((s.start_us for s in spans if not s.cause), 2**62))
    return small if begins[0] <= begins[1] + DAY_US // 24 and begins[0] < 2**62 else full
