"""Start-up recovery of damaged and unknown files: nothing is deleted, what can be read is salvaged."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from cameras.virtual.clip import LoopClip
from core.clock import SECOND
from core.database import Database
from nvr.archive import segment_index, volume_files
from nvr.archive.integrity import salvage
from nvr.archive.integrity.recovery import recover, recover_volume
from nvr.archive.integrity.verify import verify
from nvr.archive.segment_index import SegmentFlag
from nvr.media.mp4 import fmp4
from nvr.media.mp4.fmp4 import TIMESCALE
from nvr.tables import Gap, OpenSegment, Volume, VolumeState
from tests.nvr.conftest import segments_of
from tests.nvr.damaged_files import (
    GOP,
    INDEX,
    NOW,
    PICTURES,
    SECONDS,
    START,
    offset_of,
    path_in,
    segment_bytes,
    smashed,
    write,
)


async def quarantine_of(folder: Path) -> dict[str, bytes]:
    """Return files and records in the volume's quarantine, by name."""

    def read() -> dict[str, bytes]:
        return {p.name: p.read_bytes() for p in (folder.parents[2] / "quarantine").rglob("*") if p.is_file()}

    return await asyncio.to_thread(read)


DAMAGES: list[tuple[str, Callable[[bytes], bytes], list[int]]] = [
    # what is damaged, how, and which of the twelve fragments remain
    ("the head", lambda d: smashed(d, 0), list(range(12))),
    ("a fragment's head", lambda d: smashed(d, offset_of(d, 4)), [0, 1, 2, 3, 6, 7, 8, 9, 10, 11]),
    ("the first fragment's head", lambda d: smashed(d, offset_of(d, 0)), list(range(3, 12))),
    ("two places", lambda d: smashed(smashed(d, offset_of(d, 2)), offset_of(d, 7)), [0, 1, 3, 4, 5, 6, 9, 10, 11]),
    (
        "a sector of nothing",
        lambda d: d[: offset_of(d, 4)] + bytes(4096) + d[offset_of(d, 4) + 4096 :],
        [0, 1, 2, 3, 6, 7, 8, 9, 10, 11],
    ),
    ("strange bytes behind it", lambda d: d[: -len(INDEX)] + b"strange!" * 40, list(range(12))),
]


