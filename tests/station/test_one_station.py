"""A second station on a data folder is refused, tested with the real commands."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from core.host import station_lock
from core.host.child_environment import child_environment
from nvr.recorder import crash_marker
from tests.commands import minwang
from tests.waiting import wait_until


@contextmanager
def serving(folder: Path, data: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """Run a station with its settings in the folder; the block begins when it holds its lock."""
    (folder / "town.yaml").write_text("town: t\nvillages: [{code: v, name: V}]\ncameras: []\n")
    (folder / "minwang.toml").write_text('inventory = "town.yaml"\n[web]\nport = 0\n[data]\n' + data)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "station", "serve"],
            cwd=folder,
            stderr=log,
            env=child_environment(),
        )
    try:
        wait_until(lambda: station_lock.holder(folder / "data") is not None or process.poll() is not None)
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)


def workers_of(process: subprocess.Popen[bytes], count: int) -> list[psutil.Process]:
    def find() -> list[psutil.Process]:
        children = [p for p in psutil.Process(process.pid).children() if p.status() != psutil.STATUS_ZOMBIE]
        found = [p for p in children if "worker" in p.cmdline()]
        return found if len(found) >= count else []

    return wait_until(find, 120)


COMMANDS = {
    "serve": ("serve",),
    "record": ("record", "--inventory", "town.yaml", "--seconds", "5", "--data", "data"),
    "repair": ("archive", "verify", "--repair", "--reason", "test"),
}


@pytest.mark.long
def test_a_second_one_is_refused_and_readers_are_not(tmp_path: Path) -> None:
    with serving(tmp_path) as process:
        workers_of(process, 3)
        for name, command in COMMANDS.items():
            started = time.monotonic()
            refused = minwang(*command, cwd=tmp_path)
            assert refused.returncode == 1, name
            assert f"is in use by 'minwang serve' (process {process.pid} of user" in refused.stderr, name
            assert len(refused.stderr.splitlines()) == 1, refused.stderr
            assert time.monotonic() - started < 40
        assert json.loads(minwang("user", "list", "--json", cwd=tmp_path).stdout) == []
        assert minwang("archive", "verify", cwd=tmp_path).returncode == 0
    assert minwang("archive", "verify", "--repair", "--reason", "test", cwd=tmp_path).returncode == 0


@pytest.mark.long
@pytest.mark.parametrize("signal_number", [signal.SIGKILL])
def test_the_next_station_waits_for_a_killed_one_s_workers(signal_number: int, tmp_path: Path) -> None:
    with serving(tmp_path) as process:
        recorder = next(p for p in workers_of(process, 3) if "recorder" in p.cmdline())
        wait_until(crash_marker.path_of(tmp_path / "data", 0).exists)  # it works
        recorder.suspend()  # suspended, it cannot end by itself
        process.send_signal(signal_number)
        process.wait()
        with serving(tmp_path) as second:
            wait_until(lambda: "waiting for its workers to end" in (tmp_path / "log").read_text())
            assert recorder.is_running()
            assert not [p for p in psutil.Process(second.pid).children() if "worker" in p.cmdline()]
            recorder.resume()
            workers_of(second, 3)
            assert not recorder.is_running() or recorder.status() == psutil.STATUS_ZOMBIE


@pytest.mark.soak
def test_patrol_and_index_beside_a_station(tmp_path: Path) -> None:
    """The station makes the round itself; footage that it indexes is not indexed a second time."""
    with serving(tmp_path) as process:
        workers_of(process, 3)
        patrolled = minwang("patrol", "--json", cwd=tmp_path, timeout=120)
        assert json.loads(patrolled.stdout)["cameras"] == 0, patrolled.stderr
        refused = minwang("index", cwd=tmp_path)
        assert refused.returncode == 1
        assert "the running station indexes new footage itself; give --from and --to" in refused.stderr
        stretch = ("index", "--from", "2026-01-01T00:00:00Z", "--to", "2026-01-01T01:00:00Z")
        assert minwang(*stretch, cwd=tmp_path).returncode == 0
    assert minwang("index", cwd=tmp_path).returncode == 0


@pytest.mark.soak
def test_two_stations_on_one_volume(tmp_path: Path) -> None:
    """The second one has its own data folder and is refused nevertheless."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    (tmp_path / "disk").mkdir()
    shared = f'volumes = ["{tmp_path / "disk"}"]\n'
    with serving(first, shared) as process:
        wait_until((tmp_path / "disk" / ".minwang-volume.lock").exists, 60)
        workers_of(process, 3)
        with serving(second, shared) as other:
            assert other.wait(timeout=60) == 1
        sentence = (second / "log").read_text().splitlines()[-1]
        assert f"{tmp_path / 'disk'} is in use by the station of {first / 'data'}" in sentence
        repaired = minwang("archive", "verify", "--repair", "--reason", "test", cwd=second)
        assert repaired.returncode == 1 and "is in use by the station of" in repaired.stderr
