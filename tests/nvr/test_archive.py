"""The archive after crashes, deletions and losses; playback and clips from it."""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from cameras.virtual.rtsp_server import Mount
from core.clock import ManualClock, SystemClock, from_microseconds
from core.database import Database
from core.errors import NotFoundError
from core.settings import RetentionSettings
from nvr import fmp4, playback
from nvr.reader import ArchiveReader
from nvr.recorder import StreamSpec
from nvr.recovery import recover, start_of
from nvr.retention import Retention
from nvr.tables import Gap, Segment
from tests.conftest import ROOT
from tests.nvr.conftest import LOGIN, Recording, eventually, probe

Camera = tuple[Mount, str]


@pytest.fixture
async def recorded(rtsp_camera: Camera, recording: Recording, database: Database) -> list[Segment]:
    """Three short segments of cam/main."""
    async with recording(StreamSpec("cam/main", rtsp_camera[1], LOGIN, "native")) as machine:
        await eventually(lambda: machine.streams["cam/main"].counters.frames >= 45, 20)
    return await segments(database)


async def segments(database: Database) -> list[Segment]:
    async with database.reading() as session:
        return list(await session.scalars(select(Segment).order_by(Segment.start_us)))


async def change(database: Database, number: int, **values: Any) -> None:
    async with database.session() as session:
        row = await session.get_one(Segment, number)
        for key, value in values.items():
            setattr(row, key, value)


async def test_a_clean_archive_is_clean(recorded: list[Segment], database: Database, tmp_path: Path) -> None:
    findings = await recover(database, [tmp_path / "video"], repair=False)
    assert findings.clean
    assert findings.rows == findings.files == len(recorded)


async def test_an_open_row_is_closed_at_its_last_whole_fragment(
    recorded: list[Segment], database: Database, tmp_path: Path
) -> None:
    row, path = recorded[0], Path(recorded[0].path)
    fragments = await asyncio.to_thread(lambda: list(fmp4.scan(path)))
    await asyncio.to_thread(os.truncate, path, fragments[5].offset + fragments[5].size + 1234)
    await change(database, row.id, state="open", gops=None, frames=0, end_us=row.start_us)
    findings = await recover(database, [tmp_path / "video"])
    assert findings.left_open == [row.path]
    mended = (await segments(database))[0]
    assert mended.frames == sum(f.samples for f in fragments[:6])
    assert int((await probe(path))["nb_read_frames"]) == mended.frames
    assert (await recover(database, [tmp_path / "video"], repair=False)).clean


async def test_a_file_without_a_row_is_adopted(recorded: list[Segment], database: Database, tmp_path: Path) -> None:
    lost = recorded[1]
    async with database.session() as session:
        await session.delete(await session.get_one(Segment, lost.id))
    findings = await recover(database, [tmp_path / "video"])
    assert findings.adopted == [lost.path]
    found = (await segments(database))[1]
    assert (found.stream, found.frames, found.size_bytes) == ("cam/main", lost.frames, lost.size_bytes)
    assert abs(found.start_us - lost.start_us) < 1000


async def test_a_strange_file_goes_to_quarantine_and_is_not_deleted(
    recorded: list[Segment], database: Database, tmp_path: Path
) -> None:
    strange = tmp_path / "video" / "cam" / "main" / "20260101" / "holiday.mp4"
    await asyncio.to_thread(strange.parent.mkdir, parents=True)
    await asyncio.to_thread(strange.write_bytes, b"not ours")
    findings = await recover(database, [tmp_path / "video"])
    assert findings.quarantined == [str(strange)]
    kept = tmp_path / "video" / "quarantine" / "cam" / "main" / "20260101" / "holiday.mp4"
    assert await asyncio.to_thread(kept.read_bytes) == b"not ours"


async def test_a_row_without_a_file_becomes_a_gap(recorded: list[Segment], database: Database, tmp_path: Path) -> None:
    await asyncio.to_thread(os.unlink, recorded[1].path)
    findings = await recover(database, [tmp_path / "video"])
    assert findings.missing_files == [recorded[1].path]
    spans = await ArchiveReader(database, SystemClock()).coverage("cam/main", recorded[0].start_us, recorded[-1].end_us)
    assert [s.cause for s in spans] == ["", "disk_error", ""]


async def test_a_half_done_deletion_is_finished(recorded: list[Segment], database: Database, tmp_path: Path) -> None:
    await change(database, recorded[0].id, state="deleting")
    await recover(database, [tmp_path / "video"])
    assert not await asyncio.to_thread(os.path.exists, recorded[0].path)
    assert len(await segments(database)) == len(recorded) - 1


async def test_retention_by_age_leaves_a_gap_that_says_so(recorded: list[Segment], database: Database, tmp_path: Path) -> None:
    later = ManualClock(from_microseconds(recorded[1].end_us))
    later.advance(31 * 86_400 + 0.05)
    retention = Retention(database, later, RetentionSettings(min_free_bytes=0), [tmp_path / "video"])
    assert await retention.run_once() == 2
    assert [s.id for s in await segments(database)] == [recorded[2].id]
    async with database.reading() as session:
        (gap,) = (await session.scalars(select(Gap))).all()
    assert (gap.cause, gap.start_us, gap.end_us) == ("retention", recorded[0].start_us, recorded[1].end_us)


