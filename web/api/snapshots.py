"""Routes for single pictures: small ones to look at, and full ones with a watermark to keep."""

from __future__ import annotations

from datetime import datetime

from aiohttp import web
from pydantic import BaseModel, Field

from cameras.registry import lookup
from cameras.states import StreamKind
from cameras.tables import Camera
from core.accounts.permissions import Permission
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.clock import from_microseconds, to_microseconds
from core.error_codes import ErrorCode
from core.errors import NotFoundError, UsageError
from nvr.archive.reader import Keyframe
from nvr.playback.watermark import Caption
from web.framework.context import AnyContext, Context
from web.framework.routing import ReplyKind, RouteTable
from web.policy import check_playback, footage_granted, visible_camera
from web.work.snapshots import masks_of

routes = RouteTable()

SNAPSHOT_MAX_AGE_S = 20


class SnapshotQuery(BaseModel):
    at: datetime | None = Field(None, description="A recorded moment; absent: the newest picture")
    width: int = Field(640, description="Of a picture without watermark, px; 64 to 1920")
    stream: StreamKind | None = Field(None, description="With watermark only; absent: main, if it is recorded")
    watermark: bool = Field(
        False, description="A file to keep: the picture of this very moment in full size, with the viewer's name"
    )


@routes.add("GET", "/api/cameras/{camera}/snapshot", Permission.LIVE_VIEW, query=SnapshotQuery, kind=ReplyKind.FILE)
async def camera_snapshot(c: Context[SnapshotQuery]) -> web.Response:
    """JPEG of the newest picture, or of a recorded moment; with watermark a full-size file; needs a stated purpose."""
    camera = await visible_camera(c, with_retired=True)
    _ = c.purpose
    if c.query.at is not None:
        check_playback(c, c.query.at)
    if c.query.watermark:
        return await _saved(c, camera)
    if c.query.stream is not None:
        raise UsageError(
            "a stream can be chosen for a picture with watermark only; add watermark=true",
            ErrorCode.STREAM_NEEDS_WATERMARK,
        )
    return await _viewed(c, camera)


async def _viewed(c: Context[SnapshotQuery], camera: Camera) -> web.Response:
    """Answer with the small picture of a keyframe. It belongs to a strip's or playlist's row, or gets a row."""
    stream, at = lookup.small_stream(camera), c.query.at
    frame = await (_newest(c, stream) if at is None else c.services.reader.keyframe_at(stream, to_microseconds(at)))
    if frame is None:
        raise NotFoundError("there is no picture", ErrorCode.NO_PICTURE)
    jpeg = await c.services.snapshots.jpeg(frame, max(64, min(c.query.width, 1920)), masks_of(camera))
    if at is None:
        await c.audit_view(AuditAction.SNAPSHOT_VIEW, stream, reason=c.purpose, village=camera.village)
    elif not await footage_granted(c, camera.id, frame.at_us, frame.at_us):
        shown = from_microseconds(frame.at_us).isoformat()
        key = f"snapshot.view {stream} {shown}"
        await c.audit_view(AuditAction.SNAPSHOT_VIEW, stream, key=key, village=camera.village, start=shown, end=shown)
    return web.Response(body=jpeg, content_type="image/jpeg", headers={"Cache-Control": "no-store"})


async def _saved(c: Context[SnapshotQuery], camera: Camera) -> web.Response:
    """Answer with the full picture as a file, watermarked; every file has an audit row of its own."""
    recorded = lookup.recorded_kinds(camera)
    kind = c.query.stream or (StreamKind.MAIN if StreamKind.MAIN in recorded else StreamKind.SUB)
    stream, at = f"{camera.id}/{kind}", c.query.at
    frame = await (_newest(c, stream) if at is None else c.services.reader.picture_at(stream, to_microseconds(at)))
    if frame is None:
        raise NotFoundError("there is no picture", ErrorCode.NO_PICTURE)
    taken = from_microseconds(frame.complete_us).astimezone(c.services.zone)
    jpeg = await c.services.snapshots.marked(frame, caption_of(c, camera, taken), masks_of(camera))
    async with c.services.database.session() as session:
        await audit_trail.record(
            session, c.services.clock.now(), c.identity.name, AuditAction.SNAPSHOT_SAVE, stream, reason=c.purpose,
            village=camera.village, by_session=c.identity.session, start=taken.isoformat(), end=taken.isoformat(),
            bytes=len(jpeg),
        )  # fmt: skip
    name = f"{camera.id}_{taken:%Y%m%d-%H%M%S}_{kind}.jpg"
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(body=jpeg, content_type="image/jpeg", headers=headers)


async def _newest(c: AnyContext, stream: str) -> Keyframe | None:
    frames = await c.services.reader.latest_keyframes(stream, SNAPSHOT_MAX_AGE_S, 1)
    return frames[-1] if frames else None


def caption_of(c: AnyContext, camera: Camera, taken: datetime) -> Caption:
    """Return the watermark of a picture for this viewer; `taken` in the station's zone."""
    who = c.identity
    viewer = f"{who.display_name} ({who.name})"
    place = f"{taken:%Y-%m-%d %H:%M:%S %z}  {camera.id} {camera.name}"
    return Caption((place, f"{c.services.settings.station.name}  {viewer}"), f"{viewer} {taken:%Y-%m-%d %H:%M:%S}")
