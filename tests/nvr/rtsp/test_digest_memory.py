"""That a camera's RTSP server offered Digest is stored and survives restarts and redirects."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from cameras.registry import registry
from cameras.tables import Camera, Credential, Stream, Village
from core.clock import SystemClock
from core.database import Database
from core.errors import CameraRefused, ClearPasswordRequested
from core.network.authenticator import PlainPasswordLogin
from core.network.connect_limiter import ConnectLimiter
from core.secrets import Vault
from health.patrol.probes import Probes
from nvr.edge.keyframe_probe import KeyframeProbe
from nvr.recorder.reconcile import DesiredStreams, StatusWriter, desired
from nvr.rtsp import client, server_memory
from tests.nvr.conftest import LOGIN, Recording, eventually
from tests.nvr.rtsp.test_storm_guard import MOVED, answering

VAULT = Vault(b"k" * 32)
CHALLENGE = "RTSP/1.0 401 No\r\nCSeq: {{cseq}}\r\nWWW-Authenticate: {}\r\n\r\n"
DIGEST, BASIC = CHALLENGE.format('Digest realm="x", nonce="n"'), CHALLENGE.format('Basic realm="x"')
SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.fixture(autouse=True)
def nothing_known() -> Iterator[None]:
    server_memory.clear()
    yield
    server_memory.clear()


async def registered(database: Database, url: str, *, record: bool = True) -> None:
    """Register a camera whose entry allows a password in clear."""
    async with database.session() as session:
        session.add(Village(code="v", name="v", boundary=[], subnets=[], funding=[]))
        session.add(Credential(name="c", username=LOGIN[0], sealed=VAULT.seal(LOGIN[1], "credential:c")))
        await session.flush()
        camera = Camera(id="cam", name="c", village="v", credential="c", profile={"allow_clear_password": True})
        camera.streams = [Stream(id="cam/main", camera="cam", kind="main", url=url, engine="native", record=record)]
        session.add(camera)


async def wanted(database: Database) -> DesiredStreams:
    async with database.reading() as session:
        return await desired(session, VAULT, "native", now=SystemClock().now(), zone=SHANGHAI)


async def act(database: Database, **values: object) -> None:
    """A person edits the camera's entry."""
    async with database.session() as session:
        await session.execute(update(Camera).values(refused_at=None, **values))


async def test_a_restart_does_not_forget_it(database: Database, recording: Recording) -> None:
    async with recording() as recorder, answering("127.0.0.1", DIGEST) as (port, _):
        await registered(database, f"rtsp://127.0.0.1:{port}/x")
        before = await wanted(database)
        assert isinstance(before.specs[0].login, PlainPasswordLogin) and not before.facts["cam/main"].has_digest
        await recorder.want(before.specs, facts=before.facts)
        await eventually(lambda: recorder.streams["cam/main"].state == "refused")
        writer = StatusWriter(recorder, SystemClock(), "r")
        async with database.session() as session:
            told = await writer.write(session, "")
        writer.stored(told)
        async with database.session() as session:
            again = await writer.write(session, "")
        assert len(told.with_digest) == 1 and not again.with_digest and not again.refused
        assert writer._written == set(writer._before) == {"cam/main"}
        await recorder.want([])
        async with database.session() as session:
            await writer.write(session, "")
        assert not (writer._written or writer._before or writer._jumps or writer._keyframes._before)
    await act(database)
    server_memory.clear()  # as in a new process
    async with recording() as recorder, answering("127.0.0.1", BASIC, port=port) as (_, asked):
        found = await wanted(database)
        await recorder.want(found.specs, facts=found.facts)
        state = recorder.streams["cam/main"]
        await eventually(lambda: "in clear" in state.detail)
        assert asked and b"Basic" not in b"".join(asked)
        await act(database, rtsp_digest_at=None)  # a person states that another device is there now
        found = await wanted(database)
        await recorder.want(found.specs, facts=found.facts)
        await eventually(lambda: b"Authorization: Basic" in b"".join(asked))


