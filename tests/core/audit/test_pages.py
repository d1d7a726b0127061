"""Pages of the audit trail, newest first (core.audit.pages)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from core.audit import audit_trail, pages
from core.audit.actions import AuditAction
from core.clock import ManualClock
from core.database import Database

ROWS = (
    ("zhang", AuditAction.CASE_OPEN), ("li", AuditAction.CASE_OPEN), ("zhang", AuditAction.CAMERA_MOVE),
    ("zhang", AuditAction.CASE_OPEN), ("li", AuditAction.CAMERA_MOVE),
)  # fmt: skip


@pytest.fixture
async def session(database: Database, clock: ManualClock) -> AsyncIterator[AsyncSession]:
    """Five rows, a minute apart; their numbers are 1 to 5."""
    async with database.session() as made:
        for n, (actor, action) in enumerate(ROWS):
            await audit_trail.record(made, clock.now() + timedelta(minutes=n), actor, action, f"thing {n}")
        await made.flush()
        yield made


async def numbers(
    session: AsyncSession, *, before: int | None = None, limit: int = 50, actor: str | None = None
) -> list[int]:
    found = await pages.page(session, pages.AuditFilter(actor=actor), before=before, limit=limit)
    return [r.id for r in found.rows]


async def test_a_page_continues_before_the_last_row(session: AsyncSession) -> None:
    assert await numbers(session) == [5, 4, 3, 2, 1]
    assert await numbers(session, limit=2) == [5, 4] and await numbers(session, limit=2, before=4) == [3, 2]
    assert await numbers(session, before=1) == []
    assert await numbers(session, actor="li") == [5, 2] and await numbers(session, actor="li", before=5) == [2]


async def test_the_newest_of_an_account_are_later_than_and_of_the_actions(
    session: AsyncSession, clock: ManualClock
) -> None:
    async def newest(actor: str, *actions: AuditAction, minutes: int = -1, limit: int = 10) -> list[int]:
        since = clock.now() + timedelta(minutes=minutes)
        return [r.id for r in await pages.newest_of(session, actor, actions, since, limit)]

    assert await newest("zhang", AuditAction.CASE_OPEN) == [4, 1]
    assert await newest("zhang", AuditAction.CASE_OPEN, AuditAction.CAMERA_MOVE) == [4, 3, 1]
    assert await newest("zhang", AuditAction.CASE_OPEN, AuditAction.CAMERA_MOVE, limit=2) == [4, 3]
    assert await newest("zhang", AuditAction.CASE_OPEN, minutes=0) == [4]  # the row of that moment is not later
    assert await newest("wang", AuditAction.CASE_OPEN) == []
