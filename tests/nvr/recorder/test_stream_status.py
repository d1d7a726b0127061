"""Which status of a stream is valid: not that of a dead recorder, nor of streams that are no longer wanted."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cameras.tables import Camera, Stream, Village
from core.clock import ManualClock
from core.database import Database
from nvr.recorder.reconcile import bit_rates
from nvr.recorder.stream_status import state_of
from nvr.tables import StreamStatus
from reports.coverage import _online_now

CAMERAS = ("well", "dead", "retired", "unwanted")


@pytest.fixture
async def town(database: Database, clock: ManualClock) -> Database:
    now = clock.now()
    async with database.session() as session:
        session.add(Village(code="v", name="V", boundary=[], subnets=[], funding=[]))
        await session.flush()
        session.add_all(Camera(id=c, name=c, village="v", profile={}, retired=c == "retired") for c in CAMERAS)
        await session.flush()
        for c in CAMERAS:
            session.add(Stream(id=f"{c}/main", camera=c, kind="main", url="rtsp://192.0.2.1/", record=c != "unwanted"))
            session.add(
                StreamStatus(
                    stream=f"{c}/main", worker="recorder-0", state="recording", engine="native", bitrate=2e6, since=now,
                    at=now - timedelta(minutes=5 if c == "dead" else 0),
                )
            )  # fmt: skip
    return database


async def test_rates_and_figures_count_what_is_recorded_now(town: Database, clock: ManualClock) -> None:
    async with town.reading() as session:
        assert await bit_rates(session, clock.now()) == {"well/main": 2e6}
        well, dead = [await session.get_one(Camera, name) for name in CAMERAS[:2]]
        assert await _online_now(session, [well, dead], clock.now()) == 1
        assert await _online_now(session, [dead], clock.now()) is None
        row = await session.get(StreamStatus, "dead/main")
    assert state_of(row, clock.now()) == state_of(None, clock.now()) == "unknown"
