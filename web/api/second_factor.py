"""Routes of the second factor: enrolment, removal, recovery codes, a fresh code, and an administrator's reset."""

from __future__ import annotations

import asyncio
import io
from datetime import datetime

import segno
from pydantic import BaseModel, Field

from core.accounts.permissions import Permission
from core.accounts.second_factor.policy import must_have, require_fresh_code
from web.api.accounts import AccountView, Reason, account_of, account_view, refuse_own_account
from web.framework.context import Context
from web.framework.routing import Done, RouteTable

routes = RouteTable()

QR_MODULE_PX = 4


class SecondFactorView(BaseModel):
    enrolled_at: datetime | None = Field(description="Null: the account has no second factor")
    recovery_codes: int = Field(description="How many are left")
    required: bool = Field(description="The account's role needs one")


class EnrolmentView(BaseModel):
    """Shown once; the station keeps the secret sealed."""

    secret: str = Field(description="Base32, for typing into an authenticator")
    uri: str = Field(description="otpauth:// address of the same")
    svg: str = Field(description="QR code of the address, an SVG image")


class GivenCode(BaseModel):
    code: str = Field(max_length=40, description="Six digits of the authenticator, or a recovery code")


class RecoveryCodesView(BaseModel):
    codes: list[str] = Field(description="Each replaces the authenticator once; they are never shown again")


class ResetBody(BaseModel):
    reason: Reason


@routes.add("GET", "/api/session/second-factor", Permission.SIGNED_IN, reply=SecondFactorView)
async def own_second_factor(c: Context) -> SecondFactorView:
    """Whether the own account has a second factor."""
    state = await c.services.second_factors.state(c.identity.user_id)
    required = must_have(c.services.settings.accounts.second_factor, c.identity.role)
    return SecondFactorView(enrolled_at=state.enrolled_at, recovery_codes=state.recovery_codes, required=required)


@routes.add("POST", "/api/session/second-factor", Permission.SIGNED_IN, body=GivenCode, reply=Done)
async def confirm_session(c: Context[None, GivenCode]) -> None:
    """Give a one-time code, for what needs a fresh one within five minutes."""
    await c.services.second_factors.confirm(c.identity, c.body.code)


@routes.add("POST", "/api/session/second-factor/begin", Permission.SIGNED_IN, reply=EnrolmentView)
async def begin_enrolment(c: Context) -> EnrolmentView:
    """Make a new secret for an authenticator; it counts once its first code is given."""
    begun = await c.services.second_factors.begin(c.identity)
    return EnrolmentView(secret=begun.secret, uri=begun.uri, svg=await asyncio.to_thread(_qr, begun.uri))


@routes.add(
    "POST", "/api/session/second-factor/complete", Permission.SIGNED_IN, body=GivenCode, reply=RecoveryCodesView
)
async def complete_enrolment(c: Context[None, GivenCode]) -> RecoveryCodesView:
    """Confirm the new secret by the authenticator's first code; the account's other sessions end."""
    return RecoveryCodesView(codes=await c.services.second_factors.complete(c.identity, c.body.code))


@routes.add(
    "POST", "/api/session/second-factor/recovery-codes", Permission.SIGNED_IN, body=GivenCode, reply=RecoveryCodesView
)
async def renew_recovery_codes(c: Context[None, GivenCode]) -> RecoveryCodesView:
    """Make new recovery codes; the former ones are void."""
    return RecoveryCodesView(codes=await c.services.second_factors.renew_recovery_codes(c.identity, c.body.code))


@routes.add("POST", "/api/session/second-factor/remove", Permission.SIGNED_IN, body=GivenCode, reply=Done)
async def remove_second_factor(c: Context[None, GivenCode]) -> None:
    """Remove the own second factor; an account whose role needs one must set up another."""
    await c.services.second_factors.remove(c.identity, c.body.code)


@routes.add(
    "POST",
    "/api/accounts/{account}/second-factor/reset",
    Permission.ACCOUNT_MANAGE,
    body=ResetBody,
    reply=AccountView,
)
async def reset_second_factor(c: Context[None, ResetBody]) -> AccountView:
    """Delete another account's second factor and end its sessions: its authenticator is lost."""
    user = await account_of(c, c.path("account"))
    refuse_own_account(c, user)
    require_fresh_code(c.services.settings.accounts.second_factor, c.identity, c.services.clock.now())
    await c.services.accounts.reset_second_factor(
        user.name, actor=c.identity.name, reason=c.body.reason, requested_by=c.identity
    )
    return await account_view(c, user.name)


def _qr(uri: str) -> str:
    """Return the QR code of a text as an SVG image. Blocking: it takes about ten milliseconds."""
    out = io.BytesIO()
    code = segno.make(uri, error="m", micro=False)
    code.save(out, kind="svg", scale=QR_MODULE_PX, border=4, light="#fff", xmldecl=False)
    return out.getvalue().decode()
