"""A look at who is out there: what discovery met, matched with the registry.

Devices at a camera's address are that camera unless they say otherwise. A camera that answers from another address is followed
there by itself only inside its village's subnets, while its old address is silent, and after it has proved over HTTP Digest
who it is: a relay that took its place could not be told from it otherwise. It is a finding until a person confirms it; any
other move is one that a person confirms first (cameras.onboarding.adoption.confirm_move). Clones and strangers become findings.
"""

from __future__ import annotations

import ipaddress
import logging
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.discovery import port_scan, unknown_devices, ws_discovery
from cameras.discovery.identity import CameraIndex, DeviceIdentifiers, IdentityMatch
from cameras.discovery.ws_discovery import DiscoveredDevice
from cameras.onboarding.onboarding import Onboarding, roll_of, serial_of, traits_of
from cameras.onvif.addresses import DEFAULT_PATH, bracket, host_of, host_port, service_url
from cameras.onvif.device import DeviceInformation, identify
from cameras.onvif.namespaces import DEVICE
from cameras.per_camera import TROUBLE, own_trouble
from cameras.per_camera import why as why_not
from cameras.registry import findings, history
from cameras.tables import Camera, DeviceSeen, Village
from core import events
from core.clock import Clock
from core.database import Database
from core.errors import CameraError, CameraRefused, UsageError
from core.tasks import run_all

log = logging.getLogger(__name__)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
ASK_SECONDS = 1.0
SILENT = "no answer to discovery"
NO_WEB = (554, 34567)  # RTSP and a maker's own protocol: nobody speaks SOAP there
TIME_REQUEST = f'<GetSystemDateAndTime xmlns="{DEVICE}"/>'


@dataclass(slots=True)
class SurveyedDevice:
    """A device and whom it was taken for."""

    found: DiscoveredDevice
    verdict: IdentityMatch
    village: str | None = None
    followed: bool = False  # a camera that moved: its address was changed
    why: str = ""  # it was not followed


@dataclass(slots=True)
class Report:
    met: list[SurveyedDevice] = field(default_factory=list)
    silent: dict[str, list[int]] = field(default_factory=dict)  # open TCP ports of cameras that answered nothing

    @property
    def counts(self) -> dict[str, int]:
        return dict(Counter(m.verdict.kind for m in self.met))

    def of(self, *kinds: str) -> list[SurveyedDevice]:
        return [m for m in self.met if m.verdict.kind in kinds]


@dataclass(frozen=True, slots=True)
class _RegistrySnapshot:
    """What devices are matched with: the registry as it is at the beginning of a look."""

    cameras: dict[str, Camera]
    roll: CameraIndex
    at: dict[str, Camera]  # by host:port; the first of two at one address
    networks: Sequence[tuple[Network, str]]  # subnets and whose they are
    answered: Collection[str]  # host:port of everything that answered


