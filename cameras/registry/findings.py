"""Findings: problems with a camera's security or identity, open until they are gone or a person accepts them.

A finding is announced once, however often it is detected; it closes by itself when it is no longer detected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.registry import history
from cameras.states import FindingKind
from cameras.tables import Camera, Finding
from core import events
from core.accounts.scope import Villages, village_in_scope
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import NotFoundError

KINDS = tuple(FindingKind)


@dataclass(frozen=True, slots=True)
class FindingSubject:
    """The subject of a finding: a camera, or (camera None) an unknown device by its address."""

    camera: str | None
    address: str
    village: str | None

    @classmethod
    def of(cls, camera: Camera) -> FindingSubject:
        return cls(camera.id, camera.address or "", camera.village)


async def open_or_update(
    session: AsyncSession, at: datetime, kind: FindingKind, subject: FindingSubject, **detail: JsonValue
) -> Finding:
    """Open a finding, or update the details of an open one. Raises ValueError for an unknown kind."""
    if kind not in KINDS:
        raise ValueError(f"'{kind}' is not among the kinds of findings")
    row = await _open(session, kind, subject)
    if row is None:
        row = Finding(
            camera=subject.camera,
            address=subject.address,
            village=subject.village,
            kind=kind,
            detail=detail,
            opened_at=at,
        )
        session.add(row)
        await session.flush()
        _announce(session, at, events.EventKind.FINDING_OPENED, row)
    elif row.detail != detail:
        row.detail = detail
    return row


async def close(session: AsyncSession, at: datetime, kinds: Sequence[FindingKind], subject: FindingSubject) -> None:
    """Close the open findings of these kinds."""
    for kind in kinds:
        row = await _open(session, kind, subject)
        if row is not None:
            row.closed_at, row.closed_by = at, history.SYSTEM
            _announce(session, at, events.EventKind.FINDING_CLOSED, row)


def _announce(session: AsyncSession, at: datetime, event: events.EventKind, row: Finding) -> None:
    events.append(session, at, event, village=row.village, camera=row.camera, finding=row.kind, address=row.address)


async def accept(
    session: AsyncSession, number: int, at: datetime, actor: str, reason: str, villages: Villages = None
) -> Finding:
    """Close a finding because a person accepts it.

    Raises NotFoundError if it is not open or lies outside `villages` (None: all).
    """
    query = select(Finding).where(
        Finding.id == number, Finding.closed_at.is_(None), village_in_scope(Finding.village, villages)
    )
    row: Finding | None = await session.scalar(query)
    if row is None:
        raise NotFoundError("open finding not found", ErrorCode.FINDING_NOT_FOUND)
    row.closed_at, row.closed_by = at, actor
    _announce(session, at, events.EventKind.FINDING_CLOSED, row)
    await audit_trail.record(
        session, at, actor, AuditAction.FINDING_ACCEPT, f"{row.kind} {row.camera or row.address}", reason=reason
    )
    return row


async def is_accepted(session: AsyncSession, kind: FindingKind, subject: FindingSubject, **detail: JsonValue) -> bool:
    """Return whether a person closed the subject's newest finding of this kind, with the same details."""
    query = select(Finding).where(Finding.kind == kind, Finding.camera == subject.camera).order_by(Finding.id.desc())
    last = await session.scalar(query.limit(1))
    return last is not None and last.closed_by not in (None, history.SYSTEM) and last.detail == detail


async def list_open(
    session: AsyncSession, villages: Villages = None, *, before: int | None = None, limit: int | None = None
) -> Sequence[Finding]:
    """Return open findings of some villages (None: all), newest first; `before`: an id."""
    query = (
        select(Finding)
        .where(Finding.closed_at.is_(None), village_in_scope(Finding.village, villages))
        .order_by(Finding.id.desc())
    )
    if before is not None:
        query = query.where(Finding.id < before)
    return (await session.scalars(query.limit(limit))).all()


async def _open(session: AsyncSession, kind: FindingKind, subject: FindingSubject) -> Finding | None:
    query = select(Finding).where(Finding.kind == kind, Finding.closed_at.is_(None))
    # A camera's finding stays with the camera when its address changes; an unknown device has only its address.
    if subject.camera is not None:
        query = query.where(Finding.camera == subject.camera)
    else:
        query = query.where(Finding.camera.is_(None), Finding.address == subject.address)
    found: Finding | None = await session.scalar(query.limit(1))
    return found
