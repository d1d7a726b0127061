"""Identify cameras over ONVIF: read their identity and streams, store them, and record what changed.

Each camera is stored in its own transaction, so a long run can be cancelled at any time without losing the finished
cameras. A camera whose credential was refused is not contacted again until a person acts.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TypeVar

import aiohttp
from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncSession

from cameras import per_camera
from cameras.discovery import ws_discovery
from cameras.discovery.identity import CameraIndex, DeviceIdentifiers, KnownCamera
from cameras.onboarding.clients import ClientPool
from cameras.onboarding.refusals import RefusalBook
from cameras.onvif.addresses import DEFAULT_PATH, MAX_URL_CHARS, host_of, host_port, service_url
from cameras.onvif.client import ServiceNotFound, SoapClient
from cameras.onvif.device import DeviceInformation, identify
from cameras.onvif.media import Profile
from cameras.onvif.soap_transport import Listener
from cameras.per_camera import CAMERA_ERRORS, error_message
from cameras.records import DeviceRecord
from cameras.registry import findings, history, registry
from cameras.registry.firmware import KnownVulnerability, known_vulnerabilities
from cameras.states import AuthMode, FindingKind, MatchKind, StreamKind
from cameras.tables import Camera, Credential, DeviceSeen, Stream
from core import events
from core.clock import Clock
from core.database import Database
from core.error_codes import ErrorCode
from core.errors import CameraRefused, ProtocolError
from core.secrets import Vault
from core.tasks import run_all

log = logging.getLogger(__name__)

MAX_PARALLEL_CAMERAS = 50
MAX_REPORTED_ITEMS = 64  # most services, protocols and MAC addresses stored per camera
Progress = Callable[[int, int], None]
Reported = TypeVar("Reported", str, int)  # address of a service, port of a protocol


@dataclass(slots=True)
class OnboardingResult:
    """Ids of the identified cameras, and the error message of each failed one."""

    identified: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


class Onboarding:
    """Identifies cameras and stores the results; `clients` and `refusals` serve all other work on the cameras."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        clock: Clock,
        http: aiohttp.ClientSession,
        listener: Listener | None = None,
        vulnerabilities: Sequence[KnownVulnerability] = (),
    ):
        self._database = database
        self._vault = vault
        self._clock = clock
        self.clients = ClientPool(database, vault, clock, http, listener)
        self.refusals = RefusalBook(database, clock, self.clients)
        self._vulnerabilities = vulnerabilities
        # Called with the camera id after its identity is stored and before the camera is used.
        self.on_identified: Callable[[str], Awaitable[None]] | None = None

    async def run(self, cameras: Sequence[Camera], progress: Progress = lambda _done, _all: None) -> OnboardingResult:
        """Identify cameras, at most 50 at once; `progress` is called after each with the number done and the total."""
        outcome = OnboardingResult()
        slots = asyncio.Semaphore(MAX_PARALLEL_CAMERAS)
        wanted = [c for c in cameras if c.address and c.refused_at is None]

        async def one(camera: Camera) -> None:
            async with slots:
                try:
                    await self.identify(camera)
                    outcome.identified.append(camera.id)
                except CAMERA_ERRORS as e:  # one camera's failure must not end the others' turn
                    outcome.failed[camera.id] = error_message(e)
                    await per_camera.record_problem(self._database, camera.id, e)
            progress(len(outcome.identified) + len(outcome.failed), len(wanted))

        await run_all(*(one(c) for c in wanted))
        return outcome

    async def identify(self, camera: Camera) -> DeviceInformation:
        """Query one camera and store its identity and streams. Raises CameraError."""
        assert camera.address is not None
        client = await self.clients.get(camera)
        try:
            try:
                found = await identify(client, service_url(camera.address), self._clock)
            except ServiceNotFound as missing:
                found = await self._identify_elsewhere(client, camera, missing)
        except CameraRefused:
            await self.refusals.record(camera.id)
            raise
        await self._store_identity(camera.id, found)
        if self.on_identified is not None:
            await self.on_identified(camera.id)
        return found

    async def _identify_elsewhere(
        self, client: SoapClient, camera: Camera, missing: ServiceNotFound
    ) -> DeviceInformation:
        """Identify the camera at another address of its service and store that address.

        Raises `missing` if none answers.
        """
        for told in await self._candidate_addresses(camera):
            try:
                found = await identify(client, service_url(told), self._clock)
            except ServiceNotFound:
                continue
            await self._change_address(camera, told)
            return found
        raise missing

    async def _candidate_addresses(self, camera: Camera) -> list[str]:
        """Return other addresses of the service on the same host.

        The first candidate comes from discovery (probed now if the device was not discovered before). The default path
        is always included, because anybody on the network can announce a path.
        """
        known = camera.address or ""
        async with self._database.reading() as session:
            seen = await session.get(DeviceSeen, host_port(known)) or await session.get(
                DeviceSeen, host_port(known).removesuffix(":80")
            )
        if seen is not None:
            met = [ws_discovery.DiscoveredDevice(seen.endpoint, seen.address, seen.url, seen.name, seen.hardware)]
        else:
            met = await ws_discovery.probe_hosts([host_of(service_url(known))])
        told = [a for d in met if host_of(service_url(a := d.registry_address)) == host_of(service_url(known))]
        told.append(f"https://{host_port(known)}{DEFAULT_PATH}" if known.startswith("https://") else host_port(known))
        return [a for a in dict.fromkeys(told) if service_url(a) != service_url(known)]

    async def _change_address(self, camera: Camera, address: str) -> None:
        """Store the new address of the camera's service."""
        async with self._database.session() as session:
            row = await session.get_one(Camera, camera.id)
            history.record_change(session, row.id, self._clock.now(), history.SYSTEM, "address", row.address, address)
            row.address = address

    async def set_finding(self, camera: Camera, kind: FindingKind, *, close: bool = False, **detail: JsonValue) -> None:
        """Open a finding about a camera, or close it."""
        async with self._database.session() as session:
            subject = findings.FindingSubject.of(camera)
            if close:
                await findings.close(session, self._clock.now(), [kind], subject)
            else:
                await findings.open_or_update(session, self._clock.now(), kind, subject, **detail)

    async def _store_identity(self, number: str, found: DeviceInformation) -> None:
        now = self._clock.now()
        async with self._database.session() as session:
            row = await session.get_one(Camera, number)
            facts = _device_record(found)
            other = bool(row.device) and _contradicts(row, found)
            if other:
                change: dict[str, JsonValue] = {
                    "was": _identity_fields(row.device or {}), "is": _identity_fields(facts),
                }  # fmt: skip
                subject = findings.FindingSubject.of(row)
                await findings.open_or_update(session, now, FindingKind.IDENTITY_CHANGED, subject, **change)
            else:
                await self._store(session, row, found, facts)
        if other:
            raise ProtocolError(
                "another device answers at this camera's address; see the finding", ErrorCode.OTHER_DEVICE_ANSWERS
            )

    async def _store(self, session: AsyncSession, row: Camera, found: DeviceInformation, facts: DeviceRecord) -> None:
        now = self._clock.now()
        history.record_changes(session, row.id, now, history.SYSTEM, row.device or {}, facts, "device.")
        row.device = facts
        row.clock_offset, row.seen_at, row.auth_mode, row.problem = found.clock_offset, now, found.mode, None
        await self._seal_embedded_login(session, row, found)
        for kind, profile in select_streams(found.profiles).items():
            _store_stream(session, row, kind, profile, now)
        subject = findings.FindingSubject.of(row)
        await findings.close(session, now, [FindingKind.IDENTITY_CHANGED, FindingKind.CREDENTIAL_REFUSED], subject)
        if holes := known_vulnerabilities(facts, self._vulnerabilities):
            await findings.open_or_update(
                session, now, FindingKind.KNOWN_BAD_FIRMWARE, subject, firmware=found.firmware, holes=[*holes]
            )
        else:
            await findings.close(session, now, [FindingKind.KNOWN_BAD_FIRMWARE], subject)
        if found.mode is AuthMode.NONE and row.credential is not None:
            await findings.open_or_update(session, now, FindingKind.NO_AUTHENTICATION, subject, model=found.model)
        else:
            await findings.close(session, now, [FindingKind.NO_AUTHENTICATION], subject)
        events.append(
            session, now, events.EventKind.CAMERA_IDENTIFIED, village=row.village, camera=row.id, model=found.model
        )

    async def _seal_embedded_login(self, session: AsyncSession, row: Camera, found: DeviceInformation) -> None:
        """Seal a password that the camera writes into its addresses in the vault."""
        if found.embedded_login is None or row.credential is not None:
            return
        user, password = found.embedded_login
        name = f"camera-{row.id}"[:40]
        if await session.get(Credential, name) is None:
            await registry.seal_login(session, self._vault, name, user, password)
        history.record_change(session, row.id, self._clock.now(), history.SYSTEM, "credential", None, name)
        row.credential = name


