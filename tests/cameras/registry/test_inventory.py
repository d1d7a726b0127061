from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import event, select

from cameras.registry import inventory, registry
from cameras.registry.geometry import area_km2
from cameras.tables import Camera
from core.clock import ManualClock
from core.database import Database
from core.errors import ConflictError, InventoryError, UsageError
from core.secrets import Vault
from station.schema import METADATA

ROOT = Path(__file__).parents[3]
GOOD: dict[str, Any] = {
    "town": "西店",
    "credentials": [{"name": "village", "username": "admin"}],
    "villages": [
        {
            "code": "wang",
            "name": "王家村",
            "boundary": [[121.43, 29.47], [121.45, 29.47], [121.45, 29.49], [121.43, 29.49]],
        }
    ],
    "cameras": [
        {
            "id": "w-1",
            "name": "村口",
            "village": "wang",
            "address": "10.1.1.5",
            "credential": "village",
            "streams": {"main": {}, "sub": {}},
        }
    ],
}


def changed(**changes: Any) -> str:
    values = yaml.safe_load(yaml.safe_dump(GOOD))
    for path, value in changes.items():
        node: Any = values
        *parents, last = [int(p) if p.isdigit() else p for p in path.split("__")]
        for p in parents:
            node = node[p]
        node[last] = value
    return yaml.safe_dump(values, allow_unicode=True, sort_keys=False)


def problems(text: str) -> str:
    with pytest.raises(InventoryError) as caught:
        inventory.parse(text, "town.yaml")
    return str(caught.value)


def test_the_demo_town_is_good() -> None:
    town = inventory.load(ROOT / "inventory.yaml")
    assert (len(town.villages), len(town.cameras)) == (3, 8)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (changed(cameras__0__village="zhang"), ["there is no village 'zhang'", "town.yaml:"]),
        (changed(cameras__0__credential="other"), ["there is no credential 'other'"]),
        (
            changed(villages__0__boundary=[[121.43, 29.47], [121.45, 29.49], [121.45, 29.47], [121.43, 29.49]]),
            ["crosses itself"],
        ),
        (changed(villages__0__boundary=[[121.43, 29.47], [121.45, 29.49]]), ["at least 3 points"]),
        (changed(villages__0__boundary=[["a", 29.47], [121.45, 29.49], [121.5, 29.5]]), ["villages.1.boundary"]),
        (changed(cameras__0__colour="red"), ["unknown key", "colour"]),
        (changed(cameras__0__azimuth=400), ["azimuth"]),
        (changed(cameras__0__streams={"main": {"url": "rtsp://u:p@10.1.1.5/x"}}), ["remove user and password"]),
        (changed(cameras__0__address="rtsp://10.1.1.5/onvif"), ["host:port or http://"]),
        (changed(cameras__0__id="W 1"), ["lower-case letters"]),
        (changed(cameras__0__address=None), ["set an address"]),
        (changed(villages__0__subnets=["10.1.1.0/33"]), ["subnets"]),
        ("town: x\nvillages:\n\t- code: a\n", ["town.yaml:3", "tab"]),
        ("town: [x\n", ["not valid YAML"]),
        ("", ["empty"]),
        ("town: x\ntown: y\nvillages: []\n", ["duplicate key"]),
    ],
)
def test_bad_inventories_name_line_and_remedy(text: str, wanted: list[str]) -> None:
    said = problems(text)
    assert all(w in said for w in wanted), said


def test_a_duplicate_id_names_both_and_the_line() -> None:
    values = yaml.safe_load(changed())
    values["cameras"].append(dict(values["cameras"][0]))
    text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
    line = [i for i, row in enumerate(text.splitlines(), 1) if "id: w-1" in row][1]
    assert f"town.yaml:{line}: duplicate id 'w-1'" in problems(text)


def test_all_problems_are_told_at_once() -> None:
    said = problems(changed(cameras__0__village="zhang", cameras__0__credential="other"))
    assert len(said.splitlines()) == 2


def test_ten_thousand_cameras() -> None:
    rows = [
        f"- {{id: c-{i}, name: 点位{i}, village: wang, address: 10.{i // 250}.0.{i % 250 + 1}}}" for i in range(10_000)
    ]
    text = "town: 西店\nvillages:\n- {code: wang, name: 王家村}\ncameras:\n" + "\n".join(rows)
    assert len(inventory.parse(text).cameras) == 10_000
    with pytest.raises(InventoryError, match=r"inventory\.yaml:10005: duplicate id 'c-5'"):
        inventory.parse(text + "\n- {id: c-5, name: x, village: wang, address: 10.0.0.1}")


def test_dump_reads_back_to_the_same() -> None:
    town = inventory.load(ROOT / "inventory.yaml")
    assert inventory.parse(inventory.dump(town)) == town


def test_area_of_a_square() -> None:
    # 0.01° × 0.01° at 29.5° N: 1.112 km × 0.968 km.
    assert area_km2([(121.0, 29.495), (121.01, 29.495), (121.01, 29.505), (121.0, 29.505)]) == pytest.approx(
        1.0762, rel=0.005
    )


async def test_plan_apply_change_retire(database: Database, clock: ManualClock) -> None:
    town = inventory.parse(changed())
    async with database.session() as session:
        plan = await registry.plan(session, town)
        assert plan.added == ["credential village", "village wang", "camera w-1"]
        await registry.apply(session, town, clock.now(), "test")
    async with database.session() as session:
        assert (await registry.plan(session, town)).empty
        moved = inventory.parse(changed(cameras__0__address="10.1.1.6", cameras__0__azimuth=90))
        plan = await registry.plan(session, moved)
        assert "address: '10.1.1.5' → '10.1.1.6'" in plan.changed["camera w-1"]
        await registry.apply(session, moved, clock.now(), "test")
    async with database.session() as session:
        empty = inventory.parse(changed(cameras=[]))
        assert (await registry.plan(session, empty)).retired == ["camera w-1"]
        with pytest.raises(ConflictError, match="1 of 1 cameras"):
            await registry.apply(session, empty, clock.now(), "test")
        await registry.apply(session, empty, clock.now(), "test", confirm_retiring=True)
        assert await registry.cameras(session) == []