async def test_a_full_disk_loses_the_oldest_first(
    recorded: list[Segment], database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nvr.retention.BATCH", 1)
    free = iter([0, 0, 10_000])
    monkeypatch.setattr("nvr.retention._free_bytes", lambda _: next(free))
    retention = Retention(database, SystemClock(), RetentionSettings(min_free_bytes=5000), [tmp_path / "video"])
    await retention.run_once()
    assert [s.id for s in await segments(database)] == [r.id for r in recorded[2:]]


async def test_keyframes_are_found_in_open_and_closed_files(recorded: list[Segment], database: Database) -> None:
    reader = ArchiveReader(database, SystemClock())
    whole = await reader.keyframes("cam/main", recorded[0].start_us, recorded[-1].end_us)
    assert len(whole) >= 4
    await change(database, recorded[-1].id, state="open", gops=None)
    again = await reader.keyframes("cam/main", recorded[0].start_us, recorded[-1].end_us)
    assert [k.data for k in again] == [k.data for k in whole]
    inside = await reader.keyframe_at("cam/main", whole[2].at_us + 10_000)
    assert inside is not None and inside.data == whole[2].data


async def test_playlist_points_into_the_files(recorded: list[Segment], database: Database, tmp_path: Path) -> None:
    reader = ArchiveReader(database, SystemClock())
    gops = await reader.gops("cam/main", recorded[0].start_us, recorded[-1].end_us)
    text = await asyncio.to_thread(playback.playlist, gops, {Path(s.path): s.id for s in recorded}, live=False)
    total = sum(float(x) for x in re.findall(r"#EXTINF:([\d.]+)", text))
    assert total == pytest.approx((gops[-1].end_us - gops[0].start_us) / 1e6, abs=0.02)
    assert text.count("#EXT-X-MAP") == len(recorded)
    size, offset, number = re.findall(r"#EXT-X-BYTERANGE:(\d+)@(\d+)\nsegment/(\d+)", text)[1]
    path = Path(next(s.path for s in recorded if s.id == int(number)))
    data = (await asyncio.to_thread(path.read_bytes))[int(offset) : int(offset) + int(size)]
    assert data[4:8] == b"moof"


async def test_playlist_marks_gaps(recorded: list[Segment], database: Database) -> None:
    reader = ArchiveReader(database, SystemClock())
    gops = await reader.gops("cam/main", recorded[0].start_us, recorded[-1].end_us)
    text = await asyncio.to_thread(playback.playlist, [gops[0], gops[-1]], {Path(s.path): s.id for s in recorded}, live=False)
    assert "#EXT-X-GAP" in text


async def test_clip_holds_the_recorded_samples_bit_for_bit(recorded: list[Segment], database: Database, tmp_path: Path) -> None:
    reader, target = ArchiveReader(database, SystemClock()), tmp_path / "clip.mp4"
    gops = await reader.gops("cam/main", recorded[0].start_us, recorded[-1].end_us)
    pictures = await asyncio.to_thread(playback.write_clip, gops, target)
    assert pictures == sum(s.frames for s in recorded)
    assert int((await probe(target))["nb_read_frames"]) == pictures
    keyframe = (await reader.keyframes("cam/main", recorded[0].start_us, recorded[-1].end_us))[1]
    assert keyframe.data in await asyncio.to_thread(target.read_bytes)


async def test_an_empty_range_has_no_clip(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        playback.write_clip([], tmp_path / "x.mp4")


def test_start_time_is_in_the_name() -> None:
    assert start_of(Path("/v/cam/main/20261121/083005-250.mp4")) == 1795249805250000
    assert start_of(Path("/v/cam/main/20261121/other.mp4")) is None


@pytest.mark.parametrize("seed", [1, 2])
def test_kill_minus_nine_loses_half_a_second_at_most(seed: int, tmp_path: Path) -> None:
    """The long form, 20 kills, is in bench/recorder.py."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    farm = subprocess.Popen(
        [sys.executable, "-m", "cameras.virtual", "--streams", "2", "--port", str(18600 + seed)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert farm.stdout is not None
    try:
        assert farm.stdout.readline().startswith("ready")
        cameras = "".join(
            f"- {{id: c{i}, name: c, village: v, streams: {{main: {{url: 'rtsp://127.0.0.1:{18600 + seed}/cam{i}'}}}}}}\n"
            for i in range(2)
        )
        (tmp_path / "i.yaml").write_text(f"town: t\nvillages:\n- {{code: v, name: v}}\ncameras:\n{cameras}")
        command = [
            "-m",
            "station",
            "record",
            "--inventory",
            str(tmp_path / "i.yaml"),
            "--seconds",
            "60",
            "--data",
            str(tmp_path / "d"),
        ]
        recorder = subprocess.Popen([sys.executable, *command], env=environment, stdout=subprocess.DEVNULL)
        time.sleep(6 + random.Random(seed).random() * 2)
        recorder.send_signal(signal.SIGKILL)
        killed = time.time()
        recorder.wait()
    finally:
        farm.terminate()
        farm.wait()
        farm.stdout.close()
    files = sorted((tmp_path / "d" / "video").rglob("*.mp4"))
    assert len(files) == 2
    for path in files:
        fragments = list(fmp4.scan(path))
        start = start_of(path)
        assert start is not None
        last = start / 1e6 + (fragments[-1].time + fragments[-1].duration) / fmp4.TIMESCALE
        assert killed - last <= 0.5 + 0.1  # wall time of a file may be off by one tick at its start
