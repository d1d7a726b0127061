"""Ownership of values: what an inventory file may change in the registry, and what it may not."""

from __future__ import annotations

import asyncio
import copy
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from cameras.registry import history, import_list, inventory, registry
from cameras.registry.inventory_entries import Inventory
from cameras.registry.inventory_merge import camera_fields, entries_with_fields, merge
from cameras.registry.registry import ConflictPreference
from cameras.registry.rows import entry_of
from cameras.tables import Camera, InventoryApplied, Stream
from core.clock import ManualClock
from core.database import Database
from core.errors import ConflictError, NotFoundError
from core.secrets import Vault
from tests.conftest import open_database

TOWN: dict[str, Any] = {
    "town": "西店",
    "credentials": [{"name": "village", "username": "admin"}],
    "policies": [{"name": "plain", "ntp": "10.0.0.1"}],
    "villages": [{"code": "wang", "name": "王家村", "subnets": ["10.1.1.0/24"]}],
    "cameras": [
        {"id": f"w-{i}", "name": f"点位{i}", "village": "wang", "address": f"10.1.1.{i}", "credential": "village"}
        for i in range(1, 41)
    ],
}


def town(change: Any = None) -> Inventory:
    values = copy.deepcopy(TOWN)
    if change is not None:
        change(values)
    return inventory.parse(yaml.safe_dump(values, allow_unicode=True))


async def apply(database: Database, clock: ManualClock, wanted: Inventory, **how: Any) -> registry.RegistryPlan:
    async with database.session() as session:
        return await registry.apply(session, wanted, clock.now(), "test", **how)


async def camera(database: Database, number: str) -> Camera:
    async with database.reading() as session:
        return await session.get_one(Camera, number)


async def learn(database: Database, number: str, **what: Any) -> None:
    async with database.session() as session:
        row = await session.get_one(Camera, number)
        for name, value in what.items():
            setattr(row, name, value)


async def test_an_unchanged_file_takes_nothing_away_that_was_learned(
    either_database: Database, clock: ManualClock
) -> None:
    await apply(either_database, clock, town())
    async with either_database.session() as session:
        row = await session.get_one(Camera, "w-1")
        row.address, row.credential = "10.1.1.99", None
        row.endpoint, row.device, row.acceptance = "uuid-1", {"serial": "S"}, {"picture_by": "zhang"}
        row.profile = {**row.profile, "azimuth": 40, "site": "桥头"}
        row.streams[0].url, row.streams[0].width = "rtsp://10.1.1.99/1", 1920
        row.streams.append(Stream(id="w-1/sub", camera="w-1", kind="sub", url="rtsp://10.1.1.99/2"))
        await session.flush()
        before = camera_fields(entry_of(row))
    assert (await apply(either_database, clock, town())).empty
    row = await camera(either_database, "w-1")
    assert camera_fields(entry_of(row)) == before
    assert (row.endpoint, row.device, row.acceptance) == ("uuid-1", {"serial": "S"}, {"picture_by": "zhang"})
    assert [(s.kind, s.url, s.width) for s in row.streams] == [
        ("main", "rtsp://10.1.1.99/1", 1920),
        ("sub", "rtsp://10.1.1.99/2", None),
    ]


async def test_only_the_changed_field_is_changed(either_database: Database, clock: ManualClock) -> None:
    await apply(either_database, clock, town())
    await learn(either_database, "w-1", address="10.1.1.99")
    edited = town(
        lambda v: v["cameras"][0].update(name="村口", azimuth=90, streams={"main": {"audio": True}, "sub": {}})
    )
    done = await apply(either_database, clock, edited)
    assert set(done.changed) == {"camera w-1"} and not done.conflicts
    row = await camera(either_database, "w-1")
    assert (row.name, row.address, row.profile["azimuth"]) == ("村口", "10.1.1.99", 90)
    assert [(s.kind, s.audio) for s in row.streams] == [("main", True), ("sub", False)]
    async with either_database.reading() as session:
        noted = {c.field: (c.old, c.new) for c in await history.changes_of(session, "w-1")}
    assert noted["name"] == ("点位1", "村口") and noted["azimuth"] == (None, 90) and "address" not in noted
    # Removing the line from the file removes the value.
    await apply(either_database, clock, town())
    assert "azimuth" not in (await camera(either_database, "w-1")).profile


