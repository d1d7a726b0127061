"""When streams connect: schedules, events with pre-roll, redirects, the reconnect-storm guard, worker changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import pytest

from cameras.virtual.rtsp_server import Mount
from core.clock import ManualClock, SystemClock, to_microseconds
from core.database import Database
from core.errors import CameraError, CameraRefused, ClearPasswordRequested, ProtocolError, RedirectRefused
from core.network.authenticator import PlainPasswordLogin
from nvr.engine_choice import EngineKind, failure_weight
from nvr.recorder import schedule
from nvr.recorder.pre_event import EventSink
from nvr.recorder.reconcile import shard
from nvr.rtsp import client
from nvr.rtsp.rtsp_dialogue import MAX_REDIRECTS, address_with_password
from nvr.rtsp.storm_guard import ReconnectStormGuard
from nvr.streams import StreamSpec
from tests.nvr.conftest import LOGIN, Recording, eventually, segments_of

Camera = tuple[Mount, str]
SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("text", "hour", "wanted"),
    [
        ("", 3, True),
        ("event", 3, True),
        ("07:00-19:00", 7, True),
        ("07:00-19:00", 19, False),
        ("22:00-06:00", 23, True),
        ("22:00-06:00", 5, True),
        ("22:00-06:00", 6, False),
        ("07:00-09:00,17:00-19:00", 18, True),
    ],
)
def test_hours_are_the_station_s(text: str, hour: int, wanted: bool) -> None:
    assert (
        schedule.includes(text, datetime(2026, 11, 21, hour, 0, tzinfo=SHANGHAI).astimezone(timezone.utc), SHANGHAI)
        is wanted
    )


async def test_on_event_the_pre_roll_is_there(rtsp_camera: Camera, recording: Recording, database: Database) -> None:
    spec = StreamSpec("cam/main", rtsp_camera[1], LOGIN, EngineKind.NATIVE, on_event=True)
    async with recording(spec, segment_seconds=30) as recorder:
        state = recorder.streams["cam/main"]
        await eventually(lambda: state.counters.frames >= 35, 20)
        assert isinstance(state.sink, EventSink)
        assert await segments_of(database) == [] and state.sink.segment is None
        now = to_microseconds(SystemClock().now())
        recorder.trigger("cam", now + 1_500_000)
        await eventually(lambda: state.sink.segment is not None)
        await eventually(lambda: state.sink.segment is None, 10)
    (kept,) = await segments_of(database)
    assert now - kept.start_us > 2_000_000  # before the event
    assert kept.end_us > now + 1_000_000


@asynccontextmanager
async def answering(host: str, answer: str, port: int = 0) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that gives every request the same answer ({cseq} and {port} filled in): (port, requests received)."""
    seen: list[bytes] = []
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        while data := await reader.read(2000):
            seen.append(data)
            cseq = data.split(b"CSeq: ")[1].split(b"\r\n")[0].decode()
            writer.write(answer.format(cseq=cseq, port=port).encode())

    server = await asyncio.start_server(serve, host, port)
    port = server.sockets[0].getsockname()[1]
    yield port, seen
    server.close()
    for writer in writers:
        writer.transport.abort()
    await asyncio.sleep(0.02)


MOVED = "RTSP/1.0 302 Moved\r\nCSeq: {{cseq}}\r\nLocation: {}\r\n\r\n"


async def test_a_redirection_is_followed(rtsp_camera: Camera) -> None:
    async with answering("127.0.0.1", MOVED.format(rtsp_camera[1])) as (port, _):
        session = await client.open_session(f"rtsp://127.0.0.1:{port}/x", LOGIN)
    session.sock.close()
    assert session.track.codec == "h264"


async def test_a_circle_of_redirections_ends() -> None:
    async with answering("127.0.0.1", MOVED.format("rtsp://127.0.0.1:{port}/again")) as (port, seen):
        with pytest.raises(ProtocolError, match="redirects"):
            await client.open_session(f"rtsp://127.0.0.1:{port}/x", LOGIN)
    assert len(seen) == MAX_REDIRECTS + 1


@pytest.mark.parametrize("login", [LOGIN, PlainPasswordLogin(LOGIN), None])
@pytest.mark.parametrize(
    "where",
    [
        "rtsp://127.0.0.2:{thief}/",
        "rtsp://127.0.0.1@127.0.0.2:{thief}/",
        "rtsp://[::ffff:127.0.0.2]:{thief}/",
        "rtsp://localhost.:{thief}/",
        "rtsp://169.254.169.254/",
        "rtsp://0.0.0.0:{thief}/",
        "rtsp://2130706434:{thief}/",
        "http://127.0.0.1:{thief}/",
        "rtsp:///x",
        "rtsp://[::1/x",
        "rtsp://127.0.0.1:{thief}/\nGET /metrics HTTP/1.1\nHost: x",
        "rtsp://127.0.0.1:{thief}/\x0bx",
        "rtsp://127.0.0.1:{thief}/ x",
        "rtsp://127.0.0.1:99999/",
        "rtsp://127.0.0.1:{thief}/" + "x" * 1000,
        "rtsp://u:p@127.0.0.1:{thief}/",
    ],
)
async def test_a_redirection_elsewhere_is_not_followed(where: str, login: tuple[str, str] | None) -> None:
    """A hostile camera redirects to a host of its choice or to this machine, or injects lines into our next request."""
    curious = 'RTSP/1.0 401 No\r\nCSeq: {cseq}\r\nWWW-Authenticate: Basic realm="x"\r\n\r\n'
    async with answering("127.0.0.2", curious) as (thief, asked):
        leads = where.format(thief=thief)
        async with answering("127.0.0.1", MOVED.format(leads)) as (port, _):
            # A header line ends at a bare LF; the rest of that address is valid.
            with pytest.raises(CameraError if "\n" in where else RedirectRefused):
                await client.open_session(f"rtsp://127.0.0.1:{port}/x", login)
    assert not asked


