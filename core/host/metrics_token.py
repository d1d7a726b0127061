"""The token with which a monitoring system reads /metrics: a file in the data folder, readable by the station's user
only.

The token is random (256 bits) and gives no other access. It is read at each scrape, so that a new one is valid at once.
"""

from __future__ import annotations

import hmac
import secrets
from pathlib import Path

from core.errors import StorageError
from core.files import write_atomic

NAME = "metrics.token"
MAX_BYTES = 4096


def renew(data_dir: Path) -> Path:
    """Create a new token; the previous one becomes invalid. Returns its file (mode 600). Blocking.

    Raises StorageError.
    """
    path = data_dir / NAME
    try:
        write_atomic(path, secrets.token_urlsafe(32).encode())
    except OSError as e:
        raise StorageError(
            f"{path}: cannot be written ({e.strerror}); run this as the station's user or as root"
        ) from e
    return path


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
