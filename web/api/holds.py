"""Routes for holds: footage that retention does not delete, for a case or another reason (R-RET-2)."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import AwareDatetime, BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera
from cases.register import case_files
from cases.tables import Case
from core.accounts.permissions import Permission
from core.clock import from_microseconds, to_microseconds
from nvr.archive.retention import holds
from nvr.tables import Hold
from web.framework.context import AnyContext, Context
from web.framework.routing import RouteTable

routes = RouteTable()

MAX_DAYS = 3650


class HoldQuery(BaseModel):
    ended: bool = Field(False, description="Those that were released or have expired, instead of those in force")
    before: int | None = None
    limit: int = Field(50, ge=1, le=100)


class HoldBody(BaseModel):
    camera: str = Field(max_length=40)
    start: AwareDatetime
    end: AwareDatetime
    reason: str = Field(min_length=2, max_length=200)
    days: int = Field(180, ge=1, le=MAX_DAYS, description="How long it holds")
    case: int | None = Field(None, description="The case that needs it, of the camera's village or of the whole town")


class RenewHoldBody(BaseModel):
    reason: str = Field(min_length=2, max_length=400)
    days: int = Field(180, ge=1, le=MAX_DAYS, description="How long it holds from now")


class ReleaseHoldBody(BaseModel):
    reason: str = Field(min_length=2, max_length=400)


class HoldView(BaseModel):
    id: int
    camera: str
    camera_name: str
    village: str
    start: datetime
    end: datetime
    owner: str
    reason: str = Field(description="Empty where it is for a case outside the account's villages")
    case: int | None
    case_number: str = Field(description="Empty: of no case, or of one outside the account's villages")
    case_closed_at: datetime | None
    created_at: datetime
    expires_at: datetime
    released_at: datetime | None
    ends_soon: bool = Field(description="Within 14 days: review or release it")
    bytes: int | None = Field(description="Bytes that it protects now; null: too many segments to sum for a list")


@routes.add("GET", "/api/holds", Permission.CASE_VIEW, query=HoldQuery, reply=list[HoldView])
async def list_holds(c: Context[HoldQuery]) -> list[HoldView]:
    """Holds on the account's cameras, newest first, with the footage that each protects."""
    now, q = c.services.clock.now(), c.query
    async with c.services.database.reading() as session:
        rows = await holds.page(session, now, c.identity.villages, ended=q.ended, before=q.before, limit=q.limit)
        cases = await case_files.named(session, {h.case for h, _ in rows if h.case is not None}, c.identity.villages)
        sizes = {} if q.ended else await holds.sizes(session, [h for h, _ in rows])
    return [_view(h, camera, cases, sizes, now) for h, camera in rows]


@routes.add("POST", "/api/holds", Permission.HOLD_MANAGE, body=HoldBody, reply=HoldView)
async def add_hold(c: Context[None, HoldBody]) -> HoldView:
    """Hold a camera's footage: retention does not delete it."""
    now, body, scope = c.services.clock.now(), c.body, c.identity.villages
    async with c.services.database.session() as session:
        number = await case_files.hold(
            session,
            now,
            c.identity.name,
            camera=body.camera,
            start_us=to_microseconds(body.start),
            end_us=to_microseconds(body.end),
            reason=body.reason,
            lasts=timedelta(days=body.days),
            case=body.case,
            scope=scope,
        )
        return await _one(c, session, number, now)


@routes.add("POST", "/api/holds/{hold}/renew", Permission.HOLD_MANAGE, body=RenewHoldBody, reply=HoldView)
async def renew_hold(c: Context[None, RenewHoldBody]) -> HoldView:
    """Renew a hold after a review; it lasts the given number of days from now."""
    now, number = c.services.clock.now(), c.number("hold")
    async with c.services.database.session() as session:
        await case_files.hold_of(session, number, c.identity.villages)
        await holds.review(session, now, number, c.identity.name, c.body.reason, timedelta(days=c.body.days))
        return await _one(c, session, number, now)


@routes.add("POST", "/api/holds/{hold}/release", Permission.HOLD_MANAGE, body=ReleaseHoldBody, reply=HoldView)
async def release_hold(c: Context[None, ReleaseHoldBody]) -> HoldView:
    """Release a hold; retention applies to its footage again."""
    now, number = c.services.clock.now(), c.number("hold")
    async with c.services.database.session() as session:
        await case_files.hold_of(session, number, c.identity.villages)
        await holds.release(session, now, number, c.identity.name, c.body.reason)
        return await _one(c, session, number, now)


async def _one(c: AnyContext, session: AsyncSession, number: int, now: datetime) -> HoldView:
    hold = await case_files.hold_of(session, number, c.identity.villages)
    cases = await case_files.named(session, {hold.case} if hold.case is not None else set(), c.identity.villages)
    return _view(hold, await session.get_one(Camera, hold.camera), cases, {}, now)


def _view(h: Hold, camera: Camera, cases: dict[int, Case], sizes: dict[int, int | None], now: datetime) -> HoldView:
    case = cases.get(h.case) if h.case is not None else None
    hidden = h.case is not None and case is None
    return HoldView(
        id=h.id,
        camera=h.camera,
        camera_name=camera.name,
        village=camera.village,
        start=from_microseconds(h.start_us),
        end=from_microseconds(h.end_us),
        owner=h.owner,
        reason="" if hidden else h.reason,
        case=case.id if case else None,
        case_number=case.number if case else "",
        case_closed_at=case.closed_at if case else None,
        created_at=h.created_at,
        expires_at=h.expires_at,
        released_at=h.released_at,
        ends_soon=h.released_at is None and now < h.expires_at <= now + holds.WARNING_LEAD,
        bytes=sizes.get(h.id),
    )
