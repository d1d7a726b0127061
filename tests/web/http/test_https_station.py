"""A real station over HTTPS: alone in Chromium, and behind nginx and Caddy as configured in docs/examples/."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from http.client import HTTPConnection
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import expect, sync_playwright

from cameras.registry import inventory, registry
from core.accounts.accounts import Accounts
from core.accounts.permissions import Role
from core.clock import SystemClock
from core.host.child_environment import child_environment
from core.settings import DataSettings, Settings
from nvr.media.mp4 import fmp4
from station import database as station_database
from tests.conftest import ROOT
from tests.ports import free_ports
from tests.waiting import wait_until
from tests.web.browser.pages import FLAGS, grows, state_purpose
from tests.web.conftest import HEADERS, PASSWORD
from web.tls.authority import Authority
from web.tls.context import TlsContext

pytestmark = pytest.mark.long
EXAMPLES = ROOT / "docs" / "examples"
ENVIRONMENT = child_environment()
NOBODY = 65534
CLIENT = "127.0.0.5"  # address of the test's browser


@pytest.fixture(autouse=True)
def _other_loops(_no_blocking_calls: object) -> None:
    _no_blocking_calls.deactivate()  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that the user "nobody" may enter: proxies run unprivileged."""
    with tempfile.TemporaryDirectory(prefix="minwang-https-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


@contextmanager
def running(command: list[str], log: Path, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=ENVIRONMENT, cwd=ROOT, stdout=out, stderr=out, **options)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def until(true: Callable[[], object], what: Path, seconds: float = 120) -> None:
    wait_until(true, seconds, lambda: what.read_text()[-3000:])


@pytest.fixture(scope="module")
def camera(folder: Path) -> Iterator[int]:
    """Run a virtual camera; yield the port of its RTSP stream."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "cameras.virtual", "--streams", "1", "--port", str(port)]
    log = folder / "camera.log"
    with running(command, log):
        until(lambda: "ready" in log.read_text(), log)
        yield port


@dataclass(frozen=True, slots=True)
class Station:
    port: int
    data: Path

    def trusting(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.data / "tls" / "ca.crt")


def recorded_s(folder: Path) -> float:
    """Return the seconds of footage that are in files below the folder."""
    fragments = [f for path in folder.rglob("*.mp4") for f in fmp4.scan(path)]
    return sum(f.duration for f in fragments) / fmp4.TIMESCALE


@contextmanager
def station(folder: Path, camera: int, name: str, web: str) -> Iterator[Station]:
    """Run `minwang serve` with one recorded camera, two accounts and a certificate of its own authority."""
    data, config, log = folder / name, folder / f"{name}.toml", folder / f"{name}.log"
    (port,) = free_ports(1)
    town = folder / "town.yaml"
    streams = f"{{main: {{url: 'rtsp://127.0.0.1:{camera}/cam0'}}}}"
    town.write_text(
        f"town: t\nvillages: [{{code: v, name: v}}]\ncameras: [{{id: a, name: a, village: v, streams: {streams}}}]\n"
    )
    sections = f"[data]\ndir = '{data}'\n[accounts]\nsecond_factor = 'off'\n[web]\nport = {port}\n{web}\n"
    config.write_text(f"inventory = '{town}'\n{sections}")
    asyncio.run(_prepare(data, town))
    now = datetime.now(timezone.utc)
    Authority(data).create([], now)
    Authority(data).issue(["localhost", "127.0.0.1"], now)
    with running([sys.executable, "-m", "station", "--config", str(config), "serve"], log):
        until(lambda: "console at" in log.read_text() and recorded_s(data / "video") >= 4, log)
        yield Station(port, data)


async def _prepare(data: Path, town: Path) -> None:
    database = await station_database.ready(Settings(data=DataSettings(dir=data)))
    accounts = Accounts(database, SystemClock())
    await accounts.create("video", PASSWORD, Role.VIDEO_OFFICER, actor="test")
    await accounts.create("auditor", PASSWORD, Role.AUDITOR, actor="test")
    async with database.session() as session:
        await registry.apply(session, inventory.load(town), SystemClock().now(), "test")
    await database.close()


@pytest.fixture(scope="module")
def proxied(folder: Path, camera: int) -> Iterator[Station]:
    """A station that trusts only a proxy at 127.0.0.1, not its own machine's other addresses."""
    with station(folder, camera, "proxied", "tls = 'proxy'\ntrusted_proxies = ['127.0.0.1']") as made:
        yield made


@contextmanager
def nginx(folder: Path, at: Station) -> Iterator[int]:
    program = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if program is None:
        pytest.skip("nginx is not installed; run: apt-get install nginx-light")
    plain, port = free_ports(2)
    home = folder / "nginx"
    home.mkdir()
    site = (EXAMPLES / "nginx.conf").read_text()
    changes = {
        "listen 80;": f"listen 127.0.0.1:{plain};",
        "    listen [::]:80;\n": "",
        "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
        "    listen [::]:443 ssl;\n": "",
        "station.example": "localhost",
        "/etc/ssl/minwang": str(home),
        "127.0.0.1:8080": f"127.0.0.1:{at.port}",
    }
    temporary = "".join(
        f"{kind}_temp_path {home}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = (
        f"daemon off;\npid {home}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n"
        f"access_log off;\n{temporary}{_changed(site, changes)}}}\n"
    )
    (home / "nginx.conf").write_text(config)
    command = [program, "-p", str(home), "-e", "stderr", "-c", str(home / "nginx.conf")]
    with _unprivileged(home, at, command, port):
        connection = HTTPConnection("127.0.0.1", plain)
        connection.request("GET", "/live", headers={"Host": "localhost"})
        reply = connection.getresponse()
        assert (reply.status, reply.headers["Location"]) == (308, "https://localhost/live")
        connection.close()
        yield port


@contextmanager
def caddy(folder: Path, at: Station) -> Iterator[int]:
    program = shutil.which("caddy")
    if program is None:
        pytest.skip("Caddy is not installed; run: apt-get install caddy")
    (port,) = free_ports(1)
    home = folder / "caddy"
    home.mkdir()
    site = _changed(
        (EXAMPLES / "Caddyfile").read_text(),
        {
            "station.example": f"https://localhost:{port}",
            "/etc/ssl/minwang": str(home),
            "127.0.0.1:8080": f"127.0.0.1:{at.port}",
        },
    )
    (home / "Caddyfile").write_text(f"{{\n\tadmin off\n\tauto_https off\n\tdefault_bind 127.0.0.1\n}}\n{site}")
    with _unprivileged(home, at, [program, "run", "--config", str(home / "Caddyfile")], port):
        yield port


@contextmanager
def _unprivileged(home: Path, at: Station, command: list[str], port: int) -> Iterator[None]:
    """Run a proxy with the station's certificate, as user "nobody" when the test runs as root."""
    for name in ("server.crt", "server.key"):
        shutil.copy(at.data / "tls" / name, home / name)
    other: dict[str, Any] = {}
    if os.geteuid() == 0:
        other = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        for path in (home, *home.iterdir()):
            os.chown(path, NOBODY, NOBODY)
    log = home.parent / f"{home.name}.log"
    ENVIRONMENT["HOME"] = str(home)
    with running(command, log, **other):
        until(lambda: _listens(port), log, 20)
        yield


def _listens(port: int) -> bool:
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def _changed(text: str, changes: dict[str, str]) -> str:
    for old, new in changes.items():
        assert old in text, f"the example lacks {old!r}"
        text = text.replace(old, new)
    return text


@pytest.fixture(scope="module", params=[nginx, caddy], ids=["nginx", "caddy"])
def proxy(request: pytest.FixtureRequest, folder: Path, proxied: Station) -> Iterator[int]:
    with request.param(folder, proxied) as port:
        yield port


@asynccontextmanager
async def browser(at: Station, port: int, name: str, client: str = CLIENT) -> AsyncIterator[aiohttp.ClientSession]:
    """A session that signed in through a proxy, as a browser would."""
    connector = aiohttp.TCPConnector(local_addr=(client, 0), ssl=at.trusting())
    headers = {
        **HEADERS,
        "Origin": f"https://localhost:{port}",
        "X-Forwarded-For": "6.6.6.6",
        "Forwarded": "for=6.6.6.6",
    }
    async with aiohttp.ClientSession(f"https://localhost:{port}", connector=connector, headers=headers) as http:
        async with http.post("/api/session", json={"name": name, "password": PASSWORD}) as reply:
            assert reply.status == 200, await reply.text()
            assert reply.headers.getall("Strict-Transport-Security") == ["max-age=31536000"]
        yield http


async def opened(http: aiohttp.ClientSession, actor: str) -> list[str]:
    """Return the addresses from which an account signed in, newest first."""
    async with http.get("/api/audit") as reply:
        page = await reply.json()
    assert page["broken_at"] is None
    return [r["client"] for r in page["rows"] if (r["action"], r["actor"]) == ("session.open", actor)]


async def test_signing_in_and_the_true_address_in_the_audit_trail(proxied: Station, proxy: int) -> None:
    async with browser(proxied, proxy, "auditor") as http:
        # Neither the proxy's address nor the one that the client invented.
        assert (await opened(http, "auditor"))[0] == CLIENT
        async with http.post("/api/session", json={}, headers={"Origin": "https://evil.example"}) as reply:
            assert reply.status == 403


async def test_forwarded_headers_of_direct_clients_are_ignored(proxied: Station, proxy: int) -> None:
    stranger = "127.0.0.7"
    headers = {**HEADERS, "X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "https", "Forwarded": "for=6.6.6.6"}
    connector = aiohttp.TCPConnector(local_addr=(stranger, 0))
    async with aiohttp.ClientSession(f"http://127.0.0.1:{proxied.port}", connector=connector) as http:
        body = {"name": "video", "password": PASSWORD}
        async with http.post("/api/session", json=body, headers=headers) as reply:
            assert reply.status == 200
    async with browser(proxied, proxy, "auditor") as http:
        assert (await opened(http, "video"))[0] == stranger


async def test_events_and_live_video_pass_the_proxy(proxied: Station, proxy: int) -> None:
    async with browser(proxied, proxy, "video") as http:
        async with http.ws_connect("/api/events?after=0") as feed:
            event = await feed.receive_json(timeout=10)
            assert event["id"] >= 1 and event["kind"]
        async with http.post("/api/session/purpose", json={"purpose": "值班巡查"}) as reply:
            assert reply.status == 200
        async with http.post("/api/live/ticket", json={"camera": "a", "kind": "main"}) as reply:
            ticket = (await reply.json())["ticket"]
        async with http.ws_connect(f"/api/live/{ticket}", max_msg_size=0) as live:
            async with asyncio.timeout(20):
                got = 0
                async for message in live:
                    got += message.type is aiohttp.WSMsgType.BINARY
                    if got == 5:
                        break
            assert got == 5


async def test_ranges_of_a_recording_pass_the_proxy(proxied: Station, proxy: int) -> None:
    now = datetime.now(timezone.utc)
    query = {"start": (now - timedelta(minutes=10)).isoformat(), "end": now.isoformat()}
    async with browser(proxied, proxy, "video") as http:
        async with http.post("/api/session/purpose", json={"purpose": "案件 2026-1"}) as reply:
            assert reply.status == 200
        async with http.get("/api/playback/a/main/index.m3u8", params=query) as reply:
            assert reply.status == 200, await reply.text()
            text = await reply.text()
        length, offset, name = re.findall(r"BYTERANGE:(\d+)@(\d+)\n(\S+)", text)[-1]
        first, count = int(offset), int(length)
        wanted = {"Range": f"bytes={first}-{first + count - 1}"}
        async with http.get(f"/api/playback/a/main/{name}", headers=wanted) as reply:
            body = await reply.read()
            assert (reply.status, len(body)) == (206, count)
            assert reply.headers["Content-Range"].startswith(f"bytes {first}-{first + count - 1}/")
        assert body[4:8] == b"moof"


def test_the_doctor_passes_on_a_running_station(proxied: Station, folder: Path) -> None:
    command = [sys.executable, "-m", "station", "--config", str(folder / "proxied.toml"), "doctor", "--json"]
    done = subprocess.run(command, env=ENVIRONMENT, cwd=ROOT, capture_output=True, text=True, check=False)
    said = {f["check"]: f for f in json.loads(done.stdout)["facts"] if f["check"] not in ("disk.space", "permissions")}
    assert done.returncode == 0, done.stdout
    for name in ("station", "database", "registry", "port.console", "port.discovery", "files", "printing"):
        assert said[name]["state"] == "ok", said[name]
    assert said["station"]["value"] == "1 of 1 streams recorded by 1 recorders"
    assert said["certificate"]["state"] == "unknown"  # the proxy has it
    assert PASSWORD not in done.stdout


@pytest.mark.browser
def test_live_view_in_chromium_over_own_tls(folder: Path, camera: int) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("Chromium is not installed; run: apt-get install chromium")
    if (certutil := shutil.which("certutil")) is None:
        pytest.skip(
            "certutil, by which Chromium comes to trust an authority, is not installed; "
            "run: apt-get install libnss3-tools"
        )
    with station(folder, camera, "own", "tls = 'own'") as at, sync_playwright() as p:
        home = folder / "home"
        store = home / ".pki" / "nssdb"
        store.mkdir(parents=True)
        subprocess.run([certutil, "-d", f"sql:{store}", "-N", "--empty-password"], check=True)
        authority = str(at.data / "tls" / "ca.crt")
        subprocess.run(
            [certutil, "-d", f"sql:{store}", "-A", "-t", "C,,", "-n", "minwang", "-i", authority], check=True
        )
        made = p.chromium.launch(
            executable_path=chromium,
            args=[*FLAGS, "--host-resolver-rules=MAP bank.example 127.0.0.1"],
            env={**os.environ, "HOME": str(home)},
        )
        page = made.new_context(locale="zh-CN").new_page()
        sockets: list[str] = []
        problems: list[str] = []
        page.on("websocket", lambda s: sockets.append(s.url))
        page.on("pageerror", lambda e: problems.append(str(e)))
        page.goto(f"https://localhost:{at.port}/login")
        page.fill("[name=name]", "video")
        page.fill("[name=password]", PASSWORD)
        page.click("button[type=submit]")
        page.click("[data-test=nav-wall]")
        expect(page.locator("[data-camera=a]")).to_have_attribute("data-state", "ok", timeout=20_000)
        state_purpose(page)
        page.click("[data-camera=a]")
        assert grows(page, "live", 20)
        assert page.evaluate("isSecureContext") is True and problems == []
        assert {s.partition("?")[0].rpartition("/")[0].partition("//")[2] for s in sockets} >= {
            f"localhost:{at.port}/api"
        }
        assert sockets and all(s.startswith("wss://") for s in sockets)
        cookies = page.context.cookies()
        assert sorted(c["name"] for c in cookies) == ["__Host-minwang_device", "__Host-minwang_session"]
        assert all(c["secure"] and c["httpOnly"] for c in cookies)
        # With the authority's stolen key, browsers accept its permitted names but no other host.
        for host in ("localhost", "bank.example"):
            with _stolen(at, host) as port:
                stranger = made.new_context().new_page()
                if host == "localhost":
                    stranger.goto(f"https://{host}:{port}/")
                    assert "Directory listing" in stranger.content()
                else:
                    with pytest.raises(PlaywrightError, match="ERR_CERT"):
                        stranger.goto(f"https://{host}:{port}/")
        made.close()


@contextmanager
def _stolen(at: Station, host: str) -> Iterator[int]:
    """Serve with a certificate for `host` that the station's authority signed; yield the port."""
    authority = Authority(at.data)
    authority._check_permitted = lambda *_: None  # type: ignore[method-assign]
    authority.issue([host], datetime.now(timezone.utc))
    server = ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler)
    server.socket = TlsContext(*authority.server).listener.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()
