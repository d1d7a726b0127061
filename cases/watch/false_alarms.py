"""How often a subject's alerts were wrong, per camera, from what officers said; and cameras that are muted for a day.

`cases.alerts.true_alarms` says what was wrong and right. What nobody judged counts as neither, and without any
judgement the rate is unknown. Alerts that a person raised say nothing about the matcher and are left out.

Three false alarms on a camera within one local day propose to mute the subject there. A video officer accepts or
dismisses the proposal; an accepted one ends with the day or with the subject.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo

from sqlalchemy import Integer, case, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cases.alerts.true_alarms import is_true_alarm
from cases.tables import Alert, MutingState, WatchMuting, WatchSubject
from cases.watch.manual_alerts import MANUAL_SIGHTING
from cases.watch.subjects import is_active
from core import events
from core.accounts.scope import Villages, village_in_scope
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.clock import to_microseconds
from core.error_codes import ErrorCode
from core.errors import ConflictError, NotFoundError

FALSE_ALARMS_TO_MUTE = 3  # of a subject on a camera within one local day


@dataclass(frozen=True, slots=True)
class CameraRate:
    """What officers said about a subject's alerts on a camera; `unjudged`: nothing yet."""

    subject: int
    camera: str
    right: int
    wrong: int
    unjudged: int


def rate(right: int, wrong: int) -> float | None:
    """Return the share of wrong alerts; None: nobody judged any."""
    return round(wrong / (right + wrong), 3) if right + wrong else None


async def rates(session: AsyncSession, subjects: Sequence[int], scope: Villages) -> list[CameraRate]:
    """Return the counts per subject and camera of a scope, the cameras with the most wrong alerts first."""
    verdict = is_true_alarm()
    right, wrong = (func.sum(case((verdict.is_(v), 1), else_=0), type_=Integer) for v in (True, False))
    query = (
        select(Alert.subject, Alert.camera, right, wrong, func.count())
        .where(Alert.subject.in_(subjects), Alert.sighting != MANUAL_SIGHTING, village_in_scope(Alert.village, scope))
        .group_by(Alert.subject, Alert.camera)
        .order_by(wrong.desc(), Alert.camera)
    )
    return [CameraRate(s, c, r, w, all_ - r - w) for s, c, r, w, all_ in await session.execute(query)]


async def propose_mutings(session: AsyncSession, now: datetime, zone: tzinfo) -> int:
    """Propose to mute active subjects on cameras with three false alarms today; return how many are new."""
    start, end = local_day(now, zone)
    day = start.date()
    counted = (
        select(Alert.subject, Alert.camera, Alert.village, func.count(), func.max(WatchSubject.expires_at))
        .join(WatchSubject, WatchSubject.id == Alert.subject)
        .where(
            is_active(now), is_true_alarm().is_(False), Alert.sighting != MANUAL_SIGHTING,
            Alert.at_us >= to_microseconds(start), Alert.at_us < to_microseconds(end),
        )
        .group_by(Alert.subject, Alert.camera, Alert.village)
        .having(func.count() >= FALSE_ALARMS_TO_MUTE)
    )  # fmt: skip
    known = select(WatchMuting.subject, WatchMuting.camera).where(WatchMuting.day == day)
    proposed = {(s, c) for s, c in await session.execute(known)}
    new = [row for row in await session.execute(counted) if (row[0], row[1]) not in proposed]
    for subject, camera, village, false_alarms, expires_at in new:
        row = WatchMuting(
            subject=subject, camera=camera, village=village, day=day, false_alarms=false_alarms,
            state=MutingState.PROPOSED, proposed_at=now, ends_at=min(end, expires_at),
        )  # fmt: skip
        session.add(row)
        await session.flush()
        events.append(session, now, events.EventKind.WATCH_MUTING, village=village, camera=camera, subject=subject)
        await audit_trail.record(
            session, now, "system", AuditAction.WATCH_MUTE_PROPOSE, str(subject), camera=camera,
            false_alarms=false_alarms,
        )  # fmt: skip
    return len(new)


async def is_muted(session: AsyncSession, now: datetime, subject: int, camera: str) -> bool:
    query = select(WatchMuting.id).where(
        WatchMuting.subject == subject, WatchMuting.camera == camera, WatchMuting.state == MutingState.ACCEPTED,
        WatchMuting.ends_at > now,
    )  # fmt: skip
    return await session.scalar(query) is not None


async def current_mutings(session: AsyncSession, now: datetime, scope: Villages) -> list[tuple[WatchMuting, str]]:
    """Return today's proposals and mutings of a scope with the titles of their subjects, undecided ones first."""
    query = (
        select(WatchMuting, WatchSubject.title)
        .join(WatchSubject, WatchSubject.id == WatchMuting.subject)
        .where(
            WatchMuting.ends_at > now, is_active(now), village_in_scope(WatchMuting.village, scope),
            WatchMuting.state != MutingState.DISMISSED,
        )
        .order_by(WatchMuting.state.desc(), WatchMuting.id)
    )  # fmt: skip
    return [(m, title) for m, title in await session.execute(query)]


async def decide_muting(
    session: AsyncSession, now: datetime, actor: str, number: int, *, accept: bool, scope: Villages = None
) -> WatchMuting:
    """Accept or dismiss a proposal. Raises NotFoundError, also outside the scope, ConflictError if it is over."""
    query = select(WatchMuting).where(WatchMuting.id == number, village_in_scope(WatchMuting.village, scope))
    row: WatchMuting | None = await session.scalar(query)
    if row is None:
        raise NotFoundError("there is no such proposal to mute", ErrorCode.MUTING_NOT_FOUND)
    if row.state is not MutingState.PROPOSED or row.ends_at <= now:
        raise ConflictError("this proposal to mute was decided already, or is over", ErrorCode.MUTING_DECIDED)
    row.state = MutingState.ACCEPTED if accept else MutingState.DISMISSED
    row.decided_by, row.decided_at = actor, now
    events.append(
        session, now, events.EventKind.WATCH_MUTING, village=row.village, camera=row.camera, subject=row.subject
    )
    await audit_trail.record(
        session, now, actor, AuditAction.WATCH_MUTE if accept else AuditAction.WATCH_MUTE_DISMISS, str(row.subject),
        camera=row.camera, until=row.ends_at.isoformat() if accept else None,
    )  # fmt: skip
    return row


def local_day(now: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return start and end of the local day that `now` belongs to."""
    day = now.astimezone(zone).date()
    return datetime.combine(day, time(0), zone), datetime.combine(day + timedelta(days=1), time(0), zone)