async def test_a_conflict_is_told_and_a_person_decides(either_database: Database, clock: ManualClock) -> None:
    await apply(either_database, clock, town())
    await learn(either_database, "w-1", address="10.1.1.99")
    edited = town(lambda v: v["cameras"][0].update(address="10.1.1.50", name="村口"))
    with pytest.raises(
        ConflictError, match=r"camera w-1: address: file '10\.1\.1\.50', registry '10\.1\.1\.99', last .*--prefer"
    ):
        await apply(either_database, clock, edited)
    assert (await camera(either_database, "w-1")).name == "点位1"  # nothing is applied partly
    await apply(either_database, clock, edited, prefer=ConflictPreference.REGISTRY)
    row = await camera(either_database, "w-1")
    assert (row.name, row.address) == ("村口", "10.1.1.99")
    assert (await apply(either_database, clock, edited)).empty  # the decision is kept
    again = town(lambda v: v["cameras"][0].update(address="10.1.1.51", name="村口"))
    await apply(either_database, clock, again, prefer=ConflictPreference.FILE)
    assert (await camera(either_database, "w-1")).address == "10.1.1.51"


async def test_a_file_that_says_what_the_registry_learned_is_no_conflict(
    database: Database, clock: ManualClock
) -> None:
    await apply(database, clock, town())
    await learn(database, "w-1", address="10.1.1.99")
    assert (await apply(database, clock, town(lambda v: v["cameras"][0].update(address="10.1.1.99")))).empty


async def test_cameras_that_were_never_in_the_file_stay(either_database: Database, clock: ManualClock) -> None:
    """Regression test: the next start retired cameras added by `cameras expect` and by the console."""
    await apply(either_database, clock, town())
    async with either_database.session() as session:
        rows = [(2, {"village": "wang", "site": f"杆{i}"}) for i in range(9)]
        added = (await import_list.import_cameras(session, rows, "list.csv", clock.now(), "test")).added
        met = (await registry.add_discovered_camera(session, "wang", "桥头", "10.1.1.200", None)).id
    done = await apply(either_database, clock, town())
    assert done.empty and sorted(done.merge.not_in_file) == sorted([*added, met])
    shorter = await apply(either_database, clock, town(lambda v: v["cameras"].pop()))
    assert shorter.retired == ["camera w-40"]
    async with either_database.reading() as session:
        there = {c.id for c in await registry.cameras(session)}
    assert {*added, met} <= there and "w-40" not in there and len(there) == 39 + 10


async def test_a_camera_that_comes_back_into_the_file_is_in_use_again(database: Database, clock: ManualClock) -> None:
    await apply(database, clock, town())
    await apply(database, clock, town(lambda v: v["cameras"].pop()))
    plan = await apply(database, clock, town())
    assert plan.changed == {"camera w-40": ["retired: True → False"]}
    assert not (await camera(database, "w-40")).retired


async def test_a_camera_retired_by_hand_stays_so(database: Database, clock: ManualClock) -> None:
    await apply(database, clock, town())
    async with database.session() as session:
        assert await registry.retire(session, ["w-1"], clock.now(), "test", retired=True) == ["w-1"]
        assert await registry.retire(session, ["w-1"], clock.now(), "test", retired=True) == []
        with pytest.raises(NotFoundError, match="no camera w-99"):
            await registry.retire(session, ["w-1", "w-99"], clock.now(), "test", retired=True)
    plan = await apply(database, clock, town())
    assert plan.empty and plan.merge.kept_retired == ["w-1"]
    assert (await camera(database, "w-1")).retired


