"""Routes for viewing: live sockets with single-use tickets, and playback of segment files."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from datetime import datetime
from pathlib import Path

import aiohttp
from aiohttp import WSMsgType, web
from pydantic import BaseModel

from cameras.registry import lookup
from cameras.states import StreamKind
from core.accounts.permissions import Permission
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.clock import from_microseconds, to_microseconds
from core.error_codes import ErrorCode
from core.errors import ConflictError, ForbiddenError, NotFoundError, UsageError, ViewerNotConfirmed
from core.ids import StreamId
from core.tasks import first_of
from nvr.archive.segment_index import Segment
from nvr.playback import clip, hls
from nvr.playback.live import TOKEN_HEADER
from nvr.recorder import stream_status
from web.framework.context import AnyContext, Context
from web.framework.routing import ReplyKind, RouteTable
from web.framework.socket_revalidation import (
    CLOSE_TRY_AGAIN,
    CLOSE_UNATTENDED,
    SEND_TIMEOUT_S,
    SessionLost,
    SocketSession,
    close,
    send_only_socket,
    until_left,
)
from web.http.file_response import BytesResponse, FileResponse
from web.policy import check_playback, footage_granted, visible_camera
from web.sessions.media_tickets import MediaTicket
from web.views.causes import CauseWord, cause_word

routes = RouteTable()

log = logging.getLogger(__name__)

MAX_PLAYLIST_GOPS = 20_000
MAX_RANGE_US = 32 * 86_400_000_000


class TicketBody(BaseModel):
    camera: str
    kind: StreamKind = StreamKind.SUB
    transcode: bool = False  # to H.264, if the browser cannot play the stream


class TicketReply(BaseModel):
    ticket: str
    stream: str


class RangeQuery(BaseModel):
    start: datetime
    end: datetime


class PlaylistQuery(RangeQuery):
    keyframes: bool = False  # for playback faster than 4×


class StripQuery(RangeQuery):
    count: int = 24


class SpanView(BaseModel):
    start: datetime
    end: datetime
    cause: CauseWord


@routes.add("POST", "/api/live/ticket", Permission.LIVE_VIEW, body=TicketBody, reply=TicketReply)
async def live_ticket(c: Context[None, TicketBody]) -> TicketReply:
    """Get a ticket to open one live socket within 30 s; needs a stated purpose."""
    camera, purpose = await visible_camera(c, c.body.camera, with_retired=True), c.purpose
    kind = c.body.kind if c.body.kind in lookup.recorded_kinds(camera) else StreamKind.MAIN
    stream = f"{camera.id}/{kind}"
    c.services.attendance.check(c.identity.session)
    async with c.services.database.session() as session:
        await audit_trail.record(
            session,
            c.services.clock.now(),
            c.identity.name,
            AuditAction.LIVE_OPEN,
            stream,
            reason=purpose,
            village=camera.village,
            by_session=c.identity.session,
        )
    return TicketReply(ticket=c.services.tickets.issue(c.identity, stream, c.body.transcode), stream=stream)


@routes.add("GET", "/api/live/{ticket}", Permission.LIVE_VIEW, kind=ReplyKind.SOCKET)
async def live_socket(c: Context) -> web.StreamResponse:
    """Live fragments of the ticket's stream."""
    ticket = c.services.tickets.redeem(c.path("ticket"), c.identity)
    if ticket is None or ticket.alert:
        raise ForbiddenError(
            "this ticket is used, expired, or belongs to another person, session or purpose; request a new one",
            ErrorCode.TICKET_INVALID,
        )
    stream = ticket.stream
    # The account's scope may have changed since the ticket was issued.
    camera = await visible_camera(c, StreamId(stream).camera, with_retired=True)
    async with c.services.database.reading() as session:
        recorder = await stream_status.recorder_url(session, stream)
    if not recorder:
        raise NotFoundError("no recorder has this stream at the moment", ErrorCode.STREAM_NOT_RUNNING)
    who = c.identity
    with c.services.live_sockets.hold(c.session_key, who.user_id), c.services.attendance.socket(who.session):
        return await serve_live(c, ticket, camera.village, f"{recorder}/live/{stream}")


async def _forever() -> None:
    await asyncio.Event().wait()


