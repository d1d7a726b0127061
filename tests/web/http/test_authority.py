"""The station's own certificate authority."""

from __future__ import annotations

import ssl
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509

from core.errors import CertificateError, StorageError, UsageError
from tests.web.certificates import NOW, write
from tests.web.http.tls_samples import GOOD, handshake
from web.tls import certificate
from web.tls.authority import Authority, host, own_hosts
from web.tls.context import TlsContext


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
    assert handshake(TlsContext(*authority.server).listener, context, "station.example") == "TLSv1.3"
    assert handshake(TlsContext(*authority.server).listener, context, "203.0.113.7") == "TLSv1.3"


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
        handshake(TlsContext(*authority.server).listener, client, "bank.example")
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
