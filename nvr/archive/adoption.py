"""Adopts recordings that a restored index does not know: files that were recorded after the backup was made.

A backup does not include the recording disks, which survive most disasters that destroy the database. Start-up recovery
(nvr.archive.recovery) checks the last two days of the streams recorded now; this module checks all streams since the
backup.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from core.database import Database
from nvr.archive import segment_index
from nvr.archive.recovery import complete, files_of
from nvr.archive.segment_index import LONGEST_US, Segment
from nvr.archive.verify import streams_on
from nvr.storage.volumes import identity_of
from nvr.tables import Volume

log = logging.getLogger(__name__)

AT_ONCE = 200  # entries per transaction


@dataclass(slots=True)
class AdoptionResult:
    """Result of an adoption.

    `files` were adopted. `broken` have no readable picture (they are in quarantine) or their disk cannot read them
    (they stay in place). `missing` are paths that do not hold their volume.
    """

    files: int = 0
    broken: int = 0
    missing: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


async def adopt(database: Database, since: datetime, now: datetime) -> AdoptionResult:
    """Create an entry for every file younger than `since` that has none. Nothing may record meanwhile.

    Hashes are left to `archive verify --repair`: reading days of a town's recordings takes days.
    """
    done = AdoptionResult()
    async with database.reading() as session:
        rows = (await session.scalars(select(Volume).order_by(Volume.number))).all()
    volumes = {}
    for row in rows:
        if await asyncio.to_thread(identity_of, Path(row.path)) == row.identity:
            volumes[row.number] = Path(row.path)
        else:
            done.missing.append(row.path)
    streams = await asyncio.to_thread(lambda: sorted({s for path in volumes.values() for s in streams_on(path)}))
    days = list(_days(since, now))
    for stream in streams:
        await _adopt_stream(database, volumes, stream, days, done)
    return done


def _days(since: datetime, now: datetime) -> Iterator[str]:
    """Yield the UTC days in which a file younger than `since` may have begun."""
    day = since - timedelta(microseconds=LONGEST_US)
    while day.date() <= now.date():
        yield f"{day:%Y%m%d}"
        day += timedelta(days=1)


async def _adopt_stream(
    database: Database, volumes: dict[int, Path], stream: str, days: list[str], done: AdoptionResult
) -> None:
    files = await asyncio.to_thread(lambda: list(files_of(volumes, stream, days)))
    if not files:
        return
    first = min(start for _, start, _ in files)
    async with database.reading() as session:
        known = {
            (s.volume, s.start_us)
            for s in await segment_index.between(session, [stream], first - 2 * LONGEST_US, 2**62)
        }
    unknown = [f for f in sorted(files, key=lambda f: f[1]) if f[:2] not in known]
    for at in range(0, len(unknown), AT_ONCE):
        found = await asyncio.to_thread(_completed, stream, unknown[at : at + AT_ONCE])
        async with database.session() as session:
            await segment_index.append(session, found)
        done.files += len(found)
        done.broken += len(unknown[at : at + AT_ONCE]) - len(found)


def _completed(stream: str, files: list[tuple[int, int, Path]]) -> list[Segment]:
    made = (_whole(Segment(stream, volume, start, start), path) for volume, start, path in files)
    return [segment for segment in made if segment is not None]


def _whole(segment: Segment, path: Path) -> Segment | None:
    try:
        return complete(segment, path, hashing=False)
    except OSError as e:  # its disk cannot read it: it is left unchanged
        log.error("%s cannot be taken in: %s", path, e.strerror or e)
        return None
