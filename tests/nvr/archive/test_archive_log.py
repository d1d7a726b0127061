"""The archive after crashes, deletions and losses; playback and clips from it."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import re
import shutil
import threading
import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import av
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select, update

from cameras.tables import Camera as CameraRow
from cameras.tables import Village
from cameras.virtual.rtsp_server import Mount, RtspServer
from core.audit.audit_trail import AuditRow
from core.clock import ManualClock, SystemClock, from_microseconds
from core.database import Base, Database
from core.errors import ConflictError, NotFoundError, UsageError
from core.events import Event
from core.settings import RetentionSettings
from nvr.archive import completion, holds, segment_index
from nvr.archive.forecast import forecast
from nvr.archive.hash_backlog import hash_waiting_files
from nvr.archive.holds import active_holds
from nvr.archive.reader import ArchiveReader
from nvr.archive.recovery import recover
from nvr.archive.retention import Retention
from nvr.archive.segment_index import Segment, SegmentFlag
from nvr.archive.timeline import TimelineEnd
from nvr.archive.unreported_gaps import timeline_ends
from nvr.archive.verify import verify
from nvr.media import fmp4
from nvr.playback import bundle, clip, hls, mp4_writer
from nvr.recorder.recorder import StreamSpec
from nvr.storage.disk_calls import DiskCalls
from nvr.tables import Footage, Gap, Hold, OpenSegment, Shortfall, StreamUsage, Volume
from station.cli.main import cli
from tests.conftest import open_database, street_clip
from tests.nvr.conftest import eventually, place_of, probe, record, segments_of


@pytest.fixture
def database(either_database: Database) -> Database:
    """The archive runs on SQLite and on PostgreSQL."""
    return either_database


@pytest.fixture(scope="module")
def footage_made_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[dict[str, Any]]]]:
    """Return three short segments of cam/main: (folder of the volume, rows of the archive)."""
    folder = tmp_path_factory.mktemp("made")
    clip = street_clip()

    async def make() -> dict[str, list[dict[str, Any]]]:
        server = RtspServer([Mount("/cam", {"healthy": clip})])
        port = await server.start("127.0.0.1", 0)
        async with open_database(folder) as database:
            stream = StreamSpec("cam/main", f"rtsp://127.0.0.1:{port}/cam", None, "native")
            async with record(database, folder / "video", stream) as machine:
                await eventually(lambda: machine.streams["cam/main"].counters.frames >= 45, 20)
            await server.stop()
            async with database.reading() as session:
                tables = [
                    t for t in Base.metadata.sorted_tables if t.name in ("volume", "footage", "stream_usage", "gap")
                ]
                return {t.name: [dict(r._mapping) for r in await session.execute(select(t))] for t in tables}

    return folder / "video", asyncio.run(make())


@pytest.fixture
async def recorded(
    footage_made_once: tuple[Path, dict[str, list[dict[str, Any]]]], database: Database, tmp_path: Path
) -> list[Segment]:
    """Copy the same recordings to a database and a folder of the test's own."""
    folder, tables = footage_made_once
    await asyncio.to_thread(shutil.copytree, folder, tmp_path / "video")
    async with database.session() as session:
        for name, rows in tables.items():
            if rows:
                await session.execute(insert(Base.metadata.tables[name]), rows)
        await session.execute(update(Volume).values(path=str(tmp_path / "video")))
    return await segments_of(database)


async def replace_entry(database: Database, segment: Segment, changed: Segment | None) -> None:
    """Replace a segment's entry, or remove it."""
    async with database.session() as session:
        for number in await session.scalars(select(Footage.id)):
            row = await segment_index.lock_row(session, number)
            assert row is not None
            entries = segment_index.segments_of(row)
            kept = [changed if s == segment else s for s in entries]
            await segment_index.rewrite(session, row, [s for s in kept if s is not None])


async def mark_open(database: Database, segment: Segment) -> None:
    """Put the segment into the state that a crash leaves: an open row, no entry."""
    await replace_entry(database, segment, None)
    async with database.session() as session:
        session.add(OpenSegment(stream=segment.stream, start_us=segment.start_us, volume=segment.volume))


async def gap_rows(database: Database) -> list[tuple[int, int | None, str]]:
    async with database.reading() as session:
        return [(g.start_us, g.end_us, g.cause) for g in await session.scalars(select(Gap).order_by(Gap.start_us))]


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
        "cam/main": TimelineEnd(end + 7_000_000, True, "auth_refused")
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


async def usage(database: Database) -> tuple[int, int]:
    async with database.reading() as session:
        row = await session.get_one(StreamUsage, "cam/main")
        return row.files, row.bytes_held


