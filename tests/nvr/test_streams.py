"""Desired and observed streams: observed state restarts nothing, and a stream that died restarts with a gap."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from cameras.registry import inventory
from cameras.virtual.rtsp_server import Mount
from core.clock import SystemClock
from core.database import Database
from core.errors import CameraError, CameraRefused, ConnectionLost, InventoryError, ProtocolError, StationFault
from core.tasks import end
from nvr.archive.coverage.timeline import TimelineEnd
from nvr.engine_choice import EngineKind
from nvr.media.samples import StreamCounters
from nvr.recorder.pre_event import EventSink
from nvr.recorder.stream_recorder import StreamRecorder
from nvr.streams import StreamFacts, StreamSpec, StreamState
from nvr.tables import Gap
from tests.nvr.conftest import LOGIN, Recording, eventually

Camera = tuple[Mount, str]
NOWHERE = "rtsp://127.0.0.1:1/cam"  # refuses connections


async def causes(database: Database) -> list[str]:
    async with database.reading() as session:
        return list(await session.scalars(select(Gap.cause).order_by(Gap.id)))


async def test_what_was_observed_restarts_nothing(rtsp_camera: Camera, recording: Recording) -> None:
    spec = StreamSpec("cam/main", rtsp_camera[1], LOGIN, EngineKind.NATIVE)
    async with recording(spec) as recorder:
        state = recorder.streams["cam/main"]
        await eventually(lambda: state.counters.frames >= 5)
        for facts in (
            StreamFacts(fell_back_at=SystemClock().now()),
            StreamFacts(refused=True),
            StreamFacts(quarantined=True),
        ):
            await recorder.want([spec], facts={spec.id: facts})
        assert recorder.streams["cam/main"] is state and state.alive and state.reconnects == 0
        frames = state.counters.frames
        await eventually(lambda: state.counters.frames > frames)


@pytest.mark.parametrize(
    ("facts", "named"), [(StreamFacts(refused=True), "refused"), (StreamFacts(quarantined=True), "quarantined")]
)
async def test_a_barred_stream_waits_until_it_is_barred_no_more(
    facts: StreamFacts, named: str, rtsp_camera: Camera, recording: Recording, database: Database
) -> None:
    spec = StreamSpec("cam/main", rtsp_camera[1], LOGIN, EngineKind.NATIVE)
    async with recording() as recorder:
        await recorder.want([spec], {spec.id: TimelineEnd(1, False)}, {spec.id: facts})
        state = recorder.streams["cam/main"]
        await eventually(lambda: state.state == named)
        await recorder.want([spec], facts={spec.id: facts})
        assert state.state == named and rtsp_camera[0].sent_pictures == 0
        await recorder.want([spec], facts={})
        await eventually(lambda: state.state == "recording" and state.counters.frames >= 5)
    assert (await causes(database))[-1] == {"refused": "auth_refused", "quarantined": "protocol_error"}[named]


def test_a_refusal_found_here_outlives_facts_that_do_not_know_of_it_yet() -> None:
    state = StreamState(StreamSpec("c/main", NOWHERE), None, None)  # type: ignore[arg-type]
    state.apply_facts(StreamFacts(refused=True))
    assert state.refused is not None
    own = StreamState(StreamSpec("c/main", NOWHERE), None, None, refused=state.refused)  # type: ignore[arg-type]
    own.apply_facts(StreamFacts())
    assert own.refused is not None and not own.changed.is_set()
    own.apply_facts(StreamFacts(refused=True))
    own.apply_facts(StreamFacts())
    assert own.refused is None and own.changed.is_set()


BAD_ADDRESSES = ["rtsp://[::1/cam", "rtsp://cam:port/x", "rtsp:///cam", "rtsp://h:99999/x"]


@pytest.mark.parametrize("url", BAD_ADDRESSES)
async def test_an_address_that_is_none_is_a_gap_with_a_remedy(
    url: str, recording: Recording, database: Database
) -> None:
    with pytest.raises(StationFault, match="correct it in the inventory"):
        StreamSpec("c/main", url).check()
    spec = StreamSpec("cam/main", url, LOGIN)
    async with recording(spec) as recorder:
        state = recorder.streams["cam/main"]
        await eventually(lambda: state.state == "waiting")
        assert state.cause == "station_fault" and "correct it in the inventory" in state.detail and state.alive
    assert await causes(database) == ["station_fault"]


@pytest.mark.parametrize("url", BAD_ADDRESSES)
def test_the_inventory_refuses_such_an_address(url: str, tmp_path: Any) -> None:
    file = tmp_path / "i.yaml"
    file.write_text(
        "town: t\nvillages: [{code: v, name: v}]\n"
        f"cameras: [{{id: c, name: c, village: v, streams: {{main: {{url: '{url}'}}}}}}]\n"
    )
    with pytest.raises(InventoryError, match="address"):
        inventory.load(file)


async def test_a_stream_whose_own_task_fails_is_started_again_and_has_a_gap(
    rtsp_camera: Camera, recording: Recording, database: Database, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    failures = 1
    real = StreamRecorder.record_once

    async def failing(self: StreamRecorder) -> Any:
        nonlocal failures
        if failures:
            failures -= 1
            raise RuntimeError("a fault of ours")
        return await real(self)

    monkeypatch.setattr(StreamRecorder, "record_once", failing)
    async with recording(StreamSpec("cam/main", rtsp_camera[1], LOGIN, EngineKind.NATIVE)) as recorder:
        state = recorder.streams["cam/main"]
        await eventually(lambda: state.state == "waiting")
        assert state.cause == "station_fault" and recorder.tasks.failures["record cam/main"] == 1
        await eventually(lambda: state.counters.frames >= 5)
    assert await causes(database) == ["station_fault"]
    for record in caplog.get_records("call"):
        record.exc_info = None  # this failure is what the test is about


async def test_a_stream_whose_task_is_gone_is_started_again(
    rtsp_camera: Camera, recording: Recording, database: Database
) -> None:
    spec = StreamSpec("cam/main", rtsp_camera[1], LOGIN, EngineKind.NATIVE)
    async with recording(spec) as recorder:
        state = recorder.streams["cam/main"]
        await eventually(lambda: state.counters.frames >= 5)
        await end(state.task)
        await recorder.want([spec])
        again = recorder.streams["cam/main"]
        assert again is not state and again.sink is state.sink
        frames = state.counters.frames
        await eventually(lambda: again.counters.frames > frames + 5)
    assert await causes(database) == ["station_fault"]


@pytest.mark.parametrize("change", [{"audio": True}, {"on_event": True}])
async def test_viewers_stay_over_a_restart_and_end_with_the_stream(
    change: dict[str, Any], rtsp_camera: Camera, recording: Recording
) -> None:
    spec = StreamSpec("cam/main", rtsp_camera[1], LOGIN, EngineKind.NATIVE)
    seen: list[Any] = []
    removed: list[str] = []
    async with recording(spec) as recorder:
        recorder.stream_removed = removed.append
        await eventually(lambda: recorder.streams["cam/main"].counters.frames >= 5)
        assert recorder.tap("cam/main", lambda *fragment: seen.append(fragment))
        await eventually(lambda: len(seen) > 1)
        await recorder.want([replace(spec, **change)])
        recorder.trigger("cam", 2**62)
        before = len(seen)
        await eventually(lambda: len(seen) > before + 1)
        assert not removed
        await recorder.want([])
        assert removed == ["cam/main"] and not recorder.tap("cam/main", None)


async def test_an_event_triggers_every_on_event_stream_of_its_camera(recording: Recording) -> None:
    streams = ["cam/main", "cam/fisheye", "cam-2/main"]
    async with recording(*(StreamSpec(s, NOWHERE, on_event=True) for s in streams)) as recorder:
        recorder.trigger("cam", 2**62)
        sinks = [recorder.streams[s].sink for s in streams]
        assert [isinstance(s, EventSink) and s._until_us == 2**62 for s in sinks] == [True, True, False]


async def test_two_changes_at_once_leave_one_task_a_stream(recording: Recording) -> None:
    spec = StreamSpec("cam/main", NOWHERE)
    async with recording(spec) as recorder:
        await asyncio.gather(recorder.want([replace(spec, audio=True)]), recorder.want([replace(spec, audio=True)]))
        names = [t.get_name() for t in asyncio.all_tasks()]
        assert names.count("record cam/main") == 1


class Failing:
    """An engine that cannot record."""

    def __init__(self, name: str, error: CameraError):
        self.name, self._error = name, error

    async def record(self, *_: Any) -> None:
        raise self._error


async def test_what_keeps_a_silent_camera_from_recording_is_told_by_who_knows(recording: Recording) -> None:
    """ffmpeg reports a connection that is closed at once as "invalid data"."""
    async with recording() as recorder:
        closed, invalid = ConnectionLost("the camera closed the connection"), ProtocolError("Invalid data found")
        recorder.engines.native, recorder.engines.ffmpeg = Failing("native", closed), Failing("ffmpeg", invalid)  # type: ignore[assignment]
        state = StreamState(
            StreamSpec("c/main", NOWHERE),
            recorder._sink(StreamSpec("c/main", NOWHERE), StreamCounters()),
            StreamCounters(),
        )
        one = recorder._stream_recorder(state)
        assert await one.record_once() is closed
        assert state.choice is not None
        state.choice.engine = EngineKind.FFMPEG
        assert await one.record_once() is closed and state.engine == "ffmpeg"
        recorder.engines.ffmpeg = Failing("ffmpeg", CameraRefused("401"))  # type: ignore[assignment]
        assert isinstance(await one.record_once(), CameraRefused)
