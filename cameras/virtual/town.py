"""A town of virtual cameras in one process, each with its own loopback address."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from aiohttp import web

from cameras.virtual import scene
from cameras.virtual.clip import Frame, LoopClip, encode, read_frames
from cameras.virtual.device import Device
from cameras.virtual.discovery_answer import DiscoveryAnswer
from cameras.virtual.onvif_service import OnvifService
from cameras.virtual.rtsp_server import Mount, RtspServer

FPS = 8.0
LOOP_SECONDS = 12
GOP = 16
MAIN, SUB = (1280, 720), (640, 360)
VARIANT_OF: dict[str, Callable[[Frame], Frame]] = {
    "black": scene.blackened,
    "blurred": scene.blurred,
    "moved": scene.moved,
}


@dataclass(frozen=True, slots=True)
class CameraPlan:
    """What one virtual camera shows."""

    name: str
    host: str
    seed: int
    variants: tuple[str, ...] = ()  # faulty variants to prepare besides the healthy one
    codec: str = "h264"
    footage: Path | None = None
    dome: bool = False


def build_clips(plan: CameraPlan) -> dict[str, dict[str, LoopClip]]:
    """Encode the clips of a camera by profile ('main', 'sub') and variant."""
    pictures = _pictures(plan)
    small = [np.asarray(cv2.resize(p, SUB, interpolation=cv2.INTER_AREA), np.uint8) for p in pictures]
    result: dict[str, dict[str, LoopClip]] = {}
    for profile, frames, codec in (("main", pictures, plan.codec), ("sub", small, "h264")):
        result[profile] = {"healthy": _encode(frames, codec)}
        for variant in plan.variants:
            # Faulty pictures hardly change, so a short loop is enough.
            short = frames[: int(FPS * 4)]
            # A frozen camera repeats one GOP bit by bit (an encoder that hangs). If only the sensor hangs, each picture
            # is encoded slightly differently, which cannot be detected within a minute.
            faulty = [short[0]] * GOP if variant == "frozen" else [VARIANT_OF[variant](f) for f in short]
            result[profile][variant] = _encode(faulty, codec)
    return result


def _pictures(plan: CameraPlan) -> list[Frame]:
    if plan.footage:
        return read_frames(str(plan.footage), MAIN, FPS, LOOP_SECONDS)
    return list(scene.Street(plan.seed, MAIN).frames(int(FPS * LOOP_SECONDS)))


def _encode(frames: list[Frame], codec: str) -> LoopClip:
    return encode(frames, codec=codec, fps=FPS, gop=GOP)


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

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        with concurrent.futures.ProcessPoolExecutor() as pool:
            drawing = [loop.run_in_executor(pool, build_clips, p) for p in self._plans]
            clips = [await made for made in drawing]
        for number, (plan, made) in enumerate(zip(self._plans, clips, strict=True)):
            await self._start_camera(plan, made, number)
        self._discovery = await DiscoveryAnswer.start(self.devices)

    async def _start_camera(self, plan: CameraPlan, clips: dict[str, dict[str, LoopClip]], number: int) -> None:
        mounts = {p: Mount(f"/{p}", clips[p], phase=number * 1.7, login=self._login) for p in clips}
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
        if self._discovery:
            self._discovery.close()
        for server in self._rtsp:
            await server.stop()
        for runner in self._runners:
            await runner.cleanup()
