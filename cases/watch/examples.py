"""Example pictures of subjects: chosen one by one, then attached to a proposal; a subject has at most ten."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cases.tables import ExampleSource, WatchExample
from core.error_codes import ErrorCode
from core.errors import ConflictError, NotFoundError, UsageError

MAX_EXAMPLES = 10
MAX_WAITING = 40  # chosen by one account and not attached yet
WAITS_FOR = timedelta(hours=24)  # a chosen example that no proposal takes is deleted after this time


@dataclass(frozen=True, slots=True)
class ExampleLooks:
    """What an example picture shows: a class, and a pack's vector as 256 signed bytes."""

    cls: str
    vector: bytes
    embedder: str


async def choose(
    session: AsyncSession, at: datetime, actor: str, source: ExampleSource, looks: ExampleLooks, picture: str
) -> WatchExample:
    """Keep an example for a later proposal of this account. Raises ConflictError if too many of them wait."""
    await session.execute(
        delete(WatchExample).where(WatchExample.subject.is_(None), WatchExample.added_at < at - WAITS_FOR)
    )
    mine = (WatchExample.subject.is_(None), WatchExample.added_by == actor)
    if (await session.scalar(select(func.count()).select_from(WatchExample).where(*mine)) or 0) >= MAX_WAITING:
        raise ConflictError(
            f"{MAX_WAITING} example pictures wait for a proposal; remove some, or propose their subjects",
            ErrorCode.TOO_MANY_EXAMPLES,
            limit=MAX_WAITING,
        )
    row = WatchExample(
        source=source, cls=looks.cls, vector=looks.vector, embedder=looks.embedder, picture=picture, added_by=actor,
        added_at=at,
    )  # fmt: skip
    session.add(row)
    await session.flush()
    return row


async def waiting(session: AsyncSession, actor: str, wanted: Sequence[int]) -> list[WatchExample]:
    """Return examples that this account chose and that belong to no subject yet, in the order of `wanted`.

    Raises UsageError for more than ten, NotFoundError for any other.
    """
    if len(set(wanted)) > MAX_EXAMPLES:
        raise UsageError(
            f"a subject has at most {MAX_EXAMPLES} example pictures", ErrorCode.TOO_MANY_EXAMPLES, limit=MAX_EXAMPLES
        )
    query = select(WatchExample).where(
        WatchExample.id.in_(wanted), WatchExample.subject.is_(None), WatchExample.added_by == actor
    )
    found = {e.id: e for e in await session.scalars(query)}
    if len(found) < len(set(wanted)):
        raise NotFoundError("this example picture is no longer kept; choose it again", ErrorCode.EXAMPLE_NOT_FOUND)
    return [found[n] for n in dict.fromkeys(wanted)]


async def of_subjects(session: AsyncSession, subjects: Iterable[int] | None = None) -> dict[int, list[WatchExample]]:
    """Return the examples by subject, oldest first; `subjects` None: of all."""
    query = select(WatchExample).where(WatchExample.subject.is_not(None)).order_by(WatchExample.id)
    if subjects is not None:
        query = query.where(WatchExample.subject.in_(list(subjects)))
    found: dict[int, list[WatchExample]] = {}
    for row in await session.scalars(query):
        found.setdefault(row.subject or 0, []).append(row)
    return found


async def withdraw(session: AsyncSession, actor: str, number: int) -> None:
    """Delete an example that this account chose and that belongs to no subject yet. Raises NotFoundError."""
    (row,) = await waiting(session, actor, [number])
    await session.delete(row)
