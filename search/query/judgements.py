"""Officers' judgements of found sightings: candidate or rejected, under the purpose of the search."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.accounts.scope import Villages, village_in_scope
from core.audit import audit_trail
from core.audit.actions import AuditAction
from search.store.camera_numbers import CameraPlace
from search.tables import Judgement, SightingVerdict

MAX_REASON_CHARACTERS = 200  # of Judgement.reason: a longer purpose is cut


async def judge(
    session: AsyncSession,
    now: datetime,
    actor: str,
    *,
    purpose: str,
    sighting: int,
    place: CameraPlace,
    verdict: SightingVerdict,
    thumbnail: str,
) -> None:
    """Record a judgement under a purpose, or remove it (NONE). `thumbnail`: the candidate's kept picture."""
    reason = purpose[:MAX_REASON_CHARACTERS]
    row = await session.scalar(select(Judgement).where(Judgement.reason == reason, Judgement.sighting == sighting))
    if verdict is SightingVerdict.NONE:
        if row is not None:
            await session.delete(row)
    else:
        if row is None:
            row = Judgement(reason=reason, sighting=sighting, camera=place.camera, village=place.village)
            session.add(row)
        row.verdict, row.by, row.at = verdict, actor, now
        row.thumbnail = thumbnail if verdict is SightingVerdict.CANDIDATE else ""
    await audit_trail.record(
        session, now, actor, AuditAction.SIGHTING_JUDGE, str(sighting), reason=reason, verdict=verdict.value
    )


async def candidates(session: AsyncSession, purpose: str, scope: Villages, limit: int = 200) -> list[int]:
    """Return the ids of the candidates of a purpose, newest judgement first."""
    mine = (Judgement.reason == purpose[:MAX_REASON_CHARACTERS], Judgement.verdict == SightingVerdict.CANDIDATE)
    query = select(Judgement.sighting).where(*mine, village_in_scope(Judgement.village, scope))
    return list(await session.scalars(query.order_by(Judgement.id.desc()).limit(limit)))


async def verdicts(session: AsyncSession, purpose: str, sightings: Collection[int]) -> dict[int, SightingVerdict]:
    """Return the verdicts on sightings under a purpose."""
    query = select(Judgement.sighting, Judgement.verdict).where(
        Judgement.reason == purpose[:MAX_REASON_CHARACTERS], Judgement.sighting.in_(sightings)
    )
    return {row.sighting: row.verdict for row in await session.execute(query)}
