"""Recording from real RTSP servers on loopback by both engines; hostile and failing cameras, disks, databases."""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from cameras.virtual.clip import LoopClip
from cameras.virtual.rtsp_server import Mount, RtspServer
from core.clock import SystemClock, to_microseconds
from core.database import Database
from core.errors import CameraError
from core.network.authenticator import Authenticator, PlainPasswordLogin
from core.network.connect_limiter import ConnectLimiter
from nvr.archive.coverage.timeline import MIN_GAP_US
from nvr.archive.coverage.unreported_gaps import timeline_ends
from nvr.archive.integrity.recovery import recover
from nvr.archive.reader import ArchiveReader
from nvr.archive.segment_index import NO_HASH
from nvr.engine_choice import EngineKind
from nvr.media.buffers import iovec
from nvr.rtsp import client, rtsp_dialogue
from nvr.streams import StreamSpec
from nvr.tables import Gap
from tests.nvr.conftest import LOGIN, Recording, eventually, place_of, probe, segments_of

Camera = tuple[Mount, str]


async def rows(database: Database, table: Any, stream: str = "cam/main") -> list[Any]:
    async with database.reading() as session:
        return list(await session.scalars(select(table).where(table.stream == stream).order_by(table.start_us)))


@pytest.mark.parametrize("engine", ["native", "ffmpeg"])
@pytest.mark.parametrize("codec", ["h264", "h265"])
async def test_record_and_read_back(
    engine: str,
    codec: str,
    clip: LoopClip,
    clip_h265: LoopClip,
    recording: Recording,
    database: Database,
    tmp_path: Path,
) -> None:
    server = RtspServer([Mount("/cam", {"healthy": clip if codec == "h264" else clip_h265}, login=LOGIN)])
    port = await server.start("127.0.0.1", 0)
    async with recording(StreamSpec("cam/main", f"rtsp://127.0.0.1:{port}/cam", LOGIN, EngineKind(engine))) as recorder:
        await eventually(lambda: recorder.streams["cam/main"].counters.frames >= 45, 20)
    await server.stop()
    segments = await segments_of(database)
    assert len(segments) >= 2
    assert all(not s.open and s.sha256 != NO_HASH for s in segments)
    for before, after in itertools.pairwise(segments):
        assert before.end_us == after.start_us  # the time line is continuous
    for segment in segments:
        seen = await probe(await place_of(database, segment))
        assert seen["codec_name"] == {"h264": "h264", "h265": "hevc"}[codec]
        assert int(seen["nb_read_frames"]) == segment.frames
        assert segment.size == await asyncio.to_thread(os.path.getsize, await place_of(database, segment))
    assert await rows(database, Gap) == []
    start, end = segments[0].start_us, segments[-1].end_us
    spans = await ArchiveReader(database, SystemClock()).coverage("cam/main", start, end)
    assert [(s.start_us, s.end_us, s.cause) for s in spans] == [(start, end, "")]


async def test_wall_time_is_right(rtsp_camera: Camera, recording: Recording, database: Database) -> None:
    before = to_microseconds(SystemClock().now())
    async with recording(StreamSpec("cam/main", rtsp_camera[1], LOGIN)) as recorder:
        await eventually(lambda: recorder.streams["cam/main"].counters.frames >= 20)
    after = to_microseconds(SystemClock().now())
    segments = await segments_of(database)
    assert before <= segments[0].start_us <= before + 1_500_000
    assert after - 1_500_000 <= segments[-1].end_us <= after + 400_000


async def test_camera_clock_error_is_measured(rtsp_camera: Camera, recording: Recording, database: Database) -> None:
    mount, url = rtsp_camera
    mount.faults.add("clock_wrong")
    async with recording(StreamSpec("cam/main", url, LOGIN)) as recorder:
        await eventually(lambda: recorder.streams["cam/main"].sink.clock.offset_us is not None)
        offset = recorder.streams["cam/main"].sink.clock.offset_us
    assert offset == pytest.approx(3600e6, abs=1e6)


