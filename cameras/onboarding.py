"""From an address to a camera that can be recorded: ask it over ONVIF, keep what it said.

Also the reader of discovery: which found devices are cameras of the inventory, which are strangers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import aiohttp

from cameras import discovery, registry
from cameras.discovery import Found
from cameras.onvif.addresses import service_url
from cameras.onvif.client import SoapClient
from cameras.onvif.device import Identity, identify
from cameras.onvif.media import Profile
from cameras.tables import Camera, Stream, Village
from core import events
from core.clock import Clock
from core.database import Database
from core.errors import CameraError, CameraRefused
from core.secrets import Vault

log = logging.getLogger(__name__)

AT_ONCE = 50


@dataclass(slots=True)
class Outcome:
    """What onboarding brought: camera ids, and why the others failed."""

    identified: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Discovered:
    known: dict[str, Found] = field(default_factory=dict)  # by camera id
    strangers: list[Found] = field(default_factory=list)


async def discover(
    cameras: Sequence[Camera], villages: Sequence[Village], interfaces: Sequence[str], wait: float = 2.0
) -> Discovered:
    """Probe by multicast on the interfaces and by unicast in the villages' subnets, then match by address."""
    subnets = sorted({s for v in villages for s in v.subnets})
    found = await asyncio.gather(discovery.multicast(interfaces, wait), discovery.sweep(subnets, wait))
    devices = {(d.endpoint, d.address): d for part in found for d in part}
    by_address = {normal(c.address): c.id for c in cameras if c.address}
    result = Discovered()
    for device in devices.values():
        camera = by_address.get(normal(device.address))
        if camera is not None:
            result.known[camera] = device
        else:
            result.strangers.append(device)
    return result


def normal(address: str) -> str:
    return address if address.rpartition(":")[2].isdigit() and not address.endswith("]") else f"{address}:80"


class Onboarding:
    def __init__(self, database: Database, vault: Vault, clock: Clock, http: aiohttp.ClientSession):
        self._database = database
        self._vault = vault
        self._clock = clock
        self._http = http

    async def run(self, cameras: Sequence[Camera]) -> Outcome:
        """Identify cameras, at most 50 at once; each keeps what it said, whatever happens to the others."""
        outcome = Outcome()
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(camera: Camera) -> None:
            async with slots:
                try:
                    await self.identify(camera)
                    outcome.identified.append(camera.id)
                except CameraError as e:
                    outcome.failed[camera.id] = str(e)

        await asyncio.gather(*(one(c) for c in cameras if c.address and c.refused_at is None))
        return outcome

    async def identify(self, camera: Camera) -> Identity:
        """Ask one camera and store its identity and streams. Raises CameraError."""
        assert camera.address is not None
        async with self._database.reading() as session:
            login = await registry.login(session, self._vault, camera.credential)
        client = SoapClient(self._http, self._clock, login)
        try:
            identity = await identify(client, service_url(camera.address), self._clock)
        except CameraRefused:
            async with self._database.session() as session:
                row = await session.get_one(Camera, camera.id)
                row.refused_at = self._clock.now()
                events.append(session, self._clock.now(), "camera.refused", village=row.village, camera=row.id)
            raise
        await self._keep(camera.id, identity)
        return identity

    async def _keep(self, number: str, identity: Identity) -> None:
        now = self._clock.now()
        async with self._database.session() as session:
            row = await session.get_one(Camera, number)
            row.device = {
                "manufacturer": identity.manufacturer, "model": identity.model, "firmware": identity.firmware,
                "serial": identity.serial, "hardware": identity.hardware,
            }  # fmt: skip
            row.clock_offset, row.seen_at = identity.clock_offset, now
            for kind, profile in chosen(identity.profiles).items():
                _store_stream(row, kind, profile)
            events.append(session, now, "camera.identified", village=row.village, camera=row.id, model=identity.model)


def chosen(profiles: Sequence[Profile]) -> dict[str, Profile]:
    """Main: the largest picture that we can record; sub: the smallest of the others, H.264 preferred."""
    usable = [p for p in profiles if p.stream_url and (p.codec or "H264").upper() in ("H264", "H265", "HEVC")]
    if not usable:
        return {}
    main = max(usable, key=lambda p: (p.width or 0) * (p.height or 0))
    others = [p for p in usable if p.stream_url != main.stream_url and (p.width or 0) < (main.width or 0)]
    sub = min(others, key=lambda p: ((p.codec or "H264").upper() != "H264", (p.width or 0) * (p.height or 0)), default=None)
    return {"main": main} | ({"sub": sub} if sub else {})


def _store_stream(camera: Camera, kind: str, profile: Profile) -> None:
    row = next((s for s in camera.streams if s.kind == kind), None)
    if row is None:
        row = Stream(id=f"{camera.id}/{kind}", camera=camera.id, kind=kind, record=True)
        camera.streams.append(row)
    if not row.from_inventory:
        row.url = profile.stream_url
    row.codec, row.width, row.height = profile.codec, profile.width, profile.height
    row.fps, row.bitrate, row.snapshot_url = profile.fps, profile.bitrate, profile.snapshot_url
