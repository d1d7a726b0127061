"""The main job with a server and pictures that this project did not make: Debian's GStreamer RTSP server plays real
street footage, which both engines record; it is read back, patrolled and searched.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.commands import minwang
from tests.conftest import FOOTAGE, MODELS, SHARED, needs_footage
from tests.ports import free_port

FARM = SHARED / "tools" / "rtsp_farm.py"
PORT = free_port()
pytestmark = [pytest.mark.footage, needs_footage]
ENVIRONMENT = {"MINWANG_CREDENTIAL_FARM": "pass word/1"}


@pytest.fixture(autouse=True)
def station_database() -> None:
    """Replace the fixture: `minwang record` keeps its own SQLite file."""


@pytest.fixture(scope="module", params=["h264", "h265"])
def farm(request: pytest.FixtureRequest) -> Iterator[str]:
    gi = subprocess.run(
        ["/usr/bin/python3", "-c", "import gi; gi.require_version('GstRtspServer', '1.0')"],
        capture_output=True,
        check=False,
    )
    if gi.returncode != 0:
        pytest.skip("GStreamer's RTSP server is not installed; ./minwang test names the packages")
    clip = FOOTAGE / {"h264": "one-by-one-person-detection.mp4", "h265": "vtest_480x360.avi"}[request.param]
    command = ["/usr/bin/python3", str(FARM), str(clip), "--mounts", "2", "--port", str(PORT), "--codec", request.param]
    command += ["--bitrate", "1M", "--user", "farm", "--password", "pass word/1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("ready")
    yield request.param
    process.kill()
    process.wait()
    process.stdout.close()


def station(*arguments: str, cwd: Path, status: int = 0) -> Any:
    done = minwang(*arguments, cwd=cwd, env={**os.environ, **ENVIRONMENT})
    assert done.returncode == status, done.stderr[-2000:] + done.stdout[-2000:]
    assert "pass word" not in done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.soak
def test_recorded_read_back_patrolled_and_searched(farm: str, tmp_path: Path) -> None:
    (tmp_path / "town.yaml").write_text(
        "town: t\ncredentials: [{name: farm, username: farm}]\nvillages: [{code: v, name: v}]\ncameras:\n"
        + "".join(
            f"- {{id: {engine}, name: c, village: v, credential: farm, "
            f"streams: {{main: {{url: 'rtsp://127.0.0.1:{PORT}/cam{i}', engine: {engine}}}}}}}\n"
            for i, engine in enumerate(("native", "ffmpeg"))
        )
    )
    summary = station("record", "--inventory", "town.yaml", "--seconds", "12", "--segment-seconds", "6", cwd=tmp_path)
    for engine in ("native", "ffmpeg"):
        stream = summary["streams"][f"{engine}/main"]
        assert stream["engine"] == engine
        assert stream["segments"] >= 2 and stream["frames"] > 130, stream
        assert stream["lost_packets"] == 0 and stream["gaps"] == []
    files = sorted((tmp_path / "data" / "video").rglob("*.mp4"))
    assert len(files) == summary["segments"]
    pictures = 0
    for path in files:
        done = subprocess.run(
            [
                "ffprobe",
                "-v",
                "error",
                "-count_frames",
                "-show_entries",
                "stream=codec_name,nb_read_frames",
                "-of",
                "json",
                str(path),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr == "", f"{path}: {done.stderr}"
        stream = json.loads(done.stdout)["streams"][0]
        assert stream["codec_name"] == {"h264": "h264", "h265": "hevc"}[farm]
        pictures += int(stream["nb_read_frames"])
    assert pictures == summary["frames"]
    assert station("archive", "verify", "--json", cwd=tmp_path)["clean"]

    assert len(station("models", "add", str(MODELS), "--json", cwd=tmp_path)) == 8
    assert station("models", "verify", "--json", cwd=tmp_path) == []
    indexed = station("index", "--json", cwd=tmp_path)
    assert (
        indexed["sightings"] >= 2
        and indexed["detector"].startswith("person-vehicle-bike-2004")
        and indexed["wrong"] == []
    )
    assert station("index", "--json", cwd=tmp_path)["sightings"] == 0
    found = station("search", "--class", "person", "--limit", "50", "--reason", "案件 1", "--json", cwd=tmp_path)[
        "rows"
    ]
    assert {r["camera"] for r in found} == {"native", "ffmpeg"}
    said = station("search", "people", "last 2 hours", "--reason", "案件 1", "--json", cwd=tmp_path)
    assert said["unknown"] == [] and len(said["rows"]) == min(20, len(found))
    rewritten = station("index", "--from", "2020-01-01T00:00:00Z", "--cameras", "native", "--json", cwd=tmp_path)
    assert rewritten["sightings"] > 0 and rewritten["wrong"] == []
    again = station("search", "--class", "person", "--limit", "50", "--reason", "案件 1", "--json", cwd=tmp_path)[
        "rows"
    ]
    assert [r["id"] for r in again] == [r["id"] for r in found]

    at = found[len(found) // 2]["at"]
    start, end = at[:-6][:19] + "+00:00", found[0]["at"]
    clip = station(
        "clip",
        found[0]["camera"],
        min(start, end),
        "2099-01-01T00:00:00+00:00",
        "out.mp4",
        "--reason",
        "案件 1",
        "--json",
        cwd=tmp_path,
    )
    assert clip["pictures"] > 0
    # The stream has ended and no recorder reports: patrol must not blame the cameras for silence.
    said = station("patrol", "--json", cwd=tmp_path, status=1)
    assert said["faults"] == [] and said["judged"] == 0 and not said["recorder_running"]
