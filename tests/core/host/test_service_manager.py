"""The service manager's protocol, over a real socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.host.service_manager import Notifier


@pytest.fixture(params=["file", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """The manager's socket and the value of NOTIFY_SOCKET."""
    name = str(tmp_path / "notify") if request.param == "file" else f"@minwang-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(name.replace("@", "\0", 1) if name.startswith("@") else name)
        s.settimeout(5)
        yield s, name


def test_what_is_said(manager: tuple[socket.socket, str]) -> None:
    heard, address = manager
    notifier = Notifier({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())})
    assert notifier.watchdog_seconds == 30.0
    notifier.ready()
    notifier.status("3 workers run\nREADY=1")  # a separate line would be another message
    notifier.alive()
    notifier.stopping()
    assert [heard.recv(1000) for _ in range(4)] == [
        b"READY=1", b"STATUS=3 workers run READY=1", b"WATCHDOG=1", b"STOPPING=1",
    ]  # fmt: skip


def test_nothing_happens_without_a_manager(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    silent = Notifier({})
    silent.ready()
    silent.alive()
    assert silent.watchdog_seconds is None and caplog.records == []
    gone = Notifier({"NOTIFY_SOCKET": str(tmp_path / "none"), "WATCHDOG_USEC": "1000000"})
    gone.ready()
    gone.alive()
    assert len(caplog.records) == 1  # logged once


def test_a_watchdog_of_another_process_is_not_ours() -> None:
    assert Notifier({"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}).watchdog_seconds is None
    assert Notifier({"WATCHDOG_USEC": "odd"}).watchdog_seconds is None
