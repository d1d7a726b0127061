"""Routes for accounts: list, add, change, set passwords, unlock, end sessions.

Security administrators hold ACCOUNT_MANAGE; before a station has one, an administrator of the whole town does
(core.accounts.separation). Both have the whole town: the scope checks here (`_within`, `_check_scope`) are a second
safeguard.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from cameras.registry import lookup
from core.accounts.permissions import Permission, Role
from core.accounts.second_factor.policy import must_have
from core.accounts.tables import User
from core.error_codes import ErrorCode
from core.errors import ForbiddenError, NotFoundError, UsageError
from web.framework.context import AnyContext, Context
from web.framework.routing import RouteTable

routes = RouteTable()

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=200)]


class AccountView(BaseModel):
    name: str
    display_name: str
    role: Role
    villages: list[str] | None = Field(description="Null: the whole town")
    vendor: str
    disabled: bool
    must_change: bool
    also_security: bool = Field(
        description="An administrator who also manages the accounts, until there is a security administrator"
    )
    second_factor: bool = Field(description="It has one; an account whose role needs one sets it up at the sign-in")
    must_have_second_factor: bool
    waits_until: datetime | None = Field(
        None, description="After wrong passwords it has to wait at some source until then; null: it does not"
    )


class ScopeVillage(BaseModel):
    code: str
    name: str


class SessionView(BaseModel):
    id: str = Field(description="Names the session in this list; it is not a credential")
    created_at: datetime
    seen_at: datetime = Field(description="Last request of a person, within half a minute")
    purpose: str
    own: bool = Field(description="The session of this request")


class EndSessionsBody(BaseModel):
    session: str | None = Field(None, min_length=16, max_length=16, pattern="^[0-9a-f]+$", description="Null: all")
    reason: Reason


class EndedSessions(BaseModel):
    ended: int


class UnlockBody(BaseModel):
    reason: Reason


class NewAccount(BaseModel):
    name: str = Field(max_length=60)
    display_name: str = Field("", max_length=80)
    role: Role
    villages: list[str] | None = Field(None, max_length=200)
    vendor: str = Field("", max_length=80)
    password: str = Field(max_length=200, description="Initial password; must be changed at the first sign-in")
    reason: Reason


class AccountChange(BaseModel):
    """Fields that are null stay unchanged."""

    role: Role | None = None
    villages: list[str] | None = Field(None, max_length=200)
    all_villages: bool = False
    vendor: str | None = Field(None, max_length=80)
    display_name: str | None = Field(None, min_length=1, max_length=80)
    disabled: bool | None = None
    reason: Reason


class NewPassword(BaseModel):
    password: str = Field(max_length=200)
    reason: Reason


@routes.add("GET", "/api/accounts", Permission.ACCOUNT_MANAGE, reply=list[AccountView])
async def list_accounts(c: Context) -> list[AccountView]:
    """List the accounts."""
    waits = await c.services.sign_in_service.attempts.waits()
    users = [u for u in await c.services.accounts.list_users() if _within(c, u.villages)]
    enrolled = await c.services.accounts.with_second_factor()
    return [_view(c, u, enrolled).model_copy(update={"waits_until": waits.get(u.name)}) for u in users]


@routes.add("GET", "/api/accounts/villages", Permission.ACCOUNT_MANAGE, reply=list[ScopeVillage])
async def villages_of_scopes(c: Context) -> list[ScopeVillage]:
    """The villages that a scope may name: whoever manages the accounts need not see cameras."""
    async with c.services.database.reading() as session:
        return [ScopeVillage(code=v.code, name=v.name) for v in await lookup.villages(session)]


@routes.add("POST", "/api/accounts", Permission.ACCOUNT_MANAGE, body=NewAccount, reply=AccountView)
async def add_account(c: Context[None, NewAccount]) -> AccountView:
    """Add an account."""
    body = c.body
    await _check_scope(c, body.villages)
    await c.services.accounts.create(
        body.name, body.password, body.role, display_name=body.display_name, villages=body.villages, vendor=body.vendor,
        actor=c.identity.name, reason=body.reason, must_change=True, requested_by=c.identity,
    )  # fmt: skip
    return await account_view(c, body.name)


@routes.add("POST", "/api/accounts/{account}", Permission.ACCOUNT_MANAGE, body=AccountChange, reply=AccountView)
async def change_account(c: Context[None, AccountChange]) -> AccountView:
    """Change an account's role, scope, company or name, or disable or enable it; its sessions end."""
    body, user = c.body, await account_of(c, c.path("account"))
    if body.villages is not None and body.all_villages:
        raise UsageError("villages and all_villages exclude each other", ErrorCode.ACCOUNT_VILLAGES_EXCLUDE_TOWN)
    if body.all_villages or body.villages is not None:
        await _check_scope(c, None if body.all_villages else body.villages)
    refuse_own_account(c, user)
    await c.services.accounts.change(
        user.name,
        role=body.role,
        villages="all" if body.all_villages else body.villages,
        vendor=body.vendor,
        display_name=body.display_name,
        disabled=body.disabled,
        actor=c.identity.name,
        reason=body.reason,
        requested_by=c.identity,
    )
    return await account_view(c, user.name)


