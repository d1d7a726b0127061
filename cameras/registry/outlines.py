"""The few facts of each camera in use that are asked for every few seconds, read without the rest of its row.

Reading 2,252 cameras with all their columns takes a third of a second of CPU time; these facts take a third of that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.records import CameraProfile
from cameras.states import StreamKind
from cameras.tables import Camera, Stream
from core.accounts.scope import Villages, village_in_scope


class StreamOutline(NamedTuple):
    """`record`: whether it is to be recorded."""

    id: str
    kind: StreamKind
    record: bool


@dataclass(frozen=True, slots=True)
class CameraOutline:
    """A camera in use, with its streams by kind."""

    id: str
    name: str
    village: str
    profile: CameraProfile
    streams: Sequence[StreamOutline]


async def in_use(session: AsyncSession, scope: Villages = None) -> list[CameraOutline]:
    """Return the cameras in use of a scope."""
    mine = (Camera.retired.is_(False), village_in_scope(Camera.village, scope))
    streams: dict[str, list[StreamOutline]] = {}
    query = select(Stream.camera, Stream.id, Stream.kind, Stream.record).join(Camera, Camera.id == Stream.camera)
    for row in await session.execute(query.where(*mine).order_by(Stream.kind)):
        streams.setdefault(row.camera, []).append(StreamOutline(row.id, row.kind, row.record))
    cameras = select(Camera.id, Camera.name, Camera.village, Camera.profile).where(*mine)
    rows = await session.execute(cameras)
    return [CameraOutline(r.id, r.name, r.village, r.profile, streams.get(r.id, ())) for r in rows]
