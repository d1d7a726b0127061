"""Requests for footage as evidence: who asks, who approves, who receives (R-EXP-1, 2, 3, 8).

Each step writes its row, an event of the custody, and its audit row in the same transaction. The database refuses a
forbidden step as well (`cases.evidence.tables`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, not_, select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera
from cases.evidence.tables import (
    TRANSITIONS,
    EvidenceApproval,
    EvidenceCamera,
    EvidenceHandOver,
    EvidenceRequest,
    EvidenceState,
    EvidenceStep,
    EvidenceStepKind,
    LegalGround,
)
from cases.register import case_files
from core.accounts.permissions import Permission, allows
from core.accounts.scope import Villages
from core.accounts.tables import User
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.clock import DAY_US, HOUR_US, to_microseconds
from core.error_codes import ErrorCode
from core.errors import ConflictError, ForbiddenError, NotFoundError, UsageError
from nvr.archive.retention import holds

DECISION_TIME = timedelta(days=30)  # a submitted request expires unless it is decided
EXTRACTION_TIME = timedelta(days=7)  # an approval expires unless the extraction begins
COLLECTION_TIME = timedelta(days=30)  # a sealed package expires unless it is handed over
CONFIRMATION_TIME = timedelta(hours=24)  # of an approval by telephone (R-EXP-3)
HOLD_TIME = timedelta(days=90)
_OPEN_PACKAGE = (EvidenceState.SEALED, EvidenceState.HANDED_OVER)
_AGAIN = (EvidenceState.REFUSED, EvidenceState.EXPIRED, EvidenceState.CLOSED, EvidenceState.CANCELLED)


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """Above the first two a second approver is needed; `max_days` and `max_cameras` are never exceeded."""

    hours: float = 6.0
    cameras: int = 4
    max_days: int = 40
    max_cameras: int = 50


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for. Times in µs UTC."""

    ground: LegalGround
    ground_number: str
    purpose: str
    recipient: str
    officer: str
    officer_number: str
    second_officer: str
    second_officer_number: str
    cameras: Sequence[str]
    start_us: int
    end_us: int
    case: int | None = None
    follows: int | None = None


async def create(
    session: AsyncSession, now: datetime, actor: str, asked: Asked, scope: Villages, limits: RequestLimits
) -> EvidenceRequest:
    """Write down a request as a draft. Raises UsageError, NotFoundError, ConflictError (`follows` is not ended)."""
    _check(asked, now, limits)
    villages = await _villages(session, asked.cameras, scope)
    if asked.case is not None:
        await case_files.case_of(session, asked.case, scope)
    if asked.follows is not None:
        before = await request_of(session, asked.follows, scope)
        if before.state not in _AGAIN:
            raise ConflictError(f"request {before.number} has not ended", ErrorCode.EVIDENCE_NOT_ENDED)
    row = EvidenceRequest(
        number=await _next_number(session, now), follows=asked.follows, case=asked.case, ground=asked.ground,
        ground_number=asked.ground_number.strip(), purpose=asked.purpose.strip(), recipient=asked.recipient.strip(),
        officer=asked.officer.strip(), officer_number=asked.officer_number.strip(),
        second_officer=asked.second_officer.strip(), second_officer_number=asked.second_officer_number.strip(),
        start_us=asked.start_us, end_us=asked.end_us, approvals_needed=_approvals(asked, limits),
        state=EvidenceState.DRAFT, requested_by=actor, created_at=now,
    )  # fmt: skip
    session.add(row)
    await session.flush()
    for camera in asked.cameras:
        session.add(EvidenceCamera(request=row.id, camera=camera, village=villages[camera]))
    await _step(session, now, actor, row, EvidenceStepKind.CREATED, AuditAction.EVIDENCE_CREATE, asked.purpose)
    return row


