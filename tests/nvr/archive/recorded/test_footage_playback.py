"""Playback and clips from the archive's files."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import re
import zipfile
from pathlib import Path

import av
import pytest
from click.testing import CliRunner, Result

from core.clock import SystemClock, from_microseconds
from core.database import Database
from core.errors import NotFoundError
from nvr.archive import segment_index
from nvr.archive.reader import ArchiveReader
from nvr.archive.segment_index import Segment
from nvr.playback import bundle, clip, hls, mp4_writer
from station.cli.main import cli
from tests.nvr.archive.recorded.rows import mark_open
from tests.nvr.conftest import place_of, probe


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
