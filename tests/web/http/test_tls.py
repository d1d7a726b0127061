"""Certificates: which are refused and with which sentence, the station's own authority, replacement while serving."""

from __future__ import annotations

import asyncio
import logging
import os
import plistlib
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from core.clock import ManualClock
from core.errors import CertificateError, StorageError, UsageError
from core.settings import DataSettings, Settings, TlsMode, WebSettings
from tests.web.certificates import NOW, Pair, certificate_pair, write
from web.http import connection_limits, listener, security_headers
from web.http.listener import Listener
from web.tls import certificate
from web.tls.authority import Authority, host, own_hosts
from web.tls.context import TlsContext

ROOT_CA = certificate_pair("root", names=())
MIDDLE = certificate_pair("middle", ROOT_CA, names=())
GOOD = certificate_pair("good", MIDDLE)


def test_a_valid_certificate_with_its_chain_is_accepted(tmp_path: Path) -> None:
    found = certificate.load(*write(tmp_path, [GOOD, MIDDLE, ROOT_CA], GOOD[1]), NOW)
    assert (found.names, found.issuer, int(found.days_left(NOW))) == (("station.lan",), "middle", 300)


WRONG: dict[str, tuple[list[Pair], str]] = {
    "expired": ([certificate_pair("old", days=(-400, -3))], "the certificate 'old' expired on 2026-11-25; renew it"),
    "expired issuer": (
        [certificate_pair("x", i := certificate_pair("i", names=(), days=(-400, -3))), i],
        "the certificate 'i' expired on 2026-11-25",
    ),
    "not yet": (
        [certificate_pair("new", days=(2, 300))],
        "is valid from 2026-11-30 12:00 UTC only; correct the machine's clock",
    ),
    "issuer first": ([MIDDLE, GOOD], "the server's own certificate must come first"),
    "chain order": (
        [GOOD, ROOT_CA, MIDDLE],
        "'root' did not issue 'good' before it; put each certificate's issuer right after it",
    ),
    "another's key": ([certificate_pair("other")], "not the private key of"),
    "no names": ([certificate_pair("bare", names=())], "names no host (subjectAltName)"),
    "short key": (
        [certificate_pair("short", key=rsa.generate_private_key(65537, 1024))],
        "an RSA key of 1024 bits is refused",
    ),
    "client": ([certificate_pair("c", use=ExtendedKeyUsageOID.CLIENT_AUTH)], "not a server's certificate"),
}


@pytest.mark.parametrize("case", WRONG)
def test_each_invalid_certificate_gives_one_sentence(case: str, tmp_path: Path) -> None:
    chain, words = WRONG[case]
    key = GOOD[1] if case in ("issuer first", "another's key") else chain[0][1]
    with pytest.raises(CertificateError) as e:
        certificate.load(*write(tmp_path, chain, key), NOW)
    assert words in str(e.value) and str(tmp_path) in str(e.value) and "\n" not in str(e.value)


def test_unusable_files_name_path_and_remedy(tmp_path: Path) -> None:
    path, key = write(tmp_path, [GOOD], GOOD[1], password=b"secret")

    def sentence() -> str:
        with pytest.raises(CertificateError) as e:
            certificate.load(path, key, NOW)
        return str(e.value)

    assert "has a passphrase" in sentence()
    write(tmp_path, [GOOD], GOOD[1])
    key.chmod(0o644)
    assert f"run: chmod 600 {key}" in sentence()
    key.chmod(0o640)  # a group may read it, as with Debian's ssl-cert
    assert certificate.load(path, key, NOW).names == ("station.lan",)
    key.write_text("no key")
    key.chmod(0o600)
    assert "not a private key in PEM form" in sentence()
    key.unlink()
    assert "certificate key file not found; put it there, or create one with 'minwang cert'" in sentence()
    path.write_text("no certificate")
    assert "not a certificate in PEM form" in sentence()
    path.unlink()
    assert "certificate file not found; put it there, or create one with 'minwang cert'" in sentence()
    path.mkdir()
    assert "cannot be read by" in sentence() and "Is a directory" in sentence()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user to be refused")