def serial_of(manufacturer: str, serial: str) -> str:
    """Return a serial number prefixed with its manufacturer, because each manufacturer numbers from one."""
    return f"{manufacturer} {serial}" if serial else ""


def identifiers_of(device: DeviceRecord | None, endpoint: str | None) -> DeviceIdentifiers:
    """Return the identifiers of a camera in the registry."""
    if not device:
        return DeviceIdentifiers(uuid=endpoint or "")
    serial = serial_of(device.get("manufacturer", ""), device.get("serial") or "")
    return DeviceIdentifiers(endpoint or "", serial, frozenset(device.get("macs") or ()))


def camera_index(cameras: Sequence[Camera]) -> CameraIndex:
    """Return the index of cameras that devices are matched with.

    A camera with an unreadable record is indexed by its UUID only.
    """
    return CameraIndex(
        KnownCamera(c.id, host_port(c.address) if c.address else None, _known_identifiers(c)) for c in cameras
    )


def _known_identifiers(camera: Camera) -> DeviceIdentifiers:
    try:
        return identifiers_of(camera.device, camera.endpoint)
    except CAMERA_ERRORS as e:  # one unreadable record; the others are still matched
        log.warning("%s: %s", camera.id, error_message(e))
        return DeviceIdentifiers(uuid=camera.endpoint or "")


