"""The inventory file at the station's start, and `minwang inventory` from the command line."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import delete

from cameras.registry import registry
from cameras.tables import InventoryApplied
from core import settings as core_settings
from core.clock import ManualClock
from core.database import Database
from core.errors import InventoryError, SettingsError
from core.settings import Settings
from station import inventory_start
from station.cli.main import cli
from tests.postgres import AUDIT_KEY

FILE = """# Ours.
# Keep this.

town: 西店
villages:
- {code: wang, name: 王家村}
cameras:
- {id: w-1, name: 村口, village: wang, address: 10.1.1.1}
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A station whose settings name town.yaml, which does not exist yet."""
    (tmp_path / "minwang.toml").write_text('inventory = "town.yaml"\n')
    return core_settings.load(tmp_path / "minwang.toml")


def write(settings: Settings, text: str) -> None:
    assert settings.inventory is not None
    settings.inventory.write_text(text, encoding="utf-8")


async def start(settings: Settings, database: Database, clock: ManualClock) -> list[str]:
    """Start once; returns the cameras in use afterwards."""
    await inventory_start.apply_or_compare(settings, database, clock)
    async with database.reading() as session:
        return [c.id for c in await registry.cameras(session)]


async def test_an_empty_registry_takes_the_file_over_and_a_filled_one_does_not(
    settings: Settings, database: Database, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    await asyncio.to_thread(write, settings, FILE)
    assert await start(settings, database, clock) == ["w-1"]
    assert not caplog.records
    await asyncio.to_thread(write, settings, FILE.replace("10.1.1.1", "10.1.1.2"))
    assert await start(settings, database, clock) == ["w-1"]
    async with database.reading() as session:
        assert [c.address for c in await registry.cameras(session)] == ["10.1.1.1"]
    assert "minwang inventory plan" in caplog.text


async def test_cameras_of_a_list_outlive_a_restart(settings: Settings, database: Database, clock: ManualClock) -> None:
    """Regression: the first start was refused (share above 5 %), or it retired the cameras silently."""
    await asyncio.to_thread(write, settings, FILE)
    await start(settings, database, clock)
    async with database.session() as session:
        await registry.add_discovered_camera(session, "wang", "桥头", "10.1.1.9", None)
    assert await start(settings, database, clock) == ["w-1", "wang-001"]


async def test_an_empty_town_is_taken_over_when_it_is_filled(
    settings: Settings, database: Database, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    await asyncio.to_thread(write, settings, "town: 西店\nvillages: []\ncameras: []\n")
    assert await start(settings, database, clock) == []
    assert "nothing to record" in caplog.text
    await asyncio.to_thread(write, settings, FILE)
    assert await start(settings, database, clock) == ["w-1"]


async def test_a_file_that_was_never_there_is_an_error(
    settings: Settings, database: Database, clock: ManualClock
) -> None:
    with pytest.raises(SettingsError, match=r"minwang\.toml:1: the inventory file .*town\.yaml is missing"):
        await inventory_start.apply_or_compare(settings, database, clock)
    await asyncio.to_thread(write, settings, "town: [")
    with pytest.raises(InventoryError, match=r"town\.yaml:"):
        await inventory_start.apply_or_compare(settings, database, clock)


async def test_a_file_that_was_applied_and_is_gone_or_broken_stops_nothing(
    settings: Settings, database: Database, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    await asyncio.to_thread(write, settings, FILE)
    await start(settings, database, clock)
    assert settings.inventory is not None
    await asyncio.to_thread(settings.inventory.unlink)
    assert await start(settings, database, clock) == ["w-1"]
    assert "inventory export --to" in caplog.text
    caplog.clear()
    await asyncio.to_thread(write, settings, "town: [")
    assert await start(settings, database, clock) == ["w-1"]
    assert "minwang inventory check" in caplog.text


async def test_an_update_does_not_stop_a_station_whose_file_is_gone(
    settings: Settings, database: Database, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    await asyncio.to_thread(write, settings, FILE)
    await start(settings, database, clock)
    async with database.session() as session:
        await session.execute(delete(InventoryApplied))  # older versions stored none
    assert settings.inventory is not None
    await asyncio.to_thread(settings.inventory.unlink)
    assert await start(settings, database, clock) == ["w-1"]
    assert "is missing" in caplog.text


async def test_a_station_without_a_file_starts(
    tmp_path: Path, database: Database, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    assert await start(Settings(), database, clock) == []
    assert "nothing to record" in caplog.text


async def test_after_an_update_the_unchanged_file_becomes_the_base(
    settings: Settings, database: Database, clock: ManualClock
) -> None:
    await asyncio.to_thread(write, settings, FILE)
    await start(settings, database, clock)
    async with database.session() as session:
        await session.execute(delete(InventoryApplied))
    await start(settings, database, clock)
    async with database.reading() as session:
        last = await registry.last_applied(session)
    assert last is not None and last.actor == "station start"


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [n for n in os.environ if n.startswith("MINWANG_")]:
        monkeypatch.delenv(name)
    (tmp_path / "minwang.toml").write_text('inventory = "town.yaml"\n')
    (tmp_path / "town.yaml").write_text(FILE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(cli, arguments, input=text)


def test_plan_shows_file_registry_and_last_applied(shell: Path) -> None:
    assert run("inventory", "plan").output.startswith("no file was applied yet\n+ village wang\n+ camera w-1")
    assert run("inventory", "apply").exit_code == 0
    (shell / "list.csv").write_text("村,点位\nwang,桥头\n", encoding="utf-8")
    assert run("cameras", "expect", "list.csv").exit_code == 0
    said = run("inventory", "plan").output
    assert said.startswith(f"last applied: {shell / 'town.yaml'}, 20") and "nothing to change" in said
    assert "= camera wang-001 is not in the file" in said
    facts = json.loads(run("inventory", "plan", "--json").output)
    assert facts["not_in_file"] == ["wang-001"] and len(facts["last_applied"]["sha256"]) == 64


def test_export_and_plan_have_nothing_to_change(shell: Path) -> None:
    run("inventory", "apply")
    (shell / "list.csv").write_text("村,点位,地址\nwang,桥头,10.1.1.7\n", encoding="utf-8")
    run("cameras", "expect", "list.csv")
    refused = run("inventory", "export", "--to", "town.yaml")
    assert refused.exit_code == 1 and "--force" in refused.output
    assert run("inventory", "export", "--to", "town.yaml", "--force").exit_code == 0
    text = (shell / "town.yaml").read_text(encoding="utf-8")
    assert text.startswith("# Ours.\n# Keep this.\n\ntown: 西店\n") and "10.1.1.7" in text
    assert "nothing to change" in run("inventory", "plan").output
    assert run("inventory", "export").output == text
    assert run("inventory", "apply").output == "nothing to change\n"


def test_a_conflict_names_both_sides_and_the_way_out(shell: Path) -> None:
    run("inventory", "apply")
    database = Database(core_settings.load().database_url, AUDIT_KEY)

    async def follow() -> None:
        from cameras.tables import Camera

        async with database.session() as session:
            (await session.get_one(Camera, "w-1")).address = "10.1.1.9"
        await database.close()

    asyncio.run(follow())
    (shell / "town.yaml").write_text(FILE.replace("10.1.1.1", "10.1.1.5"), encoding="utf-8")
    assert (
        "! camera w-1: both changed address: file '10.1.1.5', registry '10.1.1.9', last applied '10.1.1.1'"
        in run("inventory", "plan").output
    )
    refused = run("inventory", "apply")
    assert refused.exit_code == 1 and "--prefer" in refused.output
    assert run("inventory", "apply", "--prefer", "registry").exit_code == 0
    assert "10.1.1.9" in run("inventory", "export").output


def test_patrol_says_what_it_does_not_know(shell: Path) -> None:
    run("inventory", "apply")
    said = run("patrol")
    assert said.exit_code == 1 and "no faults" not in said.output and "no open faults" not in said.output
    assert (
        "there are no recordings" in said.output and "no picture of 1 of 1 cameras could be judged: w-1" in said.output
    )