async def test_a_refused_credential_is_tried_once(clip: LoopClip, recording: Recording, database: Database) -> None:
    mount = Mount("/cam", {"healthy": clip}, login=LOGIN, faults={"wrong_password"})
    server = RtspServer([mount])
    port = await server.start("127.0.0.1", 0)
    url, unreachable = f"rtsp://127.0.0.1:{port}/cam", "rtsp://127.0.0.1:1/none"
    tries = Counter[str]()
    original = client.open_session

    async def counted(url: str, *args: Any, **options: Any) -> Any:
        tries[url] += 1
        return await original(url, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nvr.recorder.poll_loop.open_session", counted)
        patch.setattr("nvr.recorder.stream_recorder.RECONNECT_DELAYS_S", (0.05,))
        other = StreamSpec("other/main", unreachable, None, EngineKind.NATIVE)
        async with recording(StreamSpec("cam/main", url, LOGIN), other) as recorder:
            await eventually(lambda: recorder.streams["cam/main"].state == "refused")
            tried = tries[unreachable]
            await eventually(lambda: tries[unreachable] >= tried + 3)  # streams with other failures are retried
            # It is retried only after a person sets another credential.
            mount.faults.clear()
            await recorder.want([StreamSpec("cam/main", url, LOGIN, EngineKind.NATIVE)])
            await eventually(lambda: recorder.streams["cam/main"].state == "recording")
    await server.stop()
    assert tries[url] == 2
    assert [g.cause for g in await rows(database, Gap) if g.stream == "cam/main"] == ["auth_refused"]


@pytest.mark.parametrize("basic", [True, False])
async def test_basic_and_digest(basic: bool, clip: LoopClip) -> None:
    server = RtspServer([Mount("/cam", {"healthy": clip}, login=LOGIN, basic=basic)])
    port = await server.start("127.0.0.1", 0)
    session = await client.open_session(f"rtsp://127.0.0.1:{port}/cam", PlainPasswordLogin(LOGIN) if basic else LOGIN)
    session.sock.close()
    with pytest.raises(CameraError, match="user name and password"):
        await client.open_session(f"rtsp://127.0.0.1:{port}/cam", None)
    await server.stop()


def test_digest_sha256_answers_the_rfc_example() -> None:
    """RFC 7616 section 3.9.1, with its cnonce."""
    auth = Authenticator(("Mufasa", "Circle of Life"))
    nonce, cnonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    offers = [
        f'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5, nonce="{nonce}"',
        f'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, nonce="{nonce}"',
    ]
    assert auth.challenge(offers)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("core.network.authenticator.secrets.token_hex", lambda _: cnonce)
        header = auth.header("GET", "/dir/index.html")
    assert 'response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"' in header
    assert not auth.challenge(offers)  # the same credential is not sent twice


@asynccontextmanager
async def hostile(answer: bytes | None, *, close: bool) -> AsyncIterator[int]:
    """A server that gives every connection the same odd answer; yields its port."""
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        if answer:
            await reader.read(1000)
            writer.write(answer)
        if close:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    for writer in writers:
        writer.transport.abort()
    await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("answer", "close", "cause"),
    [
        (b"<html><body>camera</body></html>", False, "protocol_error"),
        (b"HTTP/1.1 200 OK\r\n\r\n", False, "protocol_error"),
        (None, True, "unreachable"),
        (b"\x00\x01\x02" * 500, False, "protocol_error"),
        (b"RTSP/1.0 200 OK\r\nContent-Length: 99999999\r\n\r\n", False, "protocol_error"),
        (b"RTSP/1.0 xyz\r\n\r\n", False, "protocol_error"),
        (b"RTSP/1.0 500 Internal Server Error\r\nCSeq: 1\r\n\r\n", True, "protocol_error"),
    ],
)
async def test_a_hostile_camera_costs_itself_a_gap(
    answer: bytes | None, close: bool, cause: str, rtsp_camera: Camera, recording: Recording, database: Database
) -> None:
    async with hostile(answer, close=close) as port:
        good, bad = (
            StreamSpec("cam/main", rtsp_camera[1], LOGIN),
            StreamSpec("bad/main", f"rtsp://127.0.0.1:{port}/x", None, EngineKind.NATIVE),
        )
        async with recording(good, bad) as recorder:
            await eventually(lambda: recorder.streams["cam/main"].counters.frames >= 15)
            await eventually(lambda: recorder.streams["bad/main"].state == "waiting")
    assert {g.cause for g in await rows(database, Gap, "bad/main")} == {cause}
    assert await rows(database, Gap) == []


async def test_silence_is_unreachable(
    recording: Recording, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rtsp_dialogue, "REPLY_SECONDS", 0.5)
    async with (
        hostile(None, close=False) as port,
        recording(StreamSpec("cam/main", f"rtsp://127.0.0.1:{port}/x", None, EngineKind.NATIVE)) as recorder,
    ):
        await eventually(lambda: recorder.streams["cam/main"].state == "waiting")
    assert [g.cause for g in await rows(database, Gap)] == ["unreachable"]


