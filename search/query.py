"""Finding sightings: by time, camera, village, class and colour; newest first, paged by key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import UsageError
from search.colours import NAMES
from search.detectors.base import CLASSES
from search.tables import Sighting


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for; None does not restrict. Times µs UTC, [start, end)."""

    start_us: int | None = None
    end_us: int | None = None
    cameras: Sequence[str] | None = None
    villages: Sequence[str] | None = None
    cls: str | None = None
    upper: str | None = None
    lower: str | None = None
    min_score: float = 0.0


async def find(
    session: AsyncSession, query: Query, limit: int = 50, after: str | None = None
) -> tuple[list[Sighting], str | None]:
    """A page of sightings and the key of the next page (None: this was the last)."""
    if query.cls is not None and query.cls not in CLASSES:
        raise UsageError(f"there is no class '{query.cls}'; classes are: {', '.join(CLASSES)}")
    for colour in (query.upper, query.lower):
        if colour is not None and colour not in NAMES:
            raise UsageError(f"there is no colour '{colour}'; colours are: {', '.join(NAMES)}")
    statement = select(Sighting).order_by(Sighting.at_us.desc(), Sighting.id.desc()).limit(limit + 1)
    if query.start_us is not None:
        statement = statement.where(Sighting.at_us >= query.start_us)
    if query.end_us is not None:
        statement = statement.where(Sighting.at_us < query.end_us)
    for column, values in ((Sighting.camera, query.cameras), (Sighting.village, query.villages)):
        if values is not None:
            statement = statement.where(column.in_(values))
    if query.cls is not None:
        statement = statement.where(Sighting.cls == query.cls)
    for names, wanted in ((Sighting.upper, query.upper), (Sighting.lower, query.lower)):
        if wanted is not None:
            statement = statement.where(names.contains(f",{wanted},"))
    if query.min_score:
        statement = statement.where(Sighting.score >= query.min_score)
    if after is not None:
        at_us, number = _key(after)
        statement = statement.where(or_(Sighting.at_us < at_us, and_(Sighting.at_us == at_us, Sighting.id < number)))
    rows = list(await session.scalars(statement))
    more = rows[:limit][-1] if len(rows) > limit else None
    return rows[:limit], f"{more.at_us}-{more.id}" if more else None


def _key(text: str) -> tuple[int, int]:
    at_us, _, number = text.partition("-")
    if not (at_us.isdigit() and number.isdigit()):
        raise UsageError("the page key is not one that this search gave")
    return int(at_us), int(number)
