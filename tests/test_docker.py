"""The container files: linters, the build context, the health check.

`./minwang fresh --container` builds and runs the image itself.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from core import settings
from core.settings import WebSettings
from web.http.exposure import Exposure, exposure

ROOT = Path(__file__).parent.parent


def test_hadolint_accepts_the_dockerfile() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([hadolint, "docker/Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_yamllint_accepts_compose_and_inventory() -> None:
    rules = (
        "{extends: default, rules: {document-start: disable, line-length: {max: 140}, braces: {max-spaces-inside: 1}}}"
    )
    command = [
        sys.executable,
        "-m",
        "yamllint",
        "-s",
        "-d",
        rules,
        "docker/compose.yaml",
        "docker/compose.bridge.yaml",
        "inventory.yaml",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def _services() -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())["services"]
    return services


def test_compose_builds_what_is_here() -> None:
    build = _services()["minwang"]["build"]
    context = (ROOT / "docker" / build["context"]).resolve()
    assert context == ROOT
    assert (context / build["dockerfile"]).is_file()


def _published(service: dict[str, Any]) -> list[str]:
    return [str(port) for port in service.get("ports", [])]


def test_the_console_is_open_to_this_machine_only() -> None:
    """With the host's network nothing is published and the settings decide; nothing in the image overrides them."""
    station, dockerfile = _services()["minwang"], (ROOT / "docker" / "Dockerfile").read_text()
    assert station["network_mode"] == "host" and _published(station) == [] and "environment" not in station
    assert "MINWANG_WEB" not in dockerfile and "0.0.0.0" not in dockerfile
    assert exposure(WebSettings()) is None


def test_on_a_bridge_the_port_is_published_on_loopback_and_answered_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    station = yaml.safe_load((ROOT / "docker" / "compose.bridge.yaml").read_text())["services"]["minwang"]
    assert station["network_mode"] == "bridge" and set(station) == {"network_mode", "environment", "ports"}
    written = tmp_path / "minwang.toml"
    written.write_text('[web]\nhost = "127.0.0.1"\nport = 8081\n')  # as written by `init`
    for name, value in station["environment"].items():
        monkeypatch.setenv(name, value)
    web = settings.load(written).web
    exposed = re.findall(r"^EXPOSE (\d+)", (ROOT / "docker" / "Dockerfile").read_text(), re.M)
    assert _published(station) == [f"127.0.0.1:{web.port}:{web.port}"] and exposed == [str(web.port)]
    assert web.host == "0.0.0.0" and exposure(web) is Exposure.UNENCRYPTED  # the doctor reports it


def test_no_service_keeps_logs_without_end_and_the_database_listens_on_no_network() -> None:
    services = _services()
    assert all(s["logging"]["options"].keys() == {"max-size", "max-file"} for s in services.values())
    database = services["postgresql"]
    assert database["profiles"] == ["postgresql"] and database["network_mode"] == "none" and "ports" not in database
    assert "listen_addresses=" in database["command"].split()


@pytest.mark.skipif(shutil.which("buildah") is None, reason="buildah is not installed (apt-get install buildah)")
def test_the_build_context_holds_the_program_and_nothing_of_the_station(tmp_path: Path) -> None:
    """A checkout in which a station runs: its settings, passwords, footage and weights stay out of the image."""
    context = tmp_path / "checkout"
    files = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    for name in filter(None, files):
        (context / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, context / name)
    private = [
        *(
            "minwang.toml",
            "town.yaml",
            "data/minwang.db",
            "data/secret.key",
            "data/video/a/1.mp4",
            "disk1/1.mp4",
            "core/a.key",
        ),
        *(
            "search/yolo.pt",
            "web/console/node_modules/x/index.js",
            "core/__pycache__/a.pyc",
            ".venv/pyvenv.cfg",
            ".env",
            "notes.txt",
        ),
    ]
    for name in private:
        (context / name).parent.mkdir(parents=True, exist_ok=True)
        (context / name).write_text("private")
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    base = ["--root", str(tmp_path / "store"), "--runroot", str(tmp_path / "run"), "--storage-driver", "vfs"]
    build = [
        "bud",
        "--isolation",
        "chroot",
        "-q",
        "--ignorefile",
        str(context / ".dockerignore"),
        "-f",
        str(tmp_path / "Dockerfile"),
    ]
    done = subprocess.run(
        ["buildah", *base, *build, "-o", str(tmp_path / "image"), str(context)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    there = {str(p.relative_to(tmp_path / "image")) for p in (tmp_path / "image").rglob("*") if p.is_file()}
    assert not there & set(private)
    assert {
        "minwang",
        "requirements/base.lock",
        "core/settings.py",
        "web/console/package-lock.json",
        "docker/healthcheck.py",
    } <= there
    assert not {p.split("/")[0] for p in there} & {"tests", "bench", ".git", ".ci"}


class _Console(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/login" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def _console(status: int) -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), type("Console", (_Console,), {"status": status}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


def _check(folder: Path, port: int, host: str = "0.0.0.0") -> subprocess.CompletedProcess[str]:
    settings = folder / "minwang.toml"
    settings.write_text(f'[web]\nhost = "{host}"\nport = {port}\n')
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MINWANG_")} | {
        "MINWANG_CONFIG": str(settings)
    }
    command = [sys.executable, str(ROOT / "docker" / "healthcheck.py")]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=30)


def test_the_health_check_asks_the_port_of_the_settings(tmp_path: Path) -> None:
    for status in (200, 429):  # 429: this address sends too many requests, which is no reason to restart
        with _console(status) as port:
            assert _check(tmp_path, port).returncode == 0
    with _console(503) as port:
        done = _check(tmp_path, port, "127.0.0.1")
        assert done.returncode == 1 and "503" in done.stderr
    done = _check(tmp_path, port)
    assert done.returncode == 1 and f":{port}" in done.stderr and "Traceback" not in done.stderr


def test_the_console_s_stage_has_what_its_script_reads() -> None:
    read = set(re.findall(r'"\$root/((?:station|requirements)/[\w./]*?)[$"]', (ROOT / "minwang").read_text()))
    stage = (ROOT / "docker" / "Dockerfile").read_text().split("AS console\n")[1].split("FROM")[0]
    copied = re.findall(r"^COPY (\S+)", stage, re.M)
    assert read and [r for r in read if not any(r.startswith(c) for c in copied)] == []
