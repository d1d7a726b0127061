"""Encrypting the secrets of a backup with a passphrase: key by argon2id, AES-256-GCM (RFC 9106, NIST SP 800-38D).

`seal.json` holds the parameters and the sealed files. Each file is bound to its name and to the archive's manifest
(associated data), so decrypting one proves that nobody has changed the manifest, and with it the checksums of all
files.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import stat
from pathlib import Path
from typing import Any

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.errors import BackupError, UsageError

MIN_PASSPHRASE = 10
MEMORY_KIB, ITERATIONS, LANES = 262_144, 3, 4
# Upper limits for the parameters in a header: a hostile one must not take all memory or run all day.
MAX_MEMORY_KIB, MAX_ITERATIONS, MAX_LANES = 2_097_152, 50, 64
MAX_SEAL = 64_000_000


def read_passphrase(path: Path) -> str:
    """Read the passphrase: the first line of a file that only its owner can read. Raises UsageError."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_text(encoding="utf-8").partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError) as e:
        raise UsageError(f"{path}: the passphrase cannot be read ({getattr(e, 'strerror', None) or 'not text'})") from e
    if mode & 0o077:
        raise UsageError(f"{path}: others can read the passphrase (mode {mode:o}); run: chmod 600 {path}")
    return check_passphrase(text, str(path))


def check_passphrase(passphrase: str, where: str) -> str:
    """Return the passphrase. Raises UsageError if it is too short to protect a key."""
    if len(passphrase) < MIN_PASSPHRASE:
        raise UsageError(f"{where}: the passphrase is shorter than {MIN_PASSPHRASE} characters; choose a longer one")
    return passphrase


def seal(files: dict[str, bytes], passphrase: str, manifest: bytes) -> bytes:
    """Return the text of `seal.json`. Takes about half a second and 256 MB."""
    salt = secrets.token_bytes(16)
    header = {
        "kdf": "argon2id",
        "memory_kib": MEMORY_KIB,
        "iterations": ITERATIONS,
        "lanes": LANES,
        "cipher": "AES-256-GCM",
    }
    cipher = AESGCM(_key(passphrase, salt, header))
    sealed = {}
    for name, content in files.items():
        nonce = secrets.token_bytes(12)
        sealed[name] = _text(nonce + cipher.encrypt(nonce, content, _bound(name, manifest)))
    return json.dumps({**header, "salt": _text(salt), "files": sealed}, indent=1).encode()


def unseal(text: bytes, passphrase: str, manifest: bytes) -> dict[str, bytes]:
    """Decrypt the files of a `seal.json`. Raises BackupError if the passphrase is wrong or the manifest was changed."""
    try:
        raw: dict[str, Any] = json.loads(text)
        files = {str(name): base64.b64decode(value, validate=True) for name, value in raw["files"].items()}
        salt = base64.b64decode(raw["salt"], validate=True)
        _check(raw, salt)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
        raise BackupError("the sealed files of the archive cannot be read; it is damaged") from e
    cipher = AESGCM(_key(passphrase, salt, raw))
    try:
        return {name: cipher.decrypt(c[:12], c[12:], _bound(name, manifest)) for name, c in files.items()}
    except (InvalidTag, ValueError) as e:
        raise BackupError(
            "the key in the archive cannot be decrypted: the passphrase is wrong, or the archive was changed"
        ) from e


def _check(header: dict[str, Any], salt: bytes) -> None:
    limits = (("memory_kib", MAX_MEMORY_KIB), ("iterations", MAX_ITERATIONS), ("lanes", MAX_LANES))
    if header["kdf"] != "argon2id" or header["cipher"] != "AES-256-GCM" or not 8 <= len(salt) <= 64:
        raise ValueError
    if not all(type(header[name]) is int and 0 < header[name] <= most for name, most in limits):
        raise ValueError


def _key(passphrase: str, salt: bytes, header: dict[str, Any]) -> bytes:
    return hash_secret_raw(
        passphrase.encode(), salt, time_cost=header["iterations"], memory_cost=header["memory_kib"],
        parallelism=header["lanes"], hash_len=32, type=Type.ID,
    )  # fmt: skip


def _bound(name: str, manifest: bytes) -> bytes:
    return hashlib.sha256(manifest).digest() + name.encode()


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
