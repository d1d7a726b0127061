"""Upgrades of plain processes; with systemd: tests/fresh/offline.py."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import StorageError
from core.host.child_environment import child_environment
from station.install import manifest, release
from station.install.layout import Layout
from station.install.manifest import ReleaseManifest
from station.install.upgrade import managers
from station.install.upgrade import state as states
from station.install.upgrade.managers import ProcessManager
from station.install.upgrade.program import Program
from station.install.upgrade.state import PreviousRelease
from tests.fresh.next_release import NEWEST
from tests.station.upgrade.releases import current, install, make_release, revision, upgrade
from tests.waiting import wait_until


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
        previous = states.load_previous(layout.database_copies / "previous.json")
        assert previous is not None and previous.at == pytest.approx(time.time(), abs=120)
        assert previous == PreviousRelease(a.name, f"{a.name}.database", previous.at)
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
def test_a_station_that_does_not_run_is_not_started(layout: Layout) -> None:
    a, b = make_release(layout, "a"), make_release(layout, "b", migration=True)
    c = make_release(layout, "c")
    install(layout, a)
    assert upgrade(layout, str(layout.releases / b.name)) == 0
    assert not ProcessManager(layout).is_running()
    assert (current(layout), revision(layout)) == (b.name, "9000")
    assert {p.name for p in layout.releases.iterdir()} == {a.name, b.name}  # c is removed
    assert c.name not in release.names(layout)


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


def test_the_manager_is_systemd_only_where_it_runs_this_machine(layout: Layout) -> None:
    expected = managers.SystemdManager if Path("/run/systemd/system").is_dir() else ProcessManager
    assert isinstance(managers.manager_of(layout), expected)
    assert isinstance(managers.manager_of(replace(layout, root=layout.prefix)), ProcessManager)
    assert manifest.read(layout.releases / make_release(layout, "a").name).name.startswith("0.1.0+gaaaaaaaa")