async def test_retention_by_age_leaves_a_gap_that_says_so(recorded: list[Segment], database: Database) -> None:
    later = ManualClock(from_microseconds(recorded[1].end_us))
    later.advance(31 * 86_400 + 3600)
    rest = recorded[2:]
    assert await Retention(database, later, RetentionSettings(min_free_bytes=0)).run_once() == len(recorded)
    assert await segments_of(database) == [] and rest
    async with database.reading() as session:
        (gap,) = (await session.scalars(select(Gap))).all()
    assert (gap.cause, gap.start_us, gap.end_us) == ("retention", recorded[0].start_us, recorded[-1].end_us)
    assert await usage(database) == (0, 0)


async def test_a_full_disk_loses_the_oldest_first_and_says_who_holds_too_little(
    recorded: list[Segment], database: Database
) -> None:
    later = ManualClock(from_microseconds(recorded[-1].end_us))
    later.advance(22 * 86_400)
    retention = Retention(database, later, RetentionSettings(min_free_bytes=recorded[0].size))
    retention.measure_free = lambda _: 0
    assert await retention.run_once() == 1
    assert await segments_of(database) == recorded[1:]
    assert await usage(database) == (len(recorded) - 1, sum(s.size for s in recorded[1:]))
    async with database.reading() as session:
        (fact,) = (await session.scalars(select(Shortfall))).all()
        said = (await session.scalars(select(Event.kind).where(Event.kind == "retention.short"))).all()
    assert (fact.stream, round(fact.held_days), fact.required_days, fact.reason) == ("cam/main", 22, 31, "disk_full")
    assert said == ["retention.short"]


async def test_a_hold_outlives_age_and_a_full_disk_until_it_expires(
    recorded: list[Segment], database: Database
) -> None:
    later = ManualClock(from_microseconds(recorded[-1].end_us))
    async with database.session() as session:
        hold = Hold(
            camera="cam", start_us=recorded[1].start_us + 1, end_us=recorded[1].end_us - 1, owner="case", reason="A123",
            created_at=later.now(), expires_at=later.now() + timedelta(days=60),
        )  # fmt: skip
        session.add(hold)
    later.advance(40 * 86_400)
    retention = Retention(database, later, RetentionSettings(min_free_bytes=10**9))
    retention.measure_free = lambda _: 0
    await retention.run_once()
    assert await segments_of(database) == [recorded[1]]
    later.advance(30 * 86_400)
    await retention.run_once()
    assert await segments_of(database) == []


async def test_a_village_s_quota_is_kept(recorded: list[Segment], database: Database) -> None:
    later = ManualClock(from_microseconds(recorded[-1].end_us))
    later.advance(3600)
    async with database.session() as session:
        quota = sum(s.size for s in recorded[1:])
        session.add(Village(code="v", name="v", boundary=[], subnets=[], funding=[], quota_bytes=quota))
        await session.flush()
        session.add(CameraRow(id="cam", name="c", village="v", profile={}))
    assert await Retention(database, later, RetentionSettings(min_free_bytes=0)).run_once() == 1
    assert await segments_of(database) == recorded[1:]


async def test_keyframes_are_found_in_open_and_closed_files(recorded: list[Segment], database: Database) -> None:
    reader = ArchiveReader(database, SystemClock())
    whole = await reader.keyframes("cam/main", recorded[0].start_us, recorded[-1].end_us)
    assert len(whole) >= 4
    await mark_open(database, recorded[-1])
    again = await reader.keyframes("cam/main", recorded[0].start_us, recorded[-1].end_us)
    assert [k.data for k in again] == [k.data for k in whole]
    inside = await reader.keyframe_at("cam/main", whole[2].at_us + 10_000)
    assert inside is not None and inside.data == whole[2].data


async def test_playlist_points_into_the_files(recorded: list[Segment], database: Database, tmp_path: Path) -> None:
    reader = ArchiveReader(database, SystemClock())
    gops = await reader.gops("cam/main", recorded[0].start_us, recorded[-1].end_us)
    text = await asyncio.to_thread(hls.playlist, gops, live=False)
    total = sum(float(x) for x in re.findall(r"#EXTINF:([\d.]+)", text))
    assert total == pytest.approx((gops[-1].end_us - gops[0].start_us) / 1e6, abs=0.02)
    assert text.count("#EXT-X-MAP") == 1
    size, offset, number = re.findall(r"#EXT-X-BYTERANGE:(\d+)@(\d+)\nsegment/(\d+)\.mp4", text)[1]
    path = await place_of(database, next(s for s in recorded if s.start_us == int(number)))
    data = (await asyncio.to_thread(path.read_bytes))[int(offset) : int(offset) + int(size)]
    assert data[4:8] == b"moof"


