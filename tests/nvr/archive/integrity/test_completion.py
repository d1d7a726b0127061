"""Damaged files outside start-up recovery: verify, adoption after a restore, hashing. No second is lost silently."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from cameras.virtual.clip import LoopClip
from core.clock import SECOND, ManualClock
from core.database import Database
from nvr.archive import segment_index
from nvr.archive.integrity.adoption import adopt
from nvr.archive.integrity.hash_backlog import hash_waiting_files
from nvr.archive.integrity.verify import verify
from nvr.archive.segment_index import Segment, SegmentFlag
from nvr.media.mp4 import gop_index
from nvr.tables import Gap
from tests.nvr.conftest import segments_of
from tests.nvr.damaged_files import NOW, PICTURES, SECONDS, START, offset_of, path_in, segment_bytes, smashed, write

LENGTH_US = SECONDS * SECOND


async def stored(database: Database, data: bytes, start_us: int = START, **changes: Any) -> Segment:
    """Add the entry of a whole segment file with this content."""
    segment = Segment(
        "cam/main",
        1,
        start_us,
        start_us + LENGTH_US,
        LENGTH_US,
        len(data),
        SECONDS * PICTURES,
        sha256=b"1" * 32,
        **changes,
    )
    async with database.session() as session:
        await segment_index.append(session, [segment])
    return segment


async def gaps(database: Database) -> list[tuple[str, int, int | None]]:
    async with database.reading() as session:
        rows = await session.scalars(select(Gap).order_by(Gap.start_us))
        return [(g.cause, (g.start_us - START) // SECOND, g.end_us and (g.end_us - START) // SECOND) for g in rows]


async def test_verify_goes_on_behind_a_file_that_its_disk_cannot_read(
    clip: LoopClip, database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, later = segment_bytes(clip), [START, START + 20 * SECOND, START + 40 * SECOND]
    for start in later:
        await write(path_in(folder, start), whole)
        await stored(database, whole, start)
    unreadable, real = path_in(folder, later[0]), gop_index.is_closed

    def is_closed(path: Path) -> bool:
        if path == unreadable:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(path)

    monkeypatch.setattr(gop_index, "is_closed", is_closed)
    await asyncio.to_thread(path_in(folder, later[2]).unlink)
    findings = await verify(database, repair=True)
    assert findings.unreadable == [str(unreadable)] and not findings.clean
    assert findings.missing_files == [str(path_in(folder, later[2]))]
    assert [s.start_us for s in await segments_of(database)] == later[:2]


async def test_entries_of_a_folder_that_its_disk_cannot_list_stay(
    clip: LoopClip, database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = segment_bytes(clip)
    await write(path_in(folder), whole)
    await stored(database, whole)
    real = os.scandir

    def scandir(path: Any) -> Any:
        if Path(path) == folder:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    findings = await verify(database, repair=True)
    assert findings.unreadable == [str(folder)] and not findings.missing_files
    assert len(await segments_of(database)) == 1 and await gaps(database) == []


async def test_verify_records_what_a_truncated_file_lost(clip: LoopClip, database: Database, folder: Path) -> None:
    whole = segment_bytes(clip)
    await write(path_in(folder), whole[: offset_of(whole, 5) + 100])
    await stored(database, whole)
    await verify(database, repair=True)
    (segment,) = await segments_of(database)
    assert segment.end_us == START + 5 * SECOND and segment.flags & SegmentFlag.RECOVERED
    assert await gaps(database) == [("disk_error", 5, SECONDS)]
    assert (await verify(database, repair=True, hash_files=True)).clean
    assert await gaps(database) == [("disk_error", 5, SECONDS)]


@pytest.mark.parametrize("way", ["changed", "unknown", "unhashed", "restored"])
async def test_a_damaged_range_becomes_a_gap_wherever_it_is_found(
    way: str, clip: LoopClip, database: Database, folder: Path
) -> None:
    whole = segment_bytes(clip)
    path = path_in(folder)
    await write(path, smashed(whole, offset_of(whole, 4)))
    if way == "changed":
        await stored(database, whole + b"!")
    elif way == "unhashed":
        await stored(database, whole, flags=SegmentFlag.UNHASHED)
        await asyncio.to_thread(os.truncate, path, len(whole) - 4)  # without its index
    if way == "restored":
        done = await adopt(database, NOW, NOW)
        assert (done.files, done.salvaged, done.broken) == (1, 1, 0)
    elif way == "unhashed":
        clock = ManualClock(NOW)
        assert await hash_waiting_files(database, ["cam/main"], clock) == 1
        assert await hash_waiting_files(database, ["cam/main"], clock) == 0
    else:
        assert str(path) in (await verify(database, repair=True)).quarantined
    assert await gaps(database) == [("disk_error", 4, 6)]
    (segment,) = await segments_of(database)
    assert (segment.start_us, segment.end_us) == (START, START + LENGTH_US)


async def test_a_file_that_was_hashed_late_is_not_called_recovered(
    clip: LoopClip, database: Database, folder: Path
) -> None:
    whole = segment_bytes(clip)
    await write(path_in(folder), whole)
    await stored(database, whole, flags=SegmentFlag.UNHASHED)
    assert (await verify(database, repair=True)).unhashed == 1
    (segment,) = await segments_of(database)
    assert segment.flags == 0 and (await verify(database, hash_files=True)).clean