@pytest.mark.parametrize("left_open", [True, False], ids=["left open", "without an entry"])
@pytest.mark.parametrize(("name", "damage", "left"), DAMAGES, ids=[d[0] for d in DAMAGES])
async def test_readable_parts_are_salvaged_and_the_original_is_kept(
    name: str,
    damage: Callable[[bytes], bytes],
    left: list[int],
    left_open: bool,
    clip: LoopClip,
    database: Database,
    folder: Path,
) -> None:
    whole = segment_bytes(clip)
    damaged, path = damage(whole), path_in(folder)
    await write(path, damaged)
    if left_open:
        async with database.session() as session:
            session.add(OpenSegment(stream="cam/main", start_us=START, volume=1))
    found = await recover(database, ["cam/main"], NOW)
    assert (found.closed if left_open else found.adopted) == [str(path)] == found.quarantined
    (segment,) = await segments_of(database)
    assert not segment.open and segment.frames == PICTURES * len(left) and segment.flags & SegmentFlag.RECOVERED
    fragments = await asyncio.to_thread(lambda: list(fmp4.scan(path)))
    assert [f.time // TIMESCALE for f in fragments] == left
    kept = await quarantine_of(folder)
    assert kept[path.name] == damaged
    record = json.loads(kept[path.name + ".json"])
    assert (
        record["path"].endswith(path.name)
        and record["bytes"] == len(damaged)
        and str(segment.frames) in record["salvaged"]
    )
    async with database.reading() as session:
        gaps = [(g.cause, g.start_us, g.end_us) for g in await session.scalars(select(Gap).order_by(Gap.start_us))]
    missing = [n for n in range(12) if n not in left]
    assert sum((end or 0) - start for _, start, end in gaps) == len(missing) * SECOND
    assert all(cause == "disk_error" for cause, _, _ in gaps)
    assert (await verify(database, hash_files=True)).clean
    again = await recover(database, ["cam/main"], NOW)
    assert again.clean


@pytest.mark.parametrize("dies_at", ["record", "moved", "named"])
@pytest.mark.parametrize("opened", [True, False])
async def test_a_crash_while_salvaging_loses_nothing(
    dies_at: str, opened: bool, clip: LoopClip, database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the process is killed, the next start ends with the same result as an undisturbed one."""
    whole = segment_bytes(clip)
    damaged = smashed(whole, offset_of(whole, 4))
    await write(path_in(folder), damaged)
    if opened:
        async with database.session() as session:
            session.add(OpenSegment(stream="cam/main", start_us=START, volume=1))
    rename, count = Path.rename, 0

    def dies(self: Path, target: Path) -> Path:
        nonlocal count
        count += 1
        if (dies_at, count) in (("record", 1), ("moved", 2)):
            raise SystemError("killed")
        done = rename(self, target)
        if (dies_at, count) == ("named", 2):
            raise SystemError("killed")
        return done

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", dies)
        with pytest.raises(SystemError):
            await recover(database, ["cam/main"], NOW)
    await recover(database, ["cam/main"], NOW)
    (segment,) = await segments_of(database)
    assert segment.start_us == START and 0 < segment.frames < SECONDS * PICTURES
    kept = await quarantine_of(folder)
    assert damaged in kept.values() and sum(not name.endswith(".json") for name in kept) == 1
    assert not await asyncio.to_thread(lambda: list(folder.glob("*.part")))
    async with database.reading() as session:
        assert [g.cause for g in await session.scalars(select(Gap))] == ["disk_error"]
    assert (await recover(database, ["cam/main"], NOW)).clean


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("", b""),
        ("", b"nothing that we know"),
        ("", bytes(5000)),
        ("", random.Random(3).randbytes(20_000)),
        ("", None),  # a header without a picture
        ("holiday.mp4", b"not ours"),
        ("notes.txt", b"do not delete"),
        ("083005-00.mp4.part", b"half"),
    ],
)
async def test_what_is_no_segment_file_moves_aside_with_its_record(
    file: str, content: bytes | None, clip: LoopClip, database: Database, folder: Path
) -> None:
    path = folder / file if file else path_in(folder)
    data = segment_bytes(clip)[: offset_of(segment_bytes(clip), 0)] if content is None else content
    await write(path, data)
    found = await recover(database, ["cam/main"], NOW)
    assert found.quarantined == [str(path)] and not found.adopted
    kept = await quarantine_of(folder)
    assert kept[path.name] == data and json.loads(kept[path.name + ".json"])["why"]
    assert await segments_of(database) == []


async def test_a_name_that_is_taken_in_quarantine_costs_nothing(
    clip: LoopClip, database: Database, folder: Path
) -> None:
    for n in range(3):
        await write(path_in(folder), b"broken %d" % n)
        await recover(database, ["cam/main"], NOW)
    kept = await quarantine_of(folder)
    assert sorted(v for k, v in kept.items() if k.endswith(".mp4")) == [b"broken 0", b"broken 1", b"broken 2"]
    assert len(kept) == 6


@pytest.mark.parametrize("tail", [b"", bytes(4096), b"\0\0\x40\0moof", b"\0\0\x40\0moof\0\0\0\x10mfhd" + bytes(30)])
async def test_a_torn_end_is_cut_and_nothing_goes_to_quarantine(
    tail: bytes, clip: LoopClip, database: Database, folder: Path
) -> None:
    path = path_in(folder)
    await write(path, segment_bytes(clip, closed=False) + tail)
    found = await recover(database, ["cam/main"], NOW)
    assert found.adopted == [str(path)] and not found.quarantined
    assert (await segments_of(database))[0].frames == PICTURES * SECONDS
    assert (await verify(database, hash_files=True)).clean


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.ESTALE])
async def test_a_file_that_its_disk_does_not_give_is_left_for_the_next_time(
    number: int, clip: LoopClip, database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = path_in(folder), path_in(folder, START + 60 * SECOND)
    await write(path, segment_bytes(clip, closed=False))
    await write(other, segment_bytes(clip, closed=False))
    async with database.session() as session:
        session.add(OpenSegment(stream="cam/main", start_us=START, volume=1))
    real = fmp4.read_init

    def read_init(file: Path) -> bytes:
        if file == path:
            raise OSError(number, os.strerror(number))
        return real(file)

    monkeypatch.setattr(fmp4, "read_init", read_init)
    found = await recover(database, ["cam/main"], NOW)
    assert set(found.unreadable) == {str(path)} and found.adopted == [str(other)] and not found.quarantined
    monkeypatch.setattr(fmp4, "read_init", real)
    assert (await recover(database, ["cam/main"], NOW)).closed == [str(path)]


async def test_a_volume_that_is_away_keeps_what_was_left_open_on_it(
    clip: LoopClip, database: Database, folder: Path
) -> None:
    path, disk = path_in(folder), folder.parents[2]
    await write(path, segment_bytes(clip, closed=False))
    async with database.session() as session:
        session.add(OpenSegment(stream="cam/main", start_us=START, volume=1))
        (await session.get_one(Volume, 1)).state = VolumeState.MISSING
    await asyncio.to_thread(lambda: (disk.rename(disk.with_name("away")), disk.mkdir()))
    found = await recover(database, ["cam/main"], NOW)
    assert found.waiting == 1 and not found.vanished
    assert not (await verify(database, repair=True)).missing_files
    await asyncio.to_thread(lambda: (disk.rmdir(), disk.with_name("away").rename(disk)))
    newer = START + 700 * SECOND  # being written by this recorder
    async with database.session() as session:
        session.add(OpenSegment(stream="cam/main", start_us=newer, volume=1))
    back = await recover_volume(database, ["cam/main"], 1, START + 600 * SECOND, NOW)
    assert back.closed == [str(path)]
    assert [(s.start_us, s.open) for s in await segments_of(database)] == [(START, False), (newer, True)]


async def test_a_volume_that_hangs_does_not_hold_up_the_start(
    clip: LoopClip, database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    back = threading.Event()
    monkeypatch.setattr(volume_files, "MOUNT_TIMEOUT_S", 0.1)
    monkeypatch.setattr(volume_files, "is_mounted", lambda _: back.wait(10))
    async with database.session() as session:
        session.add(OpenSegment(stream="cam/main", start_us=START, volume=1))
    assert (await recover(database, ["cam/main"], NOW)).waiting == 1
    back.set()


@given(st.integers(0, 100_000), st.integers(1, 3000), st.binary(min_size=1, max_size=64))
@settings(max_examples=60, deadline=None)
def test_whatever_is_damaged_nothing_is_lost_that_could_be_read(
    clip: LoopClip, at: int, size: int, filler: bytes
) -> None:
    import tempfile

    whole = segment_bytes(clip)
    at = at % len(whole)
    junk = (filler * (size // len(filler) + 1))[: min(size, len(whole) - at)]
    damaged = whole[:at] + junk + whole[at + len(junk) :]
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "cam" / "main" / segment_index.name_of(START)
        path.parent.mkdir(parents=True)
        path.write_bytes(damaged)
        outcome = salvage.complete(path, NOW)
        kept = list((Path(name) / "quarantine").rglob("*.mp4"))
        if outcome.quarantined is not None:
            assert [p.read_bytes() for p in kept] == [damaged]
        else:
            assert path.read_bytes().startswith(damaged[: outcome.fragments[-1].offset + outcome.fragments[-1].size])
        touched = {n for n in range(SECONDS) if offset_of(whole, n) < at + len(junk)
                   and at < (offset_of(whole, n + 1) if n + 1 < SECONDS else len(whole))}  # fmt: skip
        found = {f.time // TIMESCALE for f in outcome.fragments}
        after = max(touched, default=-1) + 1
        readable = {
            n
            for n in range(SECONDS)
            if n not in touched and (not touched or n < min(touched) or n >= after + -after % GOP)
        }
        # A header may be unreadable.
        assert readable <= found or (at < offset_of(whole, 0) and not outcome.fragments)
