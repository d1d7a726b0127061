"""The log of shifts: one officer of the whole town has the duty desk, until the next one signs.

A take-over names the shift that the officer saw as the present one. If another officer signed meanwhile, it is refused
with his name: two officers must not both believe that they took over from the same one.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from cases.tables import Shift, ShiftNote
from core import events
from core.accounts.scope import Villages
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import ConflictError, ForbiddenError, UsageError

FIRST = 0  # `Shift.follows` of the first shift
NOTES_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Officer:
    """Who signs: the account, the person's name, and the villages of the account (None: the whole town)."""

    account: str
    name: str
    villages: Villages


async def last_two(session: AsyncSession) -> tuple[Shift | None, Shift | None]:
    """Return the present shift and the one before it."""
    found = list(await session.scalars(select(Shift).order_by(Shift.id.desc()).limit(2)))
    return (found[0] if found else None), (found[1] if len(found) > 1 else None)


async def notes(session: AsyncSession, shifts: Collection[int]) -> dict[int, list[ShiftNote]]:
    """Return the last NOTES_SHOWN notes of some shifts by shift, oldest first."""
    query = select(ShiftNote).where(ShiftNote.shift.in_(shifts)).order_by(ShiftNote.id.desc()).limit(NOTES_SHOWN)
    found: dict[int, list[ShiftNote]] = {}
    for note in await session.scalars(query):
        found.setdefault(note.shift, []).insert(0, note)
    return found


async def take_over(session: AsyncSession, now: datetime, officer: Officer, seen: int | None, note: str) -> Shift:
    """Sign the take-over: the present shift ends, the officer's begins.

    `seen`: number of the shift that the officer saw as the present one; None: there was none. Raises ForbiddenError for
    an account of some villages, ConflictError if somebody else signed meanwhile.
    """
    _check_town(officer)
    present = await _locked(session)
    if (present.id if present is not None else None) != seen:
        raise _signed_meanwhile(present)
    row = Shift(
        officer=officer.account, officer_name=officer.name, since=now, signed_at=now, note=note.strip(),
        follows=present.id if present is not None else FIRST,
    )  # fmt: skip
    if present is not None:
        present.until = now
    session.add(row)
    try:
        await session.flush()
    except IntegrityError as e:  # two officers sign the first shift at once
        raise _signed_meanwhile(None) from e
    events.append(session, now, events.EventKind.SHIFT_TAKEN_OVER, shift=row.id, officer=officer.name)
    await audit_trail.record(
        session, now, officer.account, AuditAction.SHIFT_TAKE_OVER, str(row.id), note=row.note,
        previous=present.id if present is not None else None,
        previous_officer=present.officer if present is not None else "",
    )  # fmt: skip
    return row


async def add_note(session: AsyncSession, now: datetime, officer: Officer, text: str) -> ShiftNote:
    """Add a note to the present shift. Raises ForbiddenError, UsageError for an empty one, ConflictError without a
    shift."""
    _check_town(officer)
    if not text.strip():
        raise UsageError("the note is empty", ErrorCode.SHIFT_NOTE_EMPTY)
    present, _ = await last_two(session)
    if present is None:
        raise ConflictError("nobody has taken over a shift yet; take it over first", ErrorCode.SHIFT_NOT_TAKEN)
    row = ShiftNote(shift=present.id, at=now, by=officer.account, text=text.strip())
    session.add(row)
    await session.flush()
    await audit_trail.record(
        session, now, officer.account, AuditAction.SHIFT_NOTE, str(present.id), note=row.id, text=row.text
    )
    return row


async def _locked(session: AsyncSession) -> Shift | None:
    """Return the present shift, locked. Read again after the lock: another officer may have signed while we waited."""
    newest = select(Shift).order_by(Shift.id.desc()).limit(1)
    if await session.scalar(newest.with_for_update()) is None:
        return None
    present: Shift | None = await session.scalar(newest)
    return present


def _signed_meanwhile(present: Shift | None) -> ConflictError:
    who = present.officer_name if present is not None else "somebody else"
    return ConflictError(
        f"{who} signed the take-over meanwhile; read the hand-over again before you sign",
        ErrorCode.SHIFT_TAKEN_OVER,
        account=who,
    )


def _check_town(officer: Officer) -> None:
    if officer.villages is not None:
        raise ForbiddenError("only an account for the whole town has the duty desk", ErrorCode.DUTY_DESK_TOWN_ONLY)
