"""Holds: recordings that retention must not remove (R-RET-2).

Every change writes an audit row in the same transaction.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, not_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.states import StreamKind
from cameras.tables import Camera
from core import events
from core.accounts.scope import Villages, village_in_scope
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.clock import HOUR_US, from_microseconds, to_microseconds
from core.error_codes import ErrorCode
from core.errors import ConflictError, NotFoundError, UsageError
from core.ids import StreamId
from core.json_types import JsonInput
from nvr.archive import segment_index
from nvr.archive.retention.retention_clock import ClockCheck
from nvr.archive.segment_index import Segment
from nvr.tables import Footage, Hold

log = logging.getLogger(__name__)

WARNING_LEAD = timedelta(days=14)
CLOSED_CASE_GRACE = timedelta(days=14)  # a hold lasts this long after its case was closed
MAX_ROWS_SUMMED = 10_000  # rows of footage summed for the hold sizes of one page: about 400 camera-days
MAX_RANGES_PER_HOLD = 8  # ranges of one hold after clock corrections; more are merged, and the time between is held too


async def add(
    session: AsyncSession,
    now: datetime,
    *,
    camera: str,
    start_us: int,
    end_us: int,
    owner: str,
    reason: str,
    lasts: timedelta,
    case: int | None = None,
) -> int:
    """Hold a camera's recordings of [start, end) and return the hold's number.

    `case`: the case that needs it; the caller has checked it. Raises NotFoundError, UsageError.
    """
    if await session.get(Camera, camera, with_for_update=True) is None:  # waits for a concurrent deletion
        raise NotFoundError(f"camera '{camera}' not found", ErrorCode.CAMERA_NOT_FOUND, camera=camera)
    if not start_us < end_us:
        raise UsageError("the end must be later than the start", ErrorCode.END_BEFORE_START)
    if not reason.strip():
        raise UsageError(
            "enter a reason for the hold: a case number or why it is needed", ErrorCode.HOLD_REASON_REQUIRED
        )
    hold = Hold(
        camera=camera,
        start_us=start_us,
        end_us=end_us,
        owner=owner,
        reason=reason[:200],
        created_at=now,
        expires_at=now + lasts,
        case=case,
    )
    session.add(hold)
    await session.flush()
    named = {} if case is None else {"case": case}
    expires = hold.expires_at.isoformat()
    await _record_range(session, now, owner, AuditAction.HOLD_ADD, hold, reason=reason, expires=expires, **named)
    return hold.id


async def _record_range(
    session: AsyncSession, now: datetime, actor: str, action: AuditAction, hold: Hold, *, reason: str, **data: JsonInput
) -> None:
    start, end = from_microseconds(hold.start_us).isoformat(), from_microseconds(hold.end_us).isoformat()
    await audit_trail.record(
        session, now, actor, action, hold.camera, reason=reason, hold=hold.id, start=start, end=end, **data
    )


async def release(session: AsyncSession, now: datetime, number: int, actor: str, reason: str) -> None:
    """End a hold. Raises NotFoundError; ConflictError if it has already ended."""
    hold = await session.get(Hold, number)
    if hold is None:
        raise NotFoundError(f"hold {number} not found", ErrorCode.HOLD_NOT_FOUND)
    if hold.released_at is not None or hold.expires_at <= now:
        raise ConflictError(f"hold {number} has already ended", ErrorCode.HOLD_ENDED, hold=number)
    hold.released_at = now
    await audit_trail.record(session, now, actor, AuditAction.HOLD_RELEASE, hold.camera, reason=reason, hold=number)


async def review(
    session: AsyncSession, now: datetime, number: int, actor: str, reason: str, lasts: timedelta
) -> datetime:
    """Extend a hold that a person has reviewed and still needs: it lasts `lasts` from now. Return its new end.

    Raises NotFoundError, UsageError; ConflictError if it has already ended.
    """
    hold = await session.get(Hold, number)
    if hold is None:
        raise NotFoundError(f"hold {number} not found", ErrorCode.HOLD_NOT_FOUND)
    if not reason.strip():
        raise UsageError("enter why the hold is still needed", ErrorCode.HOLD_RENEWAL_REASON_REQUIRED)
    if hold.released_at is not None or hold.expires_at <= now:
        raise ConflictError(f"hold {number} has already ended", ErrorCode.HOLD_ENDED, hold=number)
    before, hold.expires_at, hold.told_at = hold.expires_at, now + lasts, None
    await audit_trail.record(
        session, now, actor, AuditAction.HOLD_REVIEW, hold.camera, reason=reason, hold=number, old=before.isoformat(),
        expires=hold.expires_at.isoformat(),
    )  # fmt: skip
    return hold.expires_at


async def extend_to_moved_footage(
    session: AsyncSession, now: datetime, camera: str, since_us: int, until_us: int, by_us: int
) -> None:
    """Extend the holds on recordings of [since, until), whose names change by `by_us`.

    The new range is held as well. The old range stays held, because the new names may be the error and other streams
    have not moved yet.
    """
    await session.get(Camera, camera, with_for_update=True)
    ours = (await session.scalars(select(Hold).where(Hold.camera == camera, Hold.released_at.is_(None)))).all()
    for hold in [h for h in ours if h.start_us < until_us and h.end_us > since_us]:
        start, end = max(hold.start_us, since_us) + by_us, min(hold.end_us, until_us) + by_us
        same = [h for h in ours if (h.owner, h.reason, h.created_at) == (hold.owner, hold.reason, hold.created_at)]
        near = min(same, key=lambda h: max(h.start_us - end, start - h.end_us))
        if (near.start_us > end or near.end_us < start) and len(same) < MAX_RANGES_PER_HOLD:
            near = _copy(hold, start, end)
            session.add(near)
            await session.flush()
            ours = [*ours, near]
        elif near.start_us <= start and near.end_us >= end:
            continue
        near.start_us, near.end_us = min(near.start_us, start), max(near.end_us, end)
        why = "the station's clock was set"
        await _record_range(session, now, "system", AuditAction.HOLD_FOLLOW, near, reason=why, of=hold.id)


def _copy(hold: Hold, start_us: int, end_us: int) -> Hold:
    """Return a hold like this one on another range."""
    return Hold(
        camera=hold.camera,
        start_us=start_us,
        end_us=end_us,
        owner=hold.owner,
        reason=hold.reason,
        created_at=hold.created_at,
        expires_at=hold.expires_at,
        told_at=hold.told_at,
        case=hold.case,
    )


async def limit_to_closed_case(session: AsyncSession, now: datetime, case: int, actor: str, reason: str) -> int:
    """Let the holds of a closed case end within CLOSED_CASE_GRACE, unless a person reviews them.

    Announce each hold. Return their number.
    """
    ours = select(Hold, Camera.village).join(Camera, Camera.id == Hold.camera)
    in_force = (Hold.case == case, Hold.released_at.is_(None), Hold.expires_at > now)
    found = (await session.execute(ours.where(*in_force).order_by(Hold.id))).all()
    for hold, village in found:
        before, hold.expires_at, hold.told_at = hold.expires_at, min(hold.expires_at, now + CLOSED_CASE_GRACE), now
        _announce(session, now, hold, village, case_closed=True)
        await audit_trail.record(
            session,
            now,
            actor,
            AuditAction.HOLD_CASE_CLOSED,
            hold.camera,
            reason=reason,
            hold=hold.id,
            case=case,
            old=before.isoformat(),
            expires=hold.expires_at.isoformat(),
        )
    return len(found)


async def page(
    session: AsyncSession,
    now: datetime,
    villages: Villages,
    *,
    ended: bool = False,
    before: int | None = None,
    limit: int = 50,
) -> list[tuple[Hold, Camera]]:
    """Return holds of cameras in a scope, newest first: those in force, or (`ended`) those that ended.

    `before`: number of the last hold on the previous page.
    """
    over = Hold.released_at.is_not(None) | (Hold.expires_at <= now)
    query = (
        select(Hold, Camera).join(Camera, Camera.id == Hold.camera).where(village_in_scope(Camera.village, villages))
    )
    query = query.where(over if ended else ~over)
    if before is not None:
        query = query.where(Hold.id < before)
    return [(h, c) for h, c in await session.execute(query.order_by(Hold.id.desc()).limit(limit))]


async def sizes(session: AsyncSession, held_by: Sequence[Hold]) -> dict[int, int | None]:
    """Return the bytes that each hold protects now; None for those beyond MAX_ROWS_SUMMED rows of footage."""
    found: dict[int, int | None] = {}
    rows_left = MAX_ROWS_SUMMED
    for hold in held_by:
        first, last = (hold.start_us - segment_index.MAX_SEGMENT_US) // HOUR_US, (hold.end_us - 1) // HOUR_US
        streams = Footage.stream.in_([f"{hold.camera}/{kind}" for kind in StreamKind])
        columns = select(Footage.stream, Footage.hour, Footage.volume, Footage.entries).where(streams)
        query = columns.where(Footage.hour.between(first, last)).limit(rows_left + 1)
        rows = (await session.execute(query)).all()
        rows_left -= len(rows)
        if rows_left < 0:
            return found | {h.id: None for h in held_by if h.id not in found}
        found[hold.id] = await asyncio.to_thread(_bytes, rows, hold)
    return found


def _bytes(rows: Sequence[tuple[str, int, int, bytes]], hold: Hold) -> int:
    """Return the bytes that a hold protects in these rows. Blocking."""
    entries = (s for row in rows for s in segment_index.unpack(*row))
    return sum(s.size for s in entries if s.start_us < hold.end_us and s.end_us > hold.start_us)


async def announce_ending_holds(session: AsyncSession, now: datetime) -> int:
    """Announce, once, the holds that end within WARNING_LEAD. Return their number.

    The recordings are deleted when their hold ends.
    """
    ending = Hold.released_at.is_(None) & (Hold.expires_at > now) & (Hold.expires_at <= now + WARNING_LEAD)
    found = (await session.execute(
        select(Hold, Camera.village).join(Camera, Camera.id == Hold.camera).where(ending, Hold.told_at.is_(None))
    )).all()  # fmt: skip
    for hold, village in found:
        hold.told_at = now
        _announce(session, now, hold, village)
    return len(found)


def _announce(session: AsyncSession, now: datetime, hold: Hold, village: str, **more: JsonInput) -> None:
    log.warning(
        "hold %d on %s ends at %s: review or release it (%s)", hold.id, hold.camera, hold.expires_at, hold.reason
    )
    if hold.case is None:  # otherwise a person who sees the camera could see the case
        more["reason"] = hold.reason
    events.append(
        session,
        now,
        events.EventKind.HOLD_ENDING,
        village=village,
        camera=hold.camera,
        hold=hold.id,
        expires=hold.expires_at.isoformat(),
        owner=hold.owner,
        **more,
    )


async def effective_holds(session: AsyncSession, trust: ClockCheck, camera: str | None = None) -> Sequence[Hold]:
    """Return the holds that deletion must respect, of all cameras or of one.

    The row of that camera stays locked, so that no hold is added until the session ends. No hold counts as over while
    the time is not trusted; a clock step does not end one either.
    """
    query = select(Hold).where(Hold.released_at.is_(None))
    if camera is not None:
        await session.get(Camera, camera, with_for_update=True)
        query = query.where(Hold.camera == camera)
    return [h for h in await session.scalars(query) if trust.suspended or not _is_over(h, trust)]


def _is_over(hold: Hold, trust: ClockCheck) -> bool:
    created = to_microseconds(hold.created_at)
    return trust.age_us(created, created) >= to_microseconds(hold.expires_at) - created


async def active_holds(session: AsyncSession, now: datetime | None) -> Sequence[Hold]:
    """Return the holds in force.

    `now` None: the time is not known, and every hold that was not released is in force.
    """
    in_force = select(Hold).where(Hold.released_at.is_(None))
    return (await session.scalars(in_force if now is None else in_force.where(Hold.expires_at > now))).all()


def exclude_held_hours(holds: Sequence[Hold]) -> list[ColumnElement[bool]]:
    """Return conditions that exclude rows of which every segment is held: their hour is inside a hold."""
    covered = []
    for h in holds:
        first, last = -(-h.start_us // HOUR_US), h.end_us // HOUR_US - 1  # whole hours inside
        if first <= last:
            streams = Footage.stream.in_([f"{h.camera}/{kind}" for kind in StreamKind])
            covered.append(streams & Footage.hour.between(first, last))
    return [not_(or_(*covered))] if covered else []


def is_held(holds: Sequence[Hold], segment: Segment) -> bool:
    """Return whether one of the holds protects the segment."""
    camera = StreamId(segment.stream).camera
    return any(h.camera == camera and h.start_us < segment.end_us and h.end_us > segment.start_us for h in holds)
