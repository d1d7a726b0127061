"""The key of the audit trail: 256 random bits in a file of the data folder that only the station's user can read.

Rows are sealed with it (HMAC-SHA256, RFC 2104), so that who has the database alone cannot compute a row's hash. All blocking.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from core.errors import StorageError
from core.files import sync_folder

NAME = "audit.key"
KEY_BYTES = 32


def key_id(key: bytes) -> str:
    """16 hexadecimal digits that tell keys apart and give nothing of them away."""
    return hashlib.sha256(b"minwang audit key\0" + key).hexdigest()[:16]


def load(data_dir: Path) -> bytes | None:
    """The station's key; None where there is none. Raises StorageError where it cannot be read or is no key."""
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


def make(data_dir: Path) -> bytes:
    """Make the key where there is none, and return the one that is there then: two processes may come at once.

    Raises StorageError.
    """
    path = data_dir / NAME
    new = path.with_name(f".{NAME}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        write_private(new, secrets.token_bytes(KEY_BYTES).hex() + "\n")
        try:
            os.link(new, path)
        except FileExistsError:
            pass
        finally:
            new.unlink(missing_ok=True)
        sync_folder(data_dir)
    except OSError as e:
        raise StorageError(
            f"{path}: cannot be written ({e.strerror}); run this as the station's user or as root"
        ) from e
    key = load(data_dir)
    assert key is not None
    return key


def write_private(path: Path, text: str) -> None:
    """A new file, mode 600, on the disk when this returns; root gives it to the folder's owner. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as f:
        f.write(text)
        if os.geteuid() == 0:  # the station's user reads it
            owner = path.parent.stat()
            os.fchown(f.fileno(), owner.st_uid, owner.st_gid)
        f.flush()
        os.fsync(f.fileno())
