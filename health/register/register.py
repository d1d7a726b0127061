"""The daily patrol register (巡检登记): when it may be signed, and its supplements.

A signed register never changes. Faults of the day that become known later, and the figures of a day that was signed
before it was over, go into a supplement, which is signed too. Each digest covers the previous one, so none can be
removed or exchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.audit import audit_trail, verification
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import ConflictError, UsageError
from health.kpi.camera_days import bounds
from health.register import signatures
from health.tables import (
    AuditHead,
    DailyRegister,
    PatrolEntry,
    PatrolRound,
    RegisterFigures,
    RegisterSupplement,
)

MIN_REASON_CHARACTERS = 4  # characters


async def rounds_of(session: AsyncSession, start: datetime, end: datetime) -> list[PatrolRound]:
    """Return the rounds of the whole town that began in [start, end)."""
    query = select(PatrolRound).where(PatrolRound.started_at >= start, PatrolRound.started_at < end)
    return [r for r in await session.scalars(query.order_by(PatrolRound.id)) if not r.scope]


def finished_rounds_entry(rounds: Sequence[PatrolRound]) -> PatrolEntry | None:
    """Return the register's entry about the finished rounds; None if no round has finished."""
    finished = [r for r in rounds if r.finished_at is not None]
    if not finished:
        return None
    last = max(finished, key=lambda r: r.finished_at or r.asked_at)
    assert last.finished_at is not None
    return {"rounds": len(finished), "finished_at": last.finished_at.isoformat(), "cameras": last.cameras, "reason": ""}


def patrol_entry(rounds: Sequence[PatrolRound], reason: str, *, over: bool) -> PatrolEntry:
    """Return the register's entry about the day's patrol.

    `over`: the day is over; before that no reason replaces a patrol. Raises ConflictError while a patrol runs or may
    still come, UsageError if there was none and no reason is given.
    """
    if (finished := finished_rounds_entry(rounds)) is not None:
        return finished
    if rounds and not over:
        raise ConflictError(
            "the patrol of this day is still running "
            f"({rounds[-1].inspected} of {rounds[-1].cameras} cameras inspected); "
            "sign the register when it has finished",
            ErrorCode.PATROL_RUNNING,
            done=rounds[-1].inspected,
            total=rounds[-1].cameras,
        )
    if len(reason.strip()) < MIN_REASON_CHARACTERS:
        raise UsageError(
            "no patrol of the whole town was finished on this day; start one and wait for it, "
            "or say why there was none (no_patrol) when the day is over",
            ErrorCode.PATROL_MISSING,
        )
    if not over:
        raise ConflictError(
            "the day is not over and a patrol may still come; "
            "start one and wait for it, or sign with the reason tomorrow",
            ErrorCode.DAY_NOT_OVER,
        )
    return {"rounds": 0, "finished_at": None, "cameras": 0, "reason": reason.strip()}


async def sign(
    session: AsyncSession,
    start: datetime,
    figures: RegisterFigures,
    now: datetime,
    by: str,
    *,
    remark: str,
    reason: str,
) -> DailyRegister:
    """Sign the register of the local day that begins at `start`.

    Raises ConflictError if it is already signed, and the errors of `patrol_entry`.
    """
    day, end = f"{start:%Y-%m-%d}", _end(start)
    if (there := await session.get(DailyRegister, day)) is not None:
        raise ConflictError(
            f"{day} was signed by {there.signed_by}; add later facts as a supplement",
            ErrorCode.REGISTER_SIGNED,
            day=day,
            account=there.signed_by,
        )
    patrol = patrol_entry(await rounds_of(session, start, end), reason, over=end <= now)
    content = figures.copy()
    content["patrol"], content["audit"] = patrol, await audit_head(session)
    row = DailyRegister(day=day, figures=content, signed_by=by, signed_at=now, remark=remark)
    row.digest = signatures.digest_of(row)
    session.add(row)
    await audit_trail.record(session, now, by, AuditAction.PATROL_SIGN, day, digest=row.digest)
    return row


async def audit_head(session: AsyncSession) -> AuditHead:
    """Return length and last hash of the audit trail; signed and printed, they reveal a later truncation."""
    rows, last = await verification.head(session)
    return {"rows": rows, "hash": last}


async def signed(session: AsyncSession, day: str) -> DailyRegister | None:
    """Return the signed register of a day; None if it was not signed."""
    return await session.get(DailyRegister, day)


async def supplements(session: AsyncSession, day: str) -> list[RegisterSupplement]:
    query = select(RegisterSupplement).where(RegisterSupplement.day == day).order_by(RegisterSupplement.number)
    return list(await session.scalars(query))


def supplement_content(
    register: DailyRegister,
    added: Sequence[RegisterSupplement],
    figures: RegisterFigures,
    start: datetime,
    now: datetime,
    rounds: Sequence[PatrolRound] = (),
) -> RegisterFigures | None:
    """Return the content of a supplement signed now; None if there is nothing to add.

    Contains faults that no earlier document holds, the figures of a day that was not over at signing, and a patrol
    where the register says there was none. `rounds`: the rounds of the day.
    """
    signed = [register.figures, *(s.figures for s in added)]
    known = {f["id"] for figures_ in signed for f in figures_.get("faults", ())}
    new_faults = [f for f in figures["faults"] if f["id"] not in known]
    last = added[-1].signed_at if added else register.signed_at
    last_patrol = next((f["patrol"] for f in reversed(signed) if "patrol" in f), None)
    patrol = finished_rounds_entry(rounds)
    is_denied = patrol is not None and last_patrol is not None and last_patrol.get("rounds") == 0
    if not new_faults and not is_denied and not last < _end(start) <= now:
        return None
    content = figures.copy()
    content["faults"], content["day_over"] = new_faults, _end(start) <= now
    if patrol is not None and patrol != last_patrol:
        content["patrol"] = patrol
    return content


async def add(
    session: AsyncSession, start: datetime, figures: RegisterFigures, now: datetime, by: str, *, remark: str
) -> RegisterSupplement:
    """Sign a supplement. Raises ConflictError if the day is not signed or there is nothing to add."""
    day = f"{start:%Y-%m-%d}"
    register = await session.get(DailyRegister, day)
    if register is None:
        raise ConflictError(
            f"the register of {day} is not signed yet; sign it first", ErrorCode.REGISTER_NOT_SIGNED, day=day
        )
    added = await supplements(session, day)
    content = supplement_content(register, added, figures, start, now, await rounds_of(session, start, _end(start)))
    if content is None:
        raise ConflictError(f"there are no new facts about {day} since it was signed", ErrorCode.NO_NEW_FACTS, day=day)
    content["audit"] = await audit_head(session)
    before = added[-1].digest if added else register.digest
    row = RegisterSupplement(
        day=day, number=len(added) + 1, figures=content, signed_by=by, signed_at=now, remark=remark
    )
    row.digest = signatures.digest_of(row, before)
    session.add(row)
    await audit_trail.record(session, now, by, AuditAction.PATROL_SUPPLEMENT, day, number=row.number, digest=row.digest)
    return row


def _end(start: datetime) -> datetime:
    assert start.tzinfo is not None
    return bounds(start.date(), start.tzinfo)[1]
