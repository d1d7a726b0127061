"""Upgrades with plain processes: forward, back, and interrupted at every step. With systemd: tests/fresh/offline.py."""

from __future__ import annotations

import http.server
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from core.errors import MinwangError, StorageError
from core.host.child_environment import child_environment
from station.install import archive, cli, manifest, release, steps
from station.install.layout import Layout
from station.install.manifest import CHECKSUMS, FILE, ReleaseManifest
from station.install.upgrade import command, managers
from station.install.upgrade import state as states
from station.install.upgrade.managers import ProcessManager
from station.install.upgrade.program import InsideCommand, Program
from station.install.upgrade.sequence import Upgrader
from station.install.upgrade.state import PreviousRelease, UpgradeStage, UpgradeState
from tests.conftest import ROOT
from tests.fresh.next_release import MIGRATION, NEWEST
from tests.ports import free_port
from tests.waiting import wait_until

NAMES = {"a": "2026-01-01", "b": "2026-02-01", "c": "2026-03-01"}


def make_release(layout: Layout, letter: str, *, migration: bool = False, broken: str = "") -> ReleaseManifest:
    """Create a complete release of this checkout; its environment is the one that runs the tests."""
    made = ReleaseManifest(
        "0.1.0", letter * 40, f"{NAMES[letter]}T00:00:00+00:00", letter * 64, debian={"required": []}
    )
    folder = layout.releases / made.name
    folder.mkdir()
    for top in release.PROGRAM:
        if top in ("core", "station"):  # with compiled modules: nothing is written there later
            shutil.copytree(ROOT / top, folder / top)
        else:
            (folder / top).symlink_to(ROOT / top)
    if migration:
        (folder / "core/migrations/versions/9000_lamp.py").write_text(MIGRATION.format(before=NEWEST))
    if broken:
        (folder / broken).write_text("raise RuntimeError('broken for a test')\n")
    (folder / ".venv").symlink_to(Path(sys.prefix))
    names = sorted(str(p.relative_to(folder)) for top in ("core", "station") for p in (folder / top).rglob("*.py"))
    sums = "".join(f"{archive.sha256_of(folder / n)}  {n}\n" for n in names)
    (folder / CHECKSUMS).write_text(sums)
    (folder / FILE).write_text(made.text())
    return made


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(
        prefix=tmp_path / "opt",
        settings=tmp_path / "etc/minwang.toml",
        data=tmp_path / "data",
        wrapper=tmp_path / "bin/minwang",
        units=tmp_path / "units",
        user="",
    )
    for folder in (made.releases, made.database_copies, made.settings.parent, made.data, made.units):
        folder.mkdir(parents=True)
    made.settings.write_text(
        f'inventory = "{tmp_path / "none.yaml"}"\n[data]\ndir = "{made.data}"\n[web]\nport = '
        f"{free_port()}\n[patrol]\nworkers = 1\n"
    )
    return made


def install(layout: Layout, made: ReleaseManifest) -> Program:
    steps.symlink(layout.current, layout.releases / made.name)
    program = Program(layout, layout.releases / made.name)
    program.inside(InsideCommand.MIGRATE)
    return program


def upgrade(layout: Layout, *arguments: str) -> int:
    options = cli.parser().parse_args(["upgrade", "--yes", *arguments])
    return command.run(options, layout)


def tables(layout: Layout) -> set[str]:
    connection = sqlite3.connect(layout.data / "minwang.db")
    found = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection.close()
    return found