async def test_export_gives_the_inventory_back(database: Database, clock: ManualClock) -> None:
    town = await asyncio.to_thread(inventory.load, ROOT / "inventory.yaml")
    async with database.session() as session:
        await registry.apply(session, town, clock.now(), "test")
    async with database.reading() as session:
        exported = await registry.export(session, town.town)
    assert {c.id: c.model_dump() for c in exported.cameras} == {c.id: c.model_dump() for c in town.cameras}
    assert {v.code for v in exported.villages} == {v.code for v in town.villages}


async def test_password_is_sealed_and_read_back(database: Database, clock: ManualClock, tmp_path: Path) -> None:
    vault = await asyncio.to_thread(Vault.open_or_create, tmp_path / "k")
    async with database.session() as session:
        await registry.apply(session, inventory.parse(changed()), clock.now(), "test")
        assert await registry.login(session, vault, "village") is None
        await registry.set_password(session, vault, "village", "geheim", clock.now(), "test")
        assert await registry.login(session, vault, "village") == ("admin", "geheim")
    async with database.reading() as session:
        stored = [str(row) for t in METADATA.sorted_tables for row in await session.execute(select(t))]
    assert any("village" in row for row in stored)
    assert not any("geheim" in row for row in stored)


async def test_a_town_is_planned_without_a_question_per_camera(database: Database, clock: ManualClock) -> None:
    """The number of queries does not grow with the number of cameras; a benchmark measures the speed."""
    cameras = [
        {"id": f"c-{i}", "name": f"C {i}", "village": "wang", "address": f"10.1.{i // 250}.{i % 250 + 1}"}
        for i in range(2_000)
    ]
    town = inventory.parse(changed(cameras=cameras))
    statements = 0

    def count(*_: object) -> None:
        nonlocal statements
        statements += 1

    async with database.session() as session:
        await registry.apply(session, town, clock.now(), "test")
    event.listen(database.engine.sync_engine, "before_cursor_execute", count)
    async with database.session() as session:
        assert (await registry.plan(session, town)).empty
    event.remove(database.engine.sync_engine, "before_cursor_execute", count)
    assert statements < 50


def test_anchors_aliases_and_merged_keys() -> None:
    text = """
town: t
villages: [{code: a, name: A}]
cameras:
  - &first {id: c1, name: One, village: a, address: 10.0.0.1, cost: 3200, streams: &both {main: {}, sub: {}}}
  - {<<: *first, id: c2, name: Two, address: 10.0.0.2}
  - {id: c3, name: Three, village: a, address: 10.0.0.3, streams: *both}
"""
    made = inventory.parse(text)
    assert [(c.id, c.cost, c.streams.sub is not None) for c in made.cameras] == [
        ("c1", 3200, True), ("c2", 3200, True), ("c3", None, True)
    ]  # fmt: skip
    with pytest.raises(InventoryError, match="duplicate key 'id'"):
        inventory.parse(text.replace("id: c2,", "id: c2, id: c4,"))
    with pytest.raises(InventoryError):
        inventory.parse("town: t\nvillages: &v [*v]\n")


def test_where_marks_stand_is_told_in_shares() -> None:
    camera = {**GOOD["cameras"][0], "marks": {"time": [0.6, 0.0, 0.4, 0.08], "name": [0, 0.9, 0.3, 0.1]}}
    read = inventory.parse(yaml.safe_dump({**GOOD, "cameras": [camera]}, allow_unicode=True))
    assert read.cameras[0].marks["time"] == (0.6, 0.0, 0.4, 0.08)
    for wrong in ({"time": [0.6, 0, 0.4]}, {"time": [0.6, 0, 40, 8]}, {"clock": [0, 0, 1, 1]}):
        with pytest.raises(InventoryError, match="marks"):
            inventory.parse(yaml.safe_dump({**GOOD, "cameras": [{**camera, "marks": wrong}]}, allow_unicode=True))


async def test_footage_below_thirty_days_needs_a_stated_class(database: Database, clock: ManualClock) -> None:
    """The file and the API refuse it; a registry with such a camera from an earlier version can still be planned."""
    short = changed(cameras__0__retention_days=7.0)
    with pytest.raises(
        InventoryError,
        match="'w-1': 7 days is less than the legal minimum of 30 days for public places; set its legal_class",
    ) as e:
        inventory.parse(short)
    assert len(e.value.problems) == 1
    inventory.parse(changed(cameras__0__retention_days=7.0, cameras__0__legal_class="non_public"))
    inventory.parse(changed(cameras__0__retention_days=30.0))
    async with database.session() as session:
        await registry.apply(session, inventory.parse(changed()), clock.now(), "test")
        row = await session.get_one(Camera, "w-1")
        with pytest.raises(UsageError, match="legal_class"):
            registry.change_profile(session, row, {"retention_days": 7.0}, clock.now(), "x")
        registry.change_profile(session, row, {"retention_days": 7.0, "legal_class": "9"}, clock.now(), "x")
        earlier = row.profile.copy()  # as written by an earlier version
        del earlier["legal_class"]
        row.profile = earlier
        await session.flush()
        assert (await registry.plan(session, inventory.parse(changed()))).merge is not None