class Survey:
    def __init__(
        self, database: Database, clock: Clock, onboarding: Onboarding, discovery_port: int = ws_discovery.PORT
    ):
        self._database = database
        self._clock = clock
        self._onboarding = onboarding
        self._discovery_port = discovery_port

    async def run(self, interfaces: Sequence[str], wait: float = 2.0, subnets: Sequence[str] = ()) -> Report:
        """Probe by multicast on the interfaces and by unicast in the villages' and the given subnets; keep what was met."""
        async with self._database.reading() as session:
            villages = (await session.scalars(select(Village))).all()
            known = await session.scalars(
                select(Camera.address).where(Camera.retired.is_(False), Camera.address.is_not(None))
            )
            cameras = {host_port(a or "") for a in known}
        wanted = sorted(
            {str(n) for n, _ in networks_of(villages) if n.num_addresses <= ws_discovery.MAX_SWEEP} | set(subnets)
        )
        parts = await run_all(
            ws_discovery.multicast(interfaces, wait, cameras), ws_discovery.sweep(wanted, wait, known=cameras)
        )
        devices = [d for part in parts for d in part]
        report = await self.keep(devices)
        async with self._database.session() as session:
            await unknown_devices.forget(session, self._clock.now())
        report.silent = await self._knock({host_port(d.address) for d in devices})
        return report

    async def _knock(self, answered: set[str]) -> dict[str, list[int]]:
        """Cameras that did not answer discovery: which TCP ports are open at their addresses?

        One that nobody has asked yet and that speaks ONVIF on another port is looked for there from now on.
        """
        async with self._database.reading() as session:
            cameras = (
                await session.scalars(select(Camera).where(Camera.retired.is_(False), Camera.seen_at.is_(None)))
            ).all()
        silent = {c.id: c for c in cameras if c.address and host_port(c.address) not in answered}
        places: dict[str, tuple[str, int]] = {}
        for camera in silent.values():
            async with own_trouble(self._database, camera.id):
                places[camera.id] = _place(camera)
        hosts, own = {h for h, _ in places.values()}, {p for _, p in places.values()}
        found = await port_scan.open_ports(sorted(hosts), sorted(own | set(port_scan.CANDIDATES)))
        for number, (host, port) in places.items():
            async with own_trouble(self._database, number):
                await self._note_silent(silent[number], host, port, found.get(host, []))
        return {c: found[h] for c, (h, _) in places.items() if h in found}

    async def _note_silent(self, camera: Camera, host: str, port: int, there: list[int]) -> None:
        better = None if port in there else await self._onvif_port(camera, host, there)
        async with self._database.session() as session:
            row = await session.get_one(Camera, camera.id)
            if better is not None:
                address = f"{bracket(host)}:{better}"
                history.note(session, row.id, self._clock.now(), history.SYSTEM, "address", row.address, address)
                row.address = address
            elif row.problem is None or row.problem.startswith(SILENT):
                row.problem = f"{SILENT}; open ports: {', '.join(map(str, there)) or 'none'}"

    async def _onvif_port(self, camera: Camera, host: str, there: list[int]) -> int | None:
        client = await self._onboarding.client(camera, alone=True)
        for port in there:
            if port in NO_WEB:
                continue
            try:
                await client.call(service_url(f"{bracket(host)}:{port}"), TIME_REQUEST, authenticate=False, seconds=5.0)
            except CameraRefused:
                return port
            except CameraError:
                continue
            return port
        return None

    async def keep(self, devices: Sequence[DiscoveredDevice]) -> Report:
        """Match devices with the registry and write down the outcome."""
        async with self._database.reading() as session:
            cameras = (await session.scalars(select(Camera).where(Camera.retired.is_(False)))).all()
            villages = (await session.scalars(select(Village))).all()
        book = _RegistrySnapshot(
            {c.id: c for c in cameras},
            roll_of(cameras),
            {host_port(c.address): c for c in reversed(cameras) if c.address},
            networks_of(villages),
            {host_port(d.address) for d in devices},
        )
        report = Report()
        in_order = sorted(devices, key=lambda d: d.is_proven)  # of two words about one address the proven one counts
        once = list({host_port(d.address): d for d in in_order}.values())
        for device in await self._proven(once, book.at):
            try:
                await self._meet(report, device, book)
            except TROUBLE as e:  # what one device tells must not keep the others from being met
                log.warning("%s: %s", device.address, why_not(e))
        return report

    async def _proven(self, devices: Sequence[DiscoveredDevice], at: Mapping[str, Camera]) -> list[DiscoveredDevice]:
        """What says at a camera's address that it is another than the camera was is asked there itself: anybody can say Hello in its
        name, and would give it an identity so. Who does not answer has none."""
        doubtful = {
            host_port(d.address): d
            for d in devices
            if not d.is_proven
            and d.endpoint != d.address
            and (here := at.get(host_port(d.address)))
            and here.endpoint != d.endpoint
        }
        if not doubtful:
            return list(devices)
        hosts = sorted({host_of(d.url) for d in doubtful.values()})
        there = {
            host_port(a.address): a
            for a in await ws_discovery.ask(hosts, ASK_SECONDS, self._discovery_port)
            if a.is_proven
        }
        nameless = {address: replace(d, endpoint=d.address) for address, d in doubtful.items()}
        return [(nameless | there)[p] if (p := host_port(d.address)) in doubtful else d for d in devices]

    async def _meet(self, report: Report, device: DiscoveredDevice, book: _RegistrySnapshot) -> None:
        """Judge one device, ask it where it must prove itself, and keep what came of it."""
        here = book.at.get(host_port(device.address))
        seen = DeviceIdentifiers(uuid=device.endpoint if device.endpoint != device.address else "")
        if here is not None and here.endpoint in (None, seen.uuid):
            # The UUID is told to everybody; that it agrees with the address is all that is asked here.
            verdict = IdentityMatch("known" if here.device else "first", here.id)
        else:
            verdict = book.roll.judge(host_port(device.address), seen)
        identity, why, village = None, "", village_of(device.address, book.networks)
        if verdict.kind == "moved" and verdict.camera is not None:
            camera = book.cameras[verdict.camera]
            why = await self._why_not_followed(camera, village, book.answered)
            if not why:  # else it is not even asked: the credential stays where it belongs
                identity, verdict = await self._proved(camera, device)
        followed = verdict.kind == "moved" and not why
        report.met.append(met := SurveyedDevice(device, verdict, village, followed, why))
        answers = await self._answers_there(book.cameras.get(verdict.camera or ""), met)
        await self._write(met, identity, answers)

    async def _why_not_followed(self, camera: Camera, village: str | None, answered: Collection[str]) -> str:
        """Why a person must confirm that the camera moved; empty: it may prove itself."""
        if village != camera.village:
            return "outside_subnets"
        if camera.auth_mode != "digest":
            return "no_digest"
        old, (host, port) = host_port(camera.address or ""), _place(camera)
        if old in answered or await port_scan.open_ports([host], [port]):
            return "old_address_answers"
        return ""

    async def _proved(self, camera: Camera, device: DiscoveredDevice) -> tuple[DeviceInformation | None, IdentityMatch]:
        """Is it really the camera? Asked with its own credential, once; a device that refuses it is somebody else."""
        client = await self._onboarding.client(camera, alone=True)
        try:
            found = await identify(client, device.url, self._clock)
        except CameraError:
            return None, IdentityMatch("clone", camera.id)
        known = traits_of(camera.device, camera.endpoint)
        told = DeviceIdentifiers(device.endpoint, serial_of(found.manufacturer, found.serial), frozenset(found.macs))
        same = (not known.macs or not told.macs or known.macs & told.macs) and (
            not known.serial or known.serial == told.serial
        )
        return found, IdentityMatch("moved" if same else "clone", camera.id)

    async def _write(self, met: SurveyedDevice, identity: DeviceInformation | None, answers_there: bool) -> None:
        now, device, verdict = self._clock.now(), met.found, met.verdict
        async with self._database.session() as session:
            row = await session.get(DeviceSeen, device.address)
            if row is None:
                row = DeviceSeen(address=device.address, first_seen=now, serial="", macs=[])
                session.add(row)
            row.endpoint, row.url, row.name, row.hardware = (
                device.endpoint,
                device.url,
                device.name[:80],
                device.hardware[:80],
            )
            row.verdict, row.camera, row.village, row.last_seen = verdict.kind, verdict.camera, met.village, now
            if identity is not None:
                row.serial, row.macs = f"{identity.manufacturer} {identity.serial}"[:80], identity.macs
            camera = await session.get(Camera, verdict.camera) if verdict.camera else None
            if (
                camera is not None
                and verdict.kind in ("known", "first")
                and device.is_proven
                and device.endpoint != device.address
            ):
                if camera.endpoint != device.endpoint:
                    history.note(session, camera.id, now, history.SYSTEM, "endpoint", camera.endpoint, device.endpoint)
                camera.endpoint = device.endpoint
            if camera is not None and met.followed:
                is_at = device.known_as
                await findings.tell(
                    session,
                    now,
                    "moved",
                    findings.FindingSubject.of(camera),
                    was=camera.address,
                    now_at=is_at,
                    followed=True,
                    why="",
                )
                history.note(session, camera.id, now, history.SYSTEM, "address", camera.address, is_at)
                events.append(
                    session,
                    now,
                    "camera.moved",
                    village=camera.village,
                    camera=camera.id,
                    was=camera.address,
                    address=device.address,
                )
                camera.address = is_at
            elif camera is not None and answers_there and service_url(camera.address or "").endswith(DEFAULT_PATH):
                history.note(session, camera.id, now, history.SYSTEM, "address", camera.address, device.known_as)
                camera.address = device.known_as
            await self._tell(session, met, camera)

    async def _answers_there(self, camera: Camera | None, met: SurveyedDevice) -> bool:
        """Whether a camera that nobody has identified yet answers at the path that discovery tells, where it is not the usual one
        and no person gave one. The path is told by whoever sends a datagram; of a camera that was identified another one is
        looked for when it does not answer at its own (cameras.onboarding.onboarding)."""
        device, known = met.found, (camera.address or "") if camera is not None else ""
        if (
            camera is None
            or camera.device
            or met.verdict.kind not in ("known", "first")
            or device.known_as == device.address
        ):
            return False
        if not service_url(known).endswith(DEFAULT_PATH) or host_port(known) != host_port(device.known_as):
            return False
        client = await self._onboarding.client(camera, alone=True)
        try:
            await client.call(device.url, TIME_REQUEST, authenticate=False, seconds=5.0)
        except CameraError as e:
            return isinstance(e, CameraRefused)
        return True

    async def _tell(self, session: AsyncSession, met: SurveyedDevice, camera: Camera | None) -> None:
        """Clones and strangers are findings of their address, another device at a camera's address is one of the camera."""
        now, device = self._clock.now(), met.found
        stranger = findings.FindingSubject(None, device.address, met.village)
        telling = {"new": "unknown_device", "clone": "clone"}.get(met.verdict.kind)
        for kind in ("unknown_device", "clone"):
            if kind != telling:
                await findings.gone(session, now, [kind], stranger)
        if telling is not None:
            about = {"name": device.name, "hardware": device.hardware, "like": met.verdict.camera}
            await findings.tell(session, now, telling, stranger, **about)
        elif met.verdict.kind == "moved" and not met.followed and camera is not None:
            told = {"was": camera.address, "now_at": device.known_as, "followed": False, "why": met.why}
            if not await findings.is_accepted(session, "moved", findings.FindingSubject.of(camera), **told):
                await findings.tell(session, now, "moved", findings.FindingSubject.of(camera), **told)
        elif met.verdict.kind == "replaced" and camera is not None:
            change = {"was": {"uuid": camera.endpoint}, "is": {"uuid": device.endpoint}}
            await findings.tell(session, now, "identity_changed", findings.FindingSubject.of(camera), **change)


