"""Stream faults that need no picture: encoder settings, keyframes, interruptions, files, disks, cards, PTZ, events."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from cameras.onvif.namespaces import EVENTS, PTZ
from cameras.registry import findings, inventory, registry
from cameras.states import FindingKind
from cameras.tables import Camera, Stream
from core.clock import ManualClock, to_microseconds
from core.database import Database
from core.settings import PatrolSettings
from health.checks import recording
from health.checks import stream as checks
from health.faults.findings import CheckFindings
from health.patrol.counter_watch import CounterWatch
from health.tables import Fault
from health.vocabulary import FaultFamily
from nvr.archive import segment_index
from nvr.archive.reader import Keyframe
from nvr.archive.segment_index import Segment
from nvr.media.samples import StreamCounters
from nvr.recorder.reconcile import KeyframeIntervals
from nvr.recording_state import RecordingState
from nvr.streams import StreamSpec, StreamState
from nvr.tables import Gap, GapCause, StreamStatus, Volume
from tests.health.frames import TOWN, coded, street
from tests.health.patrol.test_patrol import Station, station

__all__ = ["station"]
STREAM = Stream(id="c/main", camera="c", kind="main", codec="H264", width=640, height=360, fps=25.0)


def frames(step: float, count: int = 4) -> list[Keyframe]:
    one = coded(street(1))[0]
    return [replace(one, at_us=int(i * step * 1e6)) for i in range(count)]


def test_keyframes_far_apart() -> None:
    assert checks.encoder_findings(STREAM, frames(2.0), (640, 360)) == CheckFindings()
    assert checks.encoder_findings(STREAM, frames(8.0, 2), (640, 360)).found[FaultFamily.GOP] == {"seconds": 8.0}
    assert "gop" in checks.encoder_findings(STREAM, frames(8.0, 1), (640, 360)).unknown


def test_a_keyframe_in_ten_minutes(clock: ManualClock) -> None:
    now = clock.now()
    status = StreamStatus(
        stream="c/main",
        worker="r",
        engine="native",
        state="recording",
        cause="",
        detail="",
        at=now,
        since=now - timedelta(hours=1),
        last_picture=now,
        fps=25.0,
        bitrate=2e6,
        loss=0.0,
        jumps=0.0,
        keyframe_seconds=600.0,
    )
    assert checks.encoder_findings(STREAM, [], (640, 360), status).found[FaultFamily.GOP] == {"seconds": 600.0}
    status.keyframe_seconds = 3.0
    assert "gop" in checks.encoder_findings(STREAM, [], (640, 360), status).unknown
    status.cause, status.fps, status.last_picture = GapCause.NO_KEYFRAME, 0.0, now - timedelta(seconds=90)
    assert checks.findings(STREAM, status, now, None).found == {
        "gop": {"seconds": 90}
    }  # neither 'no_stream' nor 'low_fps'


def test_the_interval_is_counted_by_the_recorder() -> None:
    intervals, counters = KeyframeIntervals(), StreamCounters()
    state = StreamState(StreamSpec("c/main", "rtsp://h/x"), None, counters, state="recording")  # type: ignore[arg-type]
    seen = []
    for second in range(0, 400, 2):
        counters.keyframes = second // 100 if second < 300 else counters.keyframes + 1
        seen.append(intervals.observe(state, float(second)))
    assert seen[0] is None and seen[25] == 50.0 and seen[75] == 100.0 and seen[-1] == 2.0
    state.state = RecordingState.WAITING
    assert intervals.observe(state, 500.0) is None


def test_another_size_or_codec_than_promised() -> None:
    told = checks.encoder_findings(STREAM, frames(2.0), (1280, 720)).found[FaultFamily.PARAMETERS]
    assert told == {"now": "h264 1280×720", "promised": "h264 640×360"}
    silent = Stream(id="c/main", camera="c", kind="main")
    assert checks.encoder_findings(silent, frames(2.0), (640, 360)) == CheckFindings(unknown={FaultFamily.PARAMETERS})


def test_timestamps_that_jump(clock: ManualClock) -> None:
    now = clock.now()
    status = StreamStatus(
        stream="c/main",
        worker="r",
        engine="native",
        state="recording",
        cause="",
        detail="",
        at=now,
        since=now - timedelta(hours=1),
        last_picture=now,
        fps=25.0,
        bitrate=2e6,
        loss=0.0,
        jumps=4.0,
    )
    assert checks.findings(STREAM, status, now, None).found == {"timestamps": {"jumps": 4}}
    status.jumps = 1.0
    assert checks.findings(STREAM, status, now, None).found == {}


async def _town(database: Database, clock: ManualClock) -> Camera:
    async with database.session() as session:
        await registry.apply(session, inventory.parse(TOWN), clock.now(), "test")
        return await session.get_one(Camera, "cam")


async def test_a_stream_that_breaks_off_four_times_an_hour(database: Database, clock: ManualClock) -> None:
    camera, end = await _town(database, clock), to_microseconds(clock.now())
    async with database.session() as session:
        for i in range(4):
            start = end - (10 + 10 * i) * 60_000_000
            session.add(Gap(stream="cam/main", start_us=start, end_us=start + 5_000_000, cause="no_packets"))
        session.add(Gap(stream="cam/main", start_us=end - 3_000_000_000, end_us=end - 2_990_000_000, cause="schedule"))
    async with database.reading() as session:
        told = (await recording.findings(session, [camera], clock.now()))["cam"].found
    assert told == {"flapping": {"times": 4}}  # each one is too short to count as a gap


@pytest.mark.parametrize(("there", "found"), [(1000, False), (400, True), (None, True)])
async def test_index_against_disk(
    database: Database, clock: ManualClock, tmp_path: Path, there: int | None, found: bool
) -> None:
    camera = await _town(database, clock)
    now_us = to_microseconds(clock.now())
    async with database.session() as session:
        session.add(Volume(number=1, identity="x", path=str(tmp_path), state="ok"))
        day = [
            Segment(
                "cam/main",
                1,
                now_us - (26 - i) * 3_600_000_000,
                now_us - (25 - i) * 3_600_000_000,
                3_600_000_000,
                1000,
                8,
            )
            for i in range(26)
        ]
        await segment_index.append(session, day)
    if there is not None:
        for segment in day:
            path = segment_index.path_of({1: tmp_path}, segment)
            await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
            await asyncio.to_thread(path.write_bytes, b"x" * there)
    async with database.reading() as session:
        sample = await recording.sample_files(session, [camera], clock.now())
    assert len(sample["cam"]) == 1
    told = await asyncio.to_thread(recording.mismatched_files, sample)
    assert bool(told) is found and (not found or told["cam"]["indexed"] == 1000)


async def test_a_disk_that_fails_is_the_stations_fault_and_is_over_when_it_is_back(
    database: Database, clock: ManualClock
) -> None:
    await _town(database, clock)
    async with database.session() as session:
        session.add(Volume(number=1, identity="x", path="/disk1", state="failed", detail="input/output error"))
        session.add(Volume(number=2, identity="y", path="/disk2", state="ok"))
    watch = CounterWatch(database, clock, PatrolSettings())

    async def state() -> list[tuple[str, str]]:
        for _ in range(4):
            clock.advance(10)
            await watch.run_once()
        async with database.reading() as session:
            rows = await session.scalars(select(Fault).where(Fault.family == "volume"))
            return [(f.detail, f.state) for f in rows]

    assert await state() == [("/disk1", "open")]
    async with database.session() as session:
        await session.execute(update(Volume).values(state="ok"))
    assert await state() == [("/disk1", "closed")]


async def test_card_dome_and_events_are_faults_where_the_camera_has_them(station: Station) -> None:
    async with station.database.session() as session:
        for name, services in (("c-1", {EVENTS: "http://x", PTZ: "http://x"}), ("c-2", {})):
            camera = await session.get_one(Camera, name)
            camera.device = {"services": services}
            for kind in (FindingKind.STORAGE_FAILURE, FindingKind.PTZ_FAILED, FindingKind.EVENTS_SILENT):
                if name == "c-1":
                    await findings.open_or_update(
                        session, station.clock.now(), kind, findings.FindingSubject.of(camera)
                    )
    await station.round()
    await station.round()
    assert {f for f, s in (await station.faults("c-1")).items() if s == "open"} == {"card", "ptz", "events"}
    assert await station.faults("c-2") == {}
    async with station.database.session() as session:
        camera = await session.get_one(Camera, "c-1")
        await findings.close(session, station.clock.now(), [FindingKind.PTZ_FAILED], findings.FindingSubject.of(camera))
    await station.round()
    await station.round()
    assert (await station.faults("c-1"))["ptz"] == "closed"


async def test_a_camera_renamed_and_moved_to_another_village_in_the_middle_of_its_fault(station: Station) -> None:
    from tests.health.patrol.test_patrol import black

    await station.learn(2)
    station.frames["c-1"] = black()
    await station.round()
    await station.round()
    async with station.database.session() as session:
        text = "town: t\nvillages: [{code: v, name: v}, {code: w, name: w}]\ncameras:\n" + "\n".join(
            f"  - {{id: c-{i}, name: {'new' if i == 1 else 'c'}, village: {'w' if i == 1 else 'v'}, "
            f"streams: {{main: {{url: 'rtsp://127.0.0.1/c-{i}'}}}}}}"
            for i in range(1, 5)
        )
        await registry.apply(session, inventory.parse(text), station.clock.now(), "test")
    await station.round()
    async with station.database.reading() as session:
        (fault,) = (await session.scalars(select(Fault).where(Fault.family == "black"))).all()
    assert (fault.state, fault.village, fault.times) == ("open", "v", 1)  # it stays with the village where it occurred


async def test_the_faults_of_a_camera_that_is_gone_are_over(station: Station) -> None:
    from tests.health.patrol.test_patrol import black

    await station.learn(2)
    station.frames["c-1"] = black()
    await station.round()
    await station.round()
    assert (await station.faults())["black"] == "open"
    async with station.database.session() as session:
        await session.execute(update(Camera).where(Camera.id == "c-1").values(retired=True))
    await CounterWatch(station.database, station.clock, PatrolSettings()).run_once()
    assert (await station.faults())["black"] == "closed"
