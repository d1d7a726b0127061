"""Files that a person maintains: written atomically, replaced only on request."""

from __future__ import annotations

from pathlib import Path

from core.errors import ConflictError, StorageError
from core.files import write_atomic


def write_new(path: Path, text: str, *, mode: int, replace: bool = False) -> None:
    """Write a file atomically. Raises ConflictError if it exists, unless `replace`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        write_atomic(path, text.encode(), mode=mode, exclusive=not replace)
    except FileExistsError as e:
        raise ConflictError(f"{path}: already exists; --force overwrites it") from e
    except OSError as e:
        raise StorageError(f"{path}: cannot be written ({e.strerror}); choose another place") from e
