"""Creates valid and invalid certificates for tests."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=timezone.utc)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Pair = tuple[x509.Certificate, Key]


def certificate_pair(
    name: str,
    issuer: Pair | None = None,
    *,
    days: tuple[float, float] = (-1, 300),
    names: tuple[str, ...] = ("station.lan",),
    key: Key | None = None,
    use: x509.ObjectIdentifier | None = ExtendedKeyUsageOID.SERVER_AUTH,
) -> Pair:
    """Return a certificate and its key, signed by `issuer` or self-signed."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=days[0]))
        .not_valid_after(NOW + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=not names, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False)
    if use is not None and names:
        builder = builder.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256()), key


def write(folder: Path, chain: list[Pair], key: Key, *, password: bytes | None = None) -> tuple[Path, Path]:
    """Write chain and key as PEM files, the key readable by its owner only; return both paths."""
    path, key_path = folder / "server.crt", folder / "server.key"
    path.write_bytes(b"".join(c.public_bytes(serialization.Encoding.PEM) for c, _ in chain))
    key_path.unlink(missing_ok=True)
    key_path.touch(mode=0o600)
    sealed = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    key_path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealed))
    return path, key_path
