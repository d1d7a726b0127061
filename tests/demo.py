"""The demo in a process of its own, and what it promises."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.conftest import ROOT
from tests.ports import free_port

RUN = "MINWANG_TEST_RUN"  # inherited by whatever a command starts: other stations on this machine are none of our business
EXPECTED = {"wj-02": "black", "yj-02": "frozen", "xd-03": "unreachable"}


@dataclass(slots=True)
class Demo:
    """A running one: all that it promises has happened."""

    address: str
    run: str
    process: subprocess.Popen[str]

    def stop(self) -> dict[str, Any]:
        """Its summary, as for whoever presses Ctrl-C. Raises AssertionError where its exit status says that something is missing."""
        self.process.send_signal(signal.SIGINT)
        said, _ = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, said
        return dict(json.loads(said))


@contextmanager
def demo() -> Iterator[Demo]:
    run, port = secrets.token_hex(), free_port()
    with tempfile.NamedTemporaryFile("w", suffix=".log") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "station", "demo", "--seconds", "3600", "--port", str(port)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), RUN: run},
            stdout=subprocess.PIPE,
            stderr=out,
            text=True,
        )
        try:
            deadline = time.monotonic() + 240  # drawing the streets takes most of a minute on a busy machine
            while (told := Path(out.name).read_text()).count(
                "fault opened"
            ) < 3 or "on the patrol officers' phones" not in told:
                assert time.monotonic() < deadline and process.poll() is None, told
                time.sleep(0.5)
            yield Demo(f"http://127.0.0.1:{port}", run, process)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)


def descendants(run: str) -> list[list[str]]:
    """Command lines of what was started with this value of RUN and is still there, adopted by init or not."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(RUN) == run and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.cmdline())
        except psutil.Error:
            continue  # gone, or somebody else's
    return found


def kept_its_promises(summary: dict[str, Any], run: str) -> None:
    """Raises AssertionError where a demo that is over did not do what it promises, or left something behind."""
    assert summary["complete"] is True
    assert summary["cameras_found"] == 8
    assert summary["recorded_seconds"] > 200
    assert {f["camera"]: f["family"] for f in summary["faults"]} == EXPECTED
    assert {g["camera"]: g["cause"] for g in summary["gaps"]} == {"xd-03": "unreachable"}
    # The town draws the same streets every time: 11 people on an idle machine, 10 where a track is cut on a busy one.
    assert summary["people"] >= 9 and summary["alerts"] >= 1
    assert descendants(run) == []
    log = (ROOT / ".demo" / "station.log").read_text()
    assert '"level": "error"' not in log, log[-3000:]
