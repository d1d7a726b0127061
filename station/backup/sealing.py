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
from typing import Literal

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import BaseModel, ConfigDict, Field

from core.errors import BackupError, UsageError

MIN_PASSPHRASE = 10
MEMORY_KIB, ITERATIONS, LANES = 262_144, 3, 4
# Upper limits for the parameters in a header: a hostile one must not take all memory or run all day.
MAX_MEMORY_KIB, MAX_ITERATIONS, MAX_LANES = 2_097_152, 50, 64
SALT_BYTES, NONCE_BYTES = 16, 12
MIN_SALT_BYTES, MAX_SALT_BYTES = 8, 64  # accepted when reading
MAX_SEAL = 64_000_000


class SealFile(BaseModel):
    """The content of `seal.json`: the parameters, and each sealed file by its name; salt and files in base64."""

    model_config = ConfigDict(strict=True)
    kdf: Literal["argon2id"]
    memory_kib: int = Field(gt=0, le=MAX_MEMORY_KIB)
    iterations: int = Field(gt=0, le=MAX_ITERATIONS)
    lanes: int = Field(gt=0, le=MAX_LANES)
    cipher: Literal["AES-256-GCM"]
    salt: str
    files: dict[str, str]

    def salt_bytes(self) -> bytes:
        """Return the salt. Raises ValueError if it is not base64 or has a wrong length."""
        salt = base64.b64decode(self.salt, validate=True)
        if not MIN_SALT_BYTES <= len(salt) <= MAX_SALT_BYTES:
            raise ValueError("the salt has a wrong length")
        return salt


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
    sealed = SealFile(
        kdf="argon2id",
        memory_kib=MEMORY_KIB,
        iterations=ITERATIONS,
        lanes=LANES,
        cipher="AES-256-GCM",
        salt=_text(secrets.token_bytes(SALT_BYTES)),
        files={},
    )
    cipher = AESGCM(_key(passphrase, sealed))
    for name, content in files.items():
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed.files[name] = _text(nonce + cipher.encrypt(nonce, content, _bound(name, manifest)))
    return json.dumps(sealed.model_dump(), indent=1).encode()


def unseal(text: bytes, passphrase: str, manifest: bytes) -> dict[str, bytes]:
    """Decrypt the files of a `seal.json`. Raises BackupError if the passphrase is wrong or the manifest was changed."""
    try:
        sealed = SealFile.model_validate_json(text)
        files = {name: base64.b64decode(value, validate=True) for name, value in sealed.files.items()}
        sealed.salt_bytes()
    except ValueError as e:
        raise BackupError("the sealed files of the archive cannot be read; it is damaged") from e
    cipher = AESGCM(_key(passphrase, sealed))
    try:
        return {
            name: cipher.decrypt(content[:NONCE_BYTES], content[NONCE_BYTES:], _bound(name, manifest))
            for name, content in files.items()
        }
    except (InvalidTag, ValueError) as e:
        raise BackupError(
            "the key in the archive cannot be decrypted: the passphrase is wrong, or the archive was changed"
        ) from e


def _key(passphrase: str, sealed: SealFile) -> bytes:
    return hash_secret_raw(
        passphrase.encode(), sealed.salt_bytes(), time_cost=sealed.iterations, memory_cost=sealed.memory_kib,
        parallelism=sealed.lanes, hash_len=32, type=Type.ID,
    )  # fmt: skip


def _bound(name: str, manifest: bytes) -> bytes:
    return hashlib.sha256(manifest).digest() + name.encode()


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