def test_a_key_of_another_user_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents:
        if folder.stat().st_uid == 0 and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    files = write(tmp_path, [GOOD], GOOD[1])
    os.seteuid(65534)
    try:
        with pytest.raises(
            CertificateError, match=r"server.key: cannot be read by .* \(Permission denied\); give the file"
        ):
            certificate.load(*files, NOW)
    finally:
        os.seteuid(0)


def test_names_cover_hosts() -> None:
    names = ("station.lan", "*.police.lan", "10.1.2.3", "fd00::1")
    assert all(certificate.covers(names, h) for h in ("Station.LAN", "a.police.lan", "10.1.2.3", "fd00:0::1"))
    assert not any(certificate.covers(names, h) for h in ("a.b.police.lan", "police.lan", "10.1.2.4", "lan"))


def test_browsers_accept_the_authoritys_certificates(tmp_path: Path) -> None:
    now = datetime.now(timezone.utc)
    authority = Authority(tmp_path)
    top = authority.create(["station.example", "203.0.113.7"], now)
    found = authority.issue(["station.example", "203.0.113.7", "192.168.1.9", "xidian.local"], now)
    assert found.names == ("station.example", "xidian.local", "203.0.113.7", "192.168.1.9")
    assert found.own.not_valid_after_utc - found.own.not_valid_before_utc <= timedelta(days=397)
    assert 3649 <= (top.not_valid_after_utc - now).days <= 3650
    assert top.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0
    modes = {p.name: p.stat().st_mode & 0o777 for p in (tmp_path / "tls").iterdir()}
    assert modes == {"ca.crt": 0o644, "ca.key": 0o600, "server.crt": 0o644, "server.key": 0o600}
    assert "PRIVATE KEY" not in (tmp_path / "tls" / "ca.key").read_text()
    assert certificate.load(*authority.server, now).names == found.names
    context = ssl.create_default_context(cafile=authority.path)
    assert _handshake(TlsContext(*authority.server).listener, context, "station.example") == "TLSv1.3"
    assert _handshake(TlsContext(*authority.server).listener, context, "203.0.113.7") == "TLSv1.3"


def _handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> str | None:
    """Run a handshake in memory; return the TLS version that both sides agree on."""
    a, b = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [client.wrap_bio(a, b, server_hostname=name), server.wrap_bio(b, a, server_side=True)]
    waiting = list(sides)
    for _ in range(10):
        for side in list(waiting):
            try:
                side.do_handshake()
                waiting.remove(side)
            except ssl.SSLWantReadError:
                pass
    assert not waiting
    return sides[0].version()


def test_tls_1_1_and_weak_suites_are_refused(tmp_path: Path) -> None:
    now = datetime.now(timezone.utc)
    authority = Authority(tmp_path)
    authority.create([], now)
    authority.issue(["localhost"], now)
    server = TlsContext(*authority.server).listener
    client = ssl.create_default_context(cafile=authority.path)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    assert _handshake(server, client, "localhost") == "TLSv1.2"
    client.set_ciphers("AES128-SHA:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError):
        _handshake(server, client, "localhost")
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError):
        _handshake(server, old, "localhost")


def test_the_authority_signs_only_for_its_own_names(tmp_path: Path) -> None:
    """Refused by the station, and by a client that checks a certificate made with a stolen authority key."""
    now = datetime.now(timezone.utc)
    authority = Authority(tmp_path)
    authority.create(["station.example"], now)
    with pytest.raises(
        CertificateError, match=r"may not sign for bank\.example, 8\.8\.8\.8; make a new one with minwang cert --new-ca"
    ):
        authority.issue(["bank.example", "8.8.8.8", "10.0.0.1"], now)
    authority._check_permitted = lambda *_: None  # type: ignore[method-assign]
    authority.issue(["bank.example"], now)
    client = ssl.create_default_context(cafile=authority.path)
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        _handshake(TlsContext(*authority.server).listener, client, "bank.example")
    for bad in ("", "a b", "10.1.2.300", "-x", "http://a"):
        with pytest.raises(UsageError, match="neither a host name nor an address"):
            host(bad)
    assert host("西店.local").value.startswith("xn--")
    assert "localhost" in own_hosts() and "127.0.0.1" in own_hosts()


