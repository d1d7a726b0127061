"""What waits for a person at a hand-over: alerts, proposals, acceptances, moves, holds that end soon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.registry import acceptance
from cameras.states import FindingKind
from cameras.tables import Acceptance, Camera, Finding
from cases.alerts.alerts import RUNNING, in_scope
from cases.register import case_files
from cases.shifts.handover import SHOWN, Excerpt
from cases.tables import Alert, AlertState, SubjectState, WatchSubject
from core.accounts.scope import Villages, overlaps, village_in_scope, villages_overlap_scope
from core.clock import from_microseconds
from nvr.archive.retention.holds import WARNING_LEAD
from nvr.tables import Hold


@dataclass(frozen=True, slots=True)
class OpenAlertLine:
    """An alert that somebody must still act on, with its age in seconds."""

    id: int
    title: str
    camera: str
    name: str
    village: str
    state: AlertState
    seen_at: datetime
    raised_at: datetime
    age_seconds: float
    acked_by: str | None


@dataclass(frozen=True, slots=True)
class ProposalLine:
    """A subject of the watch list that waits for the approval of a second person."""

    id: int
    title: str
    proposed_by: str
    proposed_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class AcceptanceLine:
    """A camera whose acceptance waits for the second signature."""

    camera: str
    name: str
    village: str
    proposed_by: str
    proposed_at: datetime


@dataclass(frozen=True, slots=True)
class MoveLine:
    """A camera at another address, which a person must confirm. `followed`: the station uses the address already."""

    finding: int
    camera: str
    name: str
    village: str
    was: str
    address: str
    followed: bool
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class EndingHoldLine:
    """A hold whose footage is deleted when it ends. `reason`: empty for a case outside the account's villages."""

    id: int
    camera: str
    name: str
    village: str
    reason: str
    expires_at: datetime


async def open_alerts(session: AsyncSession, scope: Villages, now: datetime) -> Excerpt[OpenAlertLine]:
    """Return the alerts that run, oldest first."""
    query = (
        select(Alert, WatchSubject.title, Camera.name)
        .join(WatchSubject, WatchSubject.id == Alert.subject)
        .outerjoin(Camera, Camera.id == Alert.camera)
        .where(Alert.state.in_(RUNNING), in_scope(scope))
    )
    counted = select(func.count()).select_from(Alert)
    count = await session.scalar(counted.where(Alert.state.in_(RUNNING), in_scope(scope))) or 0
    lines = [
        OpenAlertLine(
            a.id, title, a.camera, name or a.camera, a.village, a.state, from_microseconds(a.at_us), a.raised_at,
            max(0.0, (now - a.raised_at).total_seconds()), a.acked_by,
        )
        for a, title, name in await session.execute(query.order_by(Alert.id).limit(SHOWN))
    ]  # fmt: skip
    return Excerpt(count, lines)


async def proposals(session: AsyncSession, scope: Villages, now: datetime) -> Excerpt[ProposalLine]:
    """Return the proposals that are not decided and have not expired, oldest first."""
    waiting = (WatchSubject.state == SubjectState.PROPOSED, WatchSubject.expires_at > now)
    query = select(WatchSubject).where(*waiting, villages_overlap_scope(WatchSubject.villages, scope))
    rows = [s for s in await session.scalars(query.order_by(WatchSubject.id)) if overlaps(scope, s.villages)]
    lines = [ProposalLine(s.id, s.title, s.proposed_by, s.proposed_at, s.expires_at) for s in rows[:SHOWN]]
    return Excerpt(len(rows), lines)


async def acceptances(session: AsyncSession, scope: Villages) -> Excerpt[AcceptanceLine]:
    """Return the cameras signed once under their present facts, oldest signature first."""
    unsigned = select(Acceptance.camera).where(Acceptance.confirmed_at.is_(None))
    query = select(Camera).where(
        Camera.id.in_(unsigned), Camera.accepted_at.is_(None), Camera.retired.is_(False),
        village_in_scope(Camera.village, scope),
    )  # fmt: skip
    cameras = {c.id: c for c in await session.scalars(query)}
    newest = await acceptance.newest(session, sorted(cameras))
    lines = [
        AcceptanceLine(number, cameras[number].name, cameras[number].village, row.proposed_by, row.proposed_at)
        for number, row in newest.items()
        if acceptance.is_waiting(row, cameras[number])
    ]
    lines.sort(key=lambda line: line.proposed_at)
    return Excerpt(len(lines), lines[:SHOWN])


async def moves(session: AsyncSession, scope: Villages) -> Excerpt[MoveLine]:
    """Return the moves of cameras that nobody confirmed, oldest first."""
    query = select(Finding, Camera).join(Camera, Camera.id == Finding.camera)
    query = query.where(
        Finding.closed_at.is_(None), Finding.kind == FindingKind.MOVED, village_in_scope(Finding.village, scope)
    )
    rows: Sequence[tuple[Finding, Camera]] = [(f, c) for f, c in await session.execute(query.order_by(Finding.id))]
    lines = [
        MoveLine(
            f.id, c.id, c.name, c.village, str(f.detail.get("was") or ""), str(f.detail.get("now_at") or ""),
            bool(f.detail.get("followed")), f.opened_at,
        )
        for f, c in rows[:SHOWN]
    ]  # fmt: skip
    return Excerpt(len(rows), lines)


async def ending_holds(session: AsyncSession, scope: Villages, now: datetime) -> Excerpt[EndingHoldLine]:
    """Return the holds that end within WARNING_LEAD, the next one first."""
    ending = (Hold.released_at.is_(None), Hold.expires_at > now, Hold.expires_at <= now + WARNING_LEAD)
    query = select(Hold, Camera).join(Camera, Camera.id == Hold.camera)
    query = query.where(*ending, village_in_scope(Camera.village, scope)).order_by(Hold.expires_at, Hold.id)
    rows = [(h, c) for h, c in await session.execute(query)]
    known = await case_files.named(session, {h.case for h, _ in rows if h.case is not None}, scope)
    lines = [
        EndingHoldLine(
            h.id, c.id, c.name, c.village, h.reason if h.case is None or h.case in known else "", h.expires_at
        )
        for h, c in rows[:SHOWN]
    ]  # fmt: skip
    return Excerpt(len(rows), lines)