async def serve_live(
    c: AnyContext,
    ticket: MediaTicket,
    village: str,
    url: str,
    until_over: Callable[[], Coroutine[None, None, None]] = _forever,
) -> web.StreamResponse:
    """Relay a recorder's stream to the ticket's holder, and write its audit row at the end.

    `until_over` raises SessionLost when the viewing is over by itself.
    """
    stream, messages = ticket.stream, _from_recorder(c, url)
    if ticket.transcode:
        messages = c.services.transcoders.get_or_start(stream, messages, c.identity.user_id).watch()
    socket = send_only_socket(compress=False)
    await socket.prepare(c.request)
    started = c.services.clock.monotonic()
    c.services.sockets.add(socket)
    try:
        await _relay(socket, messages, SocketSession(c, StreamId(stream).camera), until_over)
    finally:
        c.services.sockets.discard(socket)
        seconds = round(c.services.clock.monotonic() - started, 1)
        async with c.services.database.session() as session:
            await audit_trail.record(
                session,
                c.services.clock.now(),
                c.identity.name,
                AuditAction.LIVE_CLOSE,
                stream,
                reason=ticket.reason or ticket.purpose,
                village=village,
                by_session=ticket.session,
                seconds=seconds,
                code=socket.close_code,
            )
    return socket


async def _from_recorder(c: AnyContext, url: str) -> AsyncIterator[str | bytes]:
    """Yield the recorder's messages of a stream until it ends."""
    assert c.services.http is not None
    headers = {TOKEN_HEADER: c.services.node_token}
    async with c.services.http.ws_connect(url, headers=headers, max_msg_size=32_000_000, compress=0) as source:
        async for message in source:
            if message.type in (WSMsgType.BINARY, WSMsgType.TEXT):
                yield message.data


async def _relay(
    socket: web.WebSocketResponse,
    messages: AsyncIterator[str | bytes],
    viewer: SocketSession,
    until_over: Callable[[], Coroutine[None, None, None]],
) -> None:
    """Relay messages to the viewer until either side ends, or the viewer may no longer receive them."""
    try:
        attendance, session = viewer.context.services.attendance, viewer.context.identity.session
        await first_of(
            _send_all(socket, messages),
            until_left(socket),
            viewer.watch(),
            attendance.wait_until_unattended(session),
            until_over(),
        )
    except SessionLost as e:
        await close(socket, e)
    except ViewerNotConfirmed:
        await close(socket, SessionLost(CLOSE_UNATTENDED, "nobody confirmed that somebody is still watching"))
    except (aiohttp.ClientError, OSError, TimeoutError, ConflictError) as e:
        log.info("closing a live socket: %s", e)
        await socket.close(code=CLOSE_TRY_AGAIN, message=b"the recorder does not answer")


async def _send_all(socket: web.WebSocketResponse, messages: AsyncIterator[str | bytes]) -> None:
    async with aclosing(messages):  # type: ignore[type-var]
        async for message in messages:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                if isinstance(message, str):
                    await socket.send_str(message)
                else:
                    await socket.send_bytes(message)


@routes.add(
    "GET", "/api/playback/{camera}/{kind}/coverage", Permission.PLAYBACK_VIEW, query=RangeQuery, reply=list[SpanView]
)
async def coverage(c: Context[RangeQuery]) -> list[SpanView]:
    """Recorded spans and gaps of a time range, gaps with their cause."""
    stream, _ = await _stream(c)
    start, end = _range(c.query)
    spans = await c.services.reader.coverage(stream, start, end)
    return [
        SpanView(start=from_microseconds(s.start_us), end=from_microseconds(s.end_us), cause=cause_word(s.cause))
        for s in spans
    ]


@routes.add(
    "GET",
    "/api/playback/{camera}/{kind}/index.m3u8",
    Permission.PLAYBACK_VIEW,
    query=PlaylistQuery,
    kind=ReplyKind.FILE,
)
async def playlist(c: Context[PlaylistQuery]) -> web.Response:
    """HLS playlist over the segment files; needs a stated purpose."""
    stream, village = await _stream(c)
    start, end = _range(c.query)
    check_playback(c, from_microseconds(start))
    if end - start > hls.MAX_HLS_US:
        raise UsageError("ask for at most 6 hours at once", ErrorCode.STRIP_TOO_LONG, hours=6)
    gops = await c.services.reader.gops(stream, start, end, MAX_PLAYLIST_GOPS)
    if not gops:
        clip.raise_nothing_to_export(
            await clip.unreadable_ranges(c.services.reader, stream, start, end, gops),
            "nothing is recorded in this range",
        )
    await _grant_footage(c, AuditAction.PLAYBACK_OPEN, stream, village, start, end)
    text = await c.services.footage_executor.run(hls.playlist, gops, live=False, keyframes=c.query.keyframes)
    return web.Response(text=text, content_type="application/vnd.apple.mpegurl", headers={"Cache-Control": "no-store"})


