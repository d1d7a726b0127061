"""The key of the audit trail: 256 random bits in a file of the data folder that only the station's user can read.

The key seals the rows (HMAC-SHA256, RFC 2104), so that somebody who has only the database cannot compute a row's hash.
All functions block.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from pathlib import Path

from core.errors import StorageError
from core.files import write_atomic

NAME = "audit.key"
KEY_BYTES = 32


def key_id(key: bytes) -> str:
    """Return 16 hexadecimal digits that identify the key and reveal nothing of it."""
    return hashlib.sha256(b"minwang audit key\0" + key).hexdigest()[:16]


def load(data_dir: Path) -> bytes | None:
    """Return the station's key; None if there is none. Raises StorageError if it cannot be read or is not a key."""
    path = data_dir / NAME
    try:
        text = path.read_text(encoding="ascii").strip()
        key = bytes.fromhex(text)
    except FileNotFoundError:
        return None
    except OSError as e:
        raise StorageError(f"{path}: cannot be read ({e.strerror}); run this as the station's user or as root") from e
    except ValueError as e:
        raise StorageError(f"{path}: is not a key; restore it from the backup") from e
    if len(key) != KEY_BYTES:
        raise StorageError(f"{path}: is not a key; restore it from the backup")
    return key


def create(data_dir: Path) -> bytes:
    """Create the key if there is none, and return the key in the file: two processes may do this at the same time.

    Raises StorageError.
    """
    path = data_dir / NAME
    try:
        with contextlib.suppress(FileExistsError):
            write_atomic(path, f"{secrets.token_bytes(KEY_BYTES).hex()}\n".encode(), exclusive=True)
    except OSError as e:
        raise StorageError(
            f"{path}: cannot be written ({e.strerror}); run this as the station's user or as root"
        ) from e
    key = load(data_dir)
    assert key is not None
    return key
