"""The console over HTTPS: redirects, replacement of certificates while serving, and starts."""

from __future__ import annotations

import asyncio
import logging
import plistlib
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509

from core.clock import ManualClock
from core.errors import CertificateError, StorageError
from core.settings import DataSettings, Settings, TlsMode, WebSettings
from tests.ports import free_ports
from tests.web.certificates import NOW, certificate_pair, write
from web.http import connection_limits, security_headers
from web.http.listener import Listener
from web.tls import certificate
from web.tls.authority import Authority


@dataclass(slots=True)
class Console:
    listener: Listener
    port: int
    redirect: int
    folder: Path
    clock: ManualClock

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"


@pytest.fixture
async def console(tmp_path: Path) -> AsyncIterator[Console]:
    """A small application behind the console's listener, with a certificate of its own authority."""
    now = datetime.now(timezone.utc)
    clock = ManualClock(now)
    port, redirect = free_ports(2)
    await asyncio.to_thread(Authority(tmp_path).create, [], now)
    await asyncio.to_thread(Authority(tmp_path).issue, ["127.0.0.1", "localhost"], now)
    settings = Settings(
        data=DataSettings(dir=tmp_path), web=WebSettings(port=port, redirect_port=redirect, tls=TlsMode.OWN)
    )

    async def hello(request: web.Request) -> web.Response:
        return web.Response(text=request.scheme)

    app = web.Application(middlewares=[security_headers.middleware])
    app.router.add_get("/", hello)
    runner = connection_limits.Runner(app, WebSettings())
    await runner.setup()
    listener = Listener(settings, clock)
    await listener.load()
    await listener.start(runner)
    yield Console(listener, port, redirect, tmp_path, clock)
    await listener.close()
    await runner.cleanup()


async def _trusting(folder: Path) -> ssl.SSLContext:
    return await asyncio.to_thread(ssl.create_default_context, cafile=folder / "tls" / "ca.crt")


async def test_https_with_strict_transport_for_names_only(console: Console) -> None:
    trusting = await _trusting(console.folder)
    async with aiohttp.ClientSession() as http:
        for name, strict in ((f"localhost:{console.port}", True), (f"127.0.0.1:{console.port}", False)):
            async with http.get(f"https://{name}/", ssl=trusting) as reply:
                assert (reply.status, await reply.text()) == (200, "https")
                assert ("Strict-Transport-Security" in reply.headers) is strict, name
        async with http.get(f"https://localhost:{console.port}/nothing", ssl=trusting) as reply:
            assert reply.status == 404 and reply.headers["Strict-Transport-Security"] == "max-age=31536000"


async def test_plain_http_redirects_to_https_and_forwards_no_data(console: Console) -> None:
    base = f"http://127.0.0.1:{console.redirect}"
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{base}/live?x=1", allow_redirects=False) as reply:
            assert (reply.status, reply.headers["Location"]) == (308, f"{console.url}/live?x=1")
            assert "Strict-Transport-Security" not in reply.headers
        async with http.get(f"{base}//evil.example/", allow_redirects=False) as reply:
            assert reply.headers["Location"].startswith(f"{console.url}/")
        async with http.post(
            f"{base}/api/session", json={"name": "a", "password": "b"}, allow_redirects=False
        ) as reply:
            assert reply.status == 403 and "Location" not in reply.headers
        async with http.get(f"{base}/", headers={"Host": "a@evil.example"}, allow_redirects=False) as reply:
            assert reply.status == 403
        async with http.get(f"{base}/ca") as reply:
            page = await reply.text()
    top = await asyncio.to_thread(Authority(console.folder).certificate)
    assert certificate.fingerprint(top) in page and "证书信任设置" in page and "Certificate Trust Settings" in page


async def test_the_install_files_hold_the_authority(console: Console) -> None:
    top = await asyncio.to_thread(Authority(console.folder).certificate)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{console.redirect}") as http:
        async with http.get("/ca/minwang.crt") as reply:
            assert reply.content_type == "application/x-x509-ca-cert"
            assert x509.load_der_x509_certificate(await reply.read()) == top
        async with http.get("/ca/minwang.mobileconfig") as reply:
            assert reply.content_type == "application/x-apple-aspen-config"
            profile = plistlib.loads(await reply.read())
        (root,) = profile["PayloadContent"]
        assert root["PayloadType"] == "com.apple.security.root"
        assert x509.load_der_x509_certificate(root["PayloadContent"]) == top
        await asyncio.to_thread((console.folder / "tls" / "ca.crt").unlink)
        async with http.get("/ca") as reply:
            assert (reply.status, await reply.text()) == (404, "this station has no certificate authority of its own\n")


async def _serial(port: int, trusting: ssl.SSLContext) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
    found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    del reader
    return x509.load_der_x509_certificate(found).serial_number


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
    assert await reader.readexactly(5) == b"https"


