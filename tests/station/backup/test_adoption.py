"""Record, back up, keep recording, lose the data folder, restore: all footage on the disks is found again."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from cameras.virtual.rtsp_server import Mount
from core.clock import SystemClock
from core.database import Database
from core.errors import StorageError
from core.settings import DataSettings, Settings
from nvr.archive import segment_index
from nvr.archive.integrity.recovery import recover
from nvr.archive.integrity.verify import verify
from nvr.engine_choice import EngineKind
from nvr.streams import StreamSpec
from station.backup import index_newer_footage, restore
from station.backup.create import BackupRequest, backup
from tests.conftest import open_database
from tests.nvr.conftest import LOGIN, eventually, record, segments_of
from tests.postgres import AUDIT_KEY

Camera = tuple[Mount, str]


async def _record(database: Database, volume: Path, camera: Camera, frames: int) -> None:
    async with record(database, volume, StreamSpec("cam/main", camera[1], LOGIN, EngineKind.NATIVE)) as recorder:
        await eventually(lambda: recorder.streams["cam/main"].counters.frames >= frames, 20)


async def _recorded_beyond_its_backup(data: Path, volume: Path, camera: Camera) -> tuple[Path, set[int]]:
    """Return (archive, starts of all segments); the last file is truncated, as after a power cut."""
    async with open_database(data, "minwang.db") as database:
        await _record(database, volume, camera, 25)
        made = await asyncio.to_thread(
            backup, Settings(data=DataSettings(dir=data, volumes=[volume])), BackupRequest(data.parent, None)
        )
        before = len(await segments_of(database))
        await _record(database, volume, camera, 45)
        segments = await segments_of(database)
        assert 0 < before < len(segments)
        last = segment_index.path_of({1: volume}, segments[-1])
        with last.open("r+b") as file:
            file.truncate(last.stat().st_size - 40)
    return made.path, {s.start_us for s in segments}


async def test_footage_that_is_newer_than_the_backup_is_taken_in(rtsp_camera: Camera, tmp_path: Path) -> None:
    data, volume = tmp_path / "data", tmp_path / "disk"
    data.mkdir()
    path, starts = await _recorded_beyond_its_backup(data, volume, rtsp_camera)
    shutil.rmtree(data)
    moved = volume.rename(tmp_path / "mounted-elsewhere")
    restore.restore(path, data, None)
    settings = Settings(data=DataSettings(dir=data, volumes=[moved]))
    database = Database(settings.database_url, AUDIT_KEY)
    done = await index_newer_footage.adopt_newer_footage(settings, database, SystemClock())
    assert done is not None and done.files > 0 and done.missing == []
    segments = await segments_of(database)
    assert {s.start_us for s in segments} == starts and not any(s.open for s in segments)
    assert await index_newer_footage.adopt_newer_footage(settings, database, SystemClock()) is None, "once is enough"
    assert (await recover(database, ["cam/main"], SystemClock().now())).adopted == []
    findings = await verify(database, repair=True)
    assert findings.clean, findings
    assert (await verify(database, hash_files=True)).unhashed == 0
    await database.close()


async def test_a_disk_that_is_not_mounted_yet_is_waited_for(rtsp_camera: Camera, tmp_path: Path) -> None:
    """The first start logs it; with the disk mounted, the next one indexes its footage."""
    data, volume = tmp_path / "data", tmp_path / "disk"
    data.mkdir()
    path, starts = await _recorded_beyond_its_backup(data, volume, rtsp_camera)
    shutil.rmtree(data)
    elsewhere = volume.rename(tmp_path / "not-mounted")
    volume.mkdir()
    restored = restore.restore(path, data, None)
    settings = Settings(data=DataSettings(dir=data, volumes=[volume]))
    assert not index_newer_footage.disks_are_there(settings, [v.identity for v in restored.manifest.volumes])
    database = Database(settings.database_url, AUDIT_KEY)
    with pytest.raises(StorageError, match="check that the disk is mounted"):
        await index_newer_footage.adopt_newer_footage(settings, database, SystemClock())
    volume.rmdir()
    elsewhere.rename(volume)
    done = await index_newer_footage.adopt_newer_footage(settings, database, SystemClock())
    assert done is not None and {s.start_us for s in await segments_of(database)} == starts
    assert not (data / restore.MARKER).exists()
    await database.close()
