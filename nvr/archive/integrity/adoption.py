"""Adopts recordings that a restored index does not know: files that were recorded after the backup was made.

A backup does not include the recording disks, which survive most disasters that destroy the database. Start-up recovery
(`recovery`) checks the last two days of the streams recorded now; this module checks all streams since the backup.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from core.database import Database
from nvr.archive import segment_index
from nvr.archive.integrity import completion
from nvr.archive.integrity.completion import CompletedFile, complete_file
from nvr.archive.segment_index import MAX_SEGMENT_US, Segment
from nvr.archive.volume_files import files_of, streams_on
from nvr.storage.disk_remedies import remedy
from nvr.storage.volumes import all_volumes, identity_of

log = logging.getLogger(__name__)

ENTRIES_PER_TRANSACTION = 200  # entries per transaction


@dataclass(slots=True)
class AdoptionResult:
    """Result of an adoption.

    `files` were adopted; of `salvaged`, only parts are readable (the originals are in quarantine). `broken` have no
    readable picture (they are in quarantine) or their disk cannot read them (they stay in place). `missing` are paths
    that do not hold their volume.
    """

    files: int = 0
    salvaged: int = 0
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
        rows = await all_volumes(session)
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
    day = since - timedelta(microseconds=MAX_SEGMENT_US)
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
            for s in await segment_index.between(session, [stream], first - 2 * MAX_SEGMENT_US, 2**62)
        }
    unknown = [f for f in sorted(files, key=lambda f: f[1]) if f[:2] not in known]
    for at in range(0, len(unknown), ENTRIES_PER_TRANSACTION):
        batch = unknown[at : at + ENTRIES_PER_TRANSACTION]
        found = await asyncio.to_thread(_complete, stream, batch)
        async with database.session() as session:
            await completion.store(session, stream, found)
        adopted = sum(f.segment is not None for f in found)
        done.files += adopted
        done.broken += len(batch) - adopted
        done.salvaged += sum(f.segment is not None and f.quarantined is not None for f in found)


def _complete(stream: str, files: Sequence[tuple[int, int, Path]]) -> list[CompletedFile]:
    """Complete files, and leave those unchanged that their disk cannot read. Blocking."""
    found = []
    for volume, start, path in files:
        try:
            found.append(complete_file(Segment(stream, volume, start, start), path, hashing=False))
        except OSError as e:
            log.error("%s cannot be adopted: %s; %s", path, e.strerror or e, remedy(e))
    return found
