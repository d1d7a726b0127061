"""Manual review (视频巡逻): a person judges pictures at their own pace without knowing the system's verdict.

The cameras with live picture faults are mixed with a share of those judged normal. A fault that a person reports among
the normal ones is a miss of the system, which gives a measured miss rate.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera
from core import events
from core.accounts.scope import Villages, village_in_scope
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import NotFoundError, UsageError
from health.faults.families import FAMILIES, PICTURE_FAMILIES
from health.faults.state_machine import LIVE_STATES, FaultState
from health.picture import baseline
from health.tables import Fault, Inspection, ReviewVerdict
from health.vocabulary import FaultFamily, FaultOutcome, FaultStatus, ReviewAnswer

NORMAL_SHARE = 0.05  # share of the cameras judged normal
REPEAT_AFTER = timedelta(hours=12)  # the same person does not see a camera again within this time


async def draw_cameras(
    session: AsyncSession, by: str, villages: Sequence[str] | None, now: datetime, rng: random.Random
) -> list[Camera]:
    """Return the cameras of a review in random order, which gives no hint of the system's verdict."""
    query = select(Camera).where(Camera.retired.is_(False))
    if villages is not None:
        query = query.where(Camera.village.in_(villages))
    judged = select(ReviewVerdict.camera).where(ReviewVerdict.by == by, ReviewVerdict.at > now - REPEAT_AFTER)
    cameras = (await session.scalars(query.where(Camera.id.not_in(judged)))).all()
    flagged = await _flagged(session)
    normal = [c for c in cameras if c.id not in flagged]
    blind = rng.sample(normal, min(len(normal), math.ceil(NORMAL_SHARE * len(normal))))
    drawn = [c for c in cameras if c.id in flagged] + blind
    rng.shuffle(drawn)
    return drawn


async def _flagged(session: AsyncSession) -> set[str]:
    rows = await session.scalars(
        select(Fault.camera).where(Fault.state.in_(LIVE_STATES), Fault.family.in_(PICTURE_FAMILIES))
    )
    return set(rows)


async def record_verdict(
    session: AsyncSession, camera: Camera, verdict: ReviewAnswer, family: FaultFamily | None, now: datetime, by: str
) -> Fault | None:
    """Record a person's verdict on a camera's picture.

    FAULTY with a family of pictures opens that fault; NORMAL marks the live picture faults as false and adds their
    inspections to the baseline. Returns the fault for FAULTY. Raises UsageError.
    """
    if verdict is ReviewAnswer.FAULTY and family not in PICTURE_FAMILIES:
        raise UsageError(
            f"name the fault family: {', '.join(PICTURE_FAMILIES)}",
            ErrorCode.FAMILY_REQUIRED,
            allowed=list(PICTURE_FAMILIES),
        )
    live: dict[str, Fault] = {
        f.family: f
        for f in await session.scalars(
            select(Fault).where(
                Fault.camera == camera.id, Fault.state.in_(LIVE_STATES), Fault.family.in_(PICTURE_FAMILIES)
            )
        )
    }
    named = family or ""
    session.add(ReviewVerdict(at=now, by=by, camera=camera.id, blind=not live, verdict=verdict, family=named))
    await audit_trail.record(session, now, by, AuditAction.REVIEW_VERDICT, camera.id, verdict=verdict, family=named)
    if verdict is ReviewAnswer.NORMAL or family is None:
        for fault in live.values():
            fault.verdict = FaultOutcome.FALSE
            await baseline.learn(session, fault, fault.first_seen)
        return None
    if family in live:
        live[family].verdict = FaultOutcome.REAL
        return live[family]
    return await _report(session, camera, family, now, by)


async def _report(session: AsyncSession, camera: Camera, family: FaultFamily, now: datetime, by: str) -> Fault:
    """Open a fault that a person reported, at once. It closes on evidence like any other fault."""
    newest = await session.scalar(
        select(Inspection)
        .where(Inspection.camera == camera.id, Inspection.picture.is_not(None))
        .order_by(Inspection.id.desc())
        .limit(1)
    )
    fault = Fault(
        camera=camera.id,
        village=camera.village,
        family=family,
        state=FaultStatus.OPEN,
        severity=FAMILIES[family].severity,
        detail="",
        figures={"reported_by": by},
        facts=FaultState(FaultStatus.OPEN, openings=[now.timestamp()]).as_json(),
        first_seen=now,
        opened_at=now,
        inspections=1,
        times=1,
        verdict=FaultOutcome.REAL,
        acknowledged_by=by,
        reference=newest.picture if newest else None,
    )
    session.add(fault)
    await session.flush()
    events.append(
        session,
        now,
        events.EventKind.FAULT_OPENED,
        village=camera.village,
        camera=camera.id,
        family=family,
        name="",
        figures=fault.figures,
        fault=fault.id,
    )
    return fault


@dataclass(frozen=True, slots=True)
class MissRate:
    """Misses among the pictures judged normal. `upper_bound`: upper bound of the rate at 95 % (Wilson)."""

    shown: int
    missed: int
    rate: float | None
    upper_bound: float | None


async def miss_rate(session: AsyncSession, since: datetime, villages: Villages = None) -> MissRate:
    """Return the miss rate of reviews since a time, for the cameras of some villages (None: all)."""
    query = select(ReviewVerdict.verdict).where(ReviewVerdict.blind, ReviewVerdict.at >= since)
    if villages is not None:
        query = query.join(Camera, Camera.id == ReviewVerdict.camera).where(village_in_scope(Camera.village, villages))
    said = list(await session.scalars(query))
    shown, missed = len(said), said.count(ReviewAnswer.FAULTY)
    return MissRate(shown, missed, missed / shown if shown else None, wilson_upper(missed, shown) if shown else None)


def wilson_upper(hits: int, of: int, z: float = 1.6449) -> float:
    """Return the one-sided upper bound of a share `hits / of` (Wilson 1927); the default `z` gives 95 %."""
    share, square = hits / of, z * z / of
    return min(1.0, (share + square / 2 + z * math.sqrt(share * (1 - share) / of + square / (4 * of))) / (1 + square))


async def camera_of(session: AsyncSession, number: str) -> Camera:
    """Return a camera that is in use. Raises NotFoundError."""
    camera = await session.get(Camera, number)
    if camera is None or camera.retired:
        raise NotFoundError(f"camera '{number}' not found", ErrorCode.CAMERA_NOT_FOUND, camera=number)
    return camera
