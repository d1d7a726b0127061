"""The station's own certificate authority (CA), for networks where no public authority can issue a certificate.

`create` makes its key (EC P-256) and certificate (10 years); `issue` makes the server's. The authority's key lies in
`dir`/tls/ca.key, encrypted with the station's key file. The authority is name-constrained (RFC 5280 4.2.1.10): a thief
of the key can impersonate addresses of private networks and the names given at its creation, but no other host.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import secrets
import socket
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import psutil
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from core.errors import CertificateError, StorageError, UsageError
from core.secrets import KEY_FILE, Vault
from core.settings import TLS_DIR
from web.tls.certificate import EXPIRES_SOON_DAYS, Certificate, read

AUTHORITY_DAYS = 3650
# The maximum that browsers accept for a server's certificate (CA/Browser Forum 6.3.2 until 2026; Apple's limit)
SERVER_DAYS = 397
BACKDATED = timedelta(days=1)  # for phones whose clock is slow
OWNER = "tls/ca.key"  # context that the encrypted key is bound to
# Private networks (RFC 1918, RFC 6598, RFC 4193), link-local (RFC 3927, fe80::/10) and loopback addresses.
PRIVATE = (
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "127.0.0.0/8",
    "fc00::/7",
    "fe80::/10",
    "::1/128",
)
LOCAL_NAMES = ("localhost", "local", "lan", "internal", "home.arpa")  # RFC 6761, 6762, 8375; never public names
_NAME = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")


class Authority:
    """The certificate authority in a data folder. All methods block."""

    def __init__(self, data_dir: Path):
        self._data_dir = data_dir
        self.folder = data_dir / TLS_DIR
        self.path = self.folder / "ca.crt"
        self._key_path = self.folder / "ca.key"
        self._vault_key = data_dir / KEY_FILE
        self.server = (self.folder / "server.crt", self.folder / "server.key")

    def exists(self) -> bool:
        return os.path.isfile(self.path)  # also False if this user may not read the folder

    def certificate(self) -> x509.Certificate:
        """Return the authority's certificate. Raises CertificateError if there is none."""
        return read(self.path).own

    def create(self, hosts: Iterable[str], now: datetime) -> x509.Certificate:
        """Create a new authority that may sign for `hosts` and private addresses; it replaces an old one."""
        key = ec.generate_private_key(ec.SECP256R1())
        public = key.public_key()
        number = x509.SubjectKeyIdentifier.from_public_key(public)
        # The name holds only a number, because the certificate is given to everybody.
        name = _name(f"Minwang CA {number.digest[:4].hex()}")
        usage = x509.KeyUsage(
            digital_signature=False,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        made = (
            _builder(name, name, public, now, timedelta(days=AUTHORITY_DAYS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(number, critical=False)
            .add_extension(x509.NameConstraints(_permitted(hosts), None), critical=True)
            .sign(key, hashes.SHA256())
        )
        self._prepare()
        vault = Vault.open_or_create(self._vault_key)
        self._give(self._vault_key)
        self._write(self._key_path, vault.seal(_pem_key(key).decode(), OWNER).encode() + b"\n", 0o600)
        self._write(self.path, made.public_bytes(serialization.Encoding.PEM), 0o644)
        return made

    def issue(self, hosts: Iterable[str], now: datetime) -> Certificate:
        """Issue the server's certificate for host names and addresses.

        Raises UsageError for an invalid host, and CertificateError if the authority may not sign for a host or has
        expired.
        """
        authority, wanted = self.certificate(), [host(h) for h in hosts]
        if not wanted:
            raise UsageError("a certificate needs at least one name or address; give one with --host")
        self._check_permitted(authority, wanted)
        until = min(now + timedelta(days=SERVER_DAYS) - BACKDATED, authority.not_valid_after_utc)
        if until <= now:
            raise CertificateError(f"{self.path}: the authority expired; make a new one: minwang cert --new-ca")
        key = ec.generate_private_key(ec.SECP256R1())
        made = (
            _builder(_name("Minwang"), authority.subject, key.public_key(), now, until - now)
            .add_extension(x509.SubjectAlternativeName(wanted), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(_issuer_key(authority), critical=False)
            .sign(self._key(), hashes.SHA256())
        )
        self._write(self.server[1], _pem_key(key), 0o600)
        self._write(self.server[0], made.public_bytes(serialization.Encoding.PEM), 0o644)
        return read(self.server[0])

    def issued(self) -> Certificate | None:
        """Return the server's certificate in the data folder; None if this authority did not issue it."""
        try:
            found = read(self.server[0])
            found.own.verify_directly_issued_by(self.certificate())
        except (CertificateError, ValueError, TypeError, InvalidSignature):
            return None
        return found

    def renew_if_due(self, now: datetime) -> Certificate | None:
        """Renew the server's certificate for the same names, and return it; None if nothing was due.

        It is due when less than 30 days are left, or when it was issued while the clock was ahead.
        """
        found = self.issued()
        if found is None or (found.days_left(now) >= EXPIRES_SOON_DAYS and found.own.not_valid_before_utc <= now):
            return None
        authority = self.certificate()
        if now < authority.not_valid_before_utc:
            return None  # the clock is wrong (before the authority's start): sign nothing
        if found.own.not_valid_after_utc == authority.not_valid_after_utc:
            # It expires together with its authority; only a person can install a new authority on the phones.
            return None
        return self.issue(found.names, now)

    def _key(self) -> ec.EllipticCurvePrivateKey:
        try:
            sealed = self._key_path.read_text(encoding="ascii").strip()
        except OSError as e:
            raise CertificateError(
                f"{self._key_path}: cannot be read ({e.strerror}); restore it from the backup, "
                "or make a new one: minwang cert --new-ca"
            ) from e
        if not os.path.isfile(self._vault_key):
            raise CertificateError(
                f"{self._vault_key}: the key file that opens {self._key_path} is missing; restore it from the backup"
            )
        pem = Vault.open_or_create(self._vault_key).open(sealed, OWNER)
        key = serialization.load_pem_private_key(pem.encode(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return key

    def _check_permitted(self, authority: x509.Certificate, wanted: list[x509.GeneralName]) -> None:
        permitted = authority.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
        outside = [str(w.value) for w in wanted if not any(_within(w, p) for p in permitted)]
        if outside:
            raise CertificateError(
                f"{self.path}: this authority may not sign for {', '.join(outside)}; make a new one with "
                f"minwang cert --new-ca --host {outside[0]} …, then install it on the phones and computers again"
            )

    def _prepare(self) -> None:
        try:
            self._data_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
            self.folder.mkdir(mode=0o750, exist_ok=True)
        except OSError as e:
            raise _unwritable(self.folder, e) from e
        self._give(self.folder)

    def _write(self, path: Path, content: bytes, mode: int) -> None:
        """Write a file atomically; it is never readable by others, not even briefly."""
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(mode)  # the umask may have removed bits
            self._give(temporary)
            temporary.replace(path)
        except OSError as e:
            raise _unwritable(path, e) from e
        finally:
            temporary.unlink(missing_ok=True)

    def _give(self, path: Path) -> None:
        """When run as root, give a new file to the owner of the data folder: the station must read and renew it."""
        if os.geteuid() == 0:
            owner = self._data_dir.stat()
            os.chown(path, owner.st_uid, owner.st_gid)


def host(text: str) -> x509.GeneralName:
    """Return a host name or address as a certificate holds it. Raises UsageError."""
    bare = text.strip().strip("[]").rstrip(".")
    with contextlib.suppress(ValueError):
        return x509.IPAddress(ipaddress.ip_address(bare))
    try:
        name = bare.encode("idna").decode().lower()
    except UnicodeError:
        name = ""
    if not _NAME.fullmatch(name) or name.replace(".", "").isdigit():
        raise UsageError(f"'{text}' is neither a host name nor an address; write it like station.example or 10.20.3.1")
    return x509.DNSName(name)


def own_hosts() -> list[str]:
    """Return this machine's names and addresses, without link-local ones, which change."""
    name = socket.gethostname()
    addresses = []
    for found in psutil.net_if_addrs().values():
        for entry in found:
            if entry.family in (socket.AF_INET, socket.AF_INET6):
                address = ipaddress.ip_address(entry.address.partition("%")[0])
                if not address.is_link_local and not address.is_loopback:
                    addresses.append(str(address))
    names = [n for n in (name, socket.getfqdn(name)) if _NAME.fullmatch(n.lower())]
    return list(dict.fromkeys([*names, "localhost", *addresses, "127.0.0.1", "::1"]))


def missing_hosts(names: tuple[str, ...]) -> list[str]:
    """Return the addresses of this machine that are not among a certificate's names. IPv4 only."""
    return [h for h in own_hosts() if h[0].isdigit() and not h.startswith("127.") and h not in names]


def _unwritable(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"{path}: cannot be written ({error.strerror}); run this as the station's user, or chown the folder"
    )


def _permitted(hosts: Iterable[str]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = [x509.IPAddress(ipaddress.ip_network(n)) for n in PRIVATE]
    found += [x509.DNSName(n) for n in LOCAL_NAMES]
    for text in hosts:
        name = host(text)
        if any(_within(name, p) for p in found):
            continue
        found.append(x509.IPAddress(ipaddress.ip_network(name.value)) if isinstance(name, x509.IPAddress) else name)
    return found


def _within(name: x509.GeneralName, permitted: x509.GeneralName) -> bool:
    if isinstance(name, x509.IPAddress) and isinstance(permitted, x509.IPAddress):
        network = permitted.value
        return isinstance(network, (ipaddress.IPv4Network, ipaddress.IPv6Network)) and name.value in network
    if isinstance(name, x509.DNSName) and isinstance(permitted, x509.DNSName):
        return name.value == permitted.value or name.value.endswith(f".{permitted.value}")
    return False


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, now: datetime, length: timedelta
) -> x509.CertificateBuilder:
    start = now - BACKDATED
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(now + length)
    )


def _issuer_key(authority: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    number = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(number)


def _pem_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
