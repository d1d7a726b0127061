"""Survey of the network: match the devices that discovery found with the registry.

A device at a camera's address is that camera unless its identifiers differ. The station follows a camera to another
address by itself only inside the subnets of its village, while the old address is silent, and after the camera
authenticated over HTTP Digest: with a weaker method a relay in its place could not be distinguished from it. The move
stays a finding until a person confirms it; any other move needs a person's confirmation first
(cameras.onboarding.adoption.confirm_move). Clones and strangers become findings.
"""

from __future__ import annotations

import ipaddress
import logging
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from sqlalchemy import select

from cameras.discovery import port_scan, unknown_devices, ws_discovery
from cameras.discovery.identity import CameraIndex, DeviceIdentifiers, IdentityMatch
from cameras.discovery.ws_discovery import DiscoveredDevice
from cameras.onboarding import survey_rows
from cameras.onboarding.onboarding import Onboarding, camera_index, identifiers_of, serial_of
from cameras.onboarding.survey_rows import SurveyedDevice
from cameras.onvif.addresses import DEFAULT_PATH, bracket, host_of, host_port, service_url
from cameras.onvif.device import DeviceInformation, identify
from cameras.onvif.namespaces import DEVICE
from cameras.per_camera import CAMERA_ERRORS, isolate_camera_errors
from cameras.per_camera import error_message as why_not
from cameras.registry import history
from cameras.states import AuthMode, MatchKind, MoveObstacle
from cameras.tables import Camera, Village
from core.clock import Clock
from core.database import Database
from core.error_codes import ErrorCode
from core.errors import CameraError, CameraRefused, UsageError
from core.tasks import run_all

log = logging.getLogger(__name__)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
PROBE_WAIT_S = 1.0
NO_DISCOVERY_ANSWER = "no answer to discovery"
NON_HTTP_PORTS = (554, 34567)  # RTSP and a proprietary protocol: no SOAP service there
TIME_REQUEST = f'<GetSystemDateAndTime xmlns="{DEVICE}"/>'


@dataclass(slots=True)
class SurveyReport:
    """The devices that a survey found, and the open ports of the cameras that it did not find."""

    devices: list[SurveyedDevice] = field(default_factory=list)
    silent: dict[str, list[int]] = field(default_factory=dict)  # open TCP ports of cameras that did not answer

    @property
    def counts(self) -> dict[MatchKind, int]:
        return dict(Counter(m.verdict.kind for m in self.devices))

    def of(self, *kinds: MatchKind) -> list[SurveyedDevice]:
        return [m for m in self.devices if m.verdict.kind in kinds]


@dataclass(frozen=True, slots=True)
class _RegistrySnapshot:
    """The registry at the beginning of a survey, against which devices are matched."""

    cameras: dict[str, Camera]
    index: CameraIndex
    by_address: dict[str, Camera]  # by host:port; of two cameras at one address the first
    networks: Sequence[tuple[Network, str]]  # subnets and their village codes
    answered: Collection[str]  # host:port of every device that answered


