"""Secrets at rest: AES-256-GCM under a key file of mode 600 that is created at the first start.

A sealed value is bound to its owner's name (associated data): a ciphertext copied to another row cannot be opened
there. The cipher is imported for the first secret: a recorder whose cameras need none saves 7 MB.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import SecretError
from core.files import write_atomic

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12
KEY_FILE = "secret.key"  # in the data folder


class Vault:
    """Encrypts and decrypts short texts."""

    def __init__(self, key: bytes):
        self._key = key

    @classmethod
    def open_or_create(cls, path: Path) -> Vault:
        """Read the key file, or create it. Raises SecretError if other users could read it or it cannot be written."""
        try:
            key = _read_key(path)
        except FileNotFoundError:
            key = _create_key(path)
        return cls(key)

    def seal(self, text: str, owner: str) -> str:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._cipher().encrypt(nonce, text.encode(), owner.encode())
        return base64.b64encode(nonce + sealed).decode()

    def digest(self, text: str, owner: str) -> str:
        """Return the HMAC-SHA256 of a text that is only compared, in hexadecimal: 64 digits.

        It has a key of its own, derived from the vault's: AES-GCM and HMAC must not share one.
        """
        key = hmac.digest(self._key, b"minwang digest", "sha256")
        return hmac.digest(key, f"{owner}\0{text}".encode(), "sha256").hex()

    def _cipher(self) -> AESGCM:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return AESGCM(self._key)

    def open(self, sealed: str, owner: str) -> str:
        from cryptography.exceptions import InvalidTag

        raw = base64.b64decode(sealed)
        try:
            return self._cipher().decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], owner.encode()).decode()
        except InvalidTag as e:
            raise SecretError(
                f"the secret of '{owner}' was sealed with another key; restore the key file from the backup"
            ) from e


def _read_key(path: Path) -> bytes:
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise SecretError(f"{path}: others can read the key (mode {mode:o}); run: chmod 600 {path}")
    key = path.read_bytes()
    if len(key) != 32:
        raise SecretError(f"{path}: not a key of 32 bytes; restore it from the backup")
    return key


def _create_key(path: Path) -> bytes:
    key = secrets.token_bytes(32)
    return key if create_private(path, key) else _read_key(path)


def create_private(path: Path, content: bytes) -> bool:
    """Write a new file of mode 600 atomically; False if it already exists.

    Of several processes that do this at the same time exactly one succeeds; the others use its content. Raises
    SecretError if it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, content, exclusive=True)
    except FileExistsError:
        return False
    except OSError as e:
        raise SecretError(f"{path}: cannot be written ({e.strerror}); check the disk and the folder's owner") from e
    return True