@routes.add("GET", "/api/playback/{camera}/{kind}/segment/{segment}.mp4", Permission.PLAYBACK_VIEW, kind=ReplyKind.FILE)
async def segment_file(c: Context) -> web.StreamResponse:
    """Bytes of a segment file (with Range); needs this session's playlist of that time and a stated purpose."""
    stream, village = await _stream(c)
    segment, path = await _segment(c, stream, village)
    sending = c.services.playback_log.sending(c.identity, village, segment)
    return FileResponse(path, headers={"Content-Type": "video/mp4", "Cache-Control": "no-store"}, sending=sending)


@routes.add(
    "GET", "/api/playback/{camera}/{kind}/segment/{segment}/{part}", Permission.PLAYBACK_VIEW, kind=ReplyKind.FILE
)
async def segment_part(c: Context) -> web.Response:
    """A segment's keyframes, its init segment, or a range without sound; needs this session's playlist of that time."""
    stream, village = await _stream(c)
    segment, path = await _segment(c, stream, village)
    data = await c.services.footage_executor.run(hls.segment_part, path, segment.media_us, c.path("part"))
    sending = c.services.playback_log.sending(c.identity, village, segment)
    return BytesResponse(data, sending=sending, content_type="video/mp4", headers={"Cache-Control": "no-store"})


async def _segment(c: AnyContext, stream: str, village: str) -> tuple[Segment, Path]:
    start = c.number("segment")
    found = [(s, p) for s, p in await c.services.reader.segments(stream, start, start + 1) if s.start_us == start]
    if not found or not await c.services.footage_executor.run(found[0][1].is_file):
        raise NotFoundError("this footage is no longer kept", ErrorCode.FOOTAGE_NOT_KEPT)
    segment = found[0][0]
    check_playback(c, from_microseconds(segment.end_us))
    if not await footage_granted(c, StreamId(stream).camera, segment.start_us, segment.end_us):
        raise ForbiddenError("request the playlist (index.m3u8) of this time first", ErrorCode.PLAYLIST_FIRST)
    c.services.attendance.check(c.identity.session)
    c.services.playback_log.note(c.identity, village, segment)
    return found[0]


async def _grant_footage(c: AnyContext, action: AuditAction, stream: str, village: str, start: int, end: int) -> None:
    """Write the audit row of a playlist or strip and grant its footage (µs) to this session.

    The range is widened to whole segments, because the row states them so.
    """
    who, camera = c.identity, StreamId(stream).camera
    for segment, _ in await c.services.reader.segments(stream, start, end):
        start, end = min(start, segment.start_us), max(end, segment.end_us)
    async with c.services.database.session() as session:
        await audit_trail.record(
            session,
            c.services.clock.now(),
            who.name,
            action,
            stream,
            reason=c.purpose,
            village=village,
            by_session=who.session,
            start=from_microseconds(start).isoformat(),
            end=from_microseconds(end).isoformat(),
        )
    c.services.footage_grants.grant_range(who.session, who.purpose, camera, start, end)


@routes.add(
    "GET", "/api/playback/{camera}/{kind}/strip", Permission.PLAYBACK_VIEW, query=StripQuery, reply=list[datetime]
)
async def strip(c: Context[StripQuery]) -> list[datetime]:
    """Times of keyframes spread over a range, for a strip of thumbnails (each from /snapshot?at=…).

    A longer range is cut to its first six hours.
    """
    stream, village = await _stream(c)
    start, end = _range(c.query)
    check_playback(c, from_microseconds(start))
    end = min(end, start + hls.MAX_HLS_US)
    await _grant_footage(c, AuditAction.STRIP_VIEW, stream, village, start, end)
    gops = await c.services.reader.gops(stream, start, end, MAX_PLAYLIST_GOPS)
    return [from_microseconds(t) for t in hls.thumbnail_times(gops, max(1, min(c.query.count, 100)))]


def _range(query: RangeQuery) -> tuple[int, int]:
    start, end = to_microseconds(query.start), to_microseconds(query.end)
    if not start < end <= start + MAX_RANGE_US:
        raise UsageError("end must be after start, by at most 32 days", ErrorCode.RANGE_INVALID, days=32)
    return start, end


async def _stream(c: AnyContext) -> tuple[str, str]:
    """Return the stream that the path names, and its village."""
    camera = await visible_camera(c, with_retired=True)
    kind = c.path("kind")
    if kind not in tuple(StreamKind):
        raise NotFoundError("there is no such stream", ErrorCode.STREAM_NOT_FOUND)
    return f"{camera.id}/{kind}", camera.village