class Survey:
    """Runs surveys. Writes devices, findings, and the addresses of cameras that moved."""

    def __init__(
        self, database: Database, clock: Clock, onboarding: Onboarding, discovery_port: int = ws_discovery.PORT
    ):
        self._database = database
        self._clock = clock
        self._onboarding = onboarding
        self._discovery_port = discovery_port

    async def run(self, interfaces: Sequence[str], wait: float = 2.0, subnets: Sequence[str] = ()) -> SurveyReport:
        """Probe by multicast on the interfaces and by unicast in the villages' and the given subnets.

        Stores the devices that answered, and scans the ports of cameras that did not answer.
        """
        async with self._database.reading() as session:
            villages = (await session.scalars(select(Village))).all()
            known = await session.scalars(
                select(Camera.address).where(Camera.retired.is_(False), Camera.address.is_not(None))
            )
            cameras = {host_port(a or "") for a in known}
        wanted = sorted(
            {str(n) for n, _ in networks_of(villages) if n.num_addresses <= ws_discovery.MAX_SWEEP_ADDRESSES}
            | set(subnets)
        )
        parts = await run_all(
            ws_discovery.multicast(interfaces, wait, cameras), ws_discovery.sweep(wanted, wait, known=cameras)
        )
        devices = [d for part in parts for d in part]
        report = await self.match_and_store(devices)
        async with self._database.session() as session:
            await unknown_devices.delete_expired(session, self._clock.now())
        report.silent = await self._scan_silent_cameras({host_port(d.address) for d in devices})
        return report

    async def _scan_silent_cameras(self, answered: set[str]) -> dict[str, list[int]]:
        """Scan the ports of cameras that have answered neither ONVIF nor discovery; return open ports by camera.

        A camera that speaks ONVIF on another port gets the new address.
        """
        async with self._database.reading() as session:
            cameras = (
                await session.scalars(select(Camera).where(Camera.retired.is_(False), Camera.seen_at.is_(None)))
            ).all()
        silent = {c.id: c for c in cameras if c.address and host_port(c.address) not in answered}
        endpoints: dict[str, tuple[str, int]] = {}
        for camera in silent.values():
            async with isolate_camera_errors(self._database, camera.id):
                endpoints[camera.id] = _host_and_port(camera)
        hosts, own = {h for h, _ in endpoints.values()}, {p for _, p in endpoints.values()}
        found = await port_scan.open_ports(sorted(hosts), sorted(own | set(port_scan.CAMERA_PORTS)))
        for number, (host, port) in endpoints.items():
            async with isolate_camera_errors(self._database, number):
                await self._store_silent(silent[number], host, port, found.get(host, []))
        return {c: found[h] for c, (h, _) in endpoints.items() if h in found}

    async def _store_silent(self, camera: Camera, host: str, port: int, there: list[int]) -> None:
        better = None if port in there else await self._onvif_port(camera, host, there)
        async with self._database.session() as session:
            row = await session.get_one(Camera, camera.id)
            if better is not None:
                address = f"{bracket(host)}:{better}"
                history.record_change(
                    session, row.id, self._clock.now(), history.SYSTEM, "address", row.address, address
                )
                row.address = address
            elif row.problem is None or row.problem.startswith(NO_DISCOVERY_ANSWER):
                row.problem = f"{NO_DISCOVERY_ANSWER}; open ports: {', '.join(map(str, there)) or 'none'}"

    async def _onvif_port(self, camera: Camera, host: str, there: list[int]) -> int | None:
        client = await self._onboarding.clients.get(camera, shared=False)
        for port in there:
            if port in NON_HTTP_PORTS:
                continue
            try:
                await client.call(service_url(f"{bracket(host)}:{port}"), TIME_REQUEST, authenticate=False, seconds=5.0)
            except CameraRefused:
                return port
            except CameraError:
                continue
            return port
        return None

    async def match_and_store(self, devices: Sequence[DiscoveredDevice]) -> SurveyReport:
        """Match devices with the registry and store the outcome."""
        async with self._database.reading() as session:
            cameras = (await session.scalars(select(Camera).where(Camera.retired.is_(False)))).all()
            villages = (await session.scalars(select(Village))).all()
        snapshot = _RegistrySnapshot(
            {c.id: c for c in cameras},
            camera_index(cameras),
            {host_port(c.address): c for c in reversed(cameras) if c.address},
            networks_of(villages),
            {host_port(d.address) for d in devices},
        )
        report = SurveyReport()
        # if two answers concern one address, the proven one counts
        in_order = sorted(devices, key=lambda d: d.is_proven)
        once = list({host_port(d.address): d for d in in_order}.values())
        for device in await self._verify_endpoints(once, snapshot.by_address):
            try:
                await self._process_device(report, device, snapshot)
            except CAMERA_ERRORS as e:  # one device's answer must not stop the others
                log.warning("%s: %s", device.address, why_not(e))
        return report

    async def _verify_endpoints(
        self, devices: Sequence[DiscoveredDevice], by_address: Mapping[str, Camera]
    ) -> list[DiscoveredDevice]:
        """Probe the devices that claim another endpoint at a camera's address.

        Anybody can send a Hello in a camera's name and would assign it an identity that way. A device that does not
        answer the probe keeps its address but no endpoint.
        """
        doubtful = {
            host_port(d.address): d
            for d in devices
            if not d.is_proven
            and d.endpoint != d.address
            and (here := by_address.get(host_port(d.address)))
            and here.endpoint != d.endpoint
        }
        if not doubtful:
            return list(devices)
        hosts = sorted({host_of(d.url) for d in doubtful.values()})
        there = {
            host_port(a.address): a
            for a in await ws_discovery.probe_hosts(hosts, PROBE_WAIT_S, self._discovery_port)
            if a.is_proven
        }
        nameless = {address: replace(d, endpoint=d.address) for address, d in doubtful.items()}
        return [(nameless | there)[p] if (p := host_port(d.address)) in doubtful else d for d in devices]

    async def _process_device(
        self, report: SurveyReport, device: DiscoveredDevice, snapshot: _RegistrySnapshot
    ) -> None:
        """Match one device, request its identity if it must prove it, and store the outcome."""
        here = snapshot.by_address.get(host_port(device.address))
        seen = DeviceIdentifiers(uuid=device.endpoint if device.endpoint != device.address else "")
        if here is not None and here.endpoint in (None, seen.uuid):
            # The UUID is public: here it only has to agree with the address.
            verdict = IdentityMatch(MatchKind.KNOWN if here.device else MatchKind.FIRST, here.id)
        else:
            verdict = snapshot.index.match(host_port(device.address), seen)
        identity, obstacle, village = None, None, village_of(device.address, snapshot.networks)
        if verdict.kind is MatchKind.MOVED and verdict.camera is not None:
            camera = snapshot.cameras[verdict.camera]
            obstacle = await self._move_obstacle(camera, village, snapshot.answered)
            if obstacle is None:  # otherwise the credential is not sent there
                identity, verdict = await self._verify_identity(camera, device)
        followed = verdict.kind is MatchKind.MOVED and obstacle is None
        report.devices.append(met := SurveyedDevice(device, verdict, village, followed, obstacle))
        answers = await self._answers_there(snapshot.cameras.get(verdict.camera or ""), met)
        async with self._database.session() as session:
            await survey_rows.store(session, self._clock.now(), met, identity, use_reported_path=answers)

    async def _move_obstacle(
        self, camera: Camera, village: str | None, answered: Collection[str]
    ) -> MoveObstacle | None:
        """Return why a person must confirm the move; None: the camera may prove its identity."""
        if village != camera.village:
            return MoveObstacle.OUTSIDE_SUBNETS
        if camera.auth_mode is not AuthMode.DIGEST:
            return MoveObstacle.NO_DIGEST
        old, (host, port) = host_port(camera.address or ""), _host_and_port(camera)
        if old in answered or await port_scan.open_ports([host], [port]):
            return MoveObstacle.OLD_ADDRESS_ANSWERS
        return None

    async def _verify_identity(
        self, camera: Camera, device: DiscoveredDevice
    ) -> tuple[DeviceInformation | None, IdentityMatch]:
        """Identify the device with the camera's own credential, once; a device that refuses it is not the camera."""
        client = await self._onboarding.clients.get(camera, shared=False)
        try:
            found = await identify(client, device.url, self._clock)
        except CameraError:
            return None, IdentityMatch(MatchKind.CLONE, camera.id)
        known = identifiers_of(camera.device, camera.endpoint)
        told = DeviceIdentifiers(device.endpoint, serial_of(found.manufacturer, found.serial), frozenset(found.macs))
        same = (not known.macs or not told.macs or known.macs & told.macs) and (
            not known.serial or known.serial == told.serial
        )
        return found, IdentityMatch(MatchKind.MOVED if same else MatchKind.CLONE, camera.id)

    async def _answers_there(self, camera: Camera | None, met: SurveyedDevice) -> bool:
        """Return whether a camera not yet identified answers at the path that discovery reports.

        Only checked if that path is not the default one and no person configured a path. Anybody can announce a path by
        datagram; for an identified camera, another path is tried only when its own stops answering
        (cameras.onboarding.onboarding).
        """
        device, known = met.found, (camera.address or "") if camera is not None else ""
        if (
            camera is None
            or camera.device
            or met.verdict.kind not in unknown_devices.KNOWN_MATCHES
            or device.registry_address == device.address
        ):
            return False
        if not service_url(known).endswith(DEFAULT_PATH) or host_port(known) != host_port(device.registry_address):
            return False
        client = await self._onboarding.clients.get(camera, shared=False)
        try:
            await client.call(device.url, TIME_REQUEST, authenticate=False, seconds=5.0)
        except CameraError as e:
            return isinstance(e, CameraRefused)
        return True


