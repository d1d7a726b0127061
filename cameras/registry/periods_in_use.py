"""Which cameras were in use in a past period, and in which village, derived from the history of their records.

The registry alone describes only the present: a camera retired since was in use then, a camera registered since was
not.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera, CameraChange
from core.accounts.scope import Villages
from core.clock import to_microseconds

REGISTRATION_FIELDS = (
    "inventory",
    "expected",
    "adopted",
)  # field of a record's first change, by how the camera was added
MAX_IDS_PER_QUERY = 500  # ids per query


async def cameras_in_use(
    session: AsyncSession, start: datetime, end: datetime, villages: Villages = None, also: Collection[str] = ()
) -> list[Camera]:
    """Return the cameras in use at some time in [start, end), limited to villages (None: all) by the village at `end`.

    `also`: ids of cameras known to have been in use, whatever their history says.
    """
    rows = list(await session.scalars(select(Camera).order_by(Camera.village, Camera.id)))
    begin, finish = to_microseconds(start), to_microseconds(end)
    unused = await retired_periods(session, rows, finish)
    since = await _registered_after(session, end)
    was_in = await _villages_at(session, end)
    return [
        c
        for c in rows
        if (villages is None or was_in.get(c.id, c.village) in villages)
        and (c.id in also or (c.id not in since and not _covered(unused.get(c.id, ()), begin, finish)))
    ]


async def retired_periods(
    session: AsyncSession, cameras: Sequence[Camera], finish: int
) -> dict[str, list[tuple[int, int]]]:
    """Return the periods (µs since the epoch, in order) in which cameras were retired, up to `finish`.

    Cameras that were never retired are omitted.
    """
    found: dict[str, list[tuple[int, int]]] = {}
    since: dict[str, int] = {}
    ids = [c.id for c in cameras]
    for at in range(0, len(ids), MAX_IDS_PER_QUERY):
        some = CameraChange.camera.in_(ids[at : at + MAX_IDS_PER_QUERY])
        query = select(CameraChange).where(some, CameraChange.field == "retired").order_by(CameraChange.id)
        for change in await session.scalars(query):
            moment = to_microseconds(change.at)
            if change.new:
                since.setdefault(change.camera, moment)
            elif change.camera in since:
                found.setdefault(change.camera, []).append((since.pop(change.camera), moment))
    for camera in cameras:
        if camera.retired or camera.id in since:
            found.setdefault(camera.id, []).append((since.get(camera.id, 0), finish))
    return found


def _covered(spans: Sequence[tuple[int, int]], begin: int, finish: int) -> bool:
    return any(start <= begin and end >= finish for start, end in spans)


async def _registered_after(session: AsyncSession, end: datetime) -> set[str]:
    query = select(CameraChange.camera).where(CameraChange.field.in_(REGISTRATION_FIELDS)).group_by(CameraChange.camera)
    return set(await session.scalars(query.having(func.min(CameraChange.at) > end)))


async def _villages_at(session: AsyncSession, end: datetime) -> dict[str, str]:
    """Return the villages at `end` of the cameras whose village changed later."""
    query = (
        select(CameraChange)
        .where(CameraChange.field == "village", CameraChange.at >= end)
        .order_by(CameraChange.id.desc())
    )
    return {c.camera: str(c.old) for c in await session.scalars(query)}
