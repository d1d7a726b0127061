"""Faults that a person reports: they open at once, and stay open until a person has judged them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera
from core import events
from core.accounts.scope import Villages, village_in_scope
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import ConflictError, NotFoundError, UsageError
from health.faults.families import FAMILIES
from health.faults.state_machine import LIVE_STATES
from health.tables import Fault
from health.vocabulary import FaultFamily, FaultKind, FaultOutcome, FaultStatus

# Faults of a camera; those of a village's up-link or of the station have no camera.
REPORTABLE = frozenset(
    family
    for family in FaultFamily
    if FAMILIES[family].kind is not FaultKind.STATION and family is not FaultFamily.UPLINK
)


PHOTO_WITHIN = timedelta(hours=1)  # of opening the fault


async def own_report(session: AsyncSession, number: int, actor: str, now: datetime, scope: Villages) -> Fault:
    """Return a fault that the person reported within PHOTO_WITHIN. Raises NotFoundError, ConflictError."""
    query = select(Fault).where(Fault.id == number, Fault.reported_by == actor, village_in_scope(Fault.village, scope))
    fault: Fault | None = await session.scalar(query)
    if fault is None:
        raise NotFoundError("there is no such fault", ErrorCode.FAULT_NOT_FOUND)
    if fault.state not in LIVE_STATES or now - (fault.opened_at or fault.first_seen) > PHOTO_WITHIN:
        raise ConflictError("a photo can be added to an own report of the last hour", ErrorCode.FAULT_REPORT_OVER)
    return fault


async def add_photo(session: AsyncSession, now: datetime, actor: str, fault: Fault, path: str) -> None:
    """Show a photo (a path below the data folder) as the fault's picture; writes the audit row."""
    fault.picture = path
    await audit_trail.record(
        session, now, actor, AuditAction.FAULT_PHOTO, str(fault.id), camera=fault.camera, village=fault.village
    )


async def report(
    session: AsyncSession, now: datetime, actor: str, camera: Camera, family: FaultFamily, note: str, picture: str,
    reason: str, *, allowed: Collection[FaultFamily] = REPORTABLE,
) -> Fault:  # fmt: skip
    """Open a fault of a camera, or add the report to the live one of that family; writes audit row and event.

    `picture`: path below the data folder; empty: there is none. Raises UsageError for a family of the station.
    """
    if family not in allowed:
        raise UsageError(
            f"'{family}' is no fault of a camera; choose another family",
            ErrorCode.FAMILY_REQUIRED,
            allowed=sorted(f.value for f in allowed),
        )
    query = select(Fault).where(Fault.camera == camera.id, Fault.family == family, Fault.state.in_(LIVE_STATES))
    fault: Fault | None = await session.scalar(query.order_by(Fault.id.desc()).limit(1))
    was_open = fault is not None and fault.state is not FaultStatus.SUSPECT
    if fault is None:
        fault = Fault(
            camera=camera.id, village=camera.village, family=family, severity=FAMILIES[family].severity, detail="",
            figures={}, facts={}, first_seen=now, inspections=0, times=0, state=FaultStatus.SUSPECT,
        )  # fmt: skip
        session.add(fault)
    fault.reported_by, fault.note = actor, note
    fault.picture = picture or fault.picture
    if fault.verdict is FaultOutcome.FALSE:
        fault.verdict = None  # a person saw it again
    if not was_open:
        fault.state, fault.opened_at, fault.times = FaultStatus.OPEN, now, fault.times + 1
    await session.flush()
    if not was_open:
        events.append(
            session, now, events.EventKind.FAULT_OPENED, village=camera.village, camera=camera.id, family=family,
            name="", figures={}, fault=fault.id, by=actor,
        )  # fmt: skip
    await audit_trail.record(
        session, now, actor, AuditAction.FAULT_REPORT, str(fault.id), reason=reason, camera=camera.id,
        village=camera.village, family=family, note=note,
    )  # fmt: skip
    return fault
