"""Routes for the map: its layers, the aerial picture, and where a camera stands and looks."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated

from aiohttp import hdrs, web
from pydantic import BaseModel, Field, StringConstraints

from cameras.records import CameraProfile
from cameras.registry import editing, lookup
from cameras.tables import Camera, Village
from core.accounts.permissions import Permission
from core.error_codes import ErrorCode
from core.errors import NotFoundError, UsageError
from web.framework.context import AnyContext, Context
from web.framework.routing import ReplyKind, RouteTable
from web.http.file_response import FileResponse
from web.policy import visible_camera
from web.work.map_files import Aerial, Bounds, MapLayer

routes = RouteTable()


class LayerView(BaseModel):
    name: MapLayer
    features: int
    bytes: int
    bounds: Bounds | None = Field(description="West, south, east, north in degrees (WGS 84)")
    changed_at: datetime | None = Field(description="When its file was changed; null: made from the registry")
    problem: str = Field(description="Why it is not served; empty: it is")


class AerialView(BaseModel):
    changed_at: datetime
    control: Aerial | None = Field(description="Control points of GET /api/map/aerial; null: see problem")
    problem: str


class WmtsView(BaseModel):
    url: str
    attribution: str


class MapView(BaseModel):
    layers: list[LayerView]
    aerial: AerialView | None
    wmts: WmtsView | None = Field(description="Only if the station's settings name a service")


class PositionBody(BaseModel):
    """Where a camera stands and what it covers. A field that is left out stays; null removes the value."""

    position: tuple[float, float] | None = Field(None, description="Longitude and latitude (WGS 84)")
    height_m: float | None = None
    azimuth: float | None = Field(None, description="Degrees clockwise from north")
    range_m: float | None = None
    field_of_view: float | None = Field(None, description="Degrees")
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=400)]


class PositionView(BaseModel):
    """Where a camera stands and what it covers; null: not known."""

    camera: str
    position: tuple[float, float] | None
    height_m: float | None
    azimuth: float | None
    range_m: float | None
    field_of_view: float | None


@routes.add("GET", "/api/map/layers", Permission.CAMERA_VIEW, reply=MapView)
async def map_layers(c: Context) -> MapView:
    """What the map can show: layers, the aerial picture, and a background service if the settings name one."""
    files, settings = c.services.map_files, c.services.settings.map
    layers = []
    for name in MapLayer:
        found = await files.layer(name)
        if found is not None:
            layers.append(
                LayerView(
                    name=name, features=found.features, bytes=len(found.body), bounds=found.bounds,
                    changed_at=found.changed_at, problem=found.problem,
                )
            )  # fmt: skip
    if all(layer.name is not MapLayer.BOUNDARIES for layer in layers):
        own = await _boundaries(c)
        body = _collection(own)
        layers.append(
            LayerView(
                name=MapLayer.BOUNDARIES, features=len(own), bytes=len(body), bounds=None, changed_at=None, problem=""
            )
        )
    aerial = await files.aerial()
    return MapView(
        layers=layers,
        aerial=AerialView(changed_at=aerial.changed_at, control=aerial.aerial, problem=aerial.problem)
        if aerial is not None
        else None,
        wmts=WmtsView(url=settings.wmts_url, attribution=settings.wmts_attribution) if settings.wmts_url else None,
    )


@routes.add("GET", "/api/map/layers/{layer}", Permission.CAMERA_VIEW, kind=ReplyKind.FILE)
async def map_layer(c: Context) -> web.Response:
    """One layer in GeoJSON. Boundaries without a file are those of the registry, of the account's villages."""
    name = c.path("layer")
    if name not in tuple(MapLayer):
        raise NotFoundError("there is no such layer", ErrorCode.MAP_LAYER_NOT_FOUND)
    layer = MapLayer(name)
    found = await c.services.map_files.layer(layer)
    if found is None and layer is not MapLayer.BOUNDARIES:
        raise NotFoundError("there is no such layer", ErrorCode.MAP_LAYER_NOT_FOUND)
    if found is not None and found.problem:
        raise UsageError(
            f"{layer.value}.geojson cannot be shown: {found.problem}", ErrorCode.MAP_LAYER_INVALID, name=layer.value
        )
    body = found.body if found is not None else _collection(await _boundaries(c))
    # An account's own boundaries, and a file that may change: the browser asks again each time.
    headers = {hdrs.CACHE_CONTROL: "private, no-cache"}
    return web.Response(body=body, content_type="application/geo+json", headers=headers)


@routes.add("GET", "/api/map/aerial", Permission.CAMERA_VIEW, kind=ReplyKind.FILE)
async def map_aerial(c: Context) -> web.StreamResponse:
    """The aerial picture of the town."""
    path, media_type = await c.services.map_files.aerial_path()
    return FileResponse(path, headers={hdrs.CACHE_CONTROL: "private, no-cache", hdrs.CONTENT_TYPE: media_type})


@routes.add("GET", "/api/map/cameras", Permission.CAMERA_VIEW, reply=list[PositionView])
async def map_cameras(c: Context) -> list[PositionView]:
    """Where the cameras in use stand and what they cover, of those whose position is known.

    Their names and states are in `GET /api/tree`; `camera.changed` announces a change.
    """
    async with c.services.database.reading() as session:
        cameras = await lookup.camera_summaries(session, c.identity.villages)
    return [_place(camera.id, camera.profile) for camera in cameras if camera.profile.get("position")]


@routes.add("POST", "/api/cameras/{camera}/position", Permission.CAMERA_MANAGE, body=PositionBody, reply=PositionView)
async def place_camera(c: Context[None, PositionBody]) -> PositionView:
    """Say where a camera stands and what it covers; its file's history and the audit trail keep the change."""
    camera = await visible_camera(c)
    facts = c.body.model_dump(mode="json", include=c.body.model_fields_set - {"reason"})
    async with c.services.database.session() as session:
        row = await session.get_one(Camera, camera.id)
        await editing.edit(session, row, facts, c.services.clock.now(), c.identity.name, c.body.reason)
        return _place(row.id, row.profile)


def _place(camera: str, profile: CameraProfile) -> PositionView:
    position = profile.get("position")
    return PositionView(
        camera=camera,
        position=(position[0], position[1]) if position else None,
        height_m=profile.get("height_m"),
        azimuth=profile.get("azimuth"),
        range_m=profile.get("range_m"),
        field_of_view=profile.get("field_of_view"),
    )


async def _boundaries(c: AnyContext) -> list[Village]:
    async with c.services.database.reading() as session:
        return [v for v in await lookup.villages(session, c.identity.villages) if v.boundary]


def _collection(villages: list[Village]) -> bytes:
    """Return the villages' boundaries as a GeoJSON FeatureCollection; a ring ends where it begins (RFC 7946 3.1.6)."""
    features = [
        {
            "type": "Feature",
            "properties": {"code": v.code, "name": v.name},
            "geometry": {"type": "Polygon", "coordinates": [[*v.boundary, v.boundary[0]]]},
        }
        for v in villages
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False).encode()
