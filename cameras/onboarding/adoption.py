"""Rules for turning a discovered device into a camera: which device, by whom, and with which credential."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.discovery.unknown_devices import STRANGER_FINDINGS
from cameras.discovery.ws_discovery import DiscoveredDevice
from cameras.onvif.addresses import host_port
from cameras.registry import acceptance, findings, history, registry
from cameras.states import FindingKind, MatchKind
from cameras.tables import Camera, DeviceSeen, Finding
from core import events
from core.accounts.scope import Villages, village_in_scope
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import ConflictError, NotFoundError

ADOPTABLE = (MatchKind.NEW, MatchKind.CLONE, MatchKind.REPLACED)  # identity matches; any other device is a known camera


async def adoptable_device(session: AsyncSession, address: str, villages: Villages) -> DeviceSeen:
    """Return a device discovered in the subnets of `villages` (None: anywhere) that is not a known camera.

    Raises NotFoundError if it was not discovered, lies in another village's subnet or is a camera (the message does not
    tell which); ConflictError if a camera of these villages has its address.
    """
    query = select(DeviceSeen).where(
        DeviceSeen.address == address, DeviceSeen.verdict.in_(ADOPTABLE), village_in_scope(DeviceSeen.village, villages)
    )
    found: DeviceSeen | None = await session.scalar(query)
    if found is None:
        raise NotFoundError("device not found; run discovery first", ErrorCode.DEVICE_NOT_FOUND)
    for camera in await session.scalars(select(Camera).where(Camera.retired.is_(False), Camera.address.is_not(None))):
        if host_port(camera.address or "") == host_port(found.address):
            if villages is not None and camera.village not in villages:
                raise NotFoundError("device not found; run discovery first", ErrorCode.DEVICE_NOT_FOUND)
            raise ConflictError(
                f"camera '{camera.id}' has this address; confirm there that its device was replaced",
                ErrorCode.ADDRESS_IN_USE,
                camera=camera.id,
            )
    return found


async def confirm_move(
    session: AsyncSession, camera: Camera, address: str, villages: Villages, at: datetime, actor: str, reason: str
) -> None:
    """Record that a person confirmed a camera's new address.

    The camera uses the new address from now on; if the station already followed the move, only the finding is closed.
    `address` is host:port, or as in the finding. Raises NotFoundError if no device that matches this camera was
    discovered there; ConflictError if the person may not see that subnet.
    """
    if not await _is_followed(session, camera, address):
        device = await _moved_to(session, camera, address)
        if villages is not None and device.village not in villages:
            raise ConflictError(
                f"{address} is not in a subnet of your villages; "
                "ask an administrator of the whole town to confirm the move",
                ErrorCode.ADDRESS_OUTSIDE_VILLAGES,
                address=address,
            )
        new_address = DiscoveredDevice(
            device.endpoint, device.address, device.url, device.name, device.hardware
        ).registry_address
        history.record_change(session, camera.id, at, actor, "address", camera.address, new_address)
        events.append(
            session,
            at,
            events.EventKind.CAMERA_MOVED,
            village=camera.village,
            camera=camera.id,
            was=camera.address,
            address=new_address,
        )
        camera.address = new_address
    await findings.close(session, at, [FindingKind.MOVED], findings.FindingSubject.of(camera))
    await audit_trail.record(
        session, at, actor, AuditAction.CAMERA_MOVE, camera.id, reason=reason, address=camera.address
    )


async def _is_followed(session: AsyncSession, camera: Camera, address: str) -> bool:
    """Return whether the station already uses that address and waits for a person's confirmation."""
    query = select(Finding).where(
        Finding.kind == FindingKind.MOVED, Finding.camera == camera.id, Finding.closed_at.is_(None)
    )
    details = [f.detail for f in await session.scalars(query)]
    return host_port(address) == host_port(camera.address or "") and any(d.get("followed") for d in details)


async def _moved_to(session: AsyncSession, camera: Camera, address: str) -> DeviceSeen:
    query = select(DeviceSeen).where(DeviceSeen.camera == camera.id, DeviceSeen.verdict == MatchKind.MOVED)
    for device in await session.scalars(query):
        if host_port(device.address) == host_port(address):
            return device
    raise NotFoundError(
        f"no device identified as '{camera.id}' was found at {address}; run discovery first",
        ErrorCode.DEVICE_NOT_IDENTIFIED,
        camera=camera.id,
        address=address,
    )


async def check_credential(session: AsyncSession, name: str | None, village: str, villages: Villages) -> None:
    """Check that an account limited to some villages uses only credentials of the village's cameras.

    Raises NotFoundError.
    """
    if name is None or villages is None:
        return
    query = select(Camera.id).where(Camera.credential == name, Camera.village == village, Camera.retired.is_(False))
    if await session.scalar(query.limit(1)) is None:
        raise NotFoundError(
            f"there is no credential '{name}' in the village '{village}'; ask an administrator of the whole town",
            ErrorCode.CREDENTIAL_NOT_IN_VILLAGE,
            name=name,
            village=village,
        )


async def adoptable_devices(session: AsyncSession, villages: Villages, limit: int = 500) -> list[DeviceSeen]:
    """Return discovered devices in the subnets of `villages` (None: anywhere) that are no camera of ours."""
    query = select(DeviceSeen).where(DeviceSeen.verdict.in_(ADOPTABLE), village_in_scope(DeviceSeen.village, villages))
    return list(await session.scalars(query.order_by(DeviceSeen.address).limit(limit)))


async def adopt(
    session: AsyncSession,
    at: datetime,
    actor: str,
    *,
    address: str,
    village: str,
    name: str,
    credential: str | None,
    villages: Villages,
) -> Camera:
    """Add a discovered device to the registry as a camera of a village. Raises NotFoundError, ConflictError."""
    found = await adoptable_device(session, address, villages)
    await check_credential(session, credential, village, villages)
    met = DiscoveredDevice(found.endpoint, found.address, found.url, found.name, found.hardware)
    added = await registry.add_discovered_camera(session, village, name, met.registry_address, credential)
    history.record_change(session, added.id, at, actor, "adopted", None, found.address)
    found.verdict, found.camera = MatchKind.FIRST, added.id
    about = findings.FindingSubject(None, found.address, found.village)
    await findings.close(session, at, STRANGER_FINDINGS, about)
    await audit_trail.record(session, at, actor, AuditAction.CAMERA_ADOPT, added.id, address=found.address)
    return added


async def replace_device(session: AsyncSession, camera: Camera, at: datetime, actor: str, reason: str) -> None:
    """Record that another device is installed as this camera; it will be identified anew."""
    history.record_change(session, camera.id, at, actor, "replaced", camera.device, reason)
    camera.device, camera.endpoint, camera.auth_mode, camera.rtsp_digest_at = None, None, None, None
    camera.account_state = camera.account_problem = None
    acceptance.forget_device(session, camera, at, actor)
    await findings.close(session, at, [FindingKind.IDENTITY_CHANGED], findings.FindingSubject.of(camera))
    await audit_trail.record(session, at, actor, AuditAction.CAMERA_REPLACE, camera.id, reason=reason)
