"""The token with which a monitoring system reads /metrics: a file in the data folder, readable by the station's user
only.

The token is random (256 bits) and gives no other access. It is read at each scrape, so that a new one is valid at once.
"""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

from core.errors import StorageError

NAME = "metrics.token"
MAX_BYTES = 4096


def renew(data_dir: Path) -> Path:
    """Create a new token; the previous one becomes invalid. Returns its file (mode 600). Blocking.

    Raises StorageError.
    """
    path = data_dir / NAME
    try:
        _write(path, path.with_suffix(".new"))
    except OSError as e:
        raise StorageError(
            f"{path}: cannot be written ({e.strerror}); run this as the station's user or as root"
        ) from e
    return path


def _write(path: Path, new: Path) -> None:
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as f:
        f.write(secrets.token_urlsafe(32))
        if os.geteuid() == 0:  # the station's user must be able to read it
            owner = path.parent.stat()
            os.fchown(f.fileno(), owner.st_uid, owner.st_gid)
    new.replace(path)


def matches(data_dir: Path, given: str) -> bool:
    """Return whether `given` is the station's token; False if there is none. Blocking."""
    token = read(data_dir)
    return bool(token) and hmac.compare_digest(token, given.strip().encode("utf-8", "replace"))


def read(data_dir: Path) -> bytes:
    """Return the station's token; empty if there is none. Blocking."""
    try:
        with (data_dir / NAME).open("rb") as f:
            token = f.read(MAX_BYTES).strip()
    except OSError:
        return b""
    return token if len(token) >= 32 else b""
