"""Log of what retention deleted: per stream and day, the count, bytes and a digest of the files' SHA-256 (R-RET-2).

A file's SHA-256 is computed while it is written and is stored in its entry (nvr.archive.segment_index), in earlier
copies of the database and in exported bundles. The digest continues from file to file in order of time, so that the row
of a day has constant size. A file that is deleted later than a newer one of its volume (it was held) begins a run of
its own. From the earlier entries, the digests can be recomputed and compared: `differences`.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import struct
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import DAY_US, from_microseconds
from core.errors import UsageError
from nvr.archive.segment_index import NO_HASH, Segment, unpack
from nvr.tables import DeletionRun, FootageDeletion

KEPT_DAYS = 1100  # three years, as long as the audit trail
MAX_RUNS = 64  # per day; beyond this, files are added to the last run in the order of their deletion
MAX_JOINT_US = 2_000_000  # largest distance between a file and the next one


async def record_deletions(session: AsyncSession, now: datetime, gone: Sequence[Segment]) -> None:
    """Record segments of one stream that are being deleted, in the transaction that flags them."""
    by_day: dict[str, list[Segment]] = {}
    for segment in gone:
        by_day.setdefault(day_of(segment.start_us), []).append(segment)
    for day, some in by_day.items():
        row = await session.get(FootageDeletion, (day, some[0].stream), with_for_update=True)
        if row is None:
            row = FootageDeletion(day=day, stream=some[0].stream, files=0, bytes=0, runs=[], first_at=now, last_at=now)
            session.add(row)
        row.files, row.bytes = row.files + len(some), row.bytes + sum(max(0, s.size) for s in some)
        row.runs, row.last_at = extend_runs(row.runs, some), now


async def delete_old_rows(session: AsyncSession, now_us: int) -> None:
    """Delete the rows of days more than KEPT_DAYS ago."""
    await session.execute(delete(FootageDeletion).where(FootageDeletion.day < day_of(now_us - KEPT_DAYS * DAY_US)))


async def of_day(session: AsyncSession, streams: Collection[str], day: str) -> list[FootageDeletion]:
    query = select(FootageDeletion).where(FootageDeletion.day == day, FootageDeletion.stream.in_(streams))
    return list(await session.scalars(query.order_by(FootageDeletion.stream)))


def entries_of_copy(path: str, stream: str, day: str) -> list[Segment]:
    """Return the segments of a stream that began on a day, from an earlier copy of the SQLite database.

    Blocking; raises UsageError.
    """
    hour = int(datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=timezone.utc).timestamp()) // 3600
    query = "SELECT hour, volume, entries FROM footage WHERE stream = ? AND hour BETWEEN ? AND ? ORDER BY hour, volume"
    try:
        with contextlib.closing(
            sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro&immutable=1", uri=True)
        ) as other:
            rows = other.execute(query, (stream, hour, hour + 23)).fetchall()
            return [s for h, volume, entries in rows for s in unpack(stream, h, volume, entries)]
    except (sqlite3.Error, struct.error) as e:
        raise UsageError(f"{path} is not a copy of a station's SQLite database: {e}") from e


def day_of(start_us: int) -> str:
    return f"{from_microseconds(start_us):%Y-%m-%d}"


def extend_runs(runs: Sequence[DeletionRun], gone: Iterable[Segment]) -> list[DeletionRun]:
    """Return the runs with these files added."""
    found = [run.copy() for run in runs]
    for s in sorted(gone, key=lambda s: s.start_us):
        run = _continued(found, s)
        if run is None:
            run = DeletionRun(volume=s.volume, first=s.start_us, last=0, until=0, files=0, unhashed=0, digest="")
            found.append(run)
        run["last"], run["until"] = max(run["last"], s.start_us), max(run["until"], s.end_us)
        run["files"] += 1
        run["unhashed"] += s.sha256 == NO_HASH
        run["digest"] = _next(run["digest"], s)
    return found


def _continued(runs: Sequence[DeletionRun], s: Segment) -> DeletionRun | None:
    """Return the run that a file continues: the last one before it, unless another run may have files in between."""
    ours = [run for run in runs if run["volume"] == s.volume]
    before = max((run for run in ours if run["last"] < s.start_us), key=lambda run: run["last"], default=None)
    if before is not None:
        others = [
            run for run in ours if run is not before and run["last"] > before["last"] and run["first"] < s.start_us
        ]
        if s.start_us - before["until"] <= MAX_JOINT_US or not others:
            return before
    return ours[-1] if ours and len(runs) >= MAX_RUNS else None


def _next(digest: str, s: Segment) -> str:
    """Return the SHA-256 of the digest so far and the file's stream, start, end (µs UTC), size, SHA-256, in ASCII."""
    line = f"{digest} {s.stream} {s.start_us} {s.end_us} {s.size} {s.sha256.hex()}\n"
    return hashlib.sha256(line.encode("ascii")).hexdigest()


def differences(runs: Sequence[DeletionRun], recorded: Sequence[Segment], still_there: Collection[int] = ()) -> str:
    """Return how the deleted files differ from those `recorded` in one stream; empty if they do not.

    `recorded`: earlier entries of that day. `still_there`: starts of the files that were not deleted yet.
    """
    left = [s for s in recorded if s.start_us not in still_there]
    for run in reversed(runs):  # a later run lies within the time of an earlier one
        mine = [s for s in left if s.volume == run["volume"] and run["first"] <= s.start_us <= run["last"]]
        if len(mine) != run["files"]:
            return (
                f"{run['files']} files were deleted since {from_microseconds(run['first'])}, "
                f"but {len(mine)} were recorded"
            )
        if extend_runs([], mine)[0]["digest"] != run["digest"]:
            return (
                f"the {run['files']} files deleted since {from_microseconds(run['first'])} "
                "differ from the recorded ones"
            )
        left = [s for s in left if s not in mine]
    return f"{len(left)} recorded files exist neither on disk nor in the deletion log" if left else ""