async def test_playlist_marks_gaps(recorded: list[Segment], database: Database) -> None:
    reader = ArchiveReader(database, SystemClock())
    gops = await reader.gops("cam/main", recorded[0].start_us, recorded[-1].end_us)
    text = await asyncio.to_thread(hls.playlist, [gops[0], gops[-1]], live=False)
    assert "#EXT-X-GAP" in text


async def test_clip_holds_the_recorded_samples_bit_for_bit(
    recorded: list[Segment], database: Database, tmp_path: Path
) -> None:
    reader, target = ArchiveReader(database, SystemClock()), tmp_path / "clip.mp4"
    gops = await reader.gops("cam/main", recorded[0].start_us, recorded[-1].end_us)
    made = await asyncio.to_thread(clip.plan, gops)
    size = await asyncio.to_thread(mp4_writer.write, made, target)
    assert made.pictures == sum(s.frames for s in recorded)
    assert int((await probe(target))["nb_read_frames"]) == made.pictures
    assert size == (await asyncio.to_thread(target.stat)).st_size
    data = await asyncio.to_thread(target.read_bytes)
    assert data.find(b"moov") < data.find(b"mdat")  # faststart: a browser can start at once
    keyframe = (await reader.keyframes("cam/main", recorded[0].start_us, recorded[-1].end_us))[1]
    assert keyframe.data in await asyncio.to_thread(target.read_bytes)


async def test_a_clip_lasts_as_long_as_the_time_it_shows(
    recorded: list[Segment], database: Database, tmp_path: Path
) -> None:
    """A gap in the range is not cut out: the picture before it is shown until the next one."""
    reader, target = ArchiveReader(database, SystemClock()), tmp_path / "clip.mp4"
    gops = await reader.gops("cam/main", recorded[0].start_us, recorded[-1].end_us)
    without = [gops[0], *gops[-1:]]
    await asyncio.to_thread(lambda: mp4_writer.write(clip.plan(without), target))

    def duration() -> float:
        with av.open(str(target)) as container:
            return float(container.streams.video[0].duration * container.streams.video[0].time_base)

    assert await asyncio.to_thread(duration) == pytest.approx((gops[-1].end_us - gops[0].start_us) / 1e6, abs=0.15)


async def test_several_cameras_go_into_one_zip_with_what_is_missing(
    recorded: list[Segment], database: Database, tmp_path: Path
) -> None:
    reader, target = ArchiveReader(database, SystemClock()), tmp_path / "all.zip"
    start, end = recorded[0].start_us, recorded[-1].end_us
    manifest = await bundle.write(reader, ["cam/main", "other/main"], start, end, target)

    def read() -> tuple[list[str], bytes, dict[str, object]]:
        with zipfile.ZipFile(target) as z:
            return z.namelist(), z.read("cam-main.mp4"), json.loads(z.read("manifest.json"))

    names, film, said = await asyncio.to_thread(read)
    assert names == ["cam-main.mp4", "manifest.json"] and said == manifest
    first, second = manifest["streams"]
    assert first["sha256"] == hashlib.sha256(film).hexdigest()
    assert [s["sha256"] for s in first["segments"]] == [s.sha256.hex() for s in recorded]
    assert second["file"] is None
    assert not await asyncio.to_thread(lambda: [p for p in tmp_path.iterdir() if "part" in p.name])
    with pytest.raises(NotFoundError):
        await bundle.write(reader, ["other/main"], start, end, target)


async def test_a_clip_of_which_something_is_lost_ends_with_status_1(
    recorded: list[Segment], database: Database, tmp_path: Path
) -> None:
    text = f'[data]\ndir = "{tmp_path}"\ndatabase = "{database.url}"\n'
    await asyncio.to_thread((tmp_path / "minwang.toml").write_text, text)
    times = [from_microseconds(t).isoformat() for t in (recorded[0].start_us, recorded[-1].end_us + 1_000_000)]
    command = ["--config", str(tmp_path / "minwang.toml"), "clip", "cam"]

    def run(name: str) -> Result:
        return CliRunner().invoke(cli, [*command, *times, str(tmp_path / name), "--reason", "案件 1"])

    whole = await asyncio.to_thread(run, "whole.mp4")
    assert (whole.exit_code, f"{sum(s.frames for s in recorded)} pictures" in whole.output) == (0, True), whole.output
    await asyncio.to_thread((await place_of(database, recorded[1])).unlink)
    for name in ("rest.mp4", "rest.zip"):
        rest = await asyncio.to_thread(run, name)
        assert rest.exit_code == 1 and rest.output.count("MISSING, recorded but not readable") == 1, rest.output


