"""Writing files that survive a power cut, and checksums of files.

Standard library only: the installer runs it on a bare Python.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path


def write_all(descriptor: int, data: bytes) -> None:
    """Write all bytes: on a nearly full disk, or after a signal, write(2) may write only a part. Blocking.

    Raises OSError.
    """
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def write_atomic(path: Path, data: bytes, *, mode: int = 0o600, exclusive: bool = False, sync: bool = True) -> None:
    """Write a small file under a random temporary name beside it, then give it its name. Blocking.

    An existing file is replaced. With `exclusive` it is kept and FileExistsError is raised: of several processes that
    create the file at the same time exactly one succeeds. `mode` is subject to the umask. Root gives the file to the
    owner of the folder, because the station's user must be able to use it. `sync` False: the file may be lost or empty
    after a power cut. The temporary name begins with a dot, which keeps it out of backups; it is removed unless the
    process is killed, and then no later write needs that name. Raises OSError.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        try:
            write_all(descriptor, data)
            if os.geteuid() == 0:
                owner = path.parent.stat()
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
            if sync:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if exclusive:
            os.link(temporary, path)
        else:
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    if sync:
        sync_folder(path.parent)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content as hexadecimal digits. Blocking. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_folder(folder: Path) -> None:
    """Sync a folder's entries to the disk: only then does a renamed file keep its name after a power cut. Blocking."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
