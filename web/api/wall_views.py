"""Routes for the wall: saved views with their tours, and favourites."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field, model_validator

from cameras.records import WallCell
from cameras.registry import lookup, wall_views
from cameras.states import WallLayout
from cameras.tables import WallView
from core.accounts.permissions import Permission
from core.accounts.scope import Villages
from core.error_codes import ErrorCode
from core.errors import NotFoundError
from web.framework.context import AnyContext, Context
from web.framework.routing import Done, RouteTable
from web.policy import visible_camera

routes = RouteTable()

CameraId = Annotated[str, Field(min_length=1, max_length=40)]
Seconds = Annotated[float, Field(ge=3, le=600)]


class CellContent(StrEnum):
    """What a cell of the wall shows."""

    EMPTY = "empty"
    CAMERA = "camera"
    TOUR = "tour"  # the cameras one after the other
    VILLAGE = "village"  # all cameras of a village one after the other
    ALERTS = "alerts"  # the camera of the newest alert


class WallCellBody(BaseModel):
    show: CellContent = CellContent.EMPTY
    camera: CameraId | None = None
    cameras: list[CameraId] | None = Field(None, min_length=1, max_length=200)
    village: CameraId | None = None
    seconds: Seconds | None = Field(None, description="For which a tour shows each camera")

    @model_validator(mode="after")
    def _fields_fit(self) -> WallCellBody:
        needed = {
            CellContent.CAMERA: {"camera"}, CellContent.TOUR: {"cameras", "seconds"},
            CellContent.VILLAGE: {"village", "seconds"},
        }.get(self.show, set())  # fmt: skip
        given = {n for n in ("camera", "cameras", "village", "seconds") if getattr(self, n) is not None}
        if given != needed:
            raise ValueError(f"a cell that shows '{self.show}' has {', '.join(sorted(needed)) or 'nothing else'}")
        return self


class WallViewBody(BaseModel):
    name: str = Field(min_length=1, max_length=60)
    layout: WallLayout
    cells: list[WallCellBody] = Field(max_length=25)
    shared: bool = False

    @model_validator(mode="after")
    def _cells_fit(self) -> WallViewBody:
        if len(self.cells) > self.layout.cells:
            raise ValueError(f"the layout {self.layout} has at most {self.layout.cells} cells")
        return self


class WallViewView(BaseModel):
    id: int
    name: str
    layout: WallLayout | str = Field(description="Text that is not listed comes from another release")
    cells: list[WallCellBody] = Field(description="Empty where the account may not see what was saved")
    owner: str
    shared: bool
    mine: bool
    changed_at: datetime


@routes.add("GET", "/api/wall-views", Permission.LIVE_VIEW, reply=list[WallViewView])
async def list_wall_views(c: Context) -> list[WallViewView]:
    """The account's saved views, and the shared ones in which it may see something."""
    async with c.services.database.reading() as session:
        rows = await wall_views.visible(session, c.identity.name)
        named = {name for row in rows for name in wall_views.named_cameras(row.cells)}
        seen = await wall_views.within_scope(session, c.identity.villages, named)
    views = [_view(c, row, seen) for row in rows]
    return [v for v in views if v.mine or any(cell.show is not CellContent.EMPTY for cell in v.cells)]


@routes.add("POST", "/api/wall-views", Permission.LIVE_VIEW, body=WallViewBody, reply=WallViewView)
async def create_wall_view(c: Context[None, WallViewBody]) -> WallViewView:
    """Save a view of the wall."""
    return await _save(c, None)


@routes.add("PUT", "/api/wall-views/{view}", Permission.LIVE_VIEW, body=WallViewBody, reply=WallViewView)
async def change_wall_view(c: Context[None, WallViewBody]) -> WallViewView:
    """Change one of the account's own views."""
    return await _save(c, c.number("view"))


async def _save(c: Context[None, WallViewBody], number: int | None) -> WallViewView:
    cells = [_stored(cell) for cell in c.body.cells]
    named = wall_views.named_cameras(cells)
    async with c.services.database.session() as session:
        seen = await wall_views.within_scope(session, c.identity.villages, named)
        villages = {v.code for v in await lookup.villages(session, c.identity.villages)}
        if named - seen or {cell["village"] for cell in cells if "village" in cell} - villages:
            raise NotFoundError("there is no such camera or village", ErrorCode.CAMERA_OR_VILLAGE_NOT_FOUND)
        row = await wall_views.save(
            session, c.services.clock.now(), c.identity.name, number=number, name=c.body.name, layout=c.body.layout,
            cells=cells, shared=c.body.shared,
        )  # fmt: skip
        return _view(c, row, seen)


@routes.add("DELETE", "/api/wall-views/{view}", Permission.LIVE_VIEW, reply=Done)
async def delete_wall_view(c: Context) -> None:
    """Delete one of the account's own views."""
    async with c.services.database.session() as session:
        await wall_views.remove(session, c.services.clock.now(), c.identity.name, c.number("view"))


@routes.add("GET", "/api/favourites", Permission.CAMERA_VIEW, reply=list[str])
async def list_favourites(c: Context) -> list[str]:
    """Ids of the account's favourite cameras."""
    async with c.services.database.reading() as session:
        return await wall_views.favourites(session, c.identity.name, c.identity.villages)


@routes.add("PUT", "/api/favourites/{camera}", Permission.CAMERA_VIEW, reply=Done)
async def add_favourite(c: Context) -> None:
    """Make a camera a favourite of the account."""
    camera = await visible_camera(c)
    async with c.services.database.session() as session:
        await wall_views.add_favourite(session, c.services.clock.now(), c.identity.name, camera.id)


@routes.add("DELETE", "/api/favourites/{camera}", Permission.CAMERA_VIEW, reply=Done)
async def remove_favourite(c: Context) -> None:
    """Take a camera off the account's favourites."""
    camera = await visible_camera(c, with_retired=True)
    async with c.services.database.session() as session:
        await wall_views.remove_favourite(session, c.identity.name, camera.id)


def _stored(cell: WallCellBody) -> WallCell:
    """Return a cell as it is stored: only the fields that it has."""
    found: WallCell = {"show": cell.show.value} if cell.show is not CellContent.EMPTY else {}
    if cell.camera is not None:
        found["camera"] = cell.camera
    if cell.cameras is not None:
        found["cameras"] = cell.cameras
    if cell.village is not None:
        found["village"] = cell.village
    if cell.seconds is not None:
        found["seconds"] = cell.seconds
    return found


def _view(c: AnyContext, row: WallView, seen: Collection[str]) -> WallViewView:
    scope: Villages = c.identity.villages
    return WallViewView(
        id=row.id, name=row.name, layout=row.layout, owner=row.owner, shared=row.shared,
        cells=[WallCellBody.model_validate(cell) for cell in wall_views.visible_cells(row.cells, seen, scope)],
        mine=row.owner == c.identity.name, changed_at=row.changed_at,
    )  # fmt: skip