async def submit(session: AsyncSession, now: datetime, actor: str, row: EvidenceRequest) -> None:
    """Submit one's own draft: from here on nobody changes it, and retention keeps the footage.

    Raises ForbiddenError, ConflictError.
    """
    if row.requested_by != actor:
        raise ForbiddenError("only who wrote a request may submit it", ErrorCode.EVIDENCE_NOT_YOURS)
    _expect(row, EvidenceState.SUBMITTED)
    for entry in await cameras_of(session, row.id):
        entry.hold = await holds.add(
            session, now, camera=entry.camera, start_us=row.start_us, end_us=row.end_us, owner=actor,
            reason=row.number, lasts=HOLD_TIME, case=row.case,
        )  # fmt: skip
    await session.flush()
    row.state, row.submitted_at, row.due_at = EvidenceState.SUBMITTED, now, now + DECISION_TIME
    await _step(session, now, actor, row, EvidenceStepKind.SUBMITTED, AuditAction.EVIDENCE_SUBMIT)


async def approve(session: AsyncSession, now: datetime, actor: str, row: EvidenceRequest, reason: str = "") -> None:
    """Approve a submitted request. Raises ForbiddenError (one's own, or approved already), ConflictError."""
    await _decide(session, now, row, EvidenceApproval(approver=actor, granted=True, reason=reason, at=now))
    await _step(session, now, actor, row, EvidenceStepKind.APPROVED, AuditAction.EVIDENCE_APPROVE, reason)


async def approve_by_phone(
    session: AsyncSession, now: datetime, actor: str, row: EvidenceRequest, approver: str, reason: str
) -> None:
    """Record that an approver said yes by telephone (R-EXP-3); he has to confirm it within 24 hours.

    Raises UsageError (no reason), ForbiddenError (nobody who may approve; the actor himself), ConflictError.
    """
    if not reason.strip():
        raise UsageError("enter why the approver could not decide himself", ErrorCode.EVIDENCE_REASON_REQUIRED)
    user = await session.scalar(select(User).where(User.name == approver))
    if user is None or user.disabled or not allows(user.role, Permission.EVIDENCE_APPROVE):
        raise ForbiddenError(f"'{approver}' may not approve requests", ErrorCode.EVIDENCE_NO_APPROVER, name=approver)
    villages = {entry.village for entry in await cameras_of(session, row.id)}
    if user.villages is not None and not villages <= set(user.villages):
        raise ForbiddenError(f"'{approver}' may not approve requests", ErrorCode.EVIDENCE_NO_APPROVER, name=approver)
    approval = EvidenceApproval(
        approver=approver, granted=True, reason=reason, at=now, recorded_by=actor, confirm_until=now + CONFIRMATION_TIME
    )
    await _decide(session, now, row, approval)
    kind, action = EvidenceStepKind.APPROVED_BY_PHONE, AuditAction.EVIDENCE_APPROVE_BY_PHONE
    await _step(session, now, actor, row, kind, action, f"{approver}: {reason}")


async def confirm(session: AsyncSession, now: datetime, actor: str, row: EvidenceRequest, *, was_so: bool) -> None:
    """Say as the approver whether one approved by telephone. Raises NotFoundError, ConflictError (said already)."""
    approval = await session.scalar(
        select(EvidenceApproval).where(
            EvidenceApproval.request == row.id, EvidenceApproval.approver == actor,
            EvidenceApproval.confirm_until.is_not(None),
        )
    )  # fmt: skip
    if approval is None:
        raise NotFoundError("no approval by telephone waits for you here", ErrorCode.EVIDENCE_NO_PHONE_APPROVAL)
    if approval.confirmed_at is not None or approval.is_denied:
        raise ConflictError("you have answered this already", ErrorCode.EVIDENCE_CONFIRMED)
    approval.is_denied = not was_so
    approval.confirmed_at = now if was_so else None
    kind = EvidenceStepKind.CONFIRMED if was_so else EvidenceStepKind.DENIED
    await _step(session, now, actor, row, kind, AuditAction.EVIDENCE_CONFIRM, "" if was_so else "denied")