def revision(layout: Layout) -> str:
    connection = sqlite3.connect(layout.data / "minwang.db")
    (found,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    connection.close()
    return str(found)


def current(layout: Layout) -> str:
    folder = layout.current_release()
    assert folder is not None
    return folder.name


def prepared(a: ReleaseManifest, b: ReleaseManifest, target_revision: str = "9000", **changes: object) -> UpgradeState:
    made = UpgradeState(a.name, b.name, UpgradeStage.PREPARED, True, 0, NEWEST, target_revision)
    return replace(made, **changes)  # type: ignore[arg-type]


class Station:
    """Stands for a running station where only its start matters: like `serve`, it migrates at its start."""

    def __init__(self, layout: Layout):
        self.layout = layout
        self.running = False
        self.starts: list[str] = []

    def is_running(self) -> bool:
        return self.running

    def start(self) -> None:
        release_ = self.layout.current_release()
        assert release_ is not None
        program = Program(self.layout, release_)
        found = program.facts()
        assert found["revision"] <= found["newest"], "the release is too old for its database: it would refuse to start"
        program.inside(InsideCommand.MIGRATE)
        self.running = True
        self.starts.append(release_.name)

    def stop(self) -> None:
        self.running = False


class Console(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def console(layout: Layout) -> Iterator[None]:
    text = layout.settings.read_text()
    port = int(text.partition("port = ")[2].split()[0])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Console)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield
    server.shutdown()
    thread.join()
    server.server_close()


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

    station = NeverRecords(layout)
    station.start()
    cut_at(UpgradeStage.RETURNING, False, layout, station, prepared(a, b))
    state = states.load(layout.state)
    assert state is not None and state.reason
    with pytest.raises(StorageError, match="is in use again, with the database from before"):
        Upgrader(layout, station, lambda _: None, 20.0).resume(state)
    assert (current(layout), revision(layout)) == (a.name, NEWEST)
    assert "lamp" not in tables(layout)
    check_whole(layout, station)


@pytest.fixture
def cameras() -> Iterator[int]:
    """Run two virtual streams; yields their port."""
    command_ = [sys.executable, "-m", "cameras.virtual", "--streams", "2", "--loop", "4", "--port", "0"]
    process = subprocess.Popen(command_, stdout=subprocess.PIPE, text=True, env=child_environment())
    assert process.stdout is not None
    yield int(process.stdout.readline().split()[1])
    process.terminate()
    process.wait()
    process.stdout.close()


def running_station(layout: Layout, made: ReleaseManifest, cameras: int, tmp_path: Path) -> ProcessManager:
    """Start a station of two cameras that records them."""
    streams = "".join(
        f'- {{id: k{i}, name: k{i}, village: v, streams: {{main: {{url: "rtsp://127.0.0.1:{cameras}/cam{i}"}}}}}}\n'
        for i in range(2)
    )
    (tmp_path / "none.yaml").write_text(f"town: t\nvillages: [{{code: v, name: v}}]\ncameras:\n{streams}")
    program = install(layout, made)
    apply = program.command("-m", "station", "--config", str(layout.settings), "inventory", "apply")
    subprocess.run(apply, env=program.environment, check=True, capture_output=True)
    manager = ProcessManager(layout)
    manager.start()

    def works() -> bool:
        found = program.facts()
        return found["recording"] >= 2 and found["console"] == "ok"

    wait_until(works, 60, lambda: (program.facts(), (layout.prefix / "station.log").read_text()[-3000:]))
    return manager


@pytest.mark.soak
def test_a_recording_station_is_upgraded_and_goes_back(
    layout: Layout, cameras: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = make_release(layout, "a"), make_release(layout, "b", migration=True)
    manager = running_station(layout, a, cameras, tmp_path)
    try:
        assert upgrade(layout, str(layout.releases / b.name)) == 0
        told = capsys.readouterr().err
        assert "2 streams are recorded; recording was interrupted for" in told, told
        assert (current(layout), revision(layout)) == (b.name, "9000") and manager.is_running()
        assert states.load_previous(layout.database_copies / "previous.json") == PreviousRelease(
            a.name, f"{a.name}.database", pytest.approx(time.time(), abs=120)
        )
        assert (layout.database_copies / f"{a.name}.database").stat().st_mode & 0o777 == 0o600
        assert upgrade(layout, str(layout.releases / b.name)) == 0  # again: nothing to do
        assert "is in use already" in capsys.readouterr().err
        assert upgrade(layout, "--rollback") == 0
        assert (current(layout), revision(layout)) == (a.name, NEWEST) and manager.is_running()
        assert "the schema goes back from 9000" in capsys.readouterr().err
    finally:
        manager.stop()
    assert not manager.is_running()


@pytest.mark.soak
def test_a_release_that_does_not_start_goes_back_by_itself(layout: Layout, cameras: int, tmp_path: Path) -> None:
    a = make_release(layout, "a")
    # the console works, but nothing is recorded
    b = make_release(layout, "b", migration=True, broken="station/roles/recorder.py")
    manager = running_station(layout, a, cameras, tmp_path)
    try:
        with pytest.raises(
            StorageError, match=r"0 of 2 streams are recorded; .* is in use again, with the database from before"
        ):
            upgrade(layout, "--health-seconds", "15", str(layout.releases / b.name))
        assert (current(layout), revision(layout)) == (a.name, NEWEST) and manager.is_running()
        assert Program(layout, layout.releases / a.name).facts()["recording"] == 2
        assert not layout.state.exists()
    finally:
        manager.stop()


@pytest.mark.long
def test_what_is_refused_changes_nothing(layout: Layout) -> None:
    with pytest.raises(MinwangError, match="no station is installed here"):
        upgrade(layout, str(layout.releases))
    a, b = make_release(layout, "a"), make_release(layout, "b")
    install(layout, b)
    with pytest.raises(MinwangError, match="is older than"):
        upgrade(layout, str(layout.releases / a.name))
    with pytest.raises(MinwangError, match="no release from before"):
        upgrade(layout, "--rollback")
    with pytest.raises(MinwangError, match="give one of"):
        upgrade(layout)
    assert upgrade(layout, "--resume") == 0
    c = make_release(layout, "c")
    layout.settings.write_text(layout.settings.read_text() + "[web2]\n")  # a key that the new release does not know
    with pytest.raises(StorageError, match="unknown key 'web2'"):
        upgrade(layout, str(layout.releases / c.name))
    assert current(layout) == b.name and not layout.state.exists()


@pytest.mark.long
def test_a_database_newer_than_the_release_is_refused(layout: Layout) -> None:
    a, b = make_release(layout, "a", migration=True), make_release(layout, "b")
    install(layout, a)
    with pytest.raises(MinwangError, match="the database has version 9000"):
        upgrade(layout, str(layout.releases / b.name))


@pytest.mark.long
def test_a_station_that_does_not_run_is_not_started(layout: Layout) -> None:
    a, b = make_release(layout, "a"), make_release(layout, "b", migration=True)
    c = make_release(layout, "c")
    install(layout, a)
    assert upgrade(layout, str(layout.releases / b.name)) == 0
    assert not ProcessManager(layout).is_running()
    assert (current(layout), revision(layout)) == (b.name, "9000")
    assert {p.name for p in layout.releases.iterdir()} == {a.name, b.name}  # c is removed
    assert c.name not in release.names(layout)


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

    station = NeverRecords(layout)
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


def test_a_process_id_of_somebody_else_is_left_alone(layout: Layout) -> None:
    other = subprocess.Popen(["sleep", "60"])
    try:
        (layout.prefix / "station.pid").write_text(f'{{"pid": {other.pid}, "start": "1"}}')
        manager = ProcessManager(layout)
        assert not manager.is_running()
        manager.stop()
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_damaged_state_is_said(layout: Layout) -> None:
    for text in ("", "{}", '{"stage": "dancing"}'):
        layout.state.write_text(text)
        with pytest.raises(StorageError, match=r"upgrade\.json"):
            states.load(layout.state)


def test_the_manager_is_systemd_only_where_it_runs_this_machine(layout: Layout) -> None:
    expected = managers.SystemdManager if Path("/run/systemd/system").is_dir() else ProcessManager
    assert isinstance(managers.manager_of(layout), expected)
    assert isinstance(managers.manager_of(replace(layout, root=layout.prefix)), ProcessManager)
    assert manifest.read(layout.releases / make_release(layout, "a").name).name.startswith("0.1.0+gaaaaaaaa")