def test_no_other_engine_follows_a_redirection_or_tells_a_password() -> None:
    assert [failure_weight(e("x"), EngineKind.NATIVE) for e in (RedirectRefused, ClearPasswordRequested)] == [0.0, 0.0]


@pytest.mark.parametrize(
    "offer", ['Basic realm="x"', 'Basic realm="a, Digest b"', 'BASIC realm=x, Digest realm="b", algorithm=MD4']
)
async def test_a_password_is_not_told_to_who_asks_for_it_in_clear(offer: str) -> None:
    """A relay in place of a camera requests Basic."""
    curious = f"RTSP/1.0 401 No\r\nCSeq: {{cseq}}\r\nWWW-Authenticate: {offer}\r\n\r\n"
    async with answering("127.0.0.1", curious) as (port, asked):
        url = f"rtsp://127.0.0.1:{port}/x"
        for ask in (client.open_session(url, LOGIN), client.check_credential(url, LOGIN)):
            with pytest.raises(ClearPasswordRequested, match="allow_clear_password"):
                await ask
        said = b"".join(asked)
        assert said and b"Authorization" not in said
    for placeholder in ("rtsp://127.0.0.1/a?user={user}&password={password}", "rtsp://127.0.0.1/a?authbasic={basic}"):
        with pytest.raises(ClearPasswordRequested):
            address_with_password(placeholder, LOGIN)
        assert LOGIN[1] not in placeholder and "{" not in address_with_password(placeholder, PlainPasswordLogin(LOGIN))


async def test_digest_once_seen_is_not_given_up_for_basic() -> None:
    """Also where the camera's entry allows Basic: a server that changes from Digest to Basic is another one."""
    challenge = "RTSP/1.0 401 No\r\nCSeq: {{cseq}}\r\nWWW-Authenticate: {}\r\n\r\n"
    clear = PlainPasswordLogin(LOGIN)
    async with answering("127.0.0.1", challenge.format('Digest realm="x", nonce="n"')) as (port, _):
        with pytest.raises(CameraRefused):
            await client.open_session(f"rtsp://127.0.0.1:{port}/x", clear)
    async with answering("127.0.0.1", challenge.format('Basic realm="x"'), port=port) as (_, asked):
        with pytest.raises(ClearPasswordRequested):
            await client.open_session(f"rtsp://127.0.0.1:{port}/x", clear)
    assert asked and b"Basic" not in b"".join(asked)


async def test_most_cameras_at_once_is_one_event_and_nobody_hurries() -> None:
    clock = ManualClock()
    guard = ReconnectStormGuard(clock)
    assert not any(guard.record_failure(f"c{i}", 100) for i in range(20))  # one in six: faults of single cameras
    clock.advance(60)
    told = [guard.record_failure(f"c{i}", 100 - i) for i in range(90)]
    assert told.count(True) == 1 and guard.is_storm and guard.size == 90
    waiting = asyncio.create_task(guard.wait("10.0.0.0/24", 1.0))
    for _ in range(300):  # three seconds of simulated time
        await asyncio.sleep(0)
        clock.advance(0.01)
    assert not waiting.done()  # although its back-off is 1 s
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


async def test_a_neighbour_s_answer_shortens_the_wait() -> None:
    clock = ManualClock()
    guard = ReconnectStormGuard(clock)
    near, far = (asyncio.create_task(guard.wait(net, 60.0)) for net in ("10.0.0.0/24", "10.0.9.0/24"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    guard.record_success("10.0.0.0/24")
    for _ in range(300):
        await asyncio.sleep(0)
        clock.advance(0.01)
    assert near.done() and not far.done()
    far.cancel()
    await asyncio.gather(far, return_exceptions=True)
    guard.record_success("10.0.5.0/24")
    assert not guard._waiting  # nothing is kept of subnets in which nobody waits


def test_another_number_of_workers_moves_few_cameras() -> None:
    cameras = [f"cam-{i}" for i in range(3000)]
    before, after = {c: shard(c, 4) for c in cameras}, {c: shard(c, 5) for c in cameras}
    moved = [c for c in cameras if before[c] != after[c]]
    assert all(after[c] == 4 for c in moved)
    assert 0.15 < len(moved) / len(cameras) < 0.25
    assert all(650 < sum(w == k for w in before.values()) < 850 for k in range(4))
