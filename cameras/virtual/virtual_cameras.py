"""Many virtual cameras of many makes on one event loop, each with its own loopback address (127.x.y.z).

They share one clip; they differ in identity and behaviour.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Sequence

from aiohttp import web

from cameras.virtual.clip import LoopClip
from cameras.virtual.device import Device
from cameras.virtual.discovery_answer import DiscoveryAnswer
from cameras.virtual.makes import MAKES, VirtualMake
from cameras.virtual.onvif_service import OnvifService
from cameras.virtual.rtsp_server import Mount, RtspServer

SIZES = {"main": (1280, 720), "sub": (640, 360)}


def create_device(
    number: int,
    make: VirtualMake,
    clip: LoopClip,
    host: str,
    login: tuple[str, str],
    ports: tuple[int, int] = (8899, 8554),
) -> Device:
    """Create one camera of a make; `ports` are those of its HTTP services and of RTSP."""
    mounts = {
        p: Mount(f"/v{number}/{p}", {"healthy": clip}, phase=number * 0.37 % 9, login=login, host=host) for p in SIZES
    }
    return Device(
        f"{make.model}-{number}", f"{0xA00000 + number:06x}", host, ports[0], ports[1], mounts, SIZES, login,
        make.manufacturer, make.model, make.firmware, make.card, make.dome, make.quirks,
    )  # fmt: skip


def create_devices(
    count: int,
    clip: LoopClip,
    first: str,
    login: tuple[str, str],
    ports: tuple[int, int] = (8899, 8554),
    makes: Sequence[VirtualMake] = MAKES,
) -> list[Device]:
    """Create `count` cameras of the makes in turn, at consecutive addresses from `first` on."""
    start = ipaddress.ip_address(first)
    return [create_device(i, makes[i % len(makes)], clip, str(start + i), login, ports) for i in range(count)]


class VirtualCameras:
    """Runs devices until stopped; all devices listen on the same ports of their own addresses."""

    def __init__(self, members: Sequence[Device]):
        self.members = list(members)
        self._rtsp = RtspServer([m for d in members for m in d.mounts.values()])
        self.services = {d.host: OnvifService(d, self._restart_of(d)) for d in members}
        self._http: asyncio.Server | None = None
        self._web: web.Server | None = None
        self.discovery: DiscoveryAnswer | None = None

    async def start(self, discovery_port: int | None = 3702, *, rtsp: bool = True) -> None:
        hosts = [d.host for d in self.members]
        loop = asyncio.get_running_loop()
        self._web = web.Server(self._handle, access_log=None)
        self._http = await loop.create_server(self._web, hosts, self.members[0].http_port, backlog=64)
        if rtsp:
            await self._rtsp.start(hosts, self.members[0].rtsp_port)
        if discovery_port is not None:
            self.discovery = await DiscoveryAnswer.start(self.members, port=discovery_port)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.transport is None:  # the client disconnected before the request was handled
            return web.Response(status=503)
        return await self.services[request.transport.get_extra_info("sockname")[0]].handle(request)

    def _restart_of(self, device: Device) -> Callable[[str], None]:
        return lambda token: self._rtsp.interrupt(device.mounts[token])

    async def stop(self) -> None:
        if self.discovery:
            self.discovery.close()
        await self._rtsp.stop()
        if self._http:
            self._http.close()
        if self._web:
            await self._web.shutdown(0.1)
