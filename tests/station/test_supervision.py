"""What a station reports to the service manager and to `minwang status`, with real processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.clock import SystemClock
from core.host import station_lock
from core.host.process_role import ProcessRole
from core.host.service_manager import Notifier
from station.supervision.status_reporter import StatusReporter
from station.supervision.supervisor import Supervisor, WorkerRole
from station.supervision.worker_report import EX_CONFIG
from tests.commands import minwang
from tests.station.test_one_station import serving, workers_of
from tests.waiting import eventually, wait_until

SAYS = "import os, sys, time\ndef say(text): os.write(int(os.environ['MINWANG_REPORT']), text.encode() + b'\\n')\n"
READY = SAYS + "say('{\"ready\": true}')\nwhile True: time.sleep(0.1); say('{}')\n"
HANGS = SAYS + "say('{\"ready\": true}')\ntime.sleep(60)\n"
CANNOT = SAYS + f'say(\'{{"failed": "the key is lost; restore it"}}\'); sys.exit({EX_CONFIG})\n'


class Workers(Supervisor):
    """A supervisor whose workers are small programs that report as real ones do."""

    def __init__(self, programs: dict[WorkerRole, str], clock: SystemClock):
        super().__init__(list(programs), None, clock)
        self.programs = programs

    def _arguments(self, role: WorkerRole) -> list[str]:
        return [sys.executable, "-c", self.programs[role]]


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[tuple[socket.socket, dict[str, str]]]:
    """A service manager's socket, and the environment of the service."""
    path = str(tmp_path / "notify.socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(path)
        s.setblocking(False)
        yield s, {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "3000000"}


def heard(manager: socket.socket) -> list[str]:
    found = []
    while True:
        try:
            found.append(manager.recv(1000).decode())
        except BlockingIOError:
            return found


async def test_ready_when_the_console_answers_and_all_record(
    manager: tuple[socket.socket, dict[str, str]], tmp_path: Path
) -> None:
    controller, recorder, analyst = (
        WorkerRole(ProcessRole.CONTROLLER),
        WorkerRole(ProcessRole.RECORDER),
        WorkerRole(ProcessRole.ANALYST),
    )
    late = SAYS + "time.sleep(2)\n" + READY.removeprefix(SAYS)
    supervisor = Workers({controller: READY, recorder: late, analyst: SAYS + "time.sleep(60)"}, SystemClock())
    reporter = StatusReporter(supervisor, Notifier(manager[1]), tmp_path, SystemClock(), lambda: None)
    await supervisor.start()
    watching = asyncio.create_task(reporter.run())
    try:
        await eventually(lambda: supervisor.watched[controller].ready)
        await reporter.update()
        said = heard(manager[0])
        assert "READY=1" not in said and "WATCHDOG=1" in said
        assert said[-1] == "STATUS=starting: recorder-0, analyst"
        await eventually(lambda: supervisor.ready)
        await reporter.update()
        assert heard(manager[0]).count("READY=1") == 1
        os.kill(supervisor.children[recorder].pid, signal.SIGKILL)
        await eventually(lambda: supervisor.restarts.get(recorder) == 1)
        await reporter.update()
        assert "STATUS=not working: recorder-0, analyst" in heard(manager[0])
    finally:
        watching.cancel()
        await reporter.close()
        await supervisor.stop()
    assert heard(manager[0])[-1] == "STOPPING=1"


async def test_no_sign_of_life_for_a_station_whose_worker_hangs(
    manager: tuple[socket.socket, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is killed first; only a worker that cannot be killed keeps the watchdog waiting."""
    monkeypatch.setattr("station.supervision.supervisor.HANG_SECONDS", 1.0)
    monkeypatch.setattr("station.supervision.supervisor.POLL_INTERVAL_S", 0.02)
    role = WorkerRole(ProcessRole.CONTROLLER)
    supervisor = Workers({role: HANGS}, SystemClock())
    reporter = StatusReporter(supervisor, Notifier(manager[1]), tmp_path, SystemClock(), lambda: None)
    await supervisor.start()
    try:
        await eventually(lambda: supervisor.watched[role].ready)
        await reporter.update()
        assert "WATCHDOG=1" in heard(manager[0])
        await eventually(lambda: supervisor.restarts.get(role) == 1)
        assert "status -9" in supervisor.watched[role].last_end
        await eventually(lambda: supervisor.watched[role].ready)
        monkeypatch.setattr("station.supervision.supervisor.POLL_INTERVAL_S", 60.0)  # nobody kills it now
        await asyncio.sleep(0.05)
        heard(manager[0])
        await eventually(lambda: not supervisor.in_order)
        await reporter.update()
        assert "WATCHDOG=1" not in heard(manager[0])
    finally:
        await supervisor.stop()


async def test_a_worker_that_cannot_start_ends_the_station_with_its_sentence() -> None:
    recorder, controller = WorkerRole(ProcessRole.RECORDER), WorkerRole(ProcessRole.CONTROLLER)
    supervisor = Workers({recorder: CANNOT, controller: READY}, SystemClock())
    await supervisor.start()
    async with asyncio.timeout(20):
        failure = await supervisor.until_failed()
    assert str(failure) == "the key is lost; restore it"
    await supervisor.stop()


async def test_a_worker_that_had_worked_is_started_again_whatever_it_says() -> None:
    role = WorkerRole(ProcessRole.RECORDER)
    later = SAYS + "say('{\"ready\": true}'); time.sleep(0.5)\n" + CANNOT.removeprefix(SAYS)
    supervisor = Workers({role: later}, SystemClock())
    await supervisor.start()
    await eventually(lambda: supervisor.restarts.get(role) == 2)
    assert supervisor.failed is None
    assert "the key is lost" in supervisor.watched[role].last_end
    await supervisor.stop()


@pytest.mark.long
def test_status_of_a_station(tmp_path: Path) -> None:
    (tmp_path / "minwang.toml").write_text('[data]\ndir = "data"\n')
    before = minwang("status", cwd=tmp_path)
    assert before.returncode == 1 and "no station runs on" in before.stdout and "unknown" in before.stdout
    with serving(tmp_path) as process:
        wait_until(lambda: minwang("status", cwd=tmp_path).returncode == 0, 180)
        facts = json.loads(minwang("status", "--json", cwd=tmp_path).stdout)
        assert facts["running"] and facts["ready"] and facts["holder"]["pid"] == process.pid
        assert [w["name"] for w in facts["workers"]] == ["controller", "recorder-0", "analyst"]
        assert facts["streams"] == {"wanted": 0, "recording": 0, "states": {}}
        recorder = next(p for p in workers_of(process, 3) if "recorder" in p.cmdline())
        recorder.kill()

        def restarted() -> dict[str, Any] | None:
            facts: dict[str, Any] = json.loads(minwang("status", "--json", cwd=tmp_path).stdout)
            return facts if facts["workers"][1]["restarts"] else None

        facts = wait_until(restarted) or {}
        assert facts["workers"][1]["restarts"] == 1 and "status -9" in facts["workers"][1]["last_end"]
        assert psutil.pid_exists(process.pid)
    after = json.loads(minwang("status", "--json", cwd=tmp_path).stdout)
    assert not after["running"] and after["workers"] == []
    assert station_lock.holder(tmp_path / "data") is None
