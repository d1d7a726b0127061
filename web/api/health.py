"""Patrol: rounds, faults and their pictures."""

from __future__ import annotations

from datetime import datetime

from aiohttp import web
from pydantic import BaseModel, Field
from sqlalchemy import select

from cameras.tables import Camera
from core.errors import NotFoundError
from core.permissions import Permission
from health.faults import FAMILIES, OPEN, RECOVERING
from health.patrol import ask
from health.tables import Fault, PatrolRound
from web.files import picture
from web.routing import Context, route


class RoundView(BaseModel):
    id: int
    asked_at: datetime
    asked_by: str
    started_at: datetime | None
    finished_at: datetime | None
    cameras: int
    faulty: int


class FaultView(BaseModel):
    id: int
    camera: str
    camera_name: str
    village: str
    family: str
    chinese: str
    state: str
    severity: int
    detail: str
    first_seen: datetime
    opened_at: datetime | None
    closed_at: datetime | None
    has_picture: bool
    has_reference: bool


class PatrolQuery(BaseModel):
    closed: bool = False
    before: int | None = None
    limit: int = Field(100, ge=1, le=500)


class PatrolView(BaseModel):
    round: RoundView | None
    faults: list[FaultView]
    next: int | None


@route("GET", "/api/patrol", Permission.PATROL_VIEW, query=PatrolQuery, reply=PatrolView)
async def patrol(c: Context) -> PatrolView:
    """The newest round and the faults, open ones or closed ones, newest first."""
    states = ("closed",) if c.query.closed else (OPEN, RECOVERING)
    query = (
        select(Fault, Camera).join(Camera, Camera.id == Fault.camera).where(Fault.state.in_(states)).order_by(Fault.id.desc())
    )
    if c.query.before is not None:
        query = query.where(Fault.id < c.query.before)
    if c.identity.villages is not None:
        query = query.where(Camera.village.in_(c.identity.villages))
    async with c.services.database.reading() as session:
        newest = await session.scalar(select(PatrolRound).order_by(PatrolRound.id.desc()).limit(1))
        rows = (await session.execute(query.limit(c.query.limit))).all()
    return PatrolView(
        round=_round(newest) if newest else None,
        faults=[_fault(f, camera) for f, camera in rows],
        next=rows[-1][0].id if len(rows) == c.query.limit else None,
    )


@route("POST", "/api/patrol/rounds", Permission.PATROL_RUN, reply=RoundView)
async def ask_for_round(c: Context) -> RoundView:
    """Ask for a patrol round now."""
    async with c.services.database.session() as session:
        row = await ask(session, c.services.clock.now(), c.identity.name)
    return _round(row)


@route("GET", "/api/faults/{fault}/picture", Permission.PATROL_VIEW, kind="file")
async def fault_picture(c: Context) -> web.Response:
    """The picture that opened the fault."""
    return await picture(c.services.data_dir, (await _visible(c)).picture)


@route("GET", "/api/faults/{fault}/reference", Permission.PATROL_VIEW, kind="file")
async def fault_reference(c: Context) -> web.Response:
    """A good picture of the same camera."""
    return await picture(c.services.data_dir, (await _visible(c)).reference)


async def _visible(c: Context) -> Fault:
    async with c.services.database.reading() as session:
        fault = await session.get(Fault, c.number("fault"))
        camera = await session.get(Camera, fault.camera) if fault else None
    if fault is None or camera is None or not c.identity.sees_village(camera.village):
        raise NotFoundError("there is no such fault")
    return fault


def _round(r: PatrolRound) -> RoundView:
    return RoundView(
        id=r.id,
        asked_at=r.asked_at,
        asked_by=r.asked_by,
        started_at=r.started_at,
        finished_at=r.finished_at,
        cameras=r.cameras or 0,
        faulty=r.faulty or 0,
    )


def _fault(f: Fault, camera: Camera) -> FaultView:
    return FaultView(
        id=f.id, camera=f.camera, camera_name=camera.name, village=camera.village, family=f.family, chinese=FAMILIES[f.family].chinese,
        state=f.state, severity=f.severity, detail=f.detail, first_seen=f.first_seen, opened_at=f.opened_at, closed_at=f.closed_at,
        has_picture=f.picture is not None, has_reference=f.reference is not None,
    )  # fmt: skip
