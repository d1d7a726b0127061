"""Reads and checks a certificate and its key before the console serves with them.

Every fault is one sentence with the file and the remedy (CertificateError). Browsers and phones only say that the
connection is not private, so the station reports the cause first.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from core.errors import CertificateError
from core.host import system_user

EXPIRES_SOON_DAYS = 30
MIN_RSA_BITS = 2048  # CA/Browser Forum baseline requirements 6.1.5
MAX_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate file: the server's certificate and its chain."""

    path: Path
    chain: tuple[x509.Certificate, ...]  # the server's own certificate first

    @property
    def own(self) -> x509.Certificate:
        return self.chain[0]

    @property
    def names(self) -> tuple[str, ...]:
        """Host names and addresses that the certificate is valid for (subjectAltName)."""
        return names_of(self.own)

    @property
    def issuer(self) -> str:
        return common_name(self.own.issuer)

    def days_left(self, now: datetime) -> float:
        """Return the days until the first certificate of the chain expires."""
        return min((c.not_valid_after_utc - now).total_seconds() for c in self.chain) / 86_400


def load(path: Path, key_path: Path, now: datetime | None) -> Certificate:
    """Read and check a certificate file and its key. Blocking. Raises CertificateError.

    `now` None: their dates are not checked.
    """
    found = Certificate(path, _chain(path))
    key = _key(key_path)
    if _public(key.public_key()) != _public(found.own.public_key()):
        if any(_public(c.public_key()) == _public(key.public_key()) for c in found.chain[1:]):
            raise CertificateError(
                f"{path}: the server's own certificate must come first, its issuers after it; reorder the file"
            )
        raise CertificateError(f"{key_path}: not the private key of {path}; use the files that were made together")
    if now is not None:
        check_dates(found, now)
    _check_chain(found)
    _check_use(found)
    return found


def read(path: Path) -> Certificate:
    """Read a certificate file without checking it. Blocking. Raises CertificateError."""
    return Certificate(path, _chain(path))


def names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    names = alternative.get_values_for_type(x509.DNSName)
    return (*names, *(str(a) for a in alternative.get_values_for_type(x509.IPAddress)))


def covers(names: tuple[str, ...], host: str) -> bool:
    """Return whether one of a certificate's names matches the host (RFC 6125: a wildcard covers one label)."""
    try:
        return ipaddress.ip_address(host) in [ipaddress.ip_address(n) for n in names if _is_address(n)]
    except ValueError:
        wildcard = f"*.{host.partition('.')[2]}"
        return host.lower() in (found := {n.lower() for n in names}) or wildcard.lower() in found


def fingerprint(certificate: x509.Certificate) -> str:
    """Return the SHA-256 fingerprint as phones show it: pairs of upper-case hexadecimal digits."""
    return certificate.fingerprint(hashes.SHA256()).hex(" ").upper()


def common_name(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else name.rfc4514_string()


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _bytes(path: Path, what: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES)
    except FileNotFoundError as e:
        raise CertificateError(
            f"{path}: {what} file not found; put it there, or create one with 'minwang cert' (docs/https.md)"
        ) from e
    except OSError as e:
        user = system_user.name()
        raise CertificateError(
            f"{path}: cannot be read by {user} ({e.strerror}); give the file to that user (chown)"
        ) from e


def _chain(path: Path) -> tuple[x509.Certificate, ...]:
    content = _bytes(path, "certificate")
    try:
        return tuple(x509.load_pem_x509_certificates(content))
    except ValueError as e:
        raise CertificateError(
            f"{path}: not a certificate in PEM form; convert it (openssl x509 -inform der -in FILE)"
        ) from e


def _key(path: Path) -> PrivateKeyTypes:
    content = _bytes(path, "certificate key")
    mode = path.stat().st_mode & 0o777
    if mode & 0o027:
        raise CertificateError(
            f"{path}: others can read or change the private key (mode {mode:o}); run: chmod 600 {path}"
        )
    try:
        return serialization.load_pem_private_key(content, None)
    except TypeError as e:
        raise CertificateError(
            f"{path}: the private key has a passphrase, which nobody can type at a start; "
            "remove it (openssl pkey -in FILE -out NEW)"
        ) from e
    except ValueError as e:
        raise CertificateError(
            f"{path}: not a private key in PEM form; give the file that belongs to the certificate"
        ) from e


def _public(key: object) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    content: bytes = key.public_bytes(serialization.Encoding.DER, form)  # type: ignore[attr-defined]
    return content


def check_dates(found: Certificate, now: datetime) -> None:
    """Raise CertificateError if a certificate of the chain has expired or is not valid yet."""
    for certificate in found.chain:
        name = common_name(certificate.subject)
        if now > certificate.not_valid_after_utc:
            raise CertificateError(
                f"{found.path}: the certificate '{name}' expired on {certificate.not_valid_after_utc:%Y-%m-%d}; "
                "renew it ('minwang cert renew' where 'minwang cert' made it)"
            )
        if now < certificate.not_valid_before_utc:
            raise CertificateError(
                f"{found.path}: the certificate '{name}' is valid from "
                f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC only; correct the machine's clock, or wait"
            )


def _check_chain(found: Certificate) -> None:
    for lower, upper in zip(found.chain, found.chain[1:], strict=False):
        try:
            lower.verify_directly_issued_by(upper)
        except (ValueError, TypeError, InvalidSignature) as e:
            raise CertificateError(
                f"{found.path}: '{common_name(upper.subject)}' did not issue '{common_name(lower.subject)}' before it; "
                "put each certificate's issuer right after it"
            ) from e


def _check_use(found: Certificate) -> None:
    """Raise CertificateError for a certificate that every browser refuses."""
    own = found.own
    if not found.names:
        raise CertificateError(
            f"{found.path}: the certificate names no host (subjectAltName); have it issued with names"
        )
    key = own.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < MIN_RSA_BITS:
        raise CertificateError(
            f"{found.path}: an RSA key of {key.key_size} bits is refused by browsers; use {MIN_RSA_BITS} or EC P-256"
        )
    if not isinstance(key, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey)):
        raise CertificateError(
            f"{found.path}: browsers support only RSA and EC keys; request a certificate for an EC P-256 key"
        )
    try:
        uses = own.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    if ExtendedKeyUsageOID.SERVER_AUTH not in uses:
        raise CertificateError(
            f"{found.path}: not a server's certificate (extendedKeyUsage); have one issued for a server"
        )