async def refuse(session: AsyncSession, now: datetime, actor: str, row: EvidenceRequest, reason: str) -> None:
    """Refuse a submitted request. Raises UsageError without a reason, ForbiddenError, ConflictError."""
    if not reason.strip():
        raise UsageError("enter why the request is refused", ErrorCode.EVIDENCE_REASON_REQUIRED)
    await _decide(session, now, row, EvidenceApproval(approver=actor, granted=False, reason=reason, at=now))
    await _end(session, now, actor, row, EvidenceState.REFUSED)
    await _step(session, now, actor, row, EvidenceStepKind.REFUSED, AuditAction.EVIDENCE_REFUSE, reason)


async def cancel(session: AsyncSession, now: datetime, actor: str, row: EvidenceRequest, reason: str) -> None:
    """Withdraw one's own request before it is sealed. Raises UsageError, ForbiddenError, ConflictError."""
    if row.requested_by != actor:
        raise ForbiddenError("only who wrote a request may withdraw it", ErrorCode.EVIDENCE_NOT_YOURS)
    if not reason.strip():
        raise UsageError("enter why the request is withdrawn", ErrorCode.EVIDENCE_REASON_REQUIRED)
    _expect(row, EvidenceState.CANCELLED)
    await _end(session, now, actor, row, EvidenceState.CANCELLED)
    await _step(session, now, actor, row, EvidenceStepKind.CANCELLED, AuditAction.EVIDENCE_CANCEL, reason)


async def begin_extraction(session: AsyncSession, now: datetime, actor: str, row: EvidenceRequest) -> None:
    """Have the package made, as its custodian: the station's worker takes it from here.

    Raises ForbiddenError for who asked or approved (R-ROLE-2), ConflictError.
    """
    _expect(row, EvidenceState.EXTRACTING)
    await _third_person(session, actor, row)
    row.state, row.due_at, row.custodian = EvidenceState.EXTRACTING, None, actor
    await _step(session, now, actor, row, EvidenceStepKind.EXTRACTION, AuditAction.EVIDENCE_EXTRACT)


async def hand_over(
    session: AsyncSession, now: datetime, actor: str, row: EvidenceRequest, receiver: str, unit: str, receipt: str,
    medium: str,
) -> int:  # fmt: skip
    """Record who received the package, and return the number of the copy.

    The first copy only: another one needs a new request (R-EXP-8). Raises UsageError, ConflictError, ForbiddenError for
    who asked or approved.
    """
    if not all(text.strip() for text in (receiver, unit, receipt, medium)):
        raise UsageError(
            "enter receiver, unit, number of the receipt and medium", ErrorCode.EVIDENCE_HAND_OVER_INCOMPLETE
        )
    _expect(row, EvidenceState.HANDED_OVER)
    await _third_person(session, actor, row)
    session.add(
        EvidenceHandOver(
            request=row.id, copy=1, receiver=receiver.strip(), unit=unit.strip(), receipt=receipt.strip(),
            medium=medium.strip(), at=now, by=actor,
        )
    )  # fmt: skip
    await session.flush()
    row.state, row.due_at = EvidenceState.HANDED_OVER, None
    told = f"{receiver.strip()}, {unit.strip()}, {receipt.strip()}"
    await _step(session, now, actor, row, EvidenceStepKind.HANDED_OVER, AuditAction.EVIDENCE_HAND_OVER, told)
    return 1


async def close(session: AsyncSession, now: datetime, actor: str, row: EvidenceRequest) -> None:
    """Close a request whose package was handed over. Raises ConflictError."""
    _expect(row, EvidenceState.CLOSED)
    row.state = EvidenceState.CLOSED
    await _step(session, now, actor, row, EvidenceStepKind.CLOSED, AuditAction.EVIDENCE_CLOSE)


async def expire_due(session: AsyncSession, now: datetime) -> list[EvidenceRequest]:
    """Expire the requests whose next step was not taken in time; return them."""
    query = select(EvidenceRequest).where(EvidenceRequest.due_at <= now).order_by(EvidenceRequest.id)
    found = [r for r in await session.scalars(query) if EvidenceState.EXPIRED in TRANSITIONS[r.state]]
    for row in found:
        before = row.state
        await _end(session, now, "system", row, EvidenceState.EXPIRED)
        kind, action = EvidenceStepKind.EXPIRED, AuditAction.EVIDENCE_EXPIRE
        await _step(session, now, "system", row, kind, action, before.value)
    return found


