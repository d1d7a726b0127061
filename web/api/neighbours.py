"""Route for the next camera: which cameras are near, in which direction, and when somebody can arrive there."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import BaseModel, Field

from cameras.registry import lookup
from core.accounts.permissions import Permission
from search.query.neighbours import NeighbourCamera, TravelMode, nearest
from web.framework.context import Context
from web.framework.routing import RouteTable
from web.policy import visible_camera

routes = RouteTable()


class NeighbourQuery(BaseModel):
    at: datetime | None = Field(None, description="When somebody left the picture; absent: now")
    limit: int = Field(8, ge=1, le=25)


class ArrivalView(BaseModel):
    mode: TravelMode
    earliest: datetime
    latest: datetime


class NeighbourView(BaseModel):
    camera: str
    name: str
    village: str
    metres: float = Field(description="Straight line; the latest arrival allows for roads that are longer")
    bearing: float = Field(description="Degrees clockwise from north")
    faces: float | None = Field(description="Direction in which the camera looks; null: unknown")
    arrivals: list[ArrivalView]


class NeighboursReply(BaseModel):
    camera: str
    at: datetime
    has_position: bool = Field(description="False: the camera itself has no position, so there are no neighbours")
    neighbours: list[NeighbourView]
    without_position: int = Field(description="Further cameras in the account's villages whose position is unknown")
    positions_known: bool = Field(description="False: no camera of the account's villages has a position")


@routes.add(
    "GET", "/api/cameras/{camera}/neighbours", Permission.CAMERA_VIEW, query=NeighbourQuery, reply=NeighboursReply
)
async def neighbours(c: Context[NeighbourQuery]) -> NeighboursReply:
    """The nearest cameras with direction and arrival window on foot, on two wheels and in a vehicle."""
    origin = await visible_camera(c, with_retired=True)
    async with c.services.database.reading() as session:
        cameras = await lookup.all_cameras(session, c.identity.villages)
    found, unknown = nearest(origin, cameras, c.query.limit)
    at = c.query.at or c.services.clock.now()
    return NeighboursReply(
        camera=origin.id, at=at, has_position=bool(origin.profile.get("position")),
        neighbours=[neighbour_view(n, at) for n in found], without_position=unknown,
        positions_known=any(camera.profile.get("position") for camera in cameras),
    )  # fmt: skip


def neighbour_view(n: NeighbourCamera, at: datetime) -> NeighbourView:
    return NeighbourView(
        camera=n.camera.id, name=n.camera.name, village=n.camera.village, metres=n.metres, bearing=n.bearing,
        faces=n.camera.profile.get("azimuth"),
        arrivals=[
            ArrivalView(
                mode=a.mode, earliest=at + timedelta(seconds=a.earliest_s), latest=at + timedelta(seconds=a.latest_s)
            )
            for a in n.arrivals
        ],
    )  # fmt: skip
