"""Routes for sign-in, events, and the OpenAPI document."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing, nullcontext
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, Field, StringConstraints
from sqlalchemy.exc import SQLAlchemyError

from core.accounts.permissions import GRANTS, Permission, Role
from core.accounts.sessions import Identity
from core.accounts.sign_in import DEVICE_RETENTION, OpenedSession
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import ForbiddenError, MinwangError
from core.events import EventKind
from core.numbers import parse_whole_number
from core.tasks import first_of
from web.framework import openapi
from web.framework.context import AnyContext, Context
from web.framework.routing import ROUTES, Done, ReplyKind, RouteTable
from web.framework.socket_revalidation import (
    CLOSE_TRY_AGAIN,
    SEND_TIMEOUT_S,
    SessionLost,
    SocketSession,
    close,
    send_only_socket,
    until_left,
)
from web.http.connection_limits import client_key
from web.http.cookies import COOKIE, cookie_of, device_cookie, session_cookie
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


class SignInBody(BaseModel):
    name: str = Field(max_length=60)
    password: str = Field(max_length=200)


class PasswordBody(BaseModel):
    present: str = Field(max_length=200)
    new: str = Field(max_length=200)


class PurposeBody(BaseModel):
    purpose: Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=200)]


class Me(BaseModel):
    name: str
    display_name: str
    role: Role
    villages: list[str] | None
    permissions: list[Permission]
    purpose: str
    recent_purpose: str = Field(
        description="Purpose that this person stated in another session within twelve hours; may be empty"
    )
    station: str
    time_zone: str = Field(description="IANA name of the station's time zone, in which all times are shown")
    ask_after_seconds: float = Field(
        description="After this many seconds without input a page with video asks whether somebody is watching"
    )
    must_change: bool = Field(
        description="Somebody else set the password; other routes are refused until it is changed"
    )


@routes.add("POST", "/api/session", Permission.PUBLIC, body=SignInBody, reply=Me)
async def sign_in(c: Context[None, SignInBody]) -> web.Response:
    """Sign in and open a session."""
    source, device = _source(c)
    known = bool(device) and await c.services.sign_in_service.is_known_device(c.body.name, device)
    with nullcontext() if known else c.services.sign_in_limit.attempt(source):
        opened = await c.services.sign_in_service.open(c.body.name, c.body.password, client_key(source), device)
    return await _session_response(c, opened)


@routes.add("POST", "/api/session/password", Permission.SIGNED_IN, body=PasswordBody, reply=Me)
async def change_password(c: Context[None, PasswordBody]) -> web.Response:
    """Change the own password; all other sessions of the account end."""
    source, device = _source(c)
    await c.services.sign_in_service.change_password(c.identity, c.body.present, c.body.new, client_key(source), device)
    return await _session_response(
        c, await c.services.sign_in_service.open(c.identity.name, c.body.new, client_key(source), device)
    )


def _source(c: AnyContext) -> tuple[str, str]:
    """Return the client's address, and the token that identifies its device."""
    device = cookie_of(c.request, device_cookie(c.services.settings.web))
    return c.request.remote or "", device if device.isascii() else ""


async def _session_response(c: AnyContext, opened: OpenedSession) -> web.Response:
    identity = await c.services.accounts.sessions.resolve(opened.token)
    if identity is None:
        raise ForbiddenError("the account was changed meanwhile; sign in again", ErrorCode.SESSION_CHANGED)
    response = web.Response(text=(await _me(c, identity)).model_dump_json(), content_type="application/json")
    settings = c.services.settings.web
    name, known = session_cookie(settings), device_cookie(settings)
    secure = name != COOKIE
    response.set_cookie(name, opened.token, httponly=True, samesite="Strict", secure=secure, path="/")
    response.set_cookie(
        known,
        opened.device,
        httponly=True,
        samesite="Strict",
        secure=secure,
        path="/",
        max_age=DEVICE_RETENTION.days * 86_400,
    )
    response.headers["Cache-Control"] = "no-store"
    return response


@routes.add("DELETE", "/api/session", Permission.SIGNED_IN, reply=Done)
async def sign_out(c: Context) -> web.Response:
    """Sign out: end the session."""
    name = session_cookie(c.services.settings.web)
    await c.services.accounts.sessions.sign_out(cookie_of(c.request, name), c.identity.name)
    response = web.json_response({})
    response.del_cookie(name, path="/", httponly=True, samesite="Strict", secure=name != COOKIE)
    return response


@routes.add("POST", "/api/session/purpose", Permission.SIGNED_IN, body=PurposeBody, reply=Me)
async def set_purpose(c: Context[None, PurposeBody]) -> Me:
    """State the purpose or case number under which this session views footage."""
    token = cookie_of(c.request, session_cookie(c.services.settings.web))
    await c.services.accounts.sessions.set_purpose(token, c.body.purpose, c.identity.name)
    identity = await c.services.accounts.sessions.resolve(token)
    assert identity is not None
    return await _me(c, identity)


@routes.add("GET", "/api/me", Permission.SIGNED_IN, reply=Me)
async def me(c: Context) -> Me:
    """The signed-in account and its permissions."""
    return await _me(c, c.identity)


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


async def _me(c: AnyContext, identity: Identity) -> Me:
    recent = "" if identity.purpose else await c.services.accounts.sessions.recent_purpose(identity)
    return Me(
        name=identity.name,
        display_name=identity.display_name,
        role=identity.role,
        purpose=identity.purpose,
        villages=None if identity.villages is None else list(identity.villages),
        permissions=sorted(p for p in GRANTS[identity.role] if identity.may(p)),
        station=c.services.settings.station.name,
        time_zone=c.services.settings.station.timezone,
        must_change=identity.must_change,
        recent_purpose=recent,
        ask_after_seconds=c.services.attendance.ask_after,
    )
