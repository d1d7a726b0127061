"""Which device that was met may be taken as a camera, by whom, and with which credential."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.discovery.ws_discovery import DiscoveredDevice
from cameras.onvif.addresses import host_port
from cameras.registry import findings, history
from cameras.tables import Camera, DeviceSeen, Finding
from core import events
from core.accounts.scope import Villages, within
from core.audit import audit_trail
from core.errors import ConflictError, NotFoundError

ADOPTABLE = ("new", "clone", "replaced")  # verdicts: anything else is a camera of ours


async def device(session: AsyncSession, address: str, villages: Villages) -> DeviceSeen:
    """A device that was met in the subnets of `villages` (None: anywhere) and is no camera of ours.

    Raises NotFoundError, alike for one that was not met, is in another village's subnet or is a camera; ConflictError where
    a camera of these villages has its address.
    """
    query = select(DeviceSeen).where(
        DeviceSeen.address == address, DeviceSeen.verdict.in_(ADOPTABLE), within(DeviceSeen.village, villages)
    )
    found: DeviceSeen | None = await session.scalar(query)
    if found is None:
        raise NotFoundError("no such device was met; look around first")
    for camera in await session.scalars(select(Camera).where(Camera.retired.is_(False), Camera.address.is_not(None))):
        if host_port(camera.address or "") == host_port(found.address):
            if villages is not None and camera.village not in villages:
                raise NotFoundError("no such device was met; look around first")
            raise ConflictError(f"camera '{camera.id}' has this address; say there that its device was replaced")
    return found


async def confirm_move(
    session: AsyncSession, camera: Camera, address: str, villages: Villages, at: datetime, actor: str, reason: str
) -> None:
    """A person says that the camera hangs at another address now: it is looked for there from now on, and where it was followed
    there by itself, the finding is over. `address`: host:port, or as the finding tells it. Raises NotFoundError where no device
    that is taken for this camera was met there; ConflictError where the person does not see that subnet."""
    if not await _is_followed(session, camera, address):
        device = await _moved_to(session, camera, address)
        if villages is not None and device.village not in villages:
            raise ConflictError(
                f"{address} lies in no subnet of your villages; an administrator of the whole town confirms that"
            )
        is_at = DiscoveredDevice(device.endpoint, device.address, device.url, device.name, device.hardware).known_as
        history.note(session, camera.id, at, actor, "address", camera.address, is_at)
        events.append(
            session, at, "camera.moved", village=camera.village, camera=camera.id, was=camera.address, address=is_at
        )
        camera.address = is_at
    await findings.gone(session, at, ["moved"], findings.FindingSubject.of(camera))
    await audit_trail.record(session, at, actor, "camera.move", camera.id, reason=reason, address=camera.address)


async def _is_followed(session: AsyncSession, camera: Camera, address: str) -> bool:
    """The station follows the camera there already, and waits for a person's word."""
    query = select(Finding).where(Finding.kind == "moved", Finding.camera == camera.id, Finding.closed_at.is_(None))
    told = [f.detail for f in await session.scalars(query)]
    return host_port(address) == host_port(camera.address or "") and any(d.get("followed") for d in told)


async def _moved_to(session: AsyncSession, camera: Camera, address: str) -> DeviceSeen:
    query = select(DeviceSeen).where(DeviceSeen.camera == camera.id, DeviceSeen.verdict == "moved")
    for device in await session.scalars(query):
        if host_port(device.address) == host_port(address):
            return device
    raise NotFoundError(f"no device that is taken for '{camera.id}' was met at {address}; look around first")


async def check_credential(session: AsyncSession, name: str | None, village: str, villages: Villages) -> None:
    """An account of some villages uses the credentials that cameras of the village use already. Raises NotFoundError."""
    if name is None or villages is None:
        return
    query = select(Camera.id).where(Camera.credential == name, Camera.village == village, Camera.retired.is_(False))
    if await session.scalar(query.limit(1)) is None:
        raise NotFoundError(
            f"there is no credential '{name}' in the village '{village}'; ask an administrator of the whole town"
        )
