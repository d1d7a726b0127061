"""The demo's fictional town: its map, the layers written for the console, and its cameras."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from pathlib import Path

import av
import numpy as np
import pytest
from shapely.geometry import Point, Polygon, shape
from shapely.ops import unary_union

from cameras.registry import inventory
from cameras.virtual.rendering.view import MoverKind
from cameras.virtual.town import CameraPlan, build_clips
from core.errors import UsageError
from station.demo.geography import layers
from station.demo.geography.camera_sites import camera_sites
from station.demo.geography.roads import RoadKind
from station.demo.geography.terrain import lon_lat
from station.demo.geography.town_map import TownMap, generate
from station.demo.inventory import demo_inventory
from station.demo.people import Story, passages
from station.demo.town import find_clips


@pytest.fixture(scope="module")
def town() -> TownMap:
    return generate()


def test_the_villages_tile_the_town(town: TownMap) -> None:
    areas = [v.boundary.area for v in town.villages]
    whole = unary_union([v.boundary for v in town.villages])
    assert len(areas) == 22 and min(areas) > 1e6
    assert isinstance(whole, Polygon) and not whole.interiors, "no village lies apart, and there is no hole"
    assert sum(areas) == pytest.approx(whole.area, rel=1e-9), "no two villages overlap"
    assert 85e6 < whole.area < 115e6
    assert all(v.boundary.contains(Point(v.centre)) for v in town.villages)


def test_every_place_of_the_roads_can_be_reached(town: TownMap) -> None:
    links = town.graph.links
    waiting = [next(iter(links))]
    seen = set(waiting)
    while waiting:
        new = [p for p in links[waiting.pop()] if p not in seen]
        seen |= set(new)
        waiting += new
    assert len(seen) == len(links)
    assert {r.kind for r in town.roads} == set(RoadKind)


def test_houses_stand_free(town: TownMap) -> None:
    shapes = [Polygon(h.corners) for h in town.houses]
    assert len(shapes) > 1500
    assert unary_union(shapes).area == pytest.approx(sum(s.area for s in shapes)), "no two houses overlap"
    wet = unary_union([*town.water.inland, town.water.sea])
    assert not any(wet.intersects(s) for s in shapes)


def test_the_same_seed_gives_the_same_town(town: TownMap) -> None:
    again, other = generate(), generate(23)
    assert [h.corners for h in again.houses] == [h.corners for h in town.houses]
    assert [v.centre for v in other.villages] != [v.centre for v in town.villages]


def test_layers_are_geojson_with_names(town: TownMap, tmp_path: Path) -> None:
    layers.write(town, tmp_path)
    read = {p.stem: json.loads(p.read_text(encoding="utf-8")) for p in tmp_path.glob("*.geojson")}
    assert set(read) == {"boundaries", "roads", "water", "houses"}
    for name, layer in read.items():
        assert layer["type"] == "FeatureCollection", name
        for feature in layer["features"]:
            west, south, east, north = shape(feature["geometry"]).bounds
            assert 121.3 < west <= east < 121.6 and 29.4 < south <= north < 29.55, (name, feature["properties"])
    names = {f["properties"]["code"]: f["properties"]["name_en"] for f in read["boundaries"]["features"]}
    assert names["wangjia"] == "Wangjia" and len(names) == 22
    assert "青溪" in {f["properties"]["name"] for f in read["water"]["features"]}


def test_forty_cameras_stand_in_their_villages_and_eight_can_be_called(town: TownMap) -> None:
    sites = camera_sites(town)
    planned = demo_inventory(town, sites)
    assert inventory.parse(inventory.dump(planned)) == planned
    assert len(planned.cameras) == 40 and len({c.id for c in planned.cameras}) == 40
    template = [c.id for c in inventory.load(Path(__file__).parents[2] / "inventory.yaml").cameras]
    assert [c.id for c in planned.cameras[:8]] == template
    assert {c.village for c in planned.cameras} == {v.code for v in planned.villages}
    without = [c for c in planned.cameras if c.address is None]
    assert len(without) == 16 and all(c.site and c.expected_make for c in without)
    houses = unary_union([Polygon(h.corners) for h in town.houses])
    assert not any(houses.contains(Point(s.place)) for s in sites)
    assert planned.cameras[0].position == lon_lat(*sites[0].place)


def test_more_cameras_stream_where_it_is_wanted(town: TownMap) -> None:
    sites = camera_sites(town)
    planned = demo_inventory(town, sites, 40)
    addresses = [c.address for c in planned.cameras]
    assert None not in addresses and len(set(addresses)) == 40


def test_the_thief_is_met_on_several_cameras_after_the_time_of_the_way(town: TownMap) -> None:
    sites = {s.id: s for s in camera_sites(town)[:8]}
    story = Story(town, list(sites.values()))
    movers = story.movers()
    assert story.theft is not None
    thief = [m for m in movers if m.look == story.theft.look]
    flight = next(m for m in thief if m.kind is MoverKind.RIDER)
    assert flight.start == pytest.approx(story.theft.second)
    seen = {number: passages([flight], site) for number, site in sites.items()}
    there = {number for number, found in seen.items() if found}
    assert {"wj-03", "wj-02", "wj-01", "yj-01"} <= there
    length = sum(math.dist(a, b) for a, b in zip(flight.way, flight.way[1:], strict=False))
    assert length > 3000, "he rides from village to village"


def test_two_stories_of_one_seed_are_the_same(town: TownMap) -> None:
    sites = camera_sites(town)[:8]
    assert Story(town, sites).movers() == Story(town, sites).movers()


def test_every_streaming_camera_sees_somebody_at_once(town: TownMap) -> None:
    sites = camera_sites(town)[:8]
    movers = Story(town, sites).movers()
    for site in sites:
        assert any(p.at(second) for p in passages(movers, site) for second in range(3, 24, 3)), site.id


def test_clips_of_a_folder_play_instead(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no MP4 file"):
        find_clips(tmp_path)
    with av.open(str(tmp_path / "b.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for i in range(50):
            picture = np.full((180, 320, 3), 4 * i, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode(None))
    assert find_clips(tmp_path) == [tmp_path / "b.mp4"]
    plan = CameraPlan("c", "127.0.0.1", 1, variants=("black",), footage=tmp_path / "b.mp4")
    clips = build_clips(plan, datetime.now(UTC))
    assert clips["main"]["healthy"].frames == 16 and clips["sub"]["black"].frames == 16
    assert clips["main"]["healthy"].codec == "h264"