async def test_a_new_certificate_is_loaded_without_a_restart_and_a_bad_one_is_not(
    console: Console, caplog: pytest.LogCaptureFixture
) -> None:
    trusting = await _trusting(console.folder)
    first = await _serial(console.port, trusting)
    reader, writer = await asyncio.open_connection("127.0.0.1", console.port, ssl=trusting)
    await _ask(reader, writer)
    await asyncio.to_thread(Authority(console.folder).issue, ["127.0.0.1"], console.clock.now())
    await console.listener.maintain()
    second = await _serial(console.port, trusting)
    assert second != first
    await _ask(reader, writer)  # over the connection that was open before
    writer.close()
    await asyncio.to_thread((console.folder / "tls" / "server.key").write_text, "half a file")
    await console.listener.maintain()
    assert await _serial(console.port, trusting) == second
    assert "the present certificate stays in use" in caplog.text and "not a private key in PEM form" in caplog.text


async def test_renewal_while_serving_and_warning_of_expiry(console: Console, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # the certificate that it gets in a year is not valid today
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    first = await _serial(console.port, trusting)
    console.clock.advance(370 * 86_400)
    await console.listener.maintain()
    assert await _serial(console.port, trusting) != first
    assert "the certificate was renewed until" in caplog.text and "expires in" not in caplog.text
    await asyncio.to_thread((console.folder / "tls" / "ca.key").unlink)  # nothing can renew it any more
    console.clock.advance(370 * 86_400)
    for _ in range(3):
        await console.listener.maintain()
    assert caplog.text.count("the certificate expires in 25 days; renew it") == 1
    assert caplog.text.count("ca.key: cannot be read (No such file or directory); restore it") == 1


async def test_handshakes_do_not_block_other_requests(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty clients connect at once: the server never runs two handshake steps in one iteration of the event loop."""
    turn, steps, step = 0, Counter[int](), ssl.SSLObject.do_handshake

    def counted(self: ssl.SSLObject) -> None:
        if self.server_side:
            steps[turn] += 1
        step(self)

    async def count_turns() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    monkeypatch.setattr(ssl.SSLObject, "do_handshake", counted)
    trusting = await _trusting(console.folder)
    counting = asyncio.ensure_future(count_turns())
    opened = await asyncio.gather(
        *(asyncio.open_connection("localhost", console.port, ssl=trusting) for _ in range(60)), return_exceptions=True
    )
    counting.cancel()
    for one in opened:
        assert not isinstance(one, BaseException), one
        one[1].transport.abort()
    assert steps.total() >= 60 and max(steps.values()) == 1


@pytest.mark.parametrize(("days", "words"), [(-500, "expired on"), (+500, "is valid from")])
async def test_a_station_starts_whatever_the_dates_of_its_certificate(
    days: int, words: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """After a power cut with an expired certificate, or with a reset clock: recording depends on the start."""
    own = certificate_pair("own", days=(days - 200, days + 100), names=("localhost",))
    files = await asyncio.to_thread(write, tmp_path, [own], own[1])
    (port,) = free_ports(1)
    settings = WebSettings(port=port, tls=TlsMode.OWN, certificate=files[0], certificate_key=files[1])
    listener = Listener(Settings(data=DataSettings(dir=tmp_path), web=settings), ManualClock(NOW))
    await listener.load()
    runner = connection_limits.Runner(web.Application(), WebSettings())
    await runner.setup()
    await listener.start(runner)
    for _ in range(3):
        await listener.maintain()
    careless = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    careless.check_hostname, careless.verify_mode = False, ssl.CERT_NONE
    assert await _serial(port, careless) == own[0].serial_number
    await runner.cleanup()
    assert caplog.text.count("browsers refuse the console's certificate: ") == 1 and words in caplog.text


async def test_a_failed_start_gives_one_sentence(console: Console, tmp_path: Path) -> None:
    async def start(**web_settings: object) -> None:
        settings = Settings(data=DataSettings(dir=tmp_path), web=WebSettings(**web_settings))  # type: ignore[arg-type]
        runner = connection_limits.Runner(web.Application(), WebSettings())
        await runner.setup()
        try:
            listener = Listener(settings, console.clock)
            await listener.load()
            await listener.start(runner)
        finally:
            await runner.cleanup()

    with pytest.raises(
        StorageError, match=f"port {console.port} of 127.0.0.1 .web.port. cannot be used: it is taken; .* set web.port"
    ):
        await start(port=console.port)
    with pytest.raises(StorageError, match=r"set web\.redirect_port to a free port"):
        await start(port=0, tls="own", redirect_port=console.redirect)
    await asyncio.to_thread((tmp_path / "tls" / "server.crt").unlink)
    with pytest.raises(CertificateError, match="certificate file not found; put it there"):
        await start(port=0, tls="own")