async def test_garbage_in_the_stream_ends_in_a_gap_and_recovers(
    rtsp_camera: Camera, recording: Recording, database: Database
) -> None:
    mount, url = rtsp_camera
    async with recording(StreamSpec("cam/main", url, LOGIN, EngineKind.NATIVE)) as recorder:
        state = recorder.streams["cam/main"]
        await eventually(lambda: state.counters.frames >= 15)
        mount.faults.add("garbage")
        await eventually(lambda: state.state == "waiting")
        mount.faults.clear()
        await eventually(lambda: state.state == "recording" and state.reconnects == 1)
        frames = state.counters.frames
        await eventually(lambda: state.counters.frames > frames + 10)
    gaps = await rows(database, Gap)
    assert len(gaps) == 1
    assert gaps[0].cause in ("no_packets", "protocol_error")
    for segment in await segments_of(database):
        assert int((await probe(await place_of(database, segment)))["nb_read_frames"]) == segment.frames


async def test_a_stall_is_a_gap_without_overlap(rtsp_camera: Camera, recording: Recording, database: Database) -> None:
    mount, url = rtsp_camera
    async with recording(StreamSpec("cam/main", url, LOGIN, EngineKind.NATIVE)) as recorder:
        state = recorder.streams["cam/main"]
        await eventually(lambda: state.counters.frames >= 15)
        mount.faults.add("stalled")
        await eventually(lambda: state.cause == "no_packets")
        mount.faults.clear()
        await eventually(lambda: state.reconnects == 1)
        frames = state.counters.frames
        await eventually(lambda: state.counters.frames > frames + 10)
    (gap,) = await rows(database, Gap)
    assert gap.cause == "no_packets"
    segments = await segments_of(database)
    before = [s for s in segments if s.end_us <= gap.start_us]
    after = [s for s in segments if s.start_us >= gap.end_us]
    assert len(before) + len(after) == len(segments)  # recorded or gap, never both
    assert before[-1].end_us == gap.start_us
    assert after[0].start_us == gap.end_us


async def test_packet_loss_is_counted_and_files_stay_good(
    rtsp_camera: Camera, recording: Recording, database: Database
) -> None:
    mount, url = rtsp_camera
    async with recording(StreamSpec("cam/main", url, LOGIN, EngineKind.NATIVE)) as recorder:
        state = recorder.streams["cam/main"]
        await eventually(lambda: state.counters.frames >= 10)
        mount.loss = 0.3  # so that chance leaves no doubt within seconds
        mount.faults.add("packet_loss")
        await eventually(lambda: state.counters.lost_packets > 5)
        mount.faults.clear()
        frames = state.counters.frames
        await eventually(lambda: state.counters.frames > frames + 20)
    assert sum(s.lost for s in await segments_of(database)) > 0
    for segment in await segments_of(database):
        # Pictures that refer to a lost one may not decode; each received one is in the file.
        assert int((await probe(await place_of(database, segment), decode=False))["nb_read_packets"]) == segment.frames


async def test_a_full_disk_costs_a_gap_and_nothing_that_was_written(
    rtsp_camera: Camera, recording: Recording, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = False
    real = iovec.write

    def writev(descriptor: int, parts: Any) -> int:
        if full:
            os.write(descriptor, iovec.joined(parts)[:100])  # a disk that fills up writes a part
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, parts)

    monkeypatch.setattr("nvr.media.buffers.iovec.write", writev)
    async with recording(StreamSpec("cam/main", rtsp_camera[1], LOGIN, EngineKind.NATIVE)) as recorder:
        state = recorder.streams["cam/main"]
        await eventually(lambda: state.counters.frames >= 25)
        full = True
        await eventually(lambda: state.sink.in_gap)
        assert state.state == "recording"  # the camera is not at fault and stays connected
        full = False
        monkeypatch.setattr(state.sink, "_blocked_until_us", 0)
        await eventually(lambda: not state.sink.in_gap, 20)
        frames = state.counters.frames
        await eventually(lambda: state.counters.frames > frames + 10)
    assert "disk_full" in {g.cause for g in await rows(database, Gap)}
    await recover(database, ["cam/main"], SystemClock().now())
    for segment in await segments_of(database):
        await probe(await place_of(database, segment))
    assert sum(s.frames for s in await segments_of(database)) >= 20


