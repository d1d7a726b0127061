"""From an address to a camera that can be recorded: ask it over ONVIF, keep what it said, note what changed.

Each camera is one piece of work: what is known of one is kept whatever happens to the others, so that long work may
be broken off at any time. A camera whose credential was refused is left alone until a person acts.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import aiohttp
from sqlalchemy.ext.asyncio import AsyncSession

from cameras import findings, history, registry
from cameras.firmware import Hole, known_holes
from cameras.identity import Known, Roll, Traits
from cameras.onvif.addresses import service_url
from cameras.onvif.client import Listener, SoapClient
from cameras.onvif.device import Identity, identify
from cameras.onvif.media import Profile
from cameras.tables import Camera, Credential, Stream
from core import events
from core.clock import Clock
from core.database import Database
from core.errors import CameraError, CameraRefused, ProtocolError
from core.secrets import Vault
from core.tasks import run_all

log = logging.getLogger(__name__)

AT_ONCE = 50
Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Outcome:
    """What onboarding brought: camera ids, and why the others failed."""

    identified: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


class Onboarding:
    def __init__(
        self, database: Database, vault: Vault, clock: Clock, http: aiohttp.ClientSession, listener: Listener | None = None,
        holes: Sequence[Hole] = (),
    ):  # fmt: skip
        self._database = database
        self._vault = vault
        self._clock = clock
        self._http = http
        self._listener = listener
        self._clients: dict[str, SoapClient] = {}
        self._holes = holes

    async def run(self, cameras: Sequence[Camera], progress: Progress = lambda _done, _all: None) -> Outcome:
        """Identify cameras, at most 50 at once; `progress` hears after each how many of how many are done."""
        outcome = Outcome()
        slots = asyncio.Semaphore(AT_ONCE)
        wanted = [c for c in cameras if c.address and c.refused_at is None]

        async def one(camera: Camera) -> None:
            async with slots:
                try:
                    await self.identify(camera)
                    outcome.identified.append(camera.id)
                except CameraError as e:
                    outcome.failed[camera.id] = str(e)
                    await self._failed(camera.id, str(e))
            progress(len(outcome.identified) + len(outcome.failed), len(wanted))

        await run_all(*(one(c) for c in wanted))
        return outcome

    async def _failed(self, number: str, problem: str) -> None:
        async with self._database.session() as session:
            row = await session.get_one(Camera, number)
            row.problem = problem[:200]

    async def client(self, camera: Camera, *, alone: bool = False) -> SoapClient:
        """The client of a camera: one for all who ask it, so that one request is in flight and nonces are kept.

        Without credential where it was refused: that rests until a person acts. `alone` gives a client that knows
        nothing of the others, for a device that may be another.
        """
        login = None
        if camera.refused_at is None:
            async with self._database.reading() as session:
                login = await registry.login(session, self._vault, camera.credential)
        known = self._clients.get(camera.id)
        if known is not None and known.login == login and not alone:
            known.probe_url = service_url(camera.address or "")
            return known
        client = SoapClient(self._http, self._clock, login, mode=camera.auth_mode, listener=self._listener)
        client.clock_offset, client.probe_url = camera.clock_offset or 0.0, service_url(camera.address or "")
        if not alone:
            self._clients[camera.id] = client
        return client

    async def identify(self, camera: Camera) -> Identity:
        """Ask one camera and store its identity and streams. Raises CameraError."""
        assert camera.address is not None
        client = await self.client(camera)
        try:
            found = await identify(client, service_url(camera.address), self._clock)
        except CameraRefused:
            await self.refused(camera.id)
            raise
        await self._keep(camera.id, found)
        return found

    async def told(self, camera: Camera, kind: str, *, gone: bool = False, **detail: Any) -> None:
        """Open a finding of a camera, or close it."""
        async with self._database.session() as session:
            about = findings.Subject.of(camera)
            if gone:
                await findings.gone(session, self._clock.now(), [kind], about)
            else:
                await findings.tell(session, self._clock.now(), kind, about, **detail)

    async def refused(self, number: str) -> None:
        """Nobody uses the credential on this camera any more until a person acts."""
        now = self._clock.now()
        async with self._database.session() as session:
            row = await session.get_one(Camera, number)
            if row.refused_at is None:
                row.refused_at = now
                events.append(session, now, "camera.refused", village=row.village, camera=row.id)
                await findings.tell(session, now, "credential_refused", findings.Subject.of(row), credential=row.credential)
        # What it knew rests with it: until now who asked was refused without a word sent.
        self._clients.pop(number, None)

    async def _keep(self, number: str, found: Identity) -> None:
        now = self._clock.now()
        async with self._database.session() as session:
            row = await session.get_one(Camera, number)
            facts = _facts(found)
            other = bool(row.device) and _contradicts(row, found)
            if other:
                detail = {"was": _shown(row.device or {}), "is": _shown(facts)}
                await findings.tell(session, now, "identity_changed", findings.Subject.of(row), **detail)
            else:
                await self._store(session, row, found, facts)
        if other:
            raise ProtocolError("another device answers at this camera's address; look at the finding")

    async def _store(self, session: AsyncSession, row: Camera, found: Identity, facts: dict[str, Any]) -> None:
        now = self._clock.now()
        history.note_all(session, row.id, now, history.SYSTEM, row.device or {}, facts, "device.")
        row.device = facts
        row.clock_offset, row.seen_at, row.auth_mode, row.problem = found.clock_offset, now, found.mode or None, None
        await self._keep_login(session, row, found)
        for kind, profile in chosen(found.profiles).items():
            _store_stream(session, row, kind, profile, now)
        about = findings.Subject.of(row)
        await findings.gone(session, now, ["identity_changed", "credential_refused"], about)
        if holes := known_holes(facts, self._holes):
            await findings.tell(session, now, "known_bad_firmware", about, firmware=found.firmware, holes=holes)
        else:
            await findings.gone(session, now, ["known_bad_firmware"], about)
        if found.mode == "none" and row.credential is not None:
            await findings.tell(session, now, "no_authentication", about, model=found.model)
        else:
            await findings.gone(session, now, ["no_authentication"], about)
        events.append(session, now, "camera.identified", village=row.village, camera=row.id, model=found.model)

    async def _keep_login(self, session: AsyncSession, row: Camera, found: Identity) -> None:
        """A password that the camera writes into its addresses goes into the vault, and nowhere else."""
        if found.embedded_login is None or row.credential is not None:
            return
        user, password = found.embedded_login
        name = f"camera-{row.id}"[:40]
        if await session.get(Credential, name) is None:
            await registry.keep_login(session, self._vault, name, user, password)
        history.note(session, row.id, self._clock.now(), history.SYSTEM, "credential", None, name)
        row.credential = name


def serial_of(manufacturer: str, serial: str) -> str:
    """A serial number as a trait: with its manufacturer, because each counts from one."""
    return f"{manufacturer} {serial}" if serial else ""


def traits_of(device: dict[str, Any] | None, endpoint: str | None) -> Traits:
    """Of a camera as the registry knows it."""
    if not device:
        return Traits(uuid=endpoint or "")
    serial = serial_of(device.get("manufacturer", ""), device.get("serial") or "")
    return Traits(endpoint or "", serial, frozenset(device.get("macs") or ()))


def roll_of(cameras: Sequence[Camera]) -> Roll:
    return Roll(Known(c.id, normal(c.address) if c.address else None, traits_of(c.device, c.endpoint)) for c in cameras)


def normal(address: str) -> str:
    """host:port, also where the port is left out."""
    return address if address.rpartition(":")[2].isdigit() and not address.endswith("]") else f"{address}:80"


def chosen(profiles: Sequence[Profile]) -> dict[str, Profile]:
    """Main: the largest picture that we can record; sub: the smallest of the others, H.264 preferred."""
    usable = [p for p in profiles if p.stream_url and (p.codec or "H264") in ("H264", "H265")]
    if not usable:
        return {}
    main = max(usable, key=lambda p: (p.width or 0) * (p.height or 0))
    others = [p for p in usable if p.stream_url != main.stream_url and (p.width or 0) < (main.width or 0)]
    sub = min(others, key=lambda p: ((p.codec or "H264") != "H264", (p.width or 0) * (p.height or 0)), default=None)
    return {"main": main} | ({"sub": sub} if sub else {})


def _facts(found: Identity) -> dict[str, Any]:
    return {
        "manufacturer": found.manufacturer, "model": found.model, "firmware": found.firmware, "serial": found.serial,
        "hardware": found.hardware, "macs": found.macs, "services": found.services, "protocols": found.protocols,
        "ptz": next((p.token for p in found.profiles if p.ptz), None), "zone": found.time.zone if found.time else "",
        "encoders": {kind: p.encoder for kind, p in chosen(found.profiles).items() if p.encoder},
        "source": next((p.source_configuration for p in found.profiles if p.source_configuration), None),
        "notes": found.notes[:20],
    }  # fmt: skip


def _contradicts(row: Camera, found: Identity) -> bool:
    serial = serial_of(found.manufacturer, found.serial)
    here = Roll([Known(row.id, "here", traits_of(row.device, None))])
    return here.judge("here", Traits("", serial, frozenset(found.macs))).kind == "replaced"


def _shown(device: dict[str, Any]) -> dict[str, Any]:
    return {k: device.get(k) for k in ("manufacturer", "model", "serial", "macs")}


def _store_stream(session: AsyncSession, camera: Camera, kind: str, profile: Profile, now: Any) -> None:
    row = next((s for s in camera.streams if s.kind == kind), None)
    if row is None:
        row = Stream(id=f"{camera.id}/{kind}", camera=camera.id, kind=kind, record=True)
        camera.streams.append(row)
    told = {k: v for k, v in asdict(profile).items() if k in ("codec", "width", "height", "fps", "bitrate", "snapshot_url")}
    if not row.from_inventory:
        told["url"] = profile.stream_url
    history.note_all(session, camera.id, now, history.SYSTEM, {k: getattr(row, k) for k in told}, told, f"streams.{kind}.")
    for key, value in told.items():
        setattr(row, key, value)