async def request_of(session: AsyncSession, number: int, scope: Villages) -> EvidenceRequest:
    """Return a request all of whose cameras are within the scope, locked. Raises NotFoundError."""
    query = select(EvidenceRequest).where(EvidenceRequest.id == number, *_within(scope)).with_for_update()
    row = await session.scalar(query)
    if row is None:
        raise NotFoundError("there is no such request", ErrorCode.EVIDENCE_NOT_FOUND)
    return row


async def requests(
    session: AsyncSession, scope: Villages, states: Collection[EvidenceState] = (), limit: int = 200
) -> list[EvidenceRequest]:
    """Return the newest requests within the scope, of some states or of all."""
    query = select(EvidenceRequest).where(*_within(scope)).order_by(EvidenceRequest.id.desc()).limit(limit)
    if states:
        query = query.where(EvidenceRequest.state.in_(states))
    return list(await session.scalars(query))


async def overdue_confirmations(session: AsyncSession, now: datetime) -> list[EvidenceApproval]:
    """Return approvals by telephone that were not confirmed in time, or denied: red on the leader's page (R-EXP-3)."""
    query = select(EvidenceApproval).where(
        EvidenceApproval.confirmed_at.is_(None), EvidenceApproval.confirm_until.is_not(None)
    )
    return [a for a in await session.scalars(query) if a.is_denied or (a.confirm_until and a.confirm_until <= now)]


async def cameras_of(session: AsyncSession, request: int) -> list[EvidenceCamera]:
    query = select(EvidenceCamera).where(EvidenceCamera.request == request).order_by(EvidenceCamera.camera)
    return list(await session.scalars(query))


async def steps_of(session: AsyncSession, request: int) -> list[EvidenceStep]:
    """Return what was done with a request, oldest first."""
    query = select(EvidenceStep).where(EvidenceStep.request == request).order_by(EvidenceStep.id)
    return list(await session.scalars(query))


def _within(scope: Villages) -> list[ColumnElement[bool]]:
    if scope is None:
        return []
    outside = select(EvidenceCamera.camera).where(
        EvidenceCamera.request == EvidenceRequest.id, not_(EvidenceCamera.village.in_(scope))
    )
    return [not_(outside.exists())]


def _check(asked: Asked, now: datetime, limits: RequestLimits) -> None:
    """Raise UsageError with one sentence about the first thing that is wrong."""
    texts = (
        asked.ground_number, asked.purpose, asked.recipient, asked.officer, asked.officer_number, asked.second_officer,
        asked.second_officer_number,
    )  # fmt: skip
    if not all(text.strip() for text in texts):
        raise UsageError(
            "enter the ground's number, purpose, recipient and both officers", ErrorCode.EVIDENCE_INCOMPLETE
        )
    if asked.officer_number.strip() == asked.second_officer_number.strip():
        raise UsageError("two officers are needed, and both numbers are the same", ErrorCode.EVIDENCE_ONE_OFFICER)
    if asked.ground is LegalGround.CASE and asked.case is None:
        raise UsageError("name the case", ErrorCode.EVIDENCE_CASE_REQUIRED)
    if not asked.start_us < asked.end_us:
        raise UsageError("the end must be later than the start", ErrorCode.END_BEFORE_START)
    if asked.end_us > to_microseconds(now):
        raise UsageError("the range ends in the future; ask when it has passed", ErrorCode.EVIDENCE_IN_FUTURE)
    if asked.end_us - asked.start_us > limits.max_days * DAY_US:
        raise UsageError(
            f"the range is longer than {limits.max_days} days", ErrorCode.EVIDENCE_TOO_LONG, days=limits.max_days
        )
    if not 0 < len(asked.cameras) <= limits.max_cameras or len(set(asked.cameras)) != len(asked.cameras):
        raise UsageError(
            f"name 1 to {limits.max_cameras} cameras, each once", ErrorCode.EVIDENCE_CAMERAS, count=limits.max_cameras
        )


