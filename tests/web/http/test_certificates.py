"""Certificates: which are refused and with which sentence."""

from __future__ import annotations

import os
import ssl
from datetime import datetime, timezone
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from core.errors import CertificateError
from tests.web.certificates import NOW, Pair, certificate_pair, write
from tests.web.http.tls_samples import GOOD, MIDDLE, ROOT_CA, handshake
from web.tls import certificate
from web.tls.authority import Authority
from web.tls.context import TlsContext


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


def test_tls_1_1_and_weak_suites_are_refused(tmp_path: Path) -> None:
    now = datetime.now(timezone.utc)
    authority = Authority(tmp_path)
    authority.create([], now)
    authority.issue(["localhost"], now)
    server = TlsContext(*authority.server).listener
    client = ssl.create_default_context(cafile=authority.path)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    assert handshake(server, client, "localhost") == "TLSv1.2"
    client.set_ciphers("AES128-SHA:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError):
        handshake(server, client, "localhost")
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError):
        handshake(server, old, "localhost")