def test_it_renews_its_own_certificate_only_and_in_time(tmp_path: Path) -> None:
    now = datetime.now(timezone.utc)
    authority = Authority(tmp_path)
    assert authority.renew_if_due(now) is None  # nothing is there
    authority.create([], now)
    first = authority.issue(["a.lan", "10.1.1.1"], now)
    assert authority.renew_if_due(now + timedelta(days=365)) is None
    renewed = authority.renew_if_due(now + timedelta(days=367))
    assert renewed is not None and renewed.names == first.names
    assert authority.renew_if_due(now + timedelta(days=367)) is None
    assert authority.renew_if_due(now - timedelta(days=20_000)) is None  # a clock that was reset to the past
    healed = authority.renew_if_due(now)  # the previous one was issued by a clock that was a year ahead
    assert healed is not None and healed.own.not_valid_before_utc <= now
    late = now + timedelta(days=3640)
    last = authority.issue(["a.lan"], late)
    assert last.own.not_valid_after_utc == authority.certificate().not_valid_after_utc
    assert authority.renew_if_due(late) is None  # this authority cannot issue a longer one
    write(tmp_path / "tls", [GOOD], GOOD[1])
    assert authority.issued() is None and authority.renew_if_due(NOW + timedelta(days=299)) is None


def test_an_unwritable_folder_gives_one_sentence(tmp_path: Path) -> None:
    now = datetime.now(timezone.utc)
    authority = Authority(tmp_path)
    authority.create([], now)
    authority.issue(["a.lan"], now)
    kept = {p: p.read_bytes() for p in authority.server}
    authority.server[1].unlink()
    authority.server[1].mkdir()  # any obstacle
    with pytest.raises(
        StorageError, match=r"server\.key: cannot be written \(Is a directory\); run this as the station's user"
    ):
        authority.issue(["b.lan"], now)
    # The old certificate is not paired with a new key.
    assert authority.server[0].read_bytes() == kept[authority.server[0]]
    assert sorted(p.name for p in authority.folder.iterdir()) == ["ca.crt", "ca.key", "server.crt", "server.key"]
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be written"):
        Authority(tmp_path / "file").create([], now)


def test_a_lost_key_file_is_not_replaced(tmp_path: Path) -> None:
    now = datetime.now(timezone.utc)
    authority = Authority(tmp_path)
    authority.create([], now)
    (tmp_path / "secret.key").unlink()
    with pytest.raises(
        CertificateError, match=r"secret\.key: the key file that opens .*ca\.key is missing; restore it"
    ):
        authority.issue(["a.lan"], now)
    assert not (tmp_path / "secret.key").exists()


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


def free_ports(count: int) -> list[int]:
    held = [socket.socket() for _ in range(count)]
    for s in held:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


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


EXPOSED = (
    ("0.0.0.0", "off", [], "is served without encryption on 0.0.0.0"),
    ("127.0.0.1", "off", [], ""),
    ("::1", "proxy", [], ""),
    ("0.0.0.0", "proxy", [], "answers without encryption on 0.0.0.0, not only through its proxy"),
    ("0.0.0.0", "proxy", ["10.1.1.1"], ""),
)


@pytest.mark.parametrize(("host", "tls", "proxies", "words"), EXPOSED)
async def test_plain_http_for_other_machines_is_warned_of(
    host: str, tls: str, proxies: list[str], words: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    web_settings = WebSettings(host=host, port=0, tls=TlsMode(tls), trusted_proxies=proxies)
    runner = connection_limits.Runner(web.Application(), WebSettings())
    await runner.setup()
    await Listener(Settings(data=DataSettings(dir=tmp_path), web=web_settings), ManualClock()).start(runner)
    await runner.cleanup()
    assert words in caplog.text and bool(words) is bool(caplog.text)


def test_console_addresses() -> None:
    def of(**values: object) -> str:
        return listener.address(Settings(web=WebSettings(**values)))  # type: ignore[arg-type]

    assert of() == "http://127.0.0.1:8080"
    assert of(host="::1", tls="own", port=443) == "https://[::1]:443"