async def test_a_locked_database_delays_rows_and_loses_none(
    rtsp_camera: Camera, recording: Recording, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.database.BUSY_TIMEOUT_SECONDS", 1)
    await database.engine.dispose()

    spec = StreamSpec("cam/main", rtsp_camera[1], LOGIN, EngineKind.NATIVE)
    # On SQLite a writing session holds the lock from its first statement on.
    async with recording(spec) as recorder, database.session() as other:
        postgresql = other.get_bind().dialect.name == "postgresql"
        await other.execute(text("LOCK TABLE footage, open_segment IN SHARE MODE" if postgresql else "SELECT 1"))
        await eventually(lambda: recorder.streams["cam/main"].counters.frames >= 40, 20)
        assert await segments_of(database) == []
    segments = await segments_of(database)
    assert sum(s.frames for s in segments) >= 40
    assert not any(s.open for s in segments)


async def test_other_streams_are_not_interrupted_by_a_change(
    clip: LoopClip, recording: Recording, database: Database
) -> None:
    server = RtspServer([Mount(f"/cam{i}", {"healthy": clip}) for i in range(3)])
    port = await server.start("127.0.0.1", 0)
    specs = [StreamSpec(f"cam{i}/main", f"rtsp://127.0.0.1:{port}/cam{i}") for i in range(3)]
    async with recording(*specs[:2]) as recorder:
        await eventually(lambda: all(s.counters.frames > 5 for s in recorder.streams.values()))
        task = recorder.streams["cam0/main"].task
        await recorder.want([specs[0], specs[2]])
        await eventually(lambda: recorder.streams["cam2/main"].counters.frames > 5)
        assert recorder.streams["cam0/main"].task is task
        assert set(recorder.streams) == {"cam0/main", "cam2/main"}
    await server.stop()
    assert [g.cause for g in await rows(database, Gap, "cam1/main")] == ["schedule"]


async def test_a_stream_that_is_wanted_again_ends_the_gap_in_between(recording: Recording, database: Database) -> None:
    """A schedule starts and stops a stream every day."""
    spec = StreamSpec("cam/main", "rtsp://127.0.0.1:1/none", None, EngineKind.NATIVE)
    async with recording(spec) as recorder:
        await eventually(lambda: recorder.streams["cam/main"].sink.in_gap)
        await recorder.want([])
        await recorder.want([spec])
        assert recorder.streams["cam/main"].sink.timeline.last_cause == "schedule"
        await eventually(lambda: recorder.streams["cam/main"].sink.timeline.last_cause == "unreachable")
    found = await rows(database, Gap)
    assert [(g.cause, g.end_us is None) for g in found] == [
        ("unreachable", False),
        ("schedule", False),
        ("unreachable", True),
    ]
    assert found[0].end_us == found[1].start_us and found[1].end_us == found[2].start_us


async def test_restart_leaves_a_gap_called_recorder_down(
    rtsp_camera: Camera, recording: Recording, database: Database
) -> None:
    spec = StreamSpec("cam/main", rtsp_camera[1], LOGIN, EngineKind.NATIVE)
    async with recording(spec) as recorder:
        await eventually(lambda: recorder.streams["cam/main"].counters.frames >= 15)
    ends = await timeline_ends(database, ["cam/main"])
    now, enough_us = SystemClock().now, ends["cam/main"].until_us + MIN_GAP_US + 100_000
    await eventually(lambda: to_microseconds(now()) > enough_us)
    async with recording(spec, covered=ends) as recorder:
        await eventually(lambda: recorder.streams["cam/main"].counters.frames >= 15)
    (gap,) = await rows(database, Gap)
    assert gap.cause == "recorder_down"
    assert gap.end_us is not None and gap.end_us - gap.start_us >= MIN_GAP_US


async def test_the_connection_budget_paces_attempts() -> None:
    from core.clock import ManualClock

    clock, started = ManualClock(), []
    budget = ConnectLimiter(clock, rate=20, per_subnet=4)

    async def attempt(i: int) -> None:
        async with budget.attempt(f"rtsp://10.0.{i % 40}.{i}/"):
            started.append(clock.monotonic())

    tasks = [asyncio.create_task(attempt(i)) for i in range(100)]
    for _ in range(600):
        await asyncio.sleep(0)
        clock.advance(0.01)
    await asyncio.gather(*tasks)
    for start in range(5):
        assert sum(start <= t < start + 1 for t in started) <= 21


async def test_at_most_four_attempts_into_one_subnet() -> None:
    budget, running, most = ConnectLimiter(SystemClock(), rate=10_000, per_subnet=4), 0, 0

    async def attempt(i: int) -> None:
        nonlocal running, most
        async with budget.attempt(f"rtsp://10.0.7.{i}/"):
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.02)
            running -= 1

    await asyncio.gather(*(attempt(i) for i in range(20)))
    assert most == 4