async def test_of_a_registry_without_a_last_file_nothing_is_retired_and_differences_are_told(
    database: Database, clock: ManualClock
) -> None:
    """This is the state after an update from a version that stored no last applied file."""
    await apply(database, clock, town())
    async with database.session() as session:
        await session.delete(await session.scalar(select(InventoryApplied)))
    changed = town(lambda v: (v["cameras"].pop(), v["cameras"][0].update(name="村口")))
    async with database.reading() as session:
        plan = await registry.plan(session, changed)
    assert plan.retired == [] and plan.merge.not_in_file == ["w-40"]
    assert plan.conflicts == {"camera w-1": ["name: file '村口', registry '点位1', last applied nothing"]}


async def test_villages_policies_and_credentials_are_merged_too(database: Database, clock: ManualClock) -> None:
    await apply(database, clock, town())
    square = [[121.0, 29.0], [121.01, 29.0], [121.01, 29.01], [121.0, 29.01]]

    def edit(v: Any) -> None:
        v["villages"][0].update(boundary=square, population=9)
        v["policies"][0].update(shut=["FTP"])
        v["credentials"][0].update(username="minwang")
        v["villages"].append({"code": "you", "name": "尤家村"})

    plan = await apply(database, clock, town(edit))
    assert plan.added == ["village you"]
    assert set(plan.changed) == {"credential village", "policy plain", "village wang"}
    assert any(d.startswith("area_km2: None → 1.") for d in plan.changed["village wang"])
    async with database.reading() as session:
        assert inventory.dump(await registry.export(session, "西店")).count("FTP") == 1
        assert (await registry.plan(session, town(edit))).empty


async def test_what_is_exported_changes_nothing(either_database: Database, clock: ManualClock) -> None:
    await apply(either_database, clock, town())
    await learn(either_database, "w-1", address="10.1.1.99")
    async with either_database.session() as session:
        await import_list.import_cameras(
            session, [(2, {"village": "wang", "site": "杆1", "cost": "3200"})], "l", clock.now(), "test"
        )
        await registry.seal_login(session, Vault(b"k" * 32), "camera-w-2", "minwang", "a password")
        (await session.get_one(Camera, "w-2")).credential = "camera-w-2"
    async with either_database.reading() as session:
        text = inventory.dump(await registry.export(session, "西店"))
    assert (await apply(either_database, clock, inventory.parse(text))).empty
    # After it was applied it is the merge base: editing a line is a plain change.
    plan = await apply(either_database, clock, inventory.parse(text.replace("杆1", "杆2")))
    assert set(plan.changed) == {"camera wang-001"} and not plan.conflicts


async def test_the_last_file_is_kept_with_digest_and_time(database: Database, clock: ManualClock) -> None:
    await apply(database, clock, town(), file="/etc/town.yaml")
    first = clock.now()
    clock.advance(60)
    await apply(database, clock, town(), file="/etc/town.yaml")
    async with database.reading() as session:
        last = await registry.last_applied(session)
    assert last is not None and (last.at, last.file, last.digest) == (first, "/etc/town.yaml", registry.digest(town()))
    assert Inventory.model_validate(last.content) == town()


# ---- properties of the merge, over any three states of a small town

ADDRESSES = st.sampled_from([None, "10.0.0.1", "10.0.0.2", "10.0.0.3"])
STREAM = st.fixed_dictionaries(
    {},
    optional={
        "url": st.sampled_from(["rtsp://a/1", "rtsp://a/2"]),
        "audio": st.booleans(),
        "schedule": st.sampled_from(["", "event"]),
    },
)
CAMERA = st.fixed_dictionaries(
    {
        "name": st.sampled_from("甲乙丙"),
        "village": st.sampled_from(["v1", "v2"]),
        "address": ADDRESSES,
        "site": st.sampled_from(["桥", "路"]),
    },
    optional={
        "azimuth": st.sampled_from([0, 90]),
        "cost": st.sampled_from([1.0, 2.0]),
        "credential": st.just("c"),
        "streams": st.fixed_dictionaries({}, optional={"main": STREAM, "sub": STREAM}),
    },
)
CAMERAS = st.dictionaries(st.sampled_from([f"k-{i}" for i in range(5)]), CAMERA, max_size=5)