def select_streams(profiles: Sequence[Profile]) -> dict[StreamKind, Profile]:
    """Choose the main and sub profiles.

    Main: the largest picture in a codec that we can record; sub: the smallest of the others of the same channel, H.264
    preferred. A recorder or encoder has several channels, each with another camera's picture. Among equal pictures the
    first reported one counts: channel 1.
    """
    usable = [p for p in profiles if p.stream_url and (p.codec or "H264") in ("H264", "H265")]
    if not usable:
        return {}
    main = max(usable, key=_pixels)
    others = [p for p in usable if p.stream_url != main.stream_url and (p.width or 0) < (main.width or 0)]
    others = [p for p in others if _same_channel(p, main)]
    sub = min(others, key=lambda p: ((p.codec or "H264") != "H264", _pixels(p)), default=None)
    return {StreamKind.MAIN: main} | ({StreamKind.SUB: sub} if sub else {})


# Dahua writes channel=2&subtype=1, Hikvision /Channels/201.
_CHANNEL = re.compile(r"\bchannel[=_](\d+)|/channels/(\d+)\d\d\b", re.IGNORECASE)


def _pixels(profile: Profile) -> int:
    return (profile.width or 0) * (profile.height or 0)


def _same_channel(one: Profile, other: Profile) -> bool:
    """Return whether two profiles show the same video source; an unknown source matches any."""
    if one.source and other.source:
        return one.source == other.source
    if one.source_configuration and other.source_configuration:
        return one.source_configuration == other.source_configuration
    mine, its = _CHANNEL.search(one.stream_url or ""), _CHANNEL.search(other.stream_url or "")
    return mine is None or its is None or (mine[1] or mine[2]) == (its[1] or its[2])


def _device_record(found: DeviceInformation) -> DeviceRecord:
    return {
        "manufacturer": found.manufacturer,
        "model": found.model,
        "firmware": found.firmware,
        "serial": found.serial,
        "hardware": found.hardware,
        "macs": found.macs[:MAX_REPORTED_ITEMS],
        "services": _bounded(found.services),
        "protocols": _bounded(found.protocols),
        "ptz": next((p.token for p in _main_channel_profiles(found) if p.ptz), None),
        "zone": found.time.zone[:80] if found.time else "",
        "encoders": {kind.value: p.encoder for kind, p in select_streams(found.profiles).items() if p.encoder},
        "source": next((p.source_configuration for p in _main_channel_profiles(found) if p.source_configuration), None),
        "notes": [n[:300] for n in found.notes[:20]],
    }


def _bounded(reported: dict[str, Reported]) -> dict[str, Reported]:
    """Limit the number and length of a camera's services or protocols."""
    fitting = {k: v for k, v in reported.items() if len(k) <= MAX_URL_CHARS and len(str(v)) <= MAX_URL_CHARS}
    return dict(list(fitting.items())[:MAX_REPORTED_ITEMS])


def _main_channel_profiles(found: DeviceInformation) -> list[Profile]:
    """Return the profiles of the main stream's channel: OSD and PTZ must belong to the same channel."""
    main = select_streams(found.profiles).get(StreamKind.MAIN)
    return [p for p in found.profiles if main is None or _same_channel(p, main)]


def _contradicts(row: Camera, found: DeviceInformation) -> bool:
    serial = serial_of(found.manufacturer, found.serial)
    here = CameraIndex([KnownCamera(row.id, "here", identifiers_of(row.device, None))])
    return here.match("here", DeviceIdentifiers("", serial, frozenset(found.macs))).kind is MatchKind.REPLACED


def _identity_fields(device: DeviceRecord) -> dict[str, JsonValue]:
    macs = device.get("macs")
    return {
        "manufacturer": device.get("manufacturer"),
        "model": device.get("model"),
        "serial": device.get("serial"),
        "macs": None if macs is None else [*macs],
    }


def _store_stream(session: AsyncSession, camera: Camera, kind: StreamKind, profile: Profile, now: datetime) -> None:
    row = next((s for s in camera.streams if s.kind == kind), None)
    if row is None:
        row = Stream(id=f"{camera.id}/{kind}", camera=camera.id, kind=kind, record=True)
        camera.streams.append(row)
    values = {
        k: v for k, v in asdict(profile).items() if k in ("codec", "width", "height", "fps", "bitrate", "snapshot_url")
    }
    if not row.from_inventory:
        values["url"] = profile.stream_url
    history.record_changes(
        session, camera.id, now, history.SYSTEM, {k: getattr(row, k) for k in values}, values, f"streams.{kind}."
    )
    for key, value in values.items():
        setattr(row, key, value)
