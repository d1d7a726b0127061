from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from core.clock import Clock, SystemClock
from core.database import Database
from core.settings import RecorderSettings
from nvr.archive.archive_log import ArchiveLogWriter
from nvr.archive.segment_index import Segment, between, path_of, volume_paths
from nvr.recorder.recorder import Recorder
from nvr.storage.volume_set import VolumeSet
from nvr.storage.volumes import prepare
from nvr.streams import StreamSpec

LOGIN = ("minwang", "geheim-123")
Recording = Callable[..., AbstractAsyncContextManager[Recorder]]


@asynccontextmanager
async def record(
    database: Database,
    volumes: Path | list[Path],
    *specs: StreamSpec,
    covered: Any = None,
    clock: Clock | None = None,
    **changes: Any,
) -> AsyncIterator[Recorder]:
    """Record the streams until the block ends."""
    settings = RecorderSettings(**{"segment_seconds": 2.0, "stall_seconds": 1.5, **changes})
    clock = clock or SystemClock()
    archive = ArchiveLogWriter(database, clock)
    folders = [volumes] if isinstance(volumes, Path) else volumes
    for folder in folders:
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    disks = VolumeSet.of(await prepare(database, folders), clock, sync_interval=10, min_free=0)
    recorder = Recorder(settings, disks, archive, clock)
    await recorder.start()
    await recorder.want(specs, covered)
    try:
        yield recorder
    finally:
        await recorder.stop()


@pytest.fixture
def recording(database: Database, tmp_path: Path) -> Recording:
    """Return a context manager: `async with recording(spec, …) as recorder:` records until the block ends."""

    def started(*specs: StreamSpec, volumes: Any = None, **changes: Any) -> AbstractAsyncContextManager[Recorder]:
        return record(database, volumes or tmp_path / "video", *specs, **changes)

    return started


async def segments_of(database: Database, stream: str = "cam/main") -> list[Segment]:
    """Return all segments of a stream, oldest first."""
    async with database.reading() as session:
        return await between(session, [stream], 0, 2**62)


async def place_of(database: Database, segment: Segment) -> Path:
    async with database.reading() as session:
        return path_of(await volume_paths(session), segment)


async def eventually(true: Callable[[], Any], seconds: float = 30.0) -> None:
    """Wait until `true()` is true; another task makes it so. The deadline leaves room for a busy machine."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.05)


async def probe(path: Path, *, decode: bool = True) -> dict[str, Any]:
    """Return ffprobe's description of a file; a warning fails the test (unless `decode` is off)."""
    count = ["-v", "warning", "-count_frames"] if decode else ["-v", "fatal", "-count_packets"]
    entries = "stream=codec_name,nb_read_frames,nb_read_packets,width,height"
    process = await asyncio.create_subprocess_exec(
        "ffprobe", *count, "-show_entries", entries, "-of", "json", str(path),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, errors = await process.communicate()
    assert not errors, errors.decode()
    stream: dict[str, Any] = json.loads(out)["streams"][0]
    return stream
