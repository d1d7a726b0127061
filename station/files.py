"""Files that a person maintains: written atomically, replaced only on request."""

from __future__ import annotations

import os
from pathlib import Path

from core.errors import ConflictError, StorageError


def write_new(path: Path, text: str, *, mode: int, replace: bool = False) -> None:
    """Write a file atomically. Raises ConflictError if it exists, unless `replace`."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        if replace:
            temporary.replace(path)
        else:
            os.link(temporary, path)
    except FileExistsError as e:
        raise ConflictError(f"{path}: already exists; --force overwrites it") from e
    except OSError as e:
        raise StorageError(f"{path}: cannot be written ({e.strerror}); choose another place") from e
    finally:
        temporary.unlink(missing_ok=True)