def networks_of(villages: Iterable[Village]) -> list[tuple[Network, str]]:
    """Subnets and the code of the village whose they are; one that is none is told in the log."""
    found: list[tuple[Network, str]] = []
    for village in villages:
        try:
            found += [(ipaddress.ip_network(s, strict=False), village.code) for s in village.subnets]
        except (ValueError, TypeError) as e:
            log.warning(
                "the subnets of village '%s' cannot be used: %s; correct them in the inventory", village.code, e
            )
    return found


def _place(camera: Camera) -> tuple[str, int]:
    """Host and port of its ONVIF service. Raises ValueError, UsageError."""
    url = service_url(camera.address or "")
    host = host_of(url)
    if urlsplit(url).port == 0 or not host:  # a connection to no host goes to this machine
        raise UsageError("its address names no host and port; correct it in the inventory")
    return host, int(host_port(camera.address or "").rpartition(":")[2])


def village_of(address: str, networks: Sequence[tuple[Network, str]]) -> str | None:
    """The village in whose subnet an address lies; the narrowest where several hold it."""
    try:
        host = ipaddress.ip_address(address.rpartition(":")[0].strip("[]") or address)
    except ValueError:
        return None
    fitting = [(n.prefixlen, code) for n, code in networks if host in n]
    return max(fitting)[1] if fitting else None
