"""The recorder process: streams that crash it, hangs, and its work besides recording."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from cameras.registry import inventory, registry
from cameras.virtual.clip import LoopClip
from cameras.virtual.rtsp_server import Mount, RtspServer
from core import events
from core.clock import ManualClock, SystemClock
from core.database import Database
from core.events import Event, EventKind
from core.host.process_role import ProcessRole
from core.secrets import Vault
from core.settings import Settings
from nvr.archive import segment_index
from nvr.engine_choice import EngineKind
from nvr.recorder import crash_marker
from nvr.recorder.crash_marker import MANY_STREAMS, CrashMarker
from nvr.recorder.quarantine import is_active
from nvr.recorder.reconcile import DesiredStreams
from nvr.streams import StreamSpec
from nvr.tables import Gap, StreamStatus
from station import database as station_database
from station.roles.recorder import RecorderWorker
from station.supervision.supervisor import Supervisor, WorkerRole
from tests.conftest import ROOT
from tests.nvr.conftest import LOGIN, record
from tests.waiting import eventually

DEADLY = """
import os, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from core.settings import load
from nvr.recorder import poll_loop
from core.host.process_role import ProcessRole
from station.roles import run

real = poll_loop.NativeSession.parse
def parse(self, arena, begin, end):
    if self._sink.stream == "evil/main" and {kills}:
        os._exit(99)
    real(self, arena, begin, end)
poll_loop.NativeSession.parse = parse
real_batch = poll_loop.depacketize
def depacketize(arena, regions):
    if any(r.depacketizer._fragments._emit.__self__._sink.stream == "evil/main" for r in regions):
        os._exit(99)
    real_batch(arena, regions)