def networks_of(villages: Iterable[Village]) -> list[tuple[Network, str]]:
    """Return subnets with the code of their village; log invalid ones."""
    found: list[tuple[Network, str]] = []
    for village in villages:
        try:
            found += [(ipaddress.ip_network(s, strict=False), village.code) for s in village.subnets]
        except (ValueError, TypeError) as e:
            log.warning(
                "the subnets of village '%s' cannot be used: %s; correct them in the inventory", village.code, e
            )
    return found


def _host_and_port(camera: Camera) -> tuple[str, int]:
    """Return host and port of the camera's ONVIF service. Raises ValueError or UsageError."""
    url = service_url(camera.address or "")
    host = host_of(url)
    if urlsplit(url).port == 0 or not host:  # an empty host would connect to this machine
        raise UsageError(
            "the camera's address has no valid host and port; correct it in the inventory",
            ErrorCode.CAMERA_ADDRESS_INVALID,
        )
    return host, int(host_port(camera.address or "").rpartition(":")[2])


def village_of(address: str, networks: Sequence[tuple[Network, str]]) -> str | None:
    """Return the village whose subnet contains an address; the narrowest subnet counts."""
    try:
        host = ipaddress.ip_address(address.rpartition(":")[0].strip("[]") or address)
    except ValueError:
        return None
    fitting = [(n.prefixlen, code) for n, code in networks if host in n]
    return max(fitting)[1] if fitting else None
