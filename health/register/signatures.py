"""Verify signed registers against their digests and against the audit rows of their signing.

Anyone who can change a register row can recompute its digest; the audit row, which holds the digest too, is keyed.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.audit import audit_key, audit_trail
from core.audit.actions import AuditAction
from core.audit.audit_trail import AuditRow
from health.tables import DailyRegister, RegisterSupplement

SIGNING_ACTIONS = (AuditAction.PATROL_SIGN, AuditAction.PATROL_SUPPLEMENT)
PAGE_DAYS = 20  # days per query
SignedDocument = DailyRegister | RegisterSupplement
# a day with its register, supplements and audit rows
_SignedDay = tuple[str, DailyRegister | None, list[RegisterSupplement], list[AuditRow]]


@dataclass(frozen=True, slots=True)
class SignatureMismatch:
    """A day whose documents differ from what was signed; `problem` is a sentence."""

    day: str
    problem: str


def digest_of(row: SignedDocument, before: str = "") -> str:
    """Return the SHA-256 of the previous digest and all signed content.

    `before` is empty for the register itself. The content is day, number, signer, time, remark and figures.
    """
    content = {
        "day": row.day, "number": getattr(row, "number", 0), "signed_by": row.signed_by, "remark": row.remark,
        "signed_at": row.signed_at.astimezone(timezone.utc).isoformat(), "figures": row.figures,
    }  # fmt: skip
    return _sha256(before, content)


def _sha256(before: str, content: Mapping[str, object]) -> str:
    return hashlib.sha256((before + json.dumps(content, sort_keys=True, ensure_ascii=False)).encode()).hexdigest()


async def problem_of(session: AsyncSession, day: str, key: bytes | None) -> str:
    """Return how a day's register and supplements differ from what was signed.

    Returns a sentence, empty if nothing differs. `key` is the key of the audit trail, with which the audit rows are
    verified too; None: they are trusted.
    """
    register = await session.get(DailyRegister, day)
    query = select(RegisterSupplement).where(RegisterSupplement.day == day).order_by(RegisterSupplement.number)
    added = list(await session.scalars(query))
    rows = await _rows(session, [day])
    return _changed_row(day, rows, key) or _problem(day, register, added, rows)


async def first_mismatch(
    session: AsyncSession, days: Collection[str] | None = None, key: bytes | None = None
) -> SignatureMismatch | None:
    """Return the first of these days (None: all) with a mismatch; None if there is none. `key` as in problem_of."""
    return next(iter(await mismatches(session, days, key, limit=1)), None)


async def mismatches(
    session: AsyncSession, days: Collection[str] | None = None, key: bytes | None = None, *, limit: int
) -> list[SignatureMismatch]:
    """Return up to `limit` mismatches of these days, earliest first; otherwise as `first_mismatch`.

    Reads page by page and verifies in a thread: a register of a town has 100 kB.
    """
    found: list[SignatureMismatch] = []
    due = sorted(await signed_days(session) if days is None else days)
    for at in range(0, len(due), PAGE_DAYS):
        page = due[at : at + PAGE_DAYS]
        registers = {r.day: r for r in await session.scalars(select(DailyRegister).where(DailyRegister.day.in_(page)))}
        added: dict[str, list[RegisterSupplement]] = defaultdict(list)
        query = select(RegisterSupplement).where(RegisterSupplement.day.in_(page)).order_by(RegisterSupplement.number)
        for supplement in await session.scalars(query):
            added[supplement.day].append(supplement)
        rows: dict[str, list[AuditRow]] = defaultdict(list)
        for row in await _rows(session, page):
            rows[row.object].append(row)
        kept = [(day, registers.get(day), added[day], rows[day]) for day in page]
        found += await asyncio.to_thread(_mismatches, kept, key)
        for _, register, supplements, signatures in kept:  # verified rows are not needed again; frees their memory
            for row_ in (register, *supplements, *signatures):
                if row_ is not None:
                    session.expunge(row_)
        if len(found) >= limit:
            break
    return found[:limit]


def _mismatches(kept: Sequence[_SignedDay], key: bytes | None) -> list[SignatureMismatch]:
    """Verify the documents of some days. Blocking; call it from a thread."""
    judged = (
        (day, _changed_row(day, rows, key) or _problem(day, register, added, rows))
        for day, register, added, rows in kept
    )
    return [SignatureMismatch(day, problem) for day, problem in judged if problem]


async def signed_days(session: AsyncSession) -> set[str]:
    """Return the days that have a register, a supplement or a signature in the audit trail."""
    of_rows = select(AuditRow.object).where(AuditRow.action.in_(SIGNING_ACTIONS))
    return {
        d
        for q in (select(DailyRegister.day), select(RegisterSupplement.day), of_rows)
        for d in await session.scalars(q)
    }


async def _rows(session: AsyncSession, days: Collection[str]) -> list[AuditRow]:
    query = select(AuditRow).where(AuditRow.action.in_(SIGNING_ACTIONS), AuditRow.object.in_(days))
    return list(await session.scalars(query.order_by(AuditRow.id)))


def _changed_row(day: str, rows: Sequence[AuditRow], key: bytes | None) -> str:
    for row in rows if key is not None else ():
        assert key is not None
        if row.key_id == audit_key.key_id(key) and not hmac.compare_digest(
            row.hash, audit_trail.keyed_digest(key, row)
        ):
            return f"row {row.id} of the audit trail, which records the signature of {day}, was changed"
    return ""


def _problem(
    day: str, register: DailyRegister | None, added: Sequence[RegisterSupplement], rows: Sequence[AuditRow]
) -> str:
    signed: list[SignedDocument] = [register, *added] if register is not None else [*added]
    if len(signed) != len(rows):
        return (
            f"{day}: the audit trail has {len(rows)} signatures, but {len(signed)} registers and supplements are stored"
        )
    before = ""
    for number, (one, row) in enumerate(zip(signed, rows, strict=True)):
        what = f"supplement {number} of {day}" if number else f"the register of {day}"
        if (number > 0) is not (row.action == AuditAction.PATROL_SUPPLEMENT) or getattr(one, "number", 0) != number:
            return f"{what} has another number than when it was signed"
        if (row.actor, _instant(row.at), row.data.get("digest", one.digest)) != (
            one.signed_by,
            _instant(one.signed_at),
            one.digest,
        ):
            return (
                f"{what} differs from the document that {row.actor} signed: "
                "signer, time or digest do not match its audit row"
            )
        # Earlier versions computed the digest over the figures only.
        if one.digest not in (digest_of(one, before), _sha256(before, one.figures)):
            return f"{what} was changed after it was signed: its digest does not match"
        before = one.digest
    return ""


def _instant(at: datetime) -> datetime:
    return at.astimezone(timezone.utc)
