"""Sign-in, events, audit, the API's own description."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from datetime import datetime

from aiohttp import WSMsgType, web
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from core import audit, events
from core.accounts import Identity
from core.errors import MinwangError
from core.numbers import whole
from core.permissions import GRANTS, Permission
from core.tasks import first_of
from web import openapi
from web.routing import COOKIE, Context, route, session_cookie

log = logging.getLogger(__name__)

SEND_SECONDS = 20.0  # a page that takes nothing for so long is gone

# Which events reach whom: by the first word of the kind. What is not listed needs CAMERA_VIEW.
_NEEDS = {
    "alert": Permission.ALERT_VIEW, "fault": Permission.PATROL_VIEW, "patrol": Permission.PATROL_VIEW,
    "watch": Permission.CASE_VIEW, "backup": Permission.STATION_VIEW,
}  # fmt: skip


class SignInBody(BaseModel):
    name: str = Field(max_length=60)
    password: str = Field(max_length=200)


class PurposeBody(BaseModel):
    purpose: str = Field(min_length=2, max_length=200)


class Me(BaseModel):
    name: str
    display_name: str
    role: str
    villages: list[str] | None
    permissions: list[str]
    purpose: str
    station: str


class AuditQuery(BaseModel):
    before: int | None = None
    limit: int = Field(50, ge=1, le=200)
    actor: str | None = None


class AuditEntry(BaseModel):
    id: int
    at: datetime
    actor: str
    action: str
    object: str
    reason: str
    client: str = Field(description="Address that it was done from; empty: on the station itself")


class AuditPage(BaseModel):
    rows: list[AuditEntry]
    next: int | None
    broken_at: int | None = Field(description="First row that does not fit the chain; null where all fit")


@route("POST", "/api/session", Permission.PUBLIC, body=SignInBody, reply=Me)
async def sign_in(c: Context) -> web.Response:
    """Open a session."""
    accounts = c.services.accounts
    with c.services.sign_ins.attempt(c.request.remote or ""):
        token = await accounts.sign_in(c.body.name, c.body.password)
    identity = await accounts.resolve(token)
    assert identity is not None
    response = web.Response(text=_me(c, identity).model_dump_json(), content_type="application/json")
    name = session_cookie(c.services.settings.web)
    response.set_cookie(name, token, httponly=True, samesite="Strict", secure=name != COOKIE, path="/")
    return response


@route("DELETE", "/api/session", Permission.SIGNED_IN)
async def sign_out(c: Context) -> web.Response:
    """End the session."""
    name = session_cookie(c.services.settings.web)
    await c.services.accounts.sign_out(c.request.cookies[name], c.identity.name)
    response = web.json_response({})
    response.del_cookie(name, path="/", httponly=True, samesite="Strict", secure=name != COOKIE)
    return response


@route("POST", "/api/session/purpose", Permission.SIGNED_IN, body=PurposeBody, reply=Me)
async def set_purpose(c: Context) -> Me:
    """State the purpose or case number under which this session looks at footage."""
    token = c.request.cookies[session_cookie(c.services.settings.web)]
    await c.services.accounts.set_purpose(token, c.body.purpose, c.identity.name)
    identity = await c.services.accounts.resolve(token)
    assert identity is not None
    return _me(c, identity)


@route("GET", "/api/me", Permission.SIGNED_IN, reply=Me)
async def me(c: Context) -> Me:
    """Who is signed in and what they may do."""
    return _me(c, c.identity)


@route("GET", "/api/openapi.json", Permission.SIGNED_IN, kind="file")
async def describe_api(_c: Context) -> web.Response:
    """This document."""
    return web.json_response(openapi.document())


@route("GET", "/api/audit", Permission.AUDIT_VIEW, query=AuditQuery, reply=AuditPage)
async def audit_trail(c: Context) -> AuditPage:
    """The audit trail, newest first, and whether its chain holds."""
    query = select(audit.AuditRow).order_by(audit.AuditRow.id.desc()).limit(c.query.limit)
    if c.query.before is not None:
        query = query.where(audit.AuditRow.id < c.query.before)
    if c.query.actor is not None:
        query = query.where(audit.AuditRow.actor == c.query.actor)
    async with c.services.database.reading() as session:
        rows = (await session.scalars(query)).all()
        broken = await audit.verify(session) if c.query.before is None else None
    entries = [_entry(r) for r in rows]
    return AuditPage(rows=entries, next=rows[-1].id if len(rows) == c.query.limit else None, broken_at=broken)


def _entry(row: audit.AuditRow) -> AuditEntry:
    client = str(row.data.get("client", ""))
    return AuditEntry(
        id=row.id, at=row.at, actor=row.actor, action=row.action, object=row.object, reason=row.reason, client=client
    )


@route("GET", "/api/events", Permission.SIGNED_IN, kind="socket")
async def event_socket(c: Context) -> web.WebSocketResponse:
    """Events as they happen, resumed after the id given as `?after=` (the newest thousand at most)."""
    with c.services.event_sockets.one(c.session_key, c.identity.user_id):
        return await _serve_events(c)


async def _serve_events(c: Context) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(heartbeat=20, max_msg_size=4096)
    await socket.prepare(c.request)
    c.services.sockets.add(socket)
    try:
        await first_of(_send_events(c, socket), _until_closed(socket))
    except (ConnectionError, TimeoutError):
        pass  # the page left
    except (MinwangError, SQLAlchemyError) as e:
        log.warning("an event socket is closed, and its page comes again: %s", e)
    finally:
        c.services.sockets.discard(socket)
        await socket.close(code=1013, message=b"come again")
    return socket


async def _until_closed(socket: web.WebSocketResponse) -> None:
    async for message in socket:
        if message.type in (WSMsgType.ERROR, WSMsgType.CLOSE):
            return


async def _send_events(c: Context, socket: web.WebSocketResponse) -> None:
    """Until the page leaves or takes nothing for SEND_SECONDS."""
    async with aclosing(c.services.feed.follow(whole(c.request.query.get("after", "")))) as feed:
        async for event in feed:
            if visible(c.identity, event.row):
                async with asyncio.timeout(SEND_SECONDS):
                    await socket.send_str(event.text)


def visible(identity: Identity, row: events.Event) -> bool:
    needed = _NEEDS.get(row.kind.partition(".")[0], Permission.CAMERA_VIEW)
    return identity.may(needed) and (row.village is None or identity.sees_village(row.village))


def _me(c: Context, identity: Identity) -> Me:
    return Me(
        name=identity.name, display_name=identity.display_name, role=identity.role, purpose=identity.purpose,
        villages=None if identity.villages is None else list(identity.villages),
        permissions=sorted(p.value for p in GRANTS[identity.role]), station=c.services.settings.station.name,
    )  # fmt: skip