async def test_fast_playback_is_keyframes_only_and_keeps_time(recorded: list[Segment], database: Database) -> None:
    reader = ArchiveReader(database, SystemClock())
    gops = await reader.gops("cam/main", recorded[0].start_us, recorded[-1].end_us)
    text = await asyncio.to_thread(lambda: hls.playlist(gops, live=False, keyframes=True))
    assert text.count("/keyframes") == len(recorded)
    path = await place_of(database, recorded[0])
    init = await asyncio.to_thread(hls.segment_part, path, recorded[0].media_us, "init.mp4")
    data = await asyncio.to_thread(hls.segment_part, path, recorded[0].media_us, "keyframes.m4s")

    def decoded() -> list[float]:
        with av.open(io.BytesIO(init + data)) as container:
            return [float(f.time) for f in container.decode(video=0)]

    times = await asyncio.to_thread(decoded)
    wanted = [(g.start_us - recorded[0].start_us) / 1e6 for g in gops if g.segment_us == recorded[0].start_us]
    assert times == pytest.approx(wanted, abs=0.06)


async def test_an_empty_range_has_no_clip() -> None:
    with pytest.raises(NotFoundError):
        clip.plan([])


def test_start_time_is_in_the_name() -> None:
    assert segment_index.start_of(Path("/v/cam/main/20261121/083005-250.mp4")) == 1795249805250000
    assert segment_index.start_of(Path("/v/cam/main/20261121/083005-250123.mp4")) == 1795249805250123
    assert segment_index.name_of(1795249805250123) == "20261121/083005-250123.mp4"
    assert segment_index.start_of(Path("/v/cam/main/20261121/other.mp4")) is None


@given(
    st.integers(0, 2**51), st.integers(0, 900_000_000), st.integers(0, 2**31), st.none() | st.integers(-(2**62), 2**62)
)
def test_an_entry_survives_packing(start: int, duration: int, size: int, clock: int | None) -> None:
    segment = Segment("c/main", 3, start, start + duration, duration, size, 7, 2, clock, 4, bytes(range(32)))
    assert segment_index.unpack("c/main", segment.hour, 3, segment_index.pack(segment)) == [segment]


async def test_a_hold_is_made_and_ended_with_a_trail(database: Database) -> None:
    clock = ManualClock()
    async with database.session() as session:
        session.add(Village(code="v", name="v", boundary=[], subnets=[], funding=[]))
        await session.flush()
        session.add(CameraRow(id="cam", name="c", village="v", profile={}))
    make = {"camera": "cam", "start_us": 10, "end_us": 20, "owner": "li", "reason": "A123", "lasts": timedelta(days=30)}
    for wrong in ({"camera": "none"}, {"end_us": 10}, {"reason": " "}):
        with pytest.raises((NotFoundError, UsageError)):
            async with database.session() as session:
                await holds.add(session, clock.now(), **{**make, **wrong})  # type: ignore[arg-type]
    async with database.session() as session:
        number = await holds.add(session, clock.now(), **make)  # type: ignore[arg-type]
    async with database.session() as session:
        assert [h.id for h in await active_holds(session, clock.now())] == [number]
        await holds.release(session, clock.now(), number, "wang", "closed")
        assert not await active_holds(session, clock.now())
        with pytest.raises(ConflictError):
            await holds.release(session, clock.now(), number, "wang", "closed")
    async with database.reading() as session:
        trail = [(a.actor, a.action, a.reason) for a in await session.scalars(select(AuditRow).order_by(AuditRow.id))]
    assert trail == [("li", "hold.add", "A123"), ("wang", "hold.release", "closed")]


async def test_forecast_shares_the_disks_by_rate(database: Database) -> None:
    async with database.session() as session:
        session.add_all(Village(code=v, name=v, boundary=[], subnets=[], funding=[]) for v in ("a", "b"))
        session.add(Volume(number=1, identity="x", path="/x", total_bytes=10**12, free_bytes=10**11))
        await session.flush()
        session.add_all(CameraRow(id=f"{v}1", name="c", village=v, profile={}) for v in ("a", "b"))
        session.add(StreamUsage(stream="a1/main", bytes_held=5, files=1))
        found = {f.village: f for f in await forecast(session, {"a1/main": 2e6, "b1/main": 6e6})}
    assert found["a"].bytes_held == 5 and found["a"].bytes_per_day == pytest.approx(2e6 / 8 * 86_400)
    assert found["b"].days_possible == pytest.approx(1e12 / (8e6 / 8 * 86_400))
    assert found["a"].days_until_full == pytest.approx(1e11 / (8e6 / 8 * 86_400))
