"""Two stations on one volume, with real processes."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from nvr.storage import volume_lock
from nvr.storage.volume_lock import ForeignVolumeError
from tests.conftest import ROOT

TAKES = (
    "import sys, time; from pathlib import Path; from nvr.storage import volume_lock\n"
    "until = float(sys.argv[3])\n"
    "while time.time() < until: pass\n"
    "try: volume_lock.take(Path(sys.argv[1]), Path(sys.argv[2])); print('held', flush=True); time.sleep(30)\n"
    "except OSError as e: print(e, flush=True)\n"
)


def process(stack: ExitStack, volume: Path, data: Path, at: float = 0.0) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-c", TAKES, str(volume), str(data), str(at)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    stack.callback(child.communicate)
    stack.callback(child.kill)
    return child


def line(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Return a volume and two data folders."""
    made = tmp_path / "disk", tmp_path / "a", tmp_path / "b"
    for folder in made:
        folder.mkdir()
    return made


def test_a_station_s_processes_share_and_another_s_are_refused(folders: tuple[Path, Path, Path]) -> None:
    volume, mine, other = folders
    with ExitStack() as stack:
        workers = [process(stack, volume, mine) for _ in range(3)]
        assert [line(w) for w in workers] == ["held"] * 3
        with pytest.raises(ForeignVolumeError, match=f"{volume} is in use by the station of {mine} on .*; stop it"):
            volume_lock.take(volume, other)
        assert str(mine) in volume_lock.foreign_holder(volume, other) and volume_lock.foreign_holder(volume, mine) == ""
        for worker in workers[:2]:  # one remaining process is enough to hold it
            worker.kill()
            worker.wait()
        assert volume_lock.foreign_holder(volume, other)
        workers[2].kill()
        workers[2].wait()
        assert volume_lock.foreign_holder(volume, other) == ""
        assert line(process(stack, volume, other)) == "held"


def test_of_two_stations_that_start_at_once_one_holds(folders: tuple[Path, Path, Path]) -> None:
    import time

    volume, mine, other = folders
    with ExitStack() as stack:
        at = time.time() + 3.0
        children = {data: [process(stack, volume, data, at) for _ in range(3)] for data in (mine, other)}
        said = {data: {line(c) == "held" for c in group} for data, group in children.items()}
    assert sorted(map(str, said.values())) == ["{False}", "{True}"], said


def test_another_path_to_the_data_folder_is_the_same_station(folders: tuple[Path, Path, Path], tmp_path: Path) -> None:
    volume, mine, _ = folders
    (tmp_path / "link").symlink_to(mine)
    with ExitStack() as stack:
        assert line(process(stack, volume, mine)) == "held"
        assert volume_lock.foreign_holder(volume, tmp_path / "link") == ""
