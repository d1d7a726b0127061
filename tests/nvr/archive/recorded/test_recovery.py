"""The archive after crashes and losses: what start-up and verification find and repair."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from core.clock import SystemClock, from_microseconds
from core.database import Database
from nvr.archive import segment_index
from nvr.archive.coverage.timeline import TimelineEnd
from nvr.archive.coverage.unreported_gaps import timeline_ends
from nvr.archive.integrity import completion
from nvr.archive.integrity.hash_backlog import hash_waiting_files
from nvr.archive.integrity.recovery import recover
from nvr.archive.integrity.verify import verify
from nvr.archive.reader import ArchiveReader
from nvr.archive.segment_index import Segment, SegmentFlag
from nvr.media.mp4 import fmp4
from nvr.storage.disk_calls import DiskCalls
from nvr.tables import Gap, GapCause
from tests.nvr.archive.recorded.rows import gap_rows, mark_open, replace_entry
from tests.nvr.conftest import eventually, place_of, probe, segments_of


async def test_a_gap_whose_end_was_lost_with_its_recorder_ends_where_the_next_file_begins(
    recorded: list[Segment], database: Database
) -> None:
    async with database.session() as session:
        session.add(Gap(stream="cam/main", start_us=recorded[0].start_us - 5_000_000, cause="unreachable", detail=""))
    await mark_open(database, recorded[-1])
    now = SystemClock().now()
    await recover(database, ["cam/main"], now)
    assert await gap_rows(database) == [(recorded[0].start_us - 5_000_000, recorded[0].start_us, "unreachable")]
    found = await timeline_ends(database, ["cam/main", "other/main"])
    assert found == {"cam/main": TimelineEnd((await segments_of(database))[-1].end_us, False)}


async def test_a_time_line_goes_on_behind_its_newest_gap(recorded: list[Segment], database: Database) -> None:
    end = recorded[-1].end_us
    async with database.session() as session:
        session.add(Gap(stream="cam/main", start_us=end, end_us=end + 7_000_000, cause="unreachable", detail=""))
    assert await timeline_ends(database, ["cam/main"]) == {"cam/main": TimelineEnd(end + 7_000_000, False)}
    async with database.session() as session:
        session.add(Gap(stream="cam/main", start_us=end + 7_000_000, cause="auth_refused", detail=""))
    assert await timeline_ends(database, ["cam/main"]) == {
        "cam/main": TimelineEnd(end + 7_000_000, True, GapCause.AUTH_REFUSED)
    }


async def test_a_hole_before_a_long_absence_is_named_too(recorded: list[Segment], database: Database) -> None:
    await replace_entry(database, recorded[1], None)
    await asyncio.to_thread((await place_of(database, recorded[1])).unlink)
    later = SystemClock().now() + timedelta(days=20)
    assert (await recover(database, ["cam/main"], later)).holes == 1
    assert (recorded[0].end_us, recorded[2].start_us, "recorder_down") in await gap_rows(database)


async def test_a_file_that_its_disk_does_not_let_go_is_not_adopted_again(
    recorded: list[Segment], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await replace_entry(database, recorded[0], segment_index.with_flag(recorded[0], SegmentFlag.DELETING))

    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "unlink", refuse)
    assert not (await recover(database, ["cam/main"], SystemClock().now())).adopted


async def test_the_newest_picture_of_a_file_lasts_until_its_recorder_is_back_at_most(
    recorded: list[Segment], database: Database
) -> None:
    last = recorded[-1]
    await mark_open(database, last)
    await recover(database, ["cam/main"], from_microseconds(last.end_us - 20_000))
    assert (await segments_of(database))[-1].end_us == last.end_us - 20_000


async def test_a_clean_archive_is_clean(recorded: list[Segment], database: Database) -> None:
    findings = await verify(database, hash_files=True)
    assert findings.clean
    assert findings.rows == findings.files == len(recorded)
    assert findings.unhashed == 0


async def test_hash_in_the_index_is_the_file_s(recorded: list[Segment], database: Database) -> None:
    for segment in recorded:
        data = await asyncio.to_thread((await place_of(database, segment)).read_bytes)
        assert hashlib.sha256(data).digest() == segment.sha256


async def test_unhashed_files_are_sealed_later(recorded: list[Segment], database: Database) -> None:
    bare = replace(recorded[1], flags=SegmentFlag.UNHASHED, sha256=segment_index.NO_HASH)
    await replace_entry(database, recorded[1], bare)
    assert await hash_waiting_files(database, ["other/main"], SystemClock()) == 0
    assert await hash_waiting_files(database, ["cam/main"], SystemClock()) == 1
    assert await segments_of(database) == recorded
    assert await hash_waiting_files(database, ["cam/main"], SystemClock()) == 0


async def test_a_volume_that_hangs_holds_up_no_sealing(
    recorded: list[Segment], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = replace(recorded[1], flags=SegmentFlag.UNHASHED, sha256=segment_index.NO_HASH)
    await replace_entry(database, recorded[1], bare)
    back, failed, calls = threading.Event(), list[tuple[int, str]](), DiskCalls(0.05)
    hash_of = completion.sha256_of

    def hang(path: Path) -> bytes:
        back.wait(5)
        return hash_of(path)

    monkeypatch.setattr(completion, "sha256_of", hang)

    async def round_() -> int:
        return await hash_waiting_files(
            database, ["cam/main"], SystemClock(), calls, lambda v, e: failed.append((v, type(e).__name__))
        )

    assert await round_() == 1 and failed == [(bare.volume, "TimeoutError")]
    assert await round_() == 1 and len(failed) == 1  # it gets no further call before it has answered
    back.set()
    await eventually(lambda: not calls.is_hanging(bare.volume))
    assert await round_() == 1 and await segments_of(database) == recorded


async def test_a_file_that_a_full_disk_cut_back_is_completed_and_sealed(
    recorded: list[Segment], database: Database
) -> None:
    path = await place_of(database, recorded[1])
    fragments = await asyncio.to_thread(lambda: list(fmp4.scan(path)))
    half = len(fragments) // 2  # the number of fragments varies: data that arrived late is a fragment of its own
    size = fragments[half].offset
    await asyncio.to_thread(os.truncate, path, size)
    cut = replace(
        recorded[1], size=size, flags=SegmentFlag.RECOVERED | SegmentFlag.UNHASHED, sha256=segment_index.NO_HASH
    )
    await replace_entry(database, recorded[1], cut)
    assert await hash_waiting_files(database, ["cam/main"], SystemClock()) == 1
    assert (await segments_of(database))[1].frames == sum(f.samples for f in fragments[:half])
    assert (await verify(database, hash_files=True)).clean


async def test_a_hole_of_which_nobody_told_becomes_a_gap(recorded: list[Segment], database: Database) -> None:
    await replace_entry(database, recorded[1], None)
    await asyncio.to_thread((await place_of(database, recorded[1])).unlink)
    for holes in (1, 0):
        assert (await recover(database, ["cam/main"], SystemClock().now())).holes == holes
    async with database.reading() as session:
        (gap,) = await session.scalars(select(Gap).where(Gap.end_us.is_not(None)))
    assert (gap.cause, gap.start_us, gap.end_us) == ("recorder_down", recorded[0].end_us, recorded[2].start_us)


@pytest.mark.parametrize("way", ["start", "verify"])
async def test_a_file_left_open_is_closed_at_its_last_whole_fragment(
    way: str, recorded: list[Segment], database: Database
) -> None:
    path = await place_of(database, recorded[0])
    fragments = await asyncio.to_thread(lambda: list(fmp4.scan(path)))
    half = len(fragments) // 2
    # Cut inside a fragment, however small: a fixed number of bytes could leave a small one whole.
    await asyncio.to_thread(os.truncate, path, fragments[half].offset + fragments[half].size - 1)
    await mark_open(database, recorded[0])
    if way == "start":
        assert (await recover(database, ["cam/main"], SystemClock().now())).closed == [str(path)]
    else:
        assert (await verify(database, repair=True)).left_open == [str(path)]
    mended = (await segments_of(database))[0]
    assert mended.frames == sum(f.samples for f in fragments[:half])
    assert int((await probe(path))["nb_read_frames"]) == mended.frames
    assert mended.flags & SegmentFlag.RECOVERED
    assert (await verify(database, hash_files=True)).clean


@pytest.mark.parametrize("way", ["start", "verify"])
async def test_a_file_without_an_entry_is_adopted(way: str, recorded: list[Segment], database: Database) -> None:
    lost = recorded[1]
    path = str(await place_of(database, lost))
    await replace_entry(database, lost, None)
    if way == "start":
        assert (await recover(database, ["cam/main"], SystemClock().now())).adopted == [path]
    else:
        assert (await verify(database, repair=True)).adopted == [path]
    found = (await segments_of(database))[1]
    assert (found.stream, found.frames, found.size, found.start_us) == (
        "cam/main",
        lost.frames,
        lost.size,
        lost.start_us,
    )
    assert found.sha256 == lost.sha256


async def test_a_strange_file_goes_to_quarantine_and_is_not_deleted(
    recorded: list[Segment], database: Database, tmp_path: Path
) -> None:
    strange = tmp_path / "video" / "cam" / "main" / "20260101" / "holiday.mp4"
    await asyncio.to_thread(strange.parent.mkdir, parents=True)
    await asyncio.to_thread(strange.write_bytes, b"not ours")
    findings = await verify(database, repair=True)
    assert findings.quarantined == [str(strange)] and not findings.adopted
    kept = tmp_path / "video" / "quarantine" / "cam" / "main" / "20260101" / "holiday.mp4"
    assert await asyncio.to_thread(kept.read_bytes) == b"not ours"


async def test_a_file_of_an_older_version_is_taken_in(recorded: list[Segment], database: Database) -> None:
    """Version 0001 used names in milliseconds and wrote no index."""
    old = await place_of(database, recorded[0])
    await replace_entry(database, recorded[0], None)
    fragments = await asyncio.to_thread(lambda: list(fmp4.scan(old)))
    await asyncio.to_thread(os.truncate, old, fragments[-1].offset + fragments[-1].size)
    await asyncio.to_thread(old.rename, old.with_name(old.stem[:10] + ".mp4"))
    await verify(database, repair=True)
    again = (await segments_of(database))[0]
    assert again.start_us == recorded[0].start_us // 1000 * 1000
    assert (await verify(database, hash_files=True)).clean


async def test_an_entry_without_a_file_becomes_a_gap(recorded: list[Segment], database: Database) -> None:
    path = await place_of(database, recorded[1])
    await asyncio.to_thread(os.unlink, path)
    assert not (await verify(database)).clean
    findings = await verify(database, repair=True)
    assert findings.missing_files == [str(path)]
    spans = await ArchiveReader(database, SystemClock()).coverage("cam/main", recorded[0].start_us, recorded[-1].end_us)
    assert [s.cause for s in spans] == ["", "disk_error", ""]


async def test_a_changed_byte_is_found_by_its_hash_only(recorded: list[Segment], database: Database) -> None:
    path = await place_of(database, recorded[1])

    def change_a_byte() -> None:
        with path.open("r+b") as f:
            f.seek(5000)
            byte = f.read(1)
            f.seek(5000)
            f.write(bytes([byte[0] ^ 1]))

    await asyncio.to_thread(change_a_byte)
    assert (await verify(database)).clean
    assert (await verify(database, hash_files=True)).wrong_hash == [str(path)]


async def test_a_half_done_deletion_is_finished(recorded: list[Segment], database: Database) -> None:
    path = await place_of(database, recorded[0])
    await replace_entry(database, recorded[0], segment_index.with_flag(recorded[0], SegmentFlag.DELETING))
    assert [s.start_us for s in await segments_of(database)] == [s.start_us for s in recorded[1:]]
    await recover(database, ["cam/main"], SystemClock().now())
    assert not await asyncio.to_thread(path.exists)
    assert (await verify(database)).clean


@given(
    st.integers(0, 2**51), st.integers(0, 900_000_000), st.integers(0, 2**31), st.none() | st.integers(-(2**62), 2**62)
)
def test_an_entry_survives_packing(start: int, duration: int, size: int, clock: int | None) -> None:
    segment = Segment("c/main", 3, start, start + duration, duration, size, 7, 2, clock, 4, bytes(range(32)))
    assert segment_index.unpack("c/main", segment.hour, 3, segment_index.pack(segment)) == [segment]
