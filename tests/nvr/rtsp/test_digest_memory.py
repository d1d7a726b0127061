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
from core.errors import CameraRefused, ClearPasswordWanted
from core.network.authenticator import ClearLogin
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
    server_memory._with_digest.clear()
    yield
    server_memory._with_digest.clear()


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
    async with recording() as machine, answering("127.0.0.1", DIGEST) as (port, _):
        await registered(database, f"rtsp://127.0.0.1:{port}/x")
        before = await wanted(database)
        assert isinstance(before.specs[0].login, ClearLogin) and not before.facts["cam/main"].has_digest
        await machine.want(before.specs, facts=before.facts)
        await eventually(lambda: machine.streams["cam/main"].state == "refused")
        writer = StatusWriter(machine, SystemClock(), "r")
        async with database.session() as session:
            told = await writer.write(session, "", 1)
        writer.stored(told)
        async with database.session() as session:
            again = await writer.write(session, "", 1)
        assert len(told.with_digest) == 1 and not again.with_digest and not again.refused
    await act(database)
    server_memory._with_digest.clear()  # as in a new process
    async with recording() as machine, answering("127.0.0.1", BASIC, port=port) as (_, asked):
        found = await wanted(database)
        await machine.want(found.specs, facts=found.facts)
        state = machine.streams["cam/main"]
        await eventually(lambda: "in clear" in state.detail)
        assert asked and b"Basic" not in b"".join(asked)
        await act(database, rtsp_digest_at=None)  # a person states that another device is there now
        found = await wanted(database)
        await machine.want(found.specs, facts=found.facts)
        await eventually(lambda: b"Authorization: Basic" in b"".join(asked))


async def test_visits_of_cameras_that_nobody_records_keep_it_too(database: Database) -> None:
    clock = SystemClock()

    async def visited(visits: Probes) -> None:
        async with database.reading() as session:
            cameras = await registry.cameras(session)
        met = await visits.begin(cameras)
        await visits.keep({c: await visit for c, visit in met.items()}, clock.now())

    def new() -> Probes:
        return Probes(database, VAULT, KeyframeProbe(clock, ConnectLimiter(clock, 1000, 8)))

    async with answering("127.0.0.1", DIGEST) as (port, _):
        await registered(database, f"rtsp://127.0.0.1:{port}/x", record=False)
        await visited(new())
    await act(database)
    server_memory._with_digest.clear()
    visits = new()
    async with answering("127.0.0.1", BASIC, port=port) as (_, asked):
        await visited(visits)
        assert asked and b"Basic" not in b"".join(asked)
        await act(database, rtsp_digest_at=None)
        await visited(visits)
        assert b"Authorization: Basic" in b"".join(asked)


async def test_a_redirection_does_not_make_it_forgotten() -> None:
    """The camera offered Digest, and redirects to another of its ports, which requests Basic."""
    clear = ClearLogin(LOGIN)
    async with answering("127.0.0.1", DIGEST) as (port, _):
        url = f"rtsp://127.0.0.1:{port}/x"
        with pytest.raises(CameraRefused):
            await client.open_session(url, clear)
    async with (
        answering("127.0.0.1", BASIC) as (other, asked),
        answering("127.0.0.1", MOVED.format(f"rtsp://127.0.0.1:{other}/y"), port=port),
    ):
        with pytest.raises(ClearPasswordWanted):
            await client.open_session(url, clear)
        assert asked
        with pytest.raises(ClearPasswordWanted):  # the address of its SD card recordings differs
            await client.open_session(f"rtsp://127.0.0.1:{other}/card", clear, remembered_as=url)
    assert b"Basic" not in b"".join(asked)
