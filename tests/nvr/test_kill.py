"""What a recorder leaves behind that is killed. The long form is in bench/parts/kills.py."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nvr import fmp4, footage
from tests.conftest import ROOT


@pytest.mark.parametrize("seed", [1, 2])
def test_kill_minus_nine_loses_half_a_second_at_most(seed: int, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    farm = subprocess.Popen(
        [sys.executable, "-m", "cameras.virtual", "--streams", "2", "--port", str(18600 + seed)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert farm.stdout is not None
    try:
        assert farm.stdout.readline().startswith("ready")
        cameras = "".join(
            f"- {{id: c{i}, name: c, village: v, streams: {{main: {{url: 'rtsp://127.0.0.1:{18600 + seed}/cam{i}'}}}}}}\n"
            for i in range(2)
        )
        (tmp_path / "i.yaml").write_text(f"town: t\nvillages:\n- {{code: v, name: v}}\ncameras:\n{cameras}")
        command = [
            "-m",
            "station",
            "record",
            "--inventory",
            str(tmp_path / "i.yaml"),
            "--seconds",
            "60",
            "--data",
            str(tmp_path / "d"),
        ]
        recorder = subprocess.Popen([sys.executable, *command], env=environment, stdout=subprocess.DEVNULL)
        time.sleep(6 + random.Random(seed).random() * 2)
        recorder.send_signal(signal.SIGKILL)
        killed = time.time()
        recorder.wait()
    finally:
        farm.terminate()
        farm.wait()
        farm.stdout.close()
    files = sorted((tmp_path / "d" / "video").rglob("*.mp4"))
    assert len(files) == 2
    for path in files:
        fragments = list(fmp4.scan(path))
        start = footage.start_of(path)
        assert start is not None
        last = start / 1e6 + (fragments[-1].time + fragments[-1].duration) / fmp4.TIMESCALE
        assert killed - last <= 0.5 + 0.1  # wall time of a file may be off by one tick at its start
