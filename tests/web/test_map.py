"""The map: layers and the aerial picture as files, and where cameras stand."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from cameras.records import CameraProfile
from cameras.tables import Camera, CameraChange
from core.accounts.permissions import Role
from core.audit.actions import AuditAction
from core.audit.audit_trail import AuditRow
from core.database import Database
from core.settings import MapSettings, Settings
from tests.web.conftest import HEADERS, Client, SignIn
from web.http.security_headers import origin_of
from web.work.map_files import MapFiles, MapLayer


def collection(*geometries: dict) -> str:  # type: ignore[type-arg]
    features = [{"type": "Feature", "properties": {"name": "路"}, "geometry": g} for g in geometries]
    return json.dumps({"type": "FeatureCollection", "features": features})


ROAD = {"type": "LineString", "coordinates": [[121.43, 29.47], [121.45, 29.48, 3.5]]}
POINTS = [
    {"x": 0, "y": 0, "longitude": 121.4, "latitude": 29.5},
    {"x": 1, "y": 0, "longitude": 121.5, "latitude": 29.5},
    {"x": 0, "y": 1, "longitude": 121.4, "latitude": 29.4},
]


async def put(folder: Path, name: str, content: str | bytes) -> None:
    def write() -> None:
        (folder / "map").mkdir(exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        (folder / "map" / name).write_bytes(data)

    await asyncio.to_thread(write)


async def read(client: Client, path: str, status: int = 200) -> dict:  # type: ignore[type-arg]
    async with client.get(path) as reply:
        assert reply.status == status, await reply.text()
        found: dict = await reply.json(content_type=None)  # type: ignore[type-arg]
        return found


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (collection(ROAD), ""),
        (collection({"type": "MultiPolygon", "coordinates": [[[[1, 2], [3, 4], [5, 6], [1, 2]]]]}), ""),
        (collection(), ""),
        ("{", "no GeoJSON"),
        (b"\xff\xfe", "no GeoJSON"),
        ("[]", "no FeatureCollection"),
        ('{"type": "FeatureCollection", "features": {}}', "no list"),
        (collection({"type": "GeometryCollection", "geometries": []}), "no geometry"),
        (collection({"type": "Point", "coordinates": [1]}), "a position"),
        (collection({"type": "Point", "coordinates": ["1", "2"]}), "a position"),
        (collection({"type": "Point", "coordinates": [29.47, 121.43]}), "longitude and latitude"),
        (collection({"type": "Polygon", "coordinates": [[1, 2], [3, 4]]}), "no coordinates"),
        ("[" * 100_000, "no GeoJSON"),
    ],
)
async def test_a_layer_is_checked(content: str | bytes, words: str, tmp_path: Path) -> None:
    await put(tmp_path, "roads.geojson", content)
    found = await MapFiles(tmp_path).layer(MapLayer.ROADS)
    assert found is not None and (words in found.problem if words else not found.problem)


async def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    files = MapFiles(tmp_path)
    assert await files.layer(MapLayer.ROADS) is None
    await put(tmp_path, "roads.geojson", collection(ROAD))
    first = await files.layer(MapLayer.ROADS)
    assert first is not None and first.bounds == (121.43, 29.47, 121.45, 29.48)
    assert await files.layer(MapLayer.ROADS) is first
    await put(tmp_path, "roads.geojson", collection(ROAD, ROAD))
    again = await files.layer(MapLayer.ROADS)
    assert again is not None and again.features == 2


async def test_layers_over_http(sign_in: SignIn, tmp_path: Path) -> None:
    await put(tmp_path, "roads.geojson", collection(ROAD))
    await put(tmp_path, "water.geojson", "{}")
    officer = await sign_in(Role.VIDEO_OFFICER, ["wangjia"])
    told = {layer["name"]: layer for layer in (await read(officer, "/api/map/layers"))["layers"]}
    assert set(told) == {"roads", "water", "boundaries"} and told["water"]["problem"]
    assert (await read(officer, "/api/map/layers/roads"))["features"][0]["geometry"] == ROAD
    own = await read(officer, "/api/map/layers/boundaries")
    assert [f["properties"]["code"] for f in own["features"]] == ["wangjia"]
    ring = own["features"][0]["geometry"]["coordinates"][0]
    assert ring[0] == ring[-1] == [121.43, 29.47]
    assert "water.geojson" in (await read(officer, "/api/map/layers/water", 400))["message"]
    for name in ("houses", "..%2Fsecret", "roads.geojson"):
        await read(officer, f"/api/map/layers/{name}", 404)


async def test_the_map_s_cameras_are_those_of_the_account_with_a_position(sign_in: SignIn, database: Database) -> None:
    async with database.session() as session:
        (await session.get_one(Camera, "wj-01")).profile = CameraProfile(position=(121.44, 29.47), azimuth=90.0)
        (await session.get_one(Camera, "wj-02")).profile = CameraProfile(azimuth=10.0)
        (await session.get_one(Camera, "xd-01")).profile = CameraProfile(position=(121.45, 29.48))
    own = await read(await sign_in(Role.VIDEO_OFFICER, ["wangjia"]), "/api/map/cameras")
    assert [c["camera"] for c in own if c["camera"].startswith(("wj-01", "wj-02", "xd"))] == ["wj-01"]
    (placed,) = [c for c in own if c["camera"] == "wj-01"]
    assert placed["azimuth"] == 90 and placed["range_m"] is None and placed["field_of_view"] is None
    every = await read(await sign_in(Role.VIDEO_OFFICER), "/api/map/cameras")
    assert {"wj-01", "xd-01"} <= {c["camera"] for c in every}
    async with (await sign_in(Role.FUNDER)).get("/api/map/cameras") as refused:
        assert refused.status == 403


async def test_the_aerial_picture_needs_its_control_points(sign_in: SignIn, tmp_path: Path) -> None:
    officer = await sign_in(Role.VIDEO_OFFICER)
    assert (await read(officer, "/api/map/layers"))["aerial"] is None
    await read(officer, "/api/map/aerial", 404)
    await put(tmp_path, "aerial.jpg", b"\xff\xd8\xff picture")
    assert "missing" in (await read(officer, "/api/map/layers"))["aerial"]["problem"]
    await put(
        tmp_path, "aerial.json", json.dumps({"points": [*POINTS[:2], {**POINTS[1], "x": 0.5, "longitude": 121.45}]})
    )
    assert "one line" in (await read(officer, "/api/map/layers"))["aerial"]["problem"]
    await read(officer, "/api/map/aerial", 404)
    await put(tmp_path, "aerial.json", json.dumps({"points": POINTS}))
    shown = (await read(officer, "/api/map/layers"))["aerial"]
    assert shown["problem"] == "" and shown["control"]["points"] == POINTS
    async with officer.get("/api/map/aerial") as reply:
        assert reply.content_type == "image/jpeg" and await reply.read() == b"\xff\xd8\xff picture"
    async with (await sign_in(Role.FUNDER)).get("/api/map/aerial") as refused:
        assert refused.status == 403


async def test_a_background_service_only_by_setting(sign_in: SignIn, station_settings: Settings) -> None:
    officer = await sign_in(Role.VIDEO_OFFICER)
    assert (await read(officer, "/api/map/layers"))["wmts"] is None
    station_settings.map = MapSettings(wmts_url="https://tiles.example:8443/{z}/{x}/{y}.png", wmts_attribution="©")
    assert (await read(officer, "/api/map/layers"))["wmts"]["attribution"] == "©"
    assert origin_of(station_settings.map.wmts_url) == "https://tiles.example:8443" and origin_of("") == ""
    with pytest.raises(ValueError, match="wmts_url"):
        MapSettings(wmts_url="https://a.example; script-src *")


async def test_a_camera_is_placed(sign_in: SignIn, database: Database) -> None:
    administrator = await sign_in(Role.ADMINISTRATOR)
    body = {"position": [121.44, 29.475], "azimuth": 90, "field_of_view": 60, "reason": "moved to pole 7"}
    async with administrator.post("/api/cameras/wj-01/position", json=body, headers=HEADERS) as reply:
        placed = await reply.json()
        assert reply.status == 200 and placed["azimuth"] == 90 and placed["range_m"] == 45
    async with administrator.get("/api/cameras/wj-01") as reply:
        assert (await reply.json())["profile"]["position"] == [121.44, 29.475]
    async with database.reading() as session:
        fields = await session.scalars(select(CameraChange.field).where(CameraChange.camera == "wj-01"))
        row = (await session.scalars(select(AuditRow).where(AuditRow.action == AuditAction.CAMERA_EDIT))).one()
        assert {"position", "azimuth", "field_of_view"} <= set(fields)
    old: Any = row.data["old"]
    assert (row.object, row.reason) == ("wj-01", "moved to pole 7") and old["azimuth"] == 40
    for wrong in ({"azimuth": 400}, {"position": [29.4, 121.4]}, {"range_m": -1}):
        async with administrator.post(
            "/api/cameras/wj-01/position", json={**wrong, "reason": "because"}, headers=HEADERS
        ) as refused:
            assert refused.status == 400, wrong
    elsewhere = await sign_in(Role.ADMINISTRATOR, ["xidian"])
    async with elsewhere.post("/api/cameras/wj-01/position", json=body, headers=HEADERS) as hidden:
        assert hidden.status == 404
