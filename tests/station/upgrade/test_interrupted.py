"""Upgrades that a power cut or a failure interrupts at every step, forward and back."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import psycopg
import pytest

from core.errors import StorageError
from station.install.layout import Layout
from station.install.upgrade import state as states
from station.install.upgrade.sequence import Upgrader
from station.install.upgrade.state import UpgradeStage, UpgradeState
from tests.fresh.next_release import NEWEST
from tests.station.upgrade.releases import Station, current, install, make_release, prepared, revision, tables


class PowerCut(BaseException):
    pass


class Cut(Upgrader):
    """Simulates a power cut at a stage: `before` it is saved, or right after."""

    stage = UpgradeStage.PREPARED
    before = False

    def _save(self, state: UpgradeState) -> UpgradeState:
        if state.stage is self.stage and self.before:
            raise PowerCut
        super()._save(state)
        if state.stage is self.stage:
            raise PowerCut
        return state


# A stage is saved after its work: every step is interrupted once after its work, and once around the switch.
FORWARD = [
    (s, True)
    for s in (
        UpgradeStage.STOPPED,
        UpgradeStage.COPIED,
        UpgradeStage.SWITCHED,
        UpgradeStage.MIGRATED,
        UpgradeStage.STARTED,
    )
] + [(UpgradeStage.SWITCHED, False)]


BACKWARD = [(UpgradeStage.LOWERING, False), (UpgradeStage.SWITCHED, True), (UpgradeStage.SWITCHED, False)]
EVERY_RUN = (UpgradeStage.SWITCHED, True)


def cuts(of: list[tuple[UpgradeStage, bool]]) -> list[Any]:
    """A step takes half a minute: the ordinary suite cuts at the switch, `./minwang test -m soak` at every step."""
    return [pytest.param(*s, marks=[] if s == EVERY_RUN and of is FORWARD else pytest.mark.soak) for s in of]


def cut_at(stage: UpgradeStage, before: bool, layout: Layout, station: Station, state: UpgradeState) -> None:
    cut = type("CutHere", (Cut,), {"stage": stage, "before": before})(layout, station, lambda _: None, 20.0)
    with pytest.raises(PowerCut):
        cut.begin(state)
    station.running = False
    station.start()  # the machine boots: whatever the link points to must be able to run


def check_whole(layout: Layout, station: Station) -> None:
    """Check that the station runs, its release fits its database, and no work is left."""
    assert station.running
    assert station.starts[-1] == current(layout)
    assert ("lamp" in tables(layout)) == (revision(layout) == "9000")
    assert not layout.state.exists()


@pytest.mark.long
@pytest.mark.parametrize(("stage", "before"), cuts(FORWARD))
def test_a_power_cut_at_any_step_ends_well(layout: Layout, console: None, stage: UpgradeStage, before: bool) -> None:
    a, b = make_release(layout, "a"), make_release(layout, "b", migration=True)
    install(layout, a)
    station = Station(layout)
    station.start()
    cut_at(stage, before, layout, station, prepared(a, b))
    state = states.load(layout.state)
    assert state is not None
    upgrader = Upgrader(layout, station, lambda _: None, 20.0)
    if upgrader.resume(state):
        assert (current(layout), revision(layout)) == (b.name, "9000")
    else:
        assert (current(layout), revision(layout)) == (a.name, NEWEST)
        check_whole(layout, station)
        upgrader.begin(prepared(a, b))  # the same command again
        assert (current(layout), revision(layout)) == (b.name, "9000")
    check_whole(layout, station)


@pytest.mark.parametrize(("stage", "before"), cuts(BACKWARD))
def test_a_power_cut_on_the_way_back_ends_well(
    layout: Layout, console: None, stage: UpgradeStage, before: bool
) -> None:
    a, b = make_release(layout, "a"), make_release(layout, "b", migration=True)
    install(layout, b)
    station = Station(layout)
    station.start()
    cut_at(stage, before, layout, station, prepared(b, a, NEWEST, revision="9000"))
    state = states.load(layout.state)
    assert state is not None
    upgrader = Upgrader(layout, station, lambda _: None, 20.0)
    if layout.current_release() == layout.releases / a.name:
        reached = upgrader.resume(state)
    else:  # it returned to the previous release and reported that
        reached = False
        with pytest.raises(StorageError, match="is in use again"):
            upgrader.resume(state)
    assert (current(layout), revision(layout)) == ((a.name, NEWEST) if reached else (b.name, "9000"))
    check_whole(layout, station)


@pytest.mark.soak
def test_a_failure_brings_back_release_and_database_and_a_cut_meanwhile_does_not_hurt(
    layout: Layout, console: None
) -> None:
    a, b = make_release(layout, "a"), make_release(layout, "b", migration=True)
    install(layout, a)

    class NeverRecords(Station):
        def is_running(self) -> bool:
            return self.running and current(self.layout) == a.name

    station: Station = NeverRecords(layout)
    station.start()
    cut_at(UpgradeStage.RETURNING, False, layout, station, prepared(a, b))
    state = states.load(layout.state)
    assert state is not None and state.reason
    with pytest.raises(StorageError, match="is in use again, with the database from before"):
        Upgrader(layout, station, lambda _: None, 20.0).resume(state)
    assert (current(layout), revision(layout)) == (a.name, NEWEST)
    assert "lamp" not in tables(layout)
    check_whole(layout, station)


@pytest.mark.soak
@pytest.mark.skipif(shutil.which("pg_dump") is None, reason="pg_dump is not installed")
def test_a_postgresql_database_comes_back_as_it_was(layout: Layout, console: None, postgresql: str) -> None:
    folder = Path(postgresql.partition("host=")[2])
    with psycopg.connect(f"host={folder} user=minwang dbname=template1", autocommit=True) as connection:
        connection.execute("CREATE DATABASE upgraded")
    address = postgresql.format("upgraded")
    layout.settings.write_text(layout.settings.read_text().replace("[data]\n", f'[data]\ndatabase = "{address}"\n'))
    a, b = make_release(layout, "a"), make_release(layout, "b", migration=True)
    install(layout, a)

    def of_database(query: str) -> object:
        with psycopg.connect(f"host={folder} user=minwang dbname=upgraded", autocommit=True) as connection:
            found = connection.execute(query).fetchone()  # type: ignore[call-overload]
            return found and found[0]

    of_database(
        "INSERT INTO village (code, name, boundary, subnets, funding) VALUES ('v', 'Wangjia', '[]', '[]', '[]') "
        "RETURNING 1"
    )

    class NeverRecords(Station):
        def is_running(self) -> bool:
            return self.running and current(self.layout) == a.name

    station: Station = NeverRecords(layout)
    station.start()
    with pytest.raises(StorageError, match="is in use again, with the database from before"):
        Upgrader(layout, station, lambda _: None, 3.0).begin(prepared(a, b))
    assert of_database("SELECT version_num FROM alembic_version") == NEWEST
    assert of_database("SELECT name FROM village") == "Wangjia"
    assert of_database("SELECT to_regclass('lamp')") is None
    station = Station(layout)
    station.running = True
    Upgrader(layout, station, lambda _: None, 20.0).begin(prepared(a, b))
    assert of_database("SELECT to_regclass('lamp')") == "lamp"