async def test_visits_of_cameras_that_nobody_records_keep_it_too(database: Database) -> None:
    clock = SystemClock()

    async def visited(visits: Probes) -> None:
        async with database.reading() as session:
            cameras = await registry.cameras(session)
        met = await visits.start(cameras)
        await visits.store_results({c: await visit for c, visit in met.items()}, clock.now())

    def new() -> Probes:
        return Probes(database, VAULT, KeyframeProbe(clock, ConnectLimiter(clock, 1000, 8)))

    async with answering("127.0.0.1", DIGEST) as (port, _):
        await registered(database, f"rtsp://127.0.0.1:{port}/x", record=False)
        await visited(new())
    await act(database)
    server_memory.clear()
    visits = new()
    async with answering("127.0.0.1", BASIC, port=port) as (_, asked):
        await visited(visits)
        assert asked and b"Basic" not in b"".join(asked)
        await act(database, rtsp_digest_at=None)
        await visited(visits)
        assert b"Authorization: Basic" in b"".join(asked)


async def test_a_redirection_does_not_make_it_forgotten() -> None:
    """The camera offered Digest, and redirects to another of its ports, which requests Basic."""
    clear = PlainPasswordLogin(LOGIN)
    async with answering("127.0.0.1", DIGEST) as (port, _):
        url = f"rtsp://127.0.0.1:{port}/x"
        with pytest.raises(CameraRefused):
            await client.open_session(url, clear)
    async with (
        answering("127.0.0.1", BASIC) as (other, asked),
        answering("127.0.0.1", MOVED.format(f"rtsp://127.0.0.1:{other}/y"), port=port),
    ):
        with pytest.raises(ClearPasswordRequested):
            await client.open_session(url, clear)
        assert asked
        with pytest.raises(ClearPasswordRequested):  # the address of its SD card recordings differs
            await client.open_session(f"rtsp://127.0.0.1:{other}/card", clear, remembered_as=url)
    assert b"Basic" not in b"".join(asked)


def url_of(number: int) -> str:
    return f"rtsp://10.0.{number // 256}.{number % 256}/stream"


def test_a_full_memory_forgets_only_the_server_that_was_not_used_for_longest() -> None:
    for i in range(server_memory.MAX_REMEMBERED):
        server_memory.remember_digest(url_of(i))
        server_memory.remember_without_options(url_of(i))
    assert server_memory.offered_digest(url_of(0)) and server_memory.needs_no_options(url_of(0))  # used again
    server_memory.remember_digest("rtsp://camera/")
    server_memory.remember_without_options("rtsp://camera/")
    known = [url_of(0), *(url_of(i) for i in range(2, server_memory.MAX_REMEMBERED)), "rtsp://camera/"]
    assert all(map(server_memory.needs_no_options, known)) and not server_memory.needs_no_options(url_of(1))
    assert all(map(server_memory.offered_digest, known))


def test_a_server_that_a_full_memory_forgot_is_not_sent_a_password_in_clear() -> None:
    """It is unknown whether it offered Digest, so it counts as if it had, until a person states otherwise."""
    for i in range(server_memory.MAX_REMEMBERED):
        server_memory.remember_digest(url_of(i))
    assert server_memory.may_use_basic("rtsp://basic/")
    server_memory.remember_digest("rtsp://camera/")
    assert not server_memory.may_use_basic(url_of(0)) and not server_memory.may_use_basic("rtsp://basic/")
    assert not server_memory.offered_digest("rtsp://basic/")  # what was not observed is not stored
    server_memory.forget_digest("rtsp://basic/")
    assert server_memory.may_use_basic("rtsp://basic/") and not server_memory.may_use_basic(url_of(0))


async def test_a_full_memory_never_falls_back_to_basic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_memory, "MAX_REMEMBERED", 2)
    clear = PlainPasswordLogin(LOGIN)
    async with answering("127.0.0.1", DIGEST) as (port, _):
        with pytest.raises(CameraRefused):
            await client.open_session(url := f"rtsp://127.0.0.1:{port}/x", clear)
    for i in range(5):
        server_memory.remember_digest(url_of(i))
    async with answering("127.0.0.1", BASIC, port=port) as (_, asked):
        with pytest.raises(ClearPasswordRequested):
            await client.open_session(url, clear)
    assert asked and b"Basic" not in b"".join(asked)
