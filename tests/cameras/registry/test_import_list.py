"""Import of lists of ordered cameras, as villages and contractors write them."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook
from sqlalchemy import select

from cameras.registry import import_list, inventory, registry
from cameras.tables import Camera, Credential, Village
from core.clock import ManualClock
from core.database import Database
from core.errors import InventoryError
from tests.cameras.registry.test_inventory import changed

CSV = """村,点位,IP地址,经度,纬度,品牌型号,质保期至
王家村,村口老槐树,10.1.1.21,121.44,29.475,Tianmu TM-2M,2027-05-01
wang,桥头,,,,,
王家村,已有的,10.1.1.5,,,,
"""


async def _town(database: Database, clock: ManualClock) -> None:
    async with database.session() as session:
        await registry.apply(session, inventory.parse(changed()), clock.now(), "test")


async def _bring(database: Database, clock: ManualClock, path: Path) -> import_list.ImportResult:
    rows = await asyncio.to_thread(import_list.read, path)
    async with database.session() as session:
        return await import_list.import_cameras(session, rows, path.name, clock.now(), "li")


@pytest.fixture
def csv_file(tmp_path: Path) -> Path:
    path = tmp_path / "list.csv"
    path.write_text(CSV, encoding="utf-8")
    return path


async def test_a_list_becomes_expected_cameras(database: Database, clock: ManualClock, csv_file: Path) -> None:
    await _town(database, clock)
    result = await _bring(database, clock, csv_file)
    assert (result.added, result.known) == (["wang-001", "wang-002"], ["w-1"])
    async with database.reading() as session:
        camera = await session.get_one(Camera, "wang-001")
        assert (camera.name, camera.address) == ("村口老槐树", "10.1.1.21")
        assert camera.profile["position"] == [121.44, 29.475] and camera.profile["warranty_until"] == "2027-05-01"
    assert (await _bring(database, clock, csv_file)).added == []


async def test_what_was_brought_in_is_exported_and_unchanged(
    database: Database, clock: ManualClock, csv_file: Path
) -> None:
    await _town(database, clock)
    await _bring(database, clock, csv_file)
    async with database.reading() as session:
        text = inventory.dump(await registry.export(session, "西店"))
        assert (await registry.plan(session, inventory.parse(text))).empty


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_csv_as_programs_save_it(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(CSV.encode(encoding))
    assert (
        import_list.read(path)[0] == (2, import_list.read(path)[0][1])
        and import_list.read(path)[0][1]["village"] == "王家村"
    )


async def test_xlsx_is_read_like_csv(database: Database, clock: ManualClock, tmp_path: Path) -> None:
    book = Workbook()
    for line in CSV.splitlines():
        book.active.append(
            [float(v) if v.replace(".", "", 1).isdigit() and v.count(".") == 1 else v for v in line.split(",")]
        )
    path = tmp_path / "list.xlsx"
    await asyncio.to_thread(book.save, path)
    await _town(database, clock)
    assert (await _bring(database, clock, path)).added == ["wang-001", "wang-002"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("村,点位\n李家村,桥头\n", "2: there is no village '李家村'"),
        ("村,点位,经度\n王家村,桥头,121\n", "2: give both longitude and latitude"),
        ("村,地址\n王家村,rtsp://10.0.0.1/\n", "address"),
        ("村,点位,账号\n王家村,桥头,nobody\n", "2: there is no credential 'nobody'"),
        ("名称,地址\nx,10.0.0.1\n", ":1: the first line must name the columns"),
        ("", "the file is empty"),
    ],
)
async def test_bad_lists_are_refused_whole(
    text: str, wanted: str, database: Database, clock: ManualClock, tmp_path: Path
) -> None:
    path = tmp_path / "list.csv"
    more = "王家村,另一处\n" if "点位" in text else ""
    await asyncio.to_thread(path.write_text, text + more, encoding="utf-8")
    await _town(database, clock)
    with pytest.raises(InventoryError, match=wanted):
        await _bring(database, clock, path)
    async with database.reading() as session:
        assert [c.id for c in await session.scalars(select(Camera))] == ["w-1"]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("wang,a,10.1.1.9,village", ""),
        ("wang,a,,village", ""),
        ("wang,a,10.9.9.9,", ""),  # without a credential no password can leak
        ("wang,a,10.9.9.9,village", "10.9.9.9 is outside the subnets of wang"),
        ("wang,a,10.9.9.9:8899/x?y=10.1.1.9,village", "is outside"),
        ("wang,a,relay.example,village", "is not an IP address"),
        ("wang,a,[::ffff:10.1.1.9],village", "is outside"),
        ("xi,a,10.2.2.9,village", "is used only in other villages"),
        ("bei,a,203.0.113.9,fresh", "bei has no subnets"),
        ("bei,a,,fresh", "bei has no subnets"),
        ("bei,a,203.0.113.9,", ""),
        ("bei,a,203.0.113.9,of-bei", "bei has no subnets"),
        ("odd,a,10.4.4.9,fresh", "is outside the subnets of odd"),  # its subnet is malformed
    ],
)
async def test_a_list_names_no_credential_outside_its_village(
    database: Database, clock: ManualClock, tmp_path: Path, line: str, sentence: str
) -> None:
    """Otherwise a contractor's line with any address and the village's credential would send the password there."""
    await _town(database, clock)
    async with database.session() as session:
        (await session.get_one(Village, "wang")).subnets = ["10.1.1.0/24"]
        session.add(Village(code="xi", name="西店", boundary=[], subnets=["10.2.2.0/24"], funding=[]))
        session.add(Village(code="odd", name="怪村", boundary=[], subnets=["10.4.4.0/99"], funding=[]))
        session.add(Village(code="bei", name="北村", boundary=[], subnets=[], funding=[]))
        session.add_all([Credential(name=n, username="u", sealed="x") for n in ("fresh", "of-bei")])
        await session.flush()
        session.add(Camera(id="bei-1", name="b", village="bei", address="10.3.3.5", credential="of-bei", profile={}))
    path = tmp_path / "list.csv"
    await asyncio.to_thread(path.write_text, f"村,点位,IP地址,账号\n{line}\n", "utf-8")
    if not sentence:
        assert len((await _bring(database, clock, path)).added) == 1
        return
    with pytest.raises(InventoryError, match=sentence):
        await _bring(database, clock, path)


def test_a_damaged_workbook_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "list.xlsx"
    path.write_bytes(b"PK\x03\x04 not a workbook")
    with pytest.raises(InventoryError, match=r"list\.xlsx"):
        import_list.read(path)


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("x") / "list.csv"
    path.write_bytes(data)
    with contextlib.suppress(InventoryError):
        import_list.read(path)
