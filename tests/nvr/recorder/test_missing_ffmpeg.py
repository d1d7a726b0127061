"""Where ffmpeg is not installed, the station reports its own fault and does not blame the camera."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.database import Database
from health.checks.presence import OFFLINE_CAUSES, SENDING_CAUSES
from nvr.engine_choice import EngineKind
from nvr.streams import StreamSpec
from nvr.tables import Gap
from tests.nvr.conftest import LOGIN, Recording, eventually
from tests.nvr.recorder.test_recorder import Camera, hostile, rows


@pytest.fixture(autouse=True)
def _no_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


async def test_the_cause_is_the_station(rtsp_camera: Camera, recording: Recording, database: Database) -> None:
    async with recording(StreamSpec("cam/main", rtsp_camera[1], LOGIN, EngineKind.FFMPEG)) as recorder:
        state = recorder.streams["cam/main"]
        await eventually(lambda: state.state == "waiting")
        assert state.cause == "station_fault" and "apt-get install ffmpeg" in state.detail
    assert [g.cause for g in await rows(database, Gap)] == ["station_fault"]
    assert "station_fault" not in OFFLINE_CAUSES | SENDING_CAUSES


async def test_what_the_camera_said_is_kept(recording: Recording, database: Database) -> None:
    async with (
        hostile(b"HTTP/1.1 200 OK\r\n\r\n", close=False) as port,
        recording(StreamSpec("cam/main", f"rtsp://127.0.0.1:{port}/x", None, EngineKind.AUTO)) as recorder,
    ):
        state = recorder.streams["cam/main"]
        await eventually(lambda: state.cause == "station_fault")
        assert "ffmpeg is not installed" in state.detail and "does not support RTSP" in state.detail
        failures = state.failures
        await eventually(lambda: state.failures > failures and state.state == "waiting", 20)
        assert state.engine == "native"  # a repaired camera is recorded without ffmpeg
        assert "ffmpeg is not installed" in state.detail and "does not support RTSP" in state.detail
    gaps = await rows(database, Gap)
    assert [g.cause for g in gaps] == ["protocol_error", "station_fault"]
    assert "does not support RTSP" in gaps[1].detail
