"""One station per data folder, with real processes."""

from __future__ import annotations

import json
import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from core.errors import StationBusyError, StorageError
from core.host import file_locks, station_lock, system_user
from core.host.child_environment import child_environment
from tests.conftest import ROOT

HOLD = "import sys, time; from pathlib import Path; from core.host import station_lock\n"
HOLDS = HOLD + "with station_lock.hold(Path(sys.argv[1]), 'serve'):\n print('held', flush=True); time.sleep(60)\n"
LEAVES_A_WORKER = HOLD + (
    "import subprocess, os\n"
    "lock = station_lock.acquire(Path(sys.argv[1]), 'serve')\n"
    "worker = subprocess.Popen(['sleep', sys.argv[2]], pass_fds=[lock.descriptor])\n"
    "print(worker.pid, flush=True); time.sleep(60)\n"
)


@contextmanager
def process(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd="/",
        env=child_environment(USER="somebody"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def first_line(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def is_running(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_a_second_one_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    with process(HOLDS, tmp_path) as child:
        assert first_line(child) == "held"
        with pytest.raises(StationBusyError) as refused, station_lock.hold(tmp_path, "record"):
            pass
        sentence = str(refused.value)
        assert f"{tmp_path} is in use by 'minwang serve' (process {child.pid} of user {system_user.name()}" in sentence
        assert "end that first" in sentence
        holder = station_lock.holder(tmp_path)
        assert holder is not None and (holder.command, holder.pid, holder.is_gone) == ("serve", child.pid, False)


def test_a_killed_holder_leaves_no_lock(tmp_path: Path) -> None:
    with process(HOLDS, tmp_path) as child:
        assert first_line(child) == "held"
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    assert json.loads((tmp_path / "station.lock").read_text())["pid"] == child.pid  # the file's content does not matter
    assert station_lock.holder(tmp_path) is None
    with station_lock.hold(tmp_path, "serve"):
        holder = station_lock.holder(tmp_path)
        assert holder is not None and holder.pid == os.getpid()
    assert station_lock.holder(tmp_path) is None


def test_a_killed_station_s_workers_are_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with process(LEAVES_A_WORKER, tmp_path, 3) as child:
        worker = int(first_line(child))
        child.kill()
        child.wait()
        assert is_running(worker)
        started = time.monotonic()
        with station_lock.hold(tmp_path, "serve"):
            assert time.monotonic() - started > 0.5
            assert not is_running(worker)
    assert "waiting for its workers to end" in capsys.readouterr().err


def test_a_process_that_stood_still_tries_once_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit passed while it did not run, and the workers ended in that time."""
    tries = iter([False, True])
    monkeypatch.setattr(file_locks, "try_lock", lambda _: next(tries))
    monkeypatch.setattr(time, "sleep", lambda _: monkeypatch.setattr(station_lock, "MAX_WORKER_WAIT_S", -1.0))
    gone = station_lock.LockHolder("serve", 2**22 + 1, "somebody", socket.gethostname(), "an hour ago")
    assert gone.is_gone
    monkeypatch.setattr(station_lock, "_read", lambda _: gone)
    with station_lock.hold(tmp_path, "serve"):
        pass
    assert next(tries, None) is None


def test_workers_that_stay_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(station_lock, "MAX_WORKER_WAIT_S", 0.0)
    with process(LEAVES_A_WORKER, tmp_path, 30) as child:
        worker = int(first_line(child))
        try:
            child.kill()
            child.wait()
            with pytest.raises(StationBusyError, match=f"processes of .*: {worker}; end these processes first"):
                station_lock.acquire(tmp_path, "serve")
        finally:
            os.kill(worker, signal.SIGKILL)


def test_another_path_to_the_same_folder_is_the_same_folder(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to("data")
    with process(HOLDS, tmp_path / "link") as child:
        assert first_line(child) == "held"
        with pytest.raises(StationBusyError):
            station_lock.acquire(tmp_path / "data", "serve")


def test_of_many_that_start_at_once_one_holds(tmp_path: Path) -> None:
    code = HOLD + (
        "while time.time() < float(sys.argv[2]): pass\n"
        "try: station_lock.acquire(Path(sys.argv[1]), 'serve'); print('held', flush=True); time.sleep(20)\n"
        "except station_lock.StationBusyError as e: print(e, flush=True)\n"
    )
    start = time.time() + 3.0
    children = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), str(start)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        for _ in range(6)
    ]
    try:
        lines = [first_line(c) for c in children]
        holding = [c.pid for c, line in zip(children, lines, strict=True) if line == "held"]
        assert len(holding) == 1, lines
        assert all(f"process {holding[0]} " in line for line in lines if line != "held"), lines
    finally:
        for child in children:
            child.kill()
            child.communicate()


def test_asking_disturbs_nobody_who_starts(tmp_path: Path) -> None:
    asking = HOLD + "print('asks', flush=True)\nwhile True: station_lock.holder(Path(sys.argv[1]))\n"
    with station_lock.hold(tmp_path, "serve"):
        pass
    with process(asking, tmp_path) as child:
        assert first_line(child) == "asks"
        for _ in range(200):
            station_lock.acquire(tmp_path, "serve").release()


def test_a_folder_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"file/data: the data folder cannot be made \(Not a directory\)"):
        station_lock.acquire(tmp_path / "file" / "data", "serve")
    with pytest.raises(StorageError, match=r"/proc: user \S+ cannot write the data folder"):
        station_lock.acquire(Path("/proc"), "serve")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_folder_of_another_user(tmp_path: Path) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    os.chown(tmp_path, nobody, -1)
    with station_lock.hold(tmp_path, "archive verify --repair"):  # root, once
        assert (tmp_path / "station.lock").stat().st_uid == nobody  # the station can still start
    # after setuid, a checkout in /root is no longer readable
    reads = HOLD + "import os, pwd; os.setuid(int(sys.argv[2]))\n"
    reads += (
        "print(station_lock.holder(Path(sys.argv[1])), flush=True); station_lock.acquire(Path(sys.argv[1]), 'serve')"
    )
    folder = Path("/tmp") / f"minwang-lock-{os.getpid()}"
    folder.mkdir(mode=0o755)
    try:
        with process(reads, folder, nobody) as child:
            out, errors = child.communicate(timeout=30)
        assert out == "None\n"
        assert "cannot write the data folder (Permission denied at station.lock); run: chown -R nobody" in errors
    finally:
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
