"""Reads the audit trail in pages, newest first."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, time, tzinfo
from itertools import groupby

from sqlalchemy import Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.audit.actions import AuditAction
from core.audit.audit_trail import AuditRow

CHUNK = 1000  # rows per query of a filter that the database cannot apply
MAX_SCANNED = 20_000  # rows that one page looks through at most


@dataclass(frozen=True, slots=True)
class LocalHours:
    """A part of each day in local time, which may pass midnight."""

    start: time
    end: time
    zone: tzinfo

    def contains(self, at: datetime) -> bool:
        local = at.astimezone(self.zone).time()
        if self.start <= self.end:
            return self.start <= local < self.end
        return local >= self.start or local < self.end


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which rows are read; a field that is None does not restrict them. `text`: part of object, reason or actor."""

    actor: str | None = None
    actions: Collection[AuditAction] | None = None
    object: str | None = None
    camera: str | None = None
    village: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    text: str | None = None
    hours: LocalHours | None = None


@dataclass(frozen=True, slots=True)
class AuditRows:
    """One page. `next`: pass it as `before` for the next page; None: there is none."""

    rows: Sequence[AuditRow]
    next: int | None


def _matching(wanted: AuditFilter) -> Select[AuditRow]:
    query = select(AuditRow)
    if wanted.actor is not None:
        query = query.where(AuditRow.actor == wanted.actor)
    if wanted.actions is not None:
        query = query.where(AuditRow.action.in_([a.value for a in wanted.actions]))
    if wanted.object is not None:
        query = query.where(AuditRow.object == wanted.object)
    if wanted.camera is not None:
        about = AuditRow.object == wanted.camera, AuditRow.object.startswith(f"{wanted.camera}/", autoescape=True)
        query = query.where(or_(*about, AuditRow.data["camera"].as_string() == wanted.camera))
    if wanted.village is not None:
        query = query.where(AuditRow.data["village"].as_string() == wanted.village)
    if wanted.start is not None:
        query = query.where(AuditRow.at >= wanted.start)
    if wanted.end is not None:
        query = query.where(AuditRow.at < wanted.end)
    if wanted.text:
        words = AuditRow.object, AuditRow.reason, AuditRow.actor
        query = query.where(or_(*(w.icontains(wanted.text, autoescape=True) for w in words)))
    return query


async def page(
    session: AsyncSession, wanted: AuditFilter = AuditFilter(), *, before: int | None = None, limit: int = 50
) -> AuditRows:
    """Return rows of the trail, newest first. `before`: `next` of the previous page.

    With `hours` a page may hold fewer rows than `limit` although more follow: it looks through MAX_SCANNED rows.
    """
    query = _matching(wanted).order_by(AuditRow.id.desc())
    found: list[AuditRow] = []
    size = limit if wanted.hours is None else CHUNK
    for _ in range(1 if wanted.hours is None else MAX_SCANNED // CHUNK):
        older = query if before is None else query.where(AuditRow.id < before)
        chunk = (await session.scalars(older.limit(size))).all()
        for row in chunk:
            before = row.id
            if wanted.hours is None or wanted.hours.contains(row.at):
                found.append(row)
            if len(found) == limit:
                return AuditRows(found, before)
        if len(chunk) < size:
            return AuditRows(found, None)
    return AuditRows(found, before)


async def every_row(session: AsyncSession, wanted: AuditFilter, most: int) -> AsyncIterator[AuditRow]:
    """Yield the rows, newest first, at most `most`."""
    before: int | None = None
    left = most
    while left > 0:
        found = await page(session, wanted, before=before, limit=min(CHUNK, left))
        for row in found.rows:
            yield row
        left -= len(found.rows)
        if found.next is None:
            return
        before = found.next


async def viewers_by_object(
    session: AsyncSession, actions: Collection[AuditAction], start: datetime, end: datetime
) -> dict[str, dict[str, int]]:
    """Return who looked at what how often: object → actor → number of rows of these actions."""
    query = (
        select(AuditRow.object, AuditRow.actor, func.count())
        .where(AuditRow.action.in_([a.value for a in actions]), AuditRow.at >= start, AuditRow.at < end)
        .group_by(AuditRow.object, AuditRow.actor)
        .order_by(AuditRow.object, AuditRow.actor)
    )
    rows = await session.execute(query)
    return {name: {r[1]: r[2] for r in own} for name, own in groupby(rows, key=lambda r: str(r[0]))}


async def newest_of(
    session: AsyncSession, actor: str, actions: Collection[str], since: datetime, limit: int
) -> Sequence[AuditRow]:
    """Return what an account did later than `since`, of these actions only."""
    mine = AuditRow.actor == actor, AuditRow.action.in_(actions), AuditRow.at > since
    return (await session.scalars(select(AuditRow).where(*mine).order_by(AuditRow.id.desc()).limit(limit))).all()
