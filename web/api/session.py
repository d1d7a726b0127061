"""Routes of the own session: sign-in, one-time code, password, purpose, sign-out, and who is signed in."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, Field, StringConstraints

from core.accounts.attempts import DEVICE_RETENTION
from core.accounts.permissions import EVERYBODYS, Permission, Role
from core.accounts.second_factor.policy import must_enrol
from core.accounts.sessions import Identity
from core.accounts.sign_in import CODE_AWAITED_FOR, CodeNeeded, OpenedSession
from core.error_codes import ErrorCode
from core.errors import ForbiddenError
from core.settings import SecondFactorPolicy
from web.framework.context import AnyContext, Context
from web.framework.routing import Done, RouteTable
from web.http.connection_limits import client_key
from web.http.cookies import COOKIE, cookie_of, device_cookie, device_of, session_cookie

routes = RouteTable()


class SignInBody(BaseModel):
    name: str = Field(max_length=60)
    password: str = Field(max_length=200)


class CodeBody(BaseModel):
    pending: str = Field(max_length=100, description="As the answer to the password named it")
    code: str = Field(max_length=40, description="Six digits of the authenticator, or a recovery code")


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
    has_second_factor: bool
    must_enrol: bool = Field(
        description="The account needs a second factor; other routes are refused until it is set up"
    )
    second_factor_policy: SecondFactorPolicy


class CodeNeededView(BaseModel):
    """The password was right, and the account has a second factor."""

    pending: str = Field(description="To be sent with the code")
    seconds: int = Field(description="How long the code is awaited")


@routes.add("POST", "/api/session", Permission.PUBLIC, body=SignInBody, reply=Me | CodeNeededView)
async def sign_in(c: Context[None, SignInBody]) -> web.Response:
    """Sign in: open a session, or ask for the one-time code of the account."""
    source, device = _source(c)
    known = bool(device) and await c.services.sign_in_service.attempts.is_known_device(c.body.name, device)
    with nullcontext() if known else c.services.sign_in_limit.attempt(source):
        opened = await c.services.sign_in_service.open(c.body.name, c.body.password, client_key(source), device)
    return await _session_response(c, opened)


@routes.add("POST", "/api/session/code", Permission.PUBLIC, body=CodeBody, reply=Me)
async def sign_in_with_code(c: Context[None, CodeBody]) -> web.Response:
    """Open the session of a sign-in that waits for its one-time code."""
    source, device = _source(c)
    with c.services.sign_in_limit.attempt(source):
        opened = await c.services.sign_in_service.open_with_code(c.body.pending, c.body.code, device)
    return await _session_response(c, opened)


@routes.add("POST", "/api/session/password", Permission.SIGNED_IN, body=PasswordBody, reply=Me)
async def change_password(c: Context[None, PasswordBody]) -> web.Response:
    """Change the own password; all other sessions of the account end."""
    source, device = _source(c)
    await c.services.sign_in_service.change_password(c.identity, c.body.present, c.body.new, client_key(source), device)
    opened = await c.services.sign_in_service.open(
        c.identity.name, c.body.new, client_key(source), device, c.identity.code_at
    )
    return await _session_response(c, opened)


def _source(c: AnyContext) -> tuple[str, str]:
    """Return the client's address, and the token that identifies its device."""
    return c.request.remote or "", device_of(c.request, c.services.settings.web)


async def _session_response(c: AnyContext, opened: OpenedSession | CodeNeeded) -> web.Response:
    if isinstance(opened, CodeNeeded):
        asked = CodeNeededView(pending=opened.pending, seconds=round(CODE_AWAITED_FOR.total_seconds()))
        return _not_stored(asked.model_dump_json())
    identity = await c.services.accounts.sessions.resolve(opened.token)
    if identity is None:
        raise ForbiddenError("the account was changed meanwhile; sign in again", ErrorCode.SESSION_CHANGED)
    response = _not_stored((await _me(c, identity)).model_dump_json())
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
    return response


def _not_stored(text: str) -> web.Response:
    return web.Response(text=text, content_type="application/json", headers={"Cache-Control": "no-store"})


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


async def _me(c: AnyContext, identity: Identity) -> Me:
    recent = "" if identity.purpose else await c.services.accounts.sessions.recent_purpose(identity)
    return Me(
        name=identity.name,
        display_name=identity.display_name,
        role=identity.role,
        purpose=identity.purpose,
        villages=None if identity.villages is None else list(identity.villages),
        permissions=sorted(p for p in Permission if p not in EVERYBODYS and identity.may(p)),
        station=c.services.settings.station.name,
        time_zone=c.services.settings.station.timezone,
        must_change=identity.must_change,
        has_second_factor=identity.has_second_factor,
        must_enrol=must_enrol(c.services.settings.accounts.second_factor, identity),
        second_factor_policy=c.services.settings.accounts.second_factor,
        recent_purpose=recent,
        ask_after_seconds=c.services.attendance.ask_after,
    )