@routes.add("POST", "/api/accounts/{account}/password", Permission.ACCOUNT_MANAGE, body=NewPassword, reply=AccountView)
async def set_account_password(c: Context[None, NewPassword]) -> AccountView:
    """Set a new password, which must be changed at the next sign-in; all sessions of the account end."""
    user = await account_of(c, c.path("account"))
    refuse_own_account(c, user)
    await c.services.accounts.reset_password(
        user.name,
        c.body.password,
        actor=c.identity.name,
        reason=c.body.reason,
        must_change=True,
        requested_by=c.identity,
    )
    return await account_view(c, user.name)


@routes.add("GET", "/api/accounts/{account}/sessions", Permission.ACCOUNT_MANAGE, reply=list[SessionView])
async def account_sessions(c: Context) -> list[SessionView]:
    """The open sessions of an account, the newest first."""
    return await _sessions(c, await account_of(c, c.path("account")))


@routes.add(
    "POST",
    "/api/accounts/{account}/sessions/end",
    Permission.ACCOUNT_MANAGE,
    body=EndSessionsBody,
    reply=EndedSessions,
)
async def end_account_sessions(c: Context[None, EndSessionsBody]) -> EndedSessions:
    """End one session of an account, or all of them."""
    user = await account_of(c, c.path("account"))
    ended = await c.services.accounts.sessions.end_sessions(
        user, c.identity.name, c.body.reason, session_id=c.body.session, requested_by=c.identity
    )
    return EndedSessions(ended=ended)


@routes.add("POST", "/api/accounts/{account}/unlock", Permission.ACCOUNT_MANAGE, body=UnlockBody, reply=AccountView)
async def unlock_account(c: Context[None, UnlockBody]) -> AccountView:
    """Let an account try again that has to wait after wrong passwords."""
    user = await account_of(c, c.path("account"))
    await c.services.sign_in_service.attempts.unlock(user.name, c.identity.name, c.body.reason)
    return await account_view(c, user.name)


@routes.add("GET", "/api/session/sessions", Permission.SIGNED_IN, reply=list[SessionView])
async def own_sessions(c: Context) -> list[SessionView]:
    """The open sessions of the own account: whoever finds a strange one changes the password, which ends them."""
    return await _sessions(c, await _self(c))


@routes.add("POST", "/api/session/sessions/end", Permission.SIGNED_IN, body=EndSessionsBody, reply=EndedSessions)
async def end_own_sessions(c: Context[None, EndSessionsBody]) -> EndedSessions:
    """End one session of the own account, or all of them, this one included."""
    ended = await c.services.accounts.sessions.end_sessions(
        await _self(c), c.identity.name, c.body.reason, session_id=c.body.session, requested_by=c.identity
    )
    return EndedSessions(ended=ended)


async def _sessions(c: AnyContext, user: User) -> list[SessionView]:
    found = await c.services.accounts.sessions.open_sessions(user)
    return [
        SessionView(
            id=s.id, created_at=s.created_at, seen_at=s.seen_at, purpose=s.purpose, own=s.id == c.identity.session
        )
        for s in found
    ]


async def _self(c: AnyContext) -> User:
    return next(u for u in await c.services.accounts.list_users() if u.id == c.identity.user_id)


def refuse_own_account(c: AnyContext, user: User) -> None:
    """Raise ForbiddenError if the account is the caller's own: nobody changes their own role, scope or state."""
    if user.id == c.identity.user_id:
        raise ForbiddenError(
            "you cannot change your own account; ask another security administrator (change your password under "
            "'password')",
            ErrorCode.OWN_ACCOUNT,
        )


async def account_of(c: AnyContext, name: str) -> User:
    """Return the account, if it lies within the administrator's villages. Raises NotFoundError."""
    for user in await c.services.accounts.list_users():
        if user.name == name and _within(c, user.villages):
            return user
    raise NotFoundError("there is no such account", ErrorCode.ACCOUNT_NOT_FOUND, account=name)


def _within(c: AnyContext, villages: list[str] | None) -> bool:
    own = c.identity.villages
    return own is None or (villages is not None and set(villages) <= set(own))


async def _check_scope(c: AnyContext, villages: list[str] | None) -> None:
    """Raise ForbiddenError for villages beyond the own scope, UsageError for an unknown village or an empty list."""
    if not _within(c, villages):
        raise ForbiddenError("you may only create accounts for your own villages", ErrorCode.ACCOUNT_OUTSIDE_VILLAGES)
    if villages is None:
        return
    if not villages:
        raise UsageError("name the villages, or the whole town", ErrorCode.ACCOUNT_VILLAGES_REQUIRED)
    async with c.services.database.reading() as session:
        known = {v.code for v in await lookup.villages(session)}
    if missing := [v for v in villages if v not in known]:
        raise UsageError(
            f"there is no village '{missing[0][:40]}'", ErrorCode.VILLAGE_NOT_FOUND, village=missing[0][:40]
        )


async def account_view(c: AnyContext, name: str) -> AccountView:
    """Return an account as it is now. Raises NotFoundError."""
    return _view(c, await account_of(c, name), await c.services.accounts.with_second_factor())


def _view(c: AnyContext, u: User, enrolled: set[int]) -> AccountView:
    role = Role(u.role)
    return AccountView(
        name=u.name, display_name=u.display_name, role=role, villages=u.villages, vendor=u.vendor,
        disabled=bool(u.disabled), must_change=bool(u.must_change), also_security=u.also_security,
        second_factor=u.id in enrolled,
        must_have_second_factor=must_have(c.services.settings.accounts.second_factor, role),
    )  # fmt: skip
