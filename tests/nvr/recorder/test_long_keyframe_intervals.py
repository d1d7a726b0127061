"""Long keyframe intervals: wait for a keyframe, request it, record everything after it, never reconnect."""

from __future__ import annotations

from typing import Any, cast

import aiohttp
import pytest
from aiohttp import web

from cameras.onvif.client import SoapClient
from cameras.tables import Camera, Credential, Village
from cameras.virtual.clip import LoopClip
from cameras.virtual.device import Device
from cameras.virtual.onvif_service import OnvifService
from cameras.virtual.rtsp_server import Mount
from core.clock import ManualClock, SystemClock
from core.database import Database
from core.errors import CameraRefused
from health.checks.presence import OFFLINE_CAUSES, SENDING_CAUSES
from nvr.engine_choice import EngineKind
from nvr.media.rtp import rtcp
from nvr.recorder.keyframe_requests import KeyframeRequests
from nvr.rtsp.sdp import KeyframeRequest
from nvr.streams import StreamSpec
from nvr.tables import FILLABLE, Gap, GapCause
from tests.nvr.conftest import Recording, eventually, segments_of
from tests.nvr.recorder.test_recorder import rows
from tests.nvr.scripted_camera import scripted_camera

OFFERS = "a=rtcp-fb:96 nack pli\r\na=control:trackID=0"


def sparse(clip: LoopClip, pictures: int) -> LoopClip:
    """The clip's first keyframe, followed by `pictures` pictures that are not keyframes."""
    deltas = [u for i, u in enumerate(clip.units) if i not in clip.keyframes]
    return LoopClip(clip.codec, clip.fps, [clip.units[0], *(deltas[i % len(deltas)] for i in range(pictures))])


async def test_the_first_keyframe_is_waited_and_asked_for(
    clip: LoopClip, recording: Recording, database: Database
) -> None:
    film = sparse(clip, round(6 * clip.fps))
    wait = 3.0  # seconds until the next keyframe
    async with (
        scripted_camera(
            film, lambda r: None, skip=round(3 * clip.fps), sdp=lambda t: t.replace("a=control:trackID=0", OFFERS)
        ) as camera,
        recording(StreamSpec("cam/main", camera.url, None, EngineKind.NATIVE)) as recorder,
    ):
        asked = list[str]()
        recorder.keyframe_wanted = asked.append
        state = recorder.streams["cam/main"]
        await eventually(lambda: asked)
        assert state.state == "recording" and state.keyframe_wanted_at > 0 and state.counters.frames == 0
        await eventually(lambda: state.counters.frames > clip.fps, wait + 6)
        assert state.reconnects == 0 and asked == ["cam/main"]
        frames = [bytes(f[4:]) for f in camera.rtcp]
    assert rtcp.keyframe_request(KeyframeRequest.PLI, 0x4D574E47, 1) in frames
    gaps = await rows(database, Gap)
    assert [g.cause for g in gaps] in ([GapCause.NO_KEYFRAME], []) and len(await segments_of(database)) >= 1
    assert GapCause.NO_KEYFRAME in FILLABLE and GapCause.NO_KEYFRAME in OFFLINE_CAUSES | SENDING_CAUSES


def test_keyframe_requests_on_the_wire() -> None:
    """RFC 4585 6.3.1 and RFC 5104 4.3.1."""
    own = bytes.fromhex("4d574e47")
    assert rtcp.keyframe_request(KeyframeRequest.PLI, 0x01020304, 1) == bytes.fromhex("81ce0002") + own + bytes.fromhex(
        "01020304"
    )
    assert rtcp.keyframe_request(KeyframeRequest.FIR, 0x01020304, 7) == bytes.fromhex("84ce0004") + own + bytes.fromhex(
        "000000000102030407000000"
    )


@pytest.mark.parametrize("password", ["geheim-123", "wrong"])
async def test_cameras_are_asked_over_onvif(password: str, clip: LoopClip, database: Database) -> None:
    mounts = {p: Mount(f"/{p}", {"healthy": clip}) for p in ("main", "sub")}
    made = Device(
        "cam", "0c0001", "127.0.0.1", 0, 8554, mounts, {"main": (1280, 720), "sub": (640, 360)}, ("minwang", password)
    )
    runner = web.AppRunner(OnvifService(made).application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.http_port = runner.addresses[0][1]
    async with database.session() as session:
        session.add(Village(code="v", name="v", boundary=[], subnets=[], funding=[]))
        await session.flush()
        session.add(Camera(id="cam", name="cam", village="v", address=f"127.0.0.1:{made.http_port}", profile={}))
    async with aiohttp.ClientSession() as http:
        login = ("minwang", "geheim-123")
        requests = KeyframeRequests(database, SystemClock(), None, lambda _: SoapClient(http, SystemClock(), login))  # type: ignore[arg-type]
        for _ in range(2):
            requests.want("cam/main")
            requests.want("nobody/main")
            await requests.run_once()
    await runner.cleanup()
    assert made.keyframe_requests == (["main", "sub"] * 2 if password == "geheim-123" else [])
    assert set(requests._suspended) == ({"nobody"} if password == "geheim-123" else {"nobody", "cam"})


class RecordingKeyframeRequests(KeyframeRequests):
    """Records which cameras are asked, and answers in place of the camera."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        super().__init__(database, clock, cast(Any, None), cast(Any, None))
        self.asked: list[str] = []
        self.answer: Exception | None = None
        self.meets = True

    async def _load_profiles(self, camera: str) -> bool:
        self.asked.append(camera)
        if self.answer is not None:
            raise self.answer
        self._clients[camera] = cast(Any, None), []
        return self.meets


async def test_a_camera_that_refused_once_is_asked_again_when_something_changed(database: Database) -> None:
    async with database.session() as session:
        session.add(Village(code="v", name="v", boundary=[], subnets=[], funding=[]))
        session.add(Credential(name="c", username="u", sealed="old"))
        await session.flush()
        session.add(Camera(id="cam", name="cam", village="v", address="127.0.0.1:1", credential="c", profile={}))
    clock = ManualClock()
    requests = RecordingKeyframeRequests(database, clock)

    async def rounds() -> int:
        before = len(requests.asked)
        for _ in range(3):
            requests.want("cam/main")
            await requests.run_once()
        return len(requests.asked) - before

    requests.answer = CameraRefused("the camera refused the credential")
    assert await rounds() == 1  # a wrong password is not repeated
    clock.advance(3601)
    assert await rounds() == 1  # it may have been booting
    async with database.session() as session:
        (await session.get_one(Credential, "c")).sealed = "new"
    requests.answer = None
    assert await rounds() == 1 and set(requests._suspended) == set()
    requests._clients.clear()
    requests.meets = False  # no media service
    assert await rounds() == 1 and set(requests._suspended) == {"cam"}
    async with database.session() as session:
        (await session.get_one(Camera, "cam")).address = "127.0.0.1:2"
    requests.meets = True
    assert await rounds() == 1 and set(requests._suspended) == set()
