"""Short numbers of cameras and packs, assigned once and kept."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.records import CameraProfile
from cameras.tables import Camera
from core.errors import StorageError
from search.store.ids import MAX_CAMERAS
from search.tables import CameraNumber, ModelPack


@dataclass(frozen=True, slots=True)
class CameraPlace:
    """A camera in the village where it was when the number was assigned."""

    camera: str
    village: str


async def places(session: AsyncSession) -> dict[int, CameraPlace]:
    """Return every number with its camera and village."""
    rows = await session.execute(select(CameraNumber.number, CameraNumber.camera, CameraNumber.village))
    return {r.number: CameraPlace(r.camera, r.village) for r in rows}


async def of_camera(session: AsyncSession, camera: str, village: str) -> int:
    """Return the camera's number in its village; assign one if it has none. Raises StorageError beyond 4,096."""
    found = await session.scalar(
        select(CameraNumber.number).where(CameraNumber.camera == camera, CameraNumber.village == village)
    )
    if found is not None:
        return found
    taken = set(await session.scalars(select(CameraNumber.number)))
    free = next((n for n in range(MAX_CAMERAS) if n not in taken), None)
    if free is None:
        raise StorageError(f"search knows {MAX_CAMERAS} cameras and has no number left for {camera}")
    session.add(CameraNumber(number=free, camera=camera, village=village))
    await session.flush()
    return free


async def of_pack(session: AsyncSession, name: str) -> int:
    """Return a pack's number; assign one if it has none."""
    found = await session.scalar(select(ModelPack.number).where(ModelPack.name == name))
    if found is None:
        row = ModelPack(name=name)
        session.add(row)
        await session.flush()
        found = row.number
    return found


async def packs(session: AsyncSession) -> dict[int, str]:
    """Return the names of all packs by number."""
    return {r.number: r.name for r in await session.execute(select(ModelPack.number, ModelPack.name))}


async def profiles(session: AsyncSession) -> dict[str, CameraProfile]:
    """Return each camera's profile (position, azimuth, …) by its id."""
    return {r.id: r.profile for r in await session.execute(select(Camera.id, Camera.profile))}