def made(cameras: dict[str, Any], population: int | None) -> Inventory:
    return Inventory.model_validate(
        {
            "town": "t", "credentials": [{"name": "c", "username": "u"}],
            "villages": [{"code": "v1", "name": "V1", "population": population}, {"code": "v2", "name": "V2"}],
            "cameras": [{"id": k, **v} for k, v in cameras.items()],
        }
    )  # fmt: skip


INVENTORIES = st.builds(made, CAMERAS, st.sampled_from([None, 1, 2]))
# On a loaded machine, generating examples is slow, which says nothing about the merge.
quick = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
RETIRED = st.frozensets(st.sampled_from([f"k-{i}" for i in range(5)]))


@quick
@given(INVENTORIES, INVENTORIES, RETIRED)
def test_an_unchanged_file_is_a_no_op_whatever_the_registry_learned(
    file: Inventory, learned: Inventory, retired: frozenset[str]
) -> None:
    result = merge(file, file, learned, retired)
    assert not result.conflicts and not result.restored
    there = dict(entries_with_fields(learned))
    # Entries missing from the registry are added; existing entries keep every field.
    assert all(thing not in there for thing in result.added)
    for thing, differences in result.changed.items():
        assert [d.field for d in differences] == ["streams.sub"] and not there[thing]["streams.sub"]
    assert result.retired == []


@quick
@given(INVENTORIES, INVENTORIES, INVENTORIES, RETIRED)
def test_a_field_changes_only_where_the_file_changed(
    applied: Inventory, file: Inventory, there: Inventory, retired: frozenset[str]
) -> None:
    before, now, registry_ = (
        dict(entries_with_fields(applied)),
        dict(entries_with_fields(file)),
        dict(entries_with_fields(there)),
    )
    result = merge(applied, file, there, retired)
    for thing, differences in result.changed.items():
        for d in differences:
            if d.field != "streams.sub":
                assert thing not in before or before[thing][d.field] != now[thing][d.field]
            assert registry_[thing][d.field] == d.registry != d.file
    for number in result.retired:
        assert ("camera", number) in before and ("camera", number) not in now and number not in retired
    assert all(("camera", n) not in before for n in (*result.not_in_file, *result.restored))


@quick
@given(INVENTORIES, INVENTORIES, INVENTORIES)
def test_what_the_file_changed_and_the_registry_did_not_comes_in(
    applied: Inventory, file: Inventory, there: Inventory
) -> None:
    before, registry_ = dict(entries_with_fields(applied)), dict(entries_with_fields(there))
    result = merge(applied, file, there)
    plain = {(t, d.field) for t, ds in result.changed.items() for d in ds if not d.conflict}
    for thing, fields in entries_with_fields(file):
        if thing in before and thing in registry_:
            for name, value in fields.items():
                if name != "streams.sub" and value != before[thing][name] == registry_[thing][name]:
                    assert (thing, name) in plain


@settings(quick, max_examples=25)
@given(
    INVENTORIES,
    INVENTORIES,
    st.fixed_dictionaries({f"k-{i}": ADDRESSES for i in range(5)}),
    st.sampled_from(ConflictPreference),
)
def test_applied_twice_is_applied_once(
    applied: Inventory, file: Inventory, found: dict[str, str | None], how: ConflictPreference
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_twice(applied, file, found, how, Path(folder)))


async def _twice(
    applied: Inventory, file: Inventory, found: dict[str, str | None], how: ConflictPreference, folder: Path
) -> None:
    clock = ManualClock()
    async with open_database(folder) as database:
        await apply(database, clock, applied)
        before = {c.id: c.address for c in applied.cameras}
        learned = {number: found[number] for number in before}
        for number, address in learned.items():
            await learn(database, number, address=address, endpoint="uuid")
        await apply(database, clock, file, prefer=how, confirm_retiring=True)
        for entry in (c for c in file.cameras if c.id in before):
            row, was, now = await camera(database, entry.id), before[entry.id], learned[entry.id]
            changed, moved = entry.address != was, now != was
            assert row.address == (entry.address if changed and (how is ConflictPreference.FILE or not moved) else now)
            assert row.endpoint == "uuid"
        async with database.reading() as session:
            assert (await registry.plan(session, file)).empty