async def _villages(session: AsyncSession, cameras: Sequence[str], scope: Villages) -> dict[str, str]:
    """Return the village of each camera; retired cameras count. Raises NotFoundError, also for one out of scope."""
    rows = await session.execute(select(Camera.id, Camera.village).where(Camera.id.in_(cameras)))
    found: dict[str, str] = {camera: village for camera, village in rows if scope is None or village in scope}
    for camera in cameras:
        if camera not in found:
            raise NotFoundError(f"camera '{camera}' not found", ErrorCode.CAMERA_NOT_FOUND, camera=camera)
    return found


def _approvals(asked: Asked, limits: RequestLimits) -> int:
    long = asked.end_us - asked.start_us > limits.hours * HOUR_US
    return 2 if long or len(asked.cameras) > limits.cameras else 1


async def _next_number(session: AsyncSession, now: datetime) -> str:
    prefix = f"E-{now.year}-"
    taken = await session.scalar(
        select(func.max(EvidenceRequest.number)).where(EvidenceRequest.number.startswith(prefix))
    )
    return f"{prefix}{int(taken.removeprefix(prefix)) + 1 if taken else 1:05d}"


async def _decide(session: AsyncSession, now: datetime, row: EvidenceRequest, approval: EvidenceApproval) -> None:
    """Add a decision; the last one that is needed approves the request."""
    if row.state is not EvidenceState.SUBMITTED:
        raise ConflictError(f"request {row.number} does not wait for a decision", ErrorCode.EVIDENCE_STATE)
    if approval.approver in (row.requested_by, approval.recorded_by):
        raise ForbiddenError("a second person decides about a request", ErrorCode.EVIDENCE_SECOND_PERSON)
    decided = select(EvidenceApproval.approver).where(EvidenceApproval.request == row.id)
    before = list(await session.scalars(decided))
    if approval.approver in before:
        raise ForbiddenError("you have decided about this request already", ErrorCode.EVIDENCE_DECIDED)
    approval.request = row.id
    session.add(approval)
    await session.flush()
    if approval.granted and len(before) + 1 >= row.approvals_needed:
        row.state, row.due_at = EvidenceState.APPROVED, now + EXTRACTION_TIME


async def _third_person(session: AsyncSession, actor: str, row: EvidenceRequest) -> None:
    """Raise ForbiddenError if the custodian asked for the footage or decided about it (R-ROLE-2)."""
    decided = select(EvidenceApproval.approver).where(EvidenceApproval.request == row.id)
    if actor == row.requested_by or actor in set(await session.scalars(decided)):
        raise ForbiddenError(
            "who asked or approved neither extracts nor hands over; a third person does",
            ErrorCode.EVIDENCE_THIRD_PERSON,
        )


async def _end(session: AsyncSession, now: datetime, actor: str, row: EvidenceRequest, state: EvidenceState) -> None:
    """End a request without a package that goes on; its holds are not needed any more."""
    row.state, row.due_at = state, None
    await session.flush()
    await release_holds(session, now, actor, row)


async def release_holds(session: AsyncSession, now: datetime, actor: str, row: EvidenceRequest) -> None:
    for entry in await cameras_of(session, row.id):
        if entry.hold is not None:
            hold, entry.hold = entry.hold, None
            try:
                await holds.release(session, now, hold, actor, row.number)
            except (ConflictError, NotFoundError):
                continue  # it has ended, or a person released it


def _expect(row: EvidenceRequest, state: EvidenceState) -> None:
    if state not in TRANSITIONS[row.state]:
        raise ConflictError(
            f"request {row.number} is {row.state.value}; this step is not possible", ErrorCode.EVIDENCE_STATE
        )


async def _step(
    session: AsyncSession, now: datetime, actor: str, row: EvidenceRequest, kind: EvidenceStepKind,
    action: AuditAction, detail: str = "",
) -> None:  # fmt: skip
    session.add(EvidenceStep(request=row.id, kind=kind, at=now, by=actor, detail=detail[:400]))
    await session.flush()
    await audit_trail.record(session, now, actor, action, row.number, reason=detail, state=row.state.value)
