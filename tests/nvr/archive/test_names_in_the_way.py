"""An obstacle at the path of one camera's folder does not take the disk away from the other cameras."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from cameras.virtual.rtsp_server import Mount
from core.clock import ManualClock
from core.database import Database
from nvr.engine_choice import EngineKind
from nvr.media.mp4.fmp4 import TIMESCALE
from nvr.storage.avoided_disks import AVOID_S
from nvr.storage.disk_writer import Writer
from nvr.storage.volume_set import Disk, VolumeSet
from nvr.streams import StreamSpec
from nvr.tables import Gap, VolumeState
from tests.nvr.conftest import LOGIN, eventually, record, segments_of


def _file(folder: Path) -> None:
    folder.write_text("somebody's notes")


def _dead_link(folder: Path) -> None:
    folder.symlink_to(folder)


@pytest.mark.parametrize("put", [_file, _dead_link])
async def test_a_name_in_the_way_costs_one_camera(
    put: Any, rtsp_camera: tuple[Mount, str], database: Database, tmp_path: Path
) -> None:
    video = tmp_path / "video"
    await asyncio.to_thread(video.mkdir)
    await asyncio.to_thread(put, video / "other")
    specs = [StreamSpec(f"{camera}/main", rtsp_camera[1], LOGIN, EngineKind.NATIVE) for camera in ("cam", "other")]
    changes: list[str] = []
    async with record(database, video, *specs, segment_seconds=1.1) as recorder:
        told, (disk,) = recorder.volumes.on_change, recorder.volumes.disks

        def on_change(disk: Disk) -> None:
            changes.append(disk.state)
            told(disk)

        recorder.volumes.on_change = on_change
        await eventually(lambda: recorder.streams["other/main"].sink.in_gap)
        written = recorder.streams["cam/main"].counters
        frames = written.frames
        await eventually(lambda: written.frames >= frames + 25)  # 2.5 s, in which the disk is probed
        assert disk.usable and not disk.needs_probe
    assert changes == [] and await segments_of(database, "other/main") == []
    ours = await segments_of(database)
    assert sum(s.end_us - s.start_us for s in ours) > 2_000_000
    async with database.reading() as session:
        gaps = [(g.stream, g.cause) for g in await session.scalars(select(Gap))]
    assert ("other/main", "disk_error") in gaps and not any(stream == "cam/main" for stream, _ in gaps)


async def test_a_disk_that_takes_no_file_at_all_is_out_of_use(
    rtsp_camera: tuple[Mount, str], database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same error for the whole disk: the probe fails as well."""
    opened = os.open

    def refuses(path: Any, flags: int, *more: Any, **named: Any) -> int:
        if flags & os.O_CREAT and str(path).startswith(str(tmp_path / "video")):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return opened(path, flags, *more, **named)

    async with record(
        database, tmp_path / "video", StreamSpec("cam/main", rtsp_camera[1], LOGIN, EngineKind.NATIVE)
    ) as recorder:
        (disk,) = recorder.volumes.disks
        await eventually(lambda: recorder.streams["cam/main"].counters.frames > 3)
        monkeypatch.setattr(os, "open", refuses)
        monkeypatch.setattr("nvr.storage.volume_set.probe", lambda _disk: refuses(tmp_path / "video" / "x", os.O_CREAT))
        await eventually(lambda: disk.state == "failed", 20)
        monkeypatch.undo()


@pytest.mark.parametrize("put", [_file, _dead_link])
async def test_a_name_in_the_way_sends_the_camera_to_another_disk(
    put: Any, rtsp_camera: tuple[Mount, str], database: Database, tmp_path: Path
) -> None:
    """The first disk accepts files, but not this camera's; the second accepts them at once and keeps the camera."""
    folders = [tmp_path / "a", tmp_path / "b"]
    async with record(database, folders) as recorder:
        chosen = recorder.volumes.choose_disk("cam/main", None)
        assert chosen is not None
    await asyncio.to_thread(put, chosen.path / "cam")
    spec = StreamSpec("cam/main", rtsp_camera[1], LOGIN, EngineKind.NATIVE)
    async with record(database, folders, spec, segment_seconds=1.1) as recorder:
        await eventually(lambda: recorder.streams["cam/main"].sink.recorded_ticks > 3 * TIMESCALE, 8)
        assert all(d.usable for d in recorder.volumes.disks)
    segments = await segments_of(database)
    assert len(segments) >= 2 and all(s.volume != chosen.number for s in segments if s.frames)


def test_a_disk_that_refused_a_camera_is_tried_last_and_later_again() -> None:
    clock = ManualClock()
    disks = [Disk(n, Path(f"/{n}"), f"disk-{n}", Writer(), total=1000, free=100) for n in (1, 2)]
    volumes = VolumeSet(disks, clock)
    refused = PermissionError(errno.EACCES, "")
    first = volumes.choose_disk("c/main", None)
    assert first is not None and volumes.has_disk_for("c/main")
    volumes.report_error(first, refused, opening="c/main")
    second = volumes.choose_disk("c/main", first)
    assert second is not first and second is not None and volumes.choose_disk("c/main", second) is second
    assert any(
        volumes.choose_disk(f"c{i}/main", first) is first for i in range(2)
    )  # nothing is known about other cameras
    second.state = VolumeState.FAILED
    assert volumes.choose_disk("c/main", second) is first and not volumes.has_disk_for("c/main")
    second.state = VolumeState.OK
    clock.advance(1.0)
    volumes.report_error(second, refused, opening="c/main")
    assert volumes.choose_disk("c/main", second) is first and not volumes.has_disk_for(
        "c/main"
    )  # it refused longest ago
    clock.advance(AVOID_S)
    assert volumes.has_disk_for("c/main") and volumes.choose_disk("c/main", second) is second
