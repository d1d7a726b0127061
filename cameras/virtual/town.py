"""A town of virtual cameras in one process, each with its own loopback address."""

from __future__ import annotations

import asyncio
import concurrent.futures
import pickle
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import cv2
from aiohttp import web

from cameras.virtual import scene
from cameras.virtual.clip import Frame, LoopClip, read_frames
from cameras.virtual.device import Device
from cameras.virtual.discovery_answer import DiscoveryAnswer
from cameras.virtual.onvif_service import OnvifService
from cameras.virtual.rendering import drawn_before
from cameras.virtual.rendering.daylight import light_step
from cameras.virtual.rendering.story_clips import FPS, GOP, MAIN, SUB, encode_pictures, encode_story
from cameras.virtual.rendering.view import View
from cameras.virtual.rtsp_server import Mount, RtspServer
from core.errors import StorageError
from core.host.child_environment import child_environment
from core.tasks import end, spawn

LOOP_SECONDS = 12
FOOTAGE_SECONDS = 120.0  # of a video file that plays in a loop
OPENING_SECONDS = 24.0  # of the story; the cameras start with this, the rest is encoded meanwhile
LIGHT_CHECK_S = 120.0
VARIANT_OF: dict[str, Callable[[Frame], Frame]] = {
    "black": scene.blackened,
    "blurred": scene.blurred,
    "moved": scene.moved,
}


@dataclass(frozen=True, slots=True)
class CameraPlan:
    """What one virtual camera shows: a `view` (file), `footage` (a video file), else a street of its `seed`."""

    name: str
    host: str
    seed: int
    variants: tuple[str, ...] = ()  # faulty variants to prepare besides the healthy one
    codec: str = "h264"
    footage: Path | None = None
    dome: bool = False
    view: Path | None = None
    opening_only: bool = False  # of a view: the camera fails soon, so the rest of its story is not drawn


CameraClips = dict[str, dict[str, LoopClip]]  # by profile ('main', 'sub') and variant


def build_clips(plan: CameraPlan, moment: datetime) -> CameraClips:
    """Encode the clips of a camera; of a view, the opening of its story, which later starts find on the disk."""
    cv2.setNumThreads(1)
    if plan.view is None:
        return _encoded(plan, moment)
    stored = drawn_before.Opening(plan.view, f"{plan.codec} {plan.variants} {OPENING_SECONDS}", moment)
    found = stored.load()
    if found is None:
        found = _encoded(plan, moment)
        stored.save(found)
    return found


def _encoded(plan: CameraPlan, moment: datetime) -> CameraClips:
    if plan.view is not None:
        view = View.model_validate_json(plan.view.read_text(encoding="utf-8"))
        healthy, first = encode_story(view, moment, plan.codec, OPENING_SECONDS)
    elif plan.footage is not None:
        healthy = encode_pictures(read_frames(str(plan.footage), MAIN, FPS, FOOTAGE_SECONDS), plan.codec)
        first = list(read_frames(str(plan.footage), MAIN, FPS, 4))
    else:
        pictures = list(scene.Street(plan.seed, MAIN).frames(int(FPS * LOOP_SECONDS)))
        healthy, first = encode_pictures(pictures, plan.codec), pictures[: int(FPS * 4)]
    clips = {profile: {"healthy": clip} for profile, clip in healthy.items()}
    for variant in plan.variants:
        # A frozen camera repeats one GOP bit by bit (an encoder that hangs). If only the sensor hangs, each picture
        # is encoded slightly differently, which cannot be detected within a minute.
        faulty = [first[0]] * GOP if variant == "frozen" else [VARIANT_OF[variant](f) for f in first]
        for profile, clip in encode_pictures(faulty, plan.codec).items():
            clips[profile][variant] = clip
    return clips


class VirtualTown:
    """Runs devices until stopped."""

    def __init__(
        self, plans: Sequence[CameraPlan], login: tuple[str, str] | None, http_port: int = 8899, rtsp_port: int = 8554
    ):
        self._plans = plans
        self._login = login
        self._ports = http_port, rtsp_port
        self.devices: list[Device] = []
        self._rtsp: list[RtspServer] = []
        self._runners: list[web.AppRunner] = []
        self._discovery: DiscoveryAnswer | None = None
        self._drawing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        with concurrent.futures.ProcessPoolExecutor() as pool:
            moment = datetime.now(timezone.utc)
            drawing = [loop.run_in_executor(pool, build_clips, p, moment) for p in self._plans]
            clips = [await made for made in drawing]
        for number, (plan, made) in enumerate(zip(self._plans, clips, strict=True)):
            await self._start_camera(plan, made, number)
        self._discovery = await DiscoveryAnswer.start(self.devices)
        if any(p.view is not None for p in self._plans):
            self._drawing = spawn(self._draw_story(moment), "story")

    async def _draw_story(self, moment: datetime) -> None:
        """Encode the whole story, and again whenever the light has changed; all cameras change at once."""
        drawn = None
        while True:
            step = light_step(moment)
            if step != drawn:
                drawn = step
                await self._change_clips([await self._whole_story(p, moment) for p in self._plans if _is_whole(p)])
            await asyncio.sleep(LIGHT_CHECK_S)
            moment = datetime.now(timezone.utc)

    async def _whole_story(self, plan: CameraPlan, moment: datetime) -> Path:
        assert plan.view is not None
        output = plan.view.with_suffix(".clips")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cameras.virtual.rendering", str(plan.view), moment.isoformat(), plan.codec,
            str(output), env=child_environment(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1"),
        )  # fmt: skip
        try:
            if await process.wait() != 0:
                raise StorageError(f"the story of camera {plan.name} could not be drawn")
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return output

    async def _change_clips(self, files: Sequence[Path]) -> None:
        found = [await asyncio.to_thread(_load_clips, f) for f in files]
        shown = [i for i, p in enumerate(self._plans) if _is_whole(p)]
        for number, clips in zip(shown, found, strict=True):
            for profile, clip in clips.items():
                mount = self.devices[number].mounts[profile]
                mount.clips = {**mount.clips, "healthy": clip}
                mount.phase = -self._rtsp[number].elapsed()  # the story begins again, on every camera

    async def _start_camera(self, plan: CameraPlan, clips: dict[str, dict[str, LoopClip]], number: int) -> None:
        # Cameras with a view show the same moment of one story.
        phase = 0.0 if plan.view else number * 1.7
        mounts = {p: Mount(f"/{p}", clips[p], phase=phase, login=self._login) for p in clips}
        device = Device(
            plan.name,
            f"{0xC0000 + number:06x}",
            plan.host,
            self._ports[0],
            self._ports[1],
            mounts,
            {"main": MAIN, "sub": SUB},
            self._login,
            dome=plan.dome,
        )
        server = RtspServer(list(mounts.values()))
        await server.start(plan.host, self._ports[1])
        runner = web.AppRunner(OnvifService(device).application(), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, plan.host, self._ports[0]).start()
        self.devices.append(device)
        self._rtsp.append(server)
        self._runners.append(runner)

    async def stop(self) -> None:
        if self._drawing is not None:
            await end(self._drawing)
        if self._discovery:
            self._discovery.close()
        for server in self._rtsp:
            await server.stop()
        for runner in self._runners:
            await runner.cleanup()


def _is_whole(plan: CameraPlan) -> bool:
    return plan.view is not None and not plan.opening_only


def _load_clips(file: Path) -> dict[str, LoopClip]:
    """Return the clips that a process of ours has written, and delete the file. Blocking."""
    clips: dict[str, LoopClip] = pickle.loads(file.read_bytes())
    file.unlink()
    return clips
