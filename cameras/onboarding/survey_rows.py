"""Store what a survey found out about one device: its row, the camera that it is, and the findings.

A matched device comes in; rows, events and findings of one transaction go out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.discovery.identity import IdentityMatch
from cameras.discovery.unknown_devices import KNOWN_MATCHES, STRANGER_FINDINGS
from cameras.discovery.ws_discovery import DiscoveredDevice
from cameras.onvif.addresses import DEFAULT_PATH, service_url
from cameras.onvif.device import DeviceInformation
from cameras.registry import findings, history
from cameras.states import FindingKind, MatchKind, MoveObstacle
from cameras.tables import Camera, DeviceSeen
from core import events


@dataclass(slots=True)
class SurveyedDevice:
    """A device and its identity match."""

    found: DiscoveredDevice
    verdict: IdentityMatch
    village: str | None = None
    followed: bool = False  # the camera moved and its address was changed
    obstacle: MoveObstacle | None = None  # why the move was not followed


async def store(
    session: AsyncSession,
    now: datetime,
    met: SurveyedDevice,
    identity: DeviceInformation | None,
    *,
    use_reported_path: bool,
) -> None:
    """Store a device, what changed about its camera, and the findings.

    `identity`: what the device proved. `use_reported_path`: the camera answers at the path that discovery reports.
    """
    await _store_device(session, now, met, identity)
    camera = await session.get(Camera, met.verdict.camera) if met.verdict.camera else None
    if camera is not None:
        _store_endpoint(session, now, met, camera)
        if met.followed:
            await _follow_move(session, now, met.found, camera)
        elif use_reported_path and service_url(camera.address or "").endswith(DEFAULT_PATH):
            _change_address(session, now, camera, met.found.registry_address)
    await _update_findings(session, now, met, camera)


async def _store_device(
    session: AsyncSession, now: datetime, met: SurveyedDevice, identity: DeviceInformation | None
) -> None:
    device, verdict = met.found, met.verdict
    row = await session.get(DeviceSeen, device.address)
    if row is None:
        row = DeviceSeen(address=device.address, first_seen=now, serial="", macs=[])
        session.add(row)
    row.endpoint, row.url = device.endpoint, device.url
    row.name, row.hardware = device.name[:80], device.hardware[:80]
    row.verdict, row.camera, row.village, row.last_seen = verdict.kind, verdict.camera, met.village, now
    if identity is not None:
        row.serial, row.macs = f"{identity.manufacturer} {identity.serial}"[:80], identity.macs


def _store_endpoint(session: AsyncSession, now: datetime, met: SurveyedDevice, camera: Camera) -> None:
    """Store the UUID of a camera at its own address, if the device itself stated it."""
    device = met.found
    if met.verdict.kind not in KNOWN_MATCHES or not device.is_proven or device.endpoint == device.address:
        return
    if camera.endpoint != device.endpoint:
        history.record_change(session, camera.id, now, history.SYSTEM, "endpoint", camera.endpoint, device.endpoint)
    camera.endpoint = device.endpoint


async def _follow_move(session: AsyncSession, now: datetime, device: DiscoveredDevice, camera: Camera) -> None:
    """Change the camera's address; the finding stays open until a person confirms the move."""
    address = device.registry_address
    await findings.open_or_update(
        session, now, FindingKind.MOVED, findings.FindingSubject.of(camera), was=camera.address, now_at=address,
        followed=True, why="",
    )  # fmt: skip
    events.append(
        session, now, events.EventKind.CAMERA_MOVED, village=camera.village, camera=camera.id, was=camera.address,
        address=device.address,
    )  # fmt: skip
    _change_address(session, now, camera, address)


def _change_address(session: AsyncSession, now: datetime, camera: Camera, address: str) -> None:
    history.record_change(session, camera.id, now, history.SYSTEM, "address", camera.address, address)
    camera.address = address


async def _update_findings(session: AsyncSession, now: datetime, met: SurveyedDevice, camera: Camera | None) -> None:
    """Open and close findings: clones and strangers by address, another device at a camera's address by camera."""
    device = met.found
    stranger = findings.FindingSubject(None, device.address, met.village)
    telling = {MatchKind.NEW: FindingKind.UNKNOWN_DEVICE, MatchKind.CLONE: FindingKind.CLONE}.get(met.verdict.kind)
    await findings.close(session, now, [kind for kind in STRANGER_FINDINGS if kind is not telling], stranger)
    if telling is not None:
        await findings.open_or_update(
            session, now, telling, stranger, name=device.name, hardware=device.hardware, like=met.verdict.camera
        )
    elif met.verdict.kind is MatchKind.MOVED and not met.followed and camera is not None:
        subject = findings.FindingSubject.of(camera)
        move: dict[str, JsonValue] = {
            "was": camera.address, "now_at": device.registry_address, "followed": False, "why": met.obstacle or "",
        }  # fmt: skip
        if not await findings.is_accepted(session, FindingKind.MOVED, subject, **move):
            await findings.open_or_update(session, now, FindingKind.MOVED, subject, **move)
    elif met.verdict.kind is MatchKind.REPLACED and camera is not None:
        change: dict[str, JsonValue] = {"was": {"uuid": camera.endpoint}, "is": {"uuid": device.endpoint}}
        subject = findings.FindingSubject.of(camera)
        await findings.open_or_update(session, now, FindingKind.IDENTITY_CHANGED, subject, **change)
