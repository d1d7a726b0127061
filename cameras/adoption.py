"""Which device that was met may be taken as a camera, by whom, and with which credential."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.onvif.addresses import host_port
from cameras.tables import Camera, DeviceSeen
from core.errors import ConflictError, NotFoundError
from core.scope import Villages, within

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


async def check_credential(session: AsyncSession, name: str | None, village: str, villages: Villages) -> None:
    """An account of some villages uses the credentials that cameras of the village use already. Raises NotFoundError."""
    if name is None or villages is None:
        return
    query = select(Camera.id).where(Camera.credential == name, Camera.village == village, Camera.retired.is_(False))
    if await session.scalar(query.limit(1)) is None:
        raise NotFoundError(
            f"there is no credential '{name}' in the village '{village}'; ask an administrator of the whole town"
        )
