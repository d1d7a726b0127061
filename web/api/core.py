"""Routes for events, and the OpenAPI document."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing

from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from core.accounts.permissions import Permission
from core.accounts.sessions import Identity
from core.audit.actions import AuditAction
from core.errors import MinwangError
from core.events import EventKind
from core.numbers import parse_whole_number
from core.tasks import first_of
from web.framework import openapi
from web.framework.context import AnyContext, Context
from web.framework.routing import ROUTES, ReplyKind, RouteTable
from web.framework.socket_revalidation import (
    CLOSE_TRY_AGAIN,
    SEND_TIMEOUT_S,
    SessionLost,
    SocketSession,
    close,
    send_only_socket,
    until_left,
)
from web.work.event_feed import FeedEvent, MotionChoice

routes = RouteTable()

log = logging.getLogger(__name__)

# The permission that an event needs: by its kind, else by the first word of its kind. Others need CAMERA_VIEW.
_PERMISSION_OF_KIND: dict[str, Permission] = {
    EventKind.ALERT_RAISED: Permission.ALERT_CONFIRM,
    EventKind.ALERT_REJECTED: Permission.ALERT_CONFIRM,  # not dispatched to the patrol officers
    EventKind.ALERT_SNOOZED: Permission.ALERT_CONFIRM,
    EventKind.ALERT_SEEN_AGAIN: Permission.ALERT_CONFIRM,
}
_PERMISSION_OF_SUBJECT = {
    "alert": Permission.ALERT_VIEW,
    "fault": Permission.PATROL_VIEW,
    "patrol": Permission.PATROL_VIEW,
    "shift": Permission.PATROL_VIEW,
    "watch": Permission.CASE_VIEW,
    "backup": Permission.STATION_VIEW,
    "events": Permission.SIGNED_IN,
    "hold": Permission.CASE_VIEW,
    "case": Permission.CASE_VIEW,
}
# Town-wide events that accounts of some villages also receive, but without their content.
_TOWN_WIDE_KINDS = frozenset(
    {
        EventKind.EVENTS_SKIPPED,
        EventKind.PATROL_FINISHED,
        EventKind.SHIFT_TAKEN_OVER,
        EventKind.WATCH_PROPOSED,
        EventKind.WATCH_APPROVED,
        EventKind.WATCH_REFUSED,
        EventKind.WATCH_RENEWED,
        EventKind.WATCH_ENDED,
        EventKind.WATCH_CHANGED,
        EventKind.WATCH_LOOK_BACK,
        EventKind.WATCH_LOOKED_BACK,
    }
)


@routes.add("GET", "/api/openapi.json", Permission.API_VIEW, kind=ReplyKind.FILE)
async def describe_api(_c: Context) -> web.Response:
    """This OpenAPI document."""
    return web.json_response(openapi.document(_c.request.app[ROUTES]))


@routes.add("GET", "/api/events", Permission.SIGNED_IN, kind=ReplyKind.SOCKET)
async def event_socket(c: Context) -> web.WebSocketResponse:
    """Events as they happen, resumed after the id given as `?after=` (at most the newest thousand).

    Motion is sent of the cameras alone that the page names: it sends `{"motion": [camera, …]}` whenever they change.
    """
    with c.services.event_sockets.hold(c.session_key, c.identity.user_id):
        await c.audit_view(AuditAction.EVENTS_OPEN, "events")
        return await _serve_events(c)


async def _serve_events(c: AnyContext) -> web.WebSocketResponse:
    socket = send_only_socket()
    await socket.prepare(c.request)
    c.services.sockets.add(socket)
    try:
        standing = SocketSession(c)
        choice = MotionChoice()
        await first_of(_send_events(c, socket, standing, choice), until_left(socket, choice.take), standing.watch())
    except SessionLost as e:
        await close(socket, e)
    except (ConnectionError, TimeoutError):
        pass  # the page left
    except (MinwangError, SQLAlchemyError) as e:
        log.warning("closing an event socket; its page reconnects: %s", e)
    finally:
        c.services.sockets.discard(socket)
        await socket.close(code=CLOSE_TRY_AGAIN, message=b"try again")
    return socket


async def _send_events(
    c: AnyContext, socket: web.WebSocketResponse, standing: SocketSession, choice: MotionChoice
) -> None:
    """Send events until the page leaves or reads nothing for SEND_TIMEOUT_S. Raises SessionLost."""
    async with aclosing(c.services.event_feed.follow(parse_whole_number(c.request.query.get("after", "")))) as feed:
        async for event in feed:
            if not choice.wants(event):
                continue
            text = text_for(await standing.revalidate_for_batch(), event)
            if text is not None:
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    await socket.send_str(text)


def text_for(identity: Identity, event: FeedEvent) -> str | None:
    """Return an event's JSON as this account may receive it; None if it may not.

    An event without a village concerns the whole town. Of some kinds, an account of some villages learns only that such
    an event happened.
    """
    row = event.row
    subject = row.kind.partition(".")[0]
    needed = _PERMISSION_OF_KIND.get(row.kind) or _PERMISSION_OF_SUBJECT.get(subject, Permission.CAMERA_VIEW)
    if not identity.may(needed):
        return None
    if identity.villages is None or (row.village is not None and identity.sees_village(row.village)):
        return event.text
    return event.bare if row.village is None and row.kind in _TOWN_WIDE_KINDS else None
