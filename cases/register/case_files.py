"""Opens and closes cases, and holds footage for them.

Only a person who sees both the case and the camera may link them.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera
from cases.tables import Case, SubjectState, WatchSubject
from core import events
from core.accounts.scope import Villages, village_in_scope
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import ConflictError, NotFoundError, UsageError
from nvr.archive.retention import holds
from nvr.tables import Hold


async def case_of(session: AsyncSession, number: int, scope: Villages) -> Case:
    """Return a case within an account's villages. Raises NotFoundError, also for one outside them."""
    row = await session.scalar(select(Case).where(Case.id == number, village_in_scope(Case.village, scope)))
    if row is None:
        raise NotFoundError("there is no such case", ErrorCode.CASE_NOT_FOUND)
    return row


async def open_case(
    session: AsyncSession,
    at: datetime,
    actor: str,
    number: str,
    title: str,
    village: str | None = None,
    scope: Villages = None,
) -> Case:
    """Open a case of a village (None: of the whole town).

    `scope`: the villages that the actor sees, None: all. A number must be unique within its village only, so that
    nobody learns of another village's cases. Raises UsageError if the village must be named, NotFoundError,
    ConflictError.
    """
    village = village if village is not None or scope is None or len(scope) != 1 else scope[0]
    if village is None and scope is not None:
        raise UsageError(
            "name the case's village; only an account for the whole town may open a town-wide case",
            ErrorCode.CASE_VILLAGE_REQUIRED,
        )
    check_villages(None if village is None else [village], scope)
    if await session.scalar(select(Case.id).where(Case.number == number, Case.village == village)):
        raise ConflictError(f"there is a case '{number}' already", ErrorCode.CASE_NUMBER_EXISTS, number=number)
    row = Case(number=number, title=title, village=village, opened_at=at, opened_by=actor)
    session.add(row)
    await session.flush()
    await audit_trail.record(session, at, actor, AuditAction.CASE_OPEN, number, title=title)
    return row


def check_villages(wanted: Villages, scope: Villages) -> None:
    """Check the villages that a case or a subject names.

    Raises UsageError for an empty list, and NotFoundError for a village outside the scope, in the words of an unknown
    village.
    """
    if wanted is not None and not wanted:
        raise UsageError("name at least one village", ErrorCode.CASE_VILLAGES_REQUIRED)
    if scope is not None and (outside := [v for v in wanted or () if v not in scope]):
        raise NotFoundError(f"there is no village '{outside[0]}'", ErrorCode.VILLAGE_NOT_FOUND, village=outside[0])


async def close(
    session: AsyncSession, at: datetime, actor: str, number: int, reason: str, scope: Villages = None
) -> Case:
    """Close a case; its holds get an earlier end, which an event announces.

    Raises NotFoundError, and ConflictError if the case is closed already or still has subjects on the watch list.
    """
    row = await case_of(session, number, scope)
    if row.closed_at is not None:
        raise ConflictError("this case is closed already", ErrorCode.CASE_CLOSED_ALREADY)
    wanted = select(WatchSubject.id).where(
        WatchSubject.case == number,
        WatchSubject.state.in_((SubjectState.ACTIVE, SubjectState.PROPOSED)),
        WatchSubject.expires_at > at,
    )
    if await session.scalar(wanted.limit(1)) is not None:
        raise ConflictError(
            "this case still has subjects on the watch list; take them off first", ErrorCode.CASE_HAS_SUBJECTS
        )
    row.closed_at, row.closed_by = at, actor
    await audit_trail.record(session, at, actor, AuditAction.CASE_CLOSE, row.number, reason=reason, case=row.id)
    await holds.limit_to_closed_case(session, at, row.id, actor, reason)
    events.append(session, at, events.EventKind.CASE_CLOSED, village=row.village, case=row.id)
    return row


async def hold(
    session: AsyncSession,
    at: datetime,
    actor: str,
    *,
    camera: str,
    start_us: int,
    end_us: int,
    reason: str,
    lasts: timedelta,
    case: int | None = None,
    scope: Villages = None,
) -> int:
    """Hold footage of a camera within the scope, for a case or for another reason; return the hold's number.

    Raises NotFoundError, UsageError, and ConflictError for a case that is closed or of another village.
    """
    row = await session.scalar(select(Camera).where(Camera.id == camera, village_in_scope(Camera.village, scope)))
    if row is None:
        raise NotFoundError("there is no such camera", ErrorCode.CAMERA_NOT_FOUND, camera=camera)
    if case is not None:
        found = await case_of(session, case, scope)
        if found.closed_at is not None:
            raise ConflictError(
                "this case is closed; open another one, or hold the footage for another reason", ErrorCode.CASE_CLOSED
            )
        if found.village is not None and found.village != row.village:
            raise ConflictError("this case is of another village than the camera", ErrorCode.CASE_OF_OTHER_VILLAGE)
    return await holds.add(
        session,
        at,
        camera=camera,
        start_us=start_us,
        end_us=end_us,
        owner=actor[:60],
        reason=reason,
        lasts=lasts,
        case=case,
    )


async def hold_of(session: AsyncSession, number: int, scope: Villages) -> Hold:
    """Return a hold on a camera within the scope. Raises NotFoundError, also for one outside it."""
    query = (
        select(Hold)
        .join(Camera, Camera.id == Hold.camera)
        .where(Hold.id == number, village_in_scope(Camera.village, scope))
    )
    row: Hold | None = await session.scalar(query)
    if row is None:
        raise NotFoundError("there is no such hold", ErrorCode.HOLD_NOT_FOUND)
    return row


async def named(session: AsyncSession, cases: set[int], scope: Villages) -> dict[int, Case]:
    """Return the cases of this set that an account sees, by number."""
    return {
        c.id: c
        for c in await session.scalars(select(Case).where(Case.id.in_(cases), village_in_scope(Case.village, scope)))
    }


async def newest(session: AsyncSession, scope: Villages, limit: int = 200) -> list[Case]:
    """Return the cases that an account sees, newest first."""
    query = select(Case).where(village_in_scope(Case.village, scope)).order_by(Case.id.desc()).limit(limit)
    return list(await session.scalars(query))


async def visible_numbers(session: AsyncSession, scope: Villages) -> set[int]:
    """Return the numbers of all cases that an account sees."""
    return set(await session.scalars(select(Case.id).where(village_in_scope(Case.village, scope))))
