"""Which cameras the registry had in use in a stretch of the past, and in which village: read from the history of their files.

The registry alone tells the present only: a camera retired since was in use then, one registered since was not.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera, CameraChange
from core.accounts.scope import Villages
from core.clock import to_microseconds

REGISTERED = ("inventory", "expected", "adopted")  # first change of a file, by the way on which the camera came
MAX_ASKED = 500  # ids in a query


async def between(
    session: AsyncSession, start: datetime, end: datetime, villages: Villages = None, also: Collection[str] = ()
) -> list[Camera]:
    """Cameras that were in use at some moment of [start, end), within a scope (None: the whole town) by the village in which
    each was at its end. `also`: ids that are known to have been in use, whatever their files say."""
    rows = list(await session.scalars(select(Camera).order_by(Camera.village, Camera.id)))
    begin, finish = to_microseconds(start), to_microseconds(end)
    unused = await unused_spans(session, rows, finish)
    since = await _registered_after(session, end)
    was_in = await _villages_at(session, end)
    return [
        c
        for c in rows
        if (villages is None or was_in.get(c.id, c.village) in villages)
        and (c.id in also or (c.id not in since and not _covered(unused.get(c.id, ()), begin, finish)))
    ]


async def unused_spans(
    session: AsyncSession, cameras: Sequence[Camera], finish: int
) -> dict[str, list[tuple[int, int]]]:
    """Stretches (µs UTC, in order) in which cameras were retired, up to `finish`; cameras without any are left out."""
    found: dict[str, list[tuple[int, int]]] = {}
    since: dict[str, int] = {}
    ids = [c.id for c in cameras]
    for at in range(0, len(ids), MAX_ASKED):
        some = CameraChange.camera.in_(ids[at : at + MAX_ASKED])
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
    query = select(CameraChange.camera).where(CameraChange.field.in_(REGISTERED)).group_by(CameraChange.camera)
    return set(await session.scalars(query.having(func.min(CameraChange.at) > end)))


async def _villages_at(session: AsyncSession, end: datetime) -> dict[str, str]:
    """Villages at `end` of the cameras whose village was changed since."""
    query = (
        select(CameraChange)
        .where(CameraChange.field == "village", CameraChange.at >= end)
        .order_by(CameraChange.id.desc())
    )
    return {c.camera: str(c.old) for c in await session.scalars(query)}