poll_loop.depacketize = depacketize
run.run(ProcessRole.RECORDER, load(Path(sys.argv[2])))
"""


@pytest.mark.long
@pytest.mark.parametrize(
    ("kills", "deaths"),
    [
        pytest.param("True", 2, marks=pytest.mark.soak, id="alone"),
        pytest.param("self._depacketizer.between_pictures", 3, id="among others"),
    ],
)
async def test_a_deadly_stream_is_isolated(kills: str, deaths: int, clip: LoopClip, tmp_path: Path) -> None:
    """A fault planted in the recorder's process crashes it on one camera's data; `deaths` processes later the other
    camera records and that one is quarantined. A crash while many cameras are read does not identify one.
    """
    server = RtspServer([Mount("/good", {"healthy": clip}), Mount("/evil", {"healthy": clip})])
    port = await server.start("127.0.0.1", 0)
    data = tmp_path / "data"
    config, script, town = tmp_path / "minwang.toml", tmp_path / "deadly.py", tmp_path / "town.yaml"
    cameras = "".join(
        f"- {{id: {c}, name: c, village: v, streams: {{main: {{url: 'rtsp://127.0.0.1:{port}/{c}', engine: "
        f"native}}}}}}\n"
        for c in ("good", "evil")
    )

    def write() -> None:
        data.mkdir()
        config.write_text(f"[data]\ndir = '{data}'\n")
        script.write_text(DEADLY.format(kills=kills))
        town.write_text(f"town: t\nvillages:\n- {{code: v, name: v}}\ncameras:\n{cameras}")

    await asyncio.to_thread(write)
    database = await _database(data, town)
    for _ in range(deaths):
        process = await asyncio.create_subprocess_exec(sys.executable, str(script), str(ROOT), str(config))
        assert await asyncio.wait_for(process.wait(), 30) == 99
    process = await asyncio.create_subprocess_exec(sys.executable, str(script), str(ROOT), str(config))

    async def states() -> dict[str, StreamStatus]:
        async with database.reading() as session:
            return {s.stream: s for s in await session.scalars(select(StreamStatus))}

    async def recorded() -> dict[str, StreamStatus] | None:
        found = await states()
        return found if "good/main" in found and found["good/main"].last_picture is not None else None

    found = await eventually(recorded, 30)
    assert found is not None
    assert found["evil/main"].state == "quarantined" and found["evil/main"].strikes == 2
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 20) == 0
    async with database.reading() as session:
        kinds = list(await session.scalars(select(Event.kind)))
        assert await segment_index.newest(session, "good/main") is not None
    assert kinds.count("stream.quarantined") == 1 and kinds.count("stream.killed_recorder") == 2
    await database.close()
    await server.stop()


async def _database(data: Path, town: Path) -> Database:
    from core.settings import Settings

    settings = Settings().model_copy(deep=True)
    settings.data.dir = data
    database = await station_database.ready(settings)
    wanted = await asyncio.to_thread(inventory.load, town)
    async with database.session() as session:
        await registry.apply(session, wanted, SystemClock().now(), "test")
    return database


def test_the_marker_outlives_its_recorder(tmp_path: Path) -> None:
    path = crash_marker.path_of(tmp_path, 0)
    assert crash_marker.silent_seconds(path) is None
    first = CrashMarker(path)
    assert first.crashed_stream == ""
    first.set_stream(crash_marker.tag("cam-1/main"))
    second = CrashMarker(path)
    assert second.crashed_stream == "cam-1/main"
    second.set_stream(crash_marker.tag(MANY_STREAMS))
    third = CrashMarker(path)
    assert third.crashed_stream == MANY_STREAMS
    third.idle()
    assert CrashMarker(path).crashed_stream == ""
    silent = crash_marker.silent_seconds(path)
    assert silent is not None and 0 <= silent < 5


async def test_the_marker_names_a_camera_that_is_being_connected_to(tmp_path: Path) -> None:
    path = crash_marker.path_of(tmp_path, 0)
    marker, named = CrashMarker(path), list[str]()

    def look() -> None:
        named.append(marker._map[8:].rstrip(b"\0").decode())

    async def connect() -> str:
        look()
        asyncio.get_running_loop().call_soon(look)  # other work between two steps
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()
        look()
        return "connected"

    assert await marker.mark_during(crash_marker.tag("cam-1/main"), connect()) == "connected"
    look()
    assert named == ["cam-1/main", "", "cam-1/main", ""]
    with pytest.raises(ValueError, match="lost"):
        await marker.mark_during(crash_marker.tag("cam-1/main"), _fail())


async def _fail() -> None:
    await asyncio.sleep(0)
    raise ValueError("lost")


async def test_a_recorder_that_hangs_is_started_again(tmp_path: Path) -> None:
    marker = tmp_path / "recorder-0.box"
    clock = ManualClock()
    supervisor = Supervisor([WorkerRole(ProcessRole.RECORDER, 0, marker)], None, clock)
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]

    async def spawn(_: WorkerRole) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(*sleeper, start_new_session=True)

    supervisor._spawn = spawn  # type: ignore[assignment]
    await asyncio.to_thread(lambda: CrashMarker(marker))
    began = time.monotonic()
    monkey = pytest.MonkeyPatch()
    monkey.setattr("station.supervision.supervisor.POLL_INTERVAL_S", 0.05)
    monkey.setattr("station.supervision.supervisor.HANG_SECONDS", 0.3)
    monkey.setattr("station.supervision.supervisor.STOP_SECONDS", 0.5)
    await supervisor.start()
    role = supervisor._roles[0]
    try:
        await eventually(lambda: supervisor.watched[role].running)
        first = supervisor.children[role]
        clock.advance(1.0)  # the process is older than the limit, and its crash marker soon is, too
        await eventually(lambda: first.returncode is not None, 5)
        assert first.returncode == -signal.SIGKILL and time.monotonic() - began > 0.2
        assert supervisor.restarts[role] == 1
    finally:
        await supervisor.stop()
        monkey.undo()


def test_quarantine_lasts_a_day(clock: ManualClock) -> None:
    assert not is_active(None, clock.now())
    began = clock.now()
    assert is_active(began, clock.now())
    clock.advance(86_401)
    assert not is_active(began, clock.now())


async def test_a_camera_s_event_opens_the_gate(
    rtsp_camera: tuple[Mount, str], database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = StreamSpec("cam/main", rtsp_camera[1], LOGIN, EngineKind.NATIVE, on_event=True)
    async with record(database, tmp_path / "video", stream) as recorder:
        clock = SystemClock()
        vault = await asyncio.to_thread(Vault.open_or_create, tmp_path / "key")
        worker = RecorderWorker(Settings(), 0, database, clock, vault, recorder._archive, recorder, {})
        following = asyncio.create_task(worker.follow_events())
        state = recorder.streams["cam/main"]
        await eventually(lambda: state.counters.frames >= 12)
        triggered: list[str] = []
        trigger = recorder.trigger
        monkeypatch.setattr(recorder, "trigger", lambda c, until_us: (triggered.append(c), trigger(c, until_us)))
        async with database.session() as session:
            events.append(session, clock.now(), EventKind.CAMERA_IDENTIFIED, camera="cam")
            events.append(session, clock.now(), EventKind.CAMERA_MOTION, camera="other")
        await eventually(lambda: triggered == ["other"])
        assert state.sink.segments_made == 0
        async with database.session() as session:
            events.append(session, clock.now(), EventKind.CAMERA_MOTION, camera="cam")
        await eventually(lambda: state.sink.segments_made >= 1)
        following.cancel()


async def test_a_stream_that_is_wanted_later_goes_on_where_an_earlier_recorder_ended(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recorder starts outside a scheduled stream's hours: the gap of the night ends with the first picture."""
    async with database.session() as session:
        session.add(Gap(stream="cam/main", start_us=5, cause="schedule", detail=""))
    wanted = DesiredStreams([], {})
    async with record(database, tmp_path / "video") as recorder:
        vault = await asyncio.to_thread(Vault.open_or_create, tmp_path / "key")
        worker = RecorderWorker(Settings(), 0, database, SystemClock(), vault, recorder._archive, recorder, {})

        async def now_wanted(_: RecorderWorker) -> DesiredStreams:
            return wanted

        monkeypatch.setattr(RecorderWorker, "wanted", now_wanted)
        await worker.reconcile()
        wanted.specs.append(StreamSpec("cam/main", "rtsp://127.0.0.1:1/none", None, EngineKind.NATIVE))
        await worker.reconcile()
        line = recorder.streams["cam/main"].sink.timeline
        assert (line.covered_until, line.in_gap, line.last_cause) == (5, True, "schedule")
