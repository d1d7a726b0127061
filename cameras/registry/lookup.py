"""Reads villages, cameras and their streams for the layers above. Scopes are villages; None is the whole town."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.records import CameraProfile, DeviceRecord
from cameras.states import StreamKind
from cameras.tables import Camera, Stream, Village
from core.accounts.scope import Villages, village_in_scope
from core.error_codes import ErrorCode
from core.errors import NotFoundError


async def villages(session: AsyncSession, scope: Villages = None) -> list[Village]:
    """Return the villages of a scope, by code."""
    return list(
        await session.scalars(select(Village).where(village_in_scope(Village.code, scope)).order_by(Village.code))
    )


async def camera(session: AsyncSession, number: str, scope: Villages = None, *, with_retired: bool = False) -> Camera:
    """Return a camera. Raises NotFoundError if there is none, it is outside the scope, or retired."""
    found = await session.get(Camera, number)
    if found is None or (scope is not None and found.village not in scope) or (found.retired and not with_retired):
        raise NotFoundError("there is no such camera", ErrorCode.CAMERA_NOT_FOUND, camera=number)
    return found


async def all_cameras(session: AsyncSession, scope: Villages = None) -> list[Camera]:
    """Return the cameras of a scope, retired ones included."""
    return list(await session.scalars(select(Camera).where(village_in_scope(Camera.village, scope))))


async def cameras_by_id(session: AsyncSession, numbers: Collection[str | None]) -> dict[str, Camera]:
    """Return the cameras with these ids that exist, retired ones included."""
    found = await session.scalars(select(Camera).where(Camera.id.in_({n for n in numbers if n})))
    return {c.id: c for c in found}


async def camera_names(session: AsyncSession, numbers: Collection[str] | None = None) -> dict[str, str]:
    """Return the names of cameras by id, retired ones included; of all cameras if `numbers` is None."""
    query = select(Camera.id, Camera.name)
    if numbers is not None:
        query = query.where(Camera.id.in_(numbers))
    return {row.id: row.name for row in await session.execute(query)}


async def cameras_per_village(session: AsyncSession) -> dict[str, int]:
    """Return the number of cameras in use by village."""
    query = select(Camera.village, func.count()).where(Camera.retired.is_(False)).group_by(Camera.village)
    return {row[0]: row[1] for row in await session.execute(query)}


async def recorded_streams(session: AsyncSession) -> int:
    """Return how many streams should be recorded: switched on, with an address, of a camera in use."""
    query = select(func.count()).select_from(Stream).join(Camera, Camera.id == Stream.camera)
    return await session.scalar(query.where(Stream.record, Stream.url.is_not(None), Camera.retired.is_(False))) or 0


def recorded_kinds(camera: Camera) -> set[StreamKind]:
    """Return the kinds of the camera's streams that are recorded."""
    return {s.kind for s in camera.streams if s.record}


def full_stream(camera: Camera) -> str:
    """Return the id of the stream with the largest picture that is recorded: main, unless only sub is."""
    return f"{camera.id}/{StreamKind.SUB if recorded_kinds(camera) == {StreamKind.SUB} else StreamKind.MAIN}"


def small_stream(camera: Camera) -> str:
    """Return the id of the stream that costs least to read: the sub stream if it is recorded, else the main stream."""
    return f"{camera.id}/{StreamKind.SUB if StreamKind.SUB in recorded_kinds(camera) else StreamKind.MAIN}"


class CameraSummary(NamedTuple):
    """What lists show of a camera. `sub`: it has a sub-stream."""

    id: str
    name: str
    village: str
    profile: CameraProfile
    device: DeviceRecord | None
    sub: bool


async def camera_summaries(session: AsyncSession, scope: Villages) -> list[CameraSummary]:
    """Return the cameras in use of a scope, by village and id, without building a full record of each."""
    with_sub = set(await session.scalars(select(Stream.camera).where(Stream.kind == StreamKind.SUB)))
    columns = Camera.id, Camera.name, Camera.village, Camera.profile, Camera.device
    query = select(*columns).where(Camera.retired.is_(False), village_in_scope(Camera.village, scope))
    rows = await session.execute(query.order_by(Camera.village, Camera.id))
    return [CameraSummary(r.id, r.name, r.village, r.profile, r.device, r.id in with_sub) for r in rows]
