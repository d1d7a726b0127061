"""Locks on byte ranges of a file, held by an open file description (Linux `F_OFD_SETLK`, fcntl(2)).

The kernel releases such a lock when the last descriptor of the description is closed, however the process ended. Unlike
a POSIX record lock, it is not lost when another descriptor of the same file is closed; unlike flock(2), it has ranges
and can be tested without being taken. A child process holds it only if it inherits the descriptor.

On NFS the locks work if the server runs a lock service; with the mount option `nolock` they work only between processes
of this machine.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import struct
from collections.abc import Iterator
from pathlib import Path

from core.errors import StorageError

_FLOCK = "hhqqi0q"  # struct flock: type, whence, start, length, pid; the kernel requires pid 0 for OFD locks
_BUSY = (errno.EACCES, errno.EAGAIN)


def try_lock(descriptor: int, start: int = 0, length: int = 0, *, shared: bool = False) -> bool:
    """Take the lock; return False if another description holds it. Length 0 means to the end of the file and beyond.

    Raises StorageError if the file system has no locks.
    """
    try:
        return take(descriptor, start, length, shared=shared)
    except OSError as e:
        raise StorageError(f"this file system has no locks ({e.strerror}); put the folder on a local disk") from e


def take(descriptor: int, start: int = 0, length: int = 0, *, shared: bool = False) -> bool:
    """Do as `try_lock`, but raise OSError if the file system has no locks."""
    kind = fcntl.F_RDLCK if shared else fcntl.F_WRLCK
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, struct.pack(_FLOCK, kind, 0, start, length, 0))
    except OSError as e:
        if e.errno in _BUSY:
            return False
        raise
    return True


def unlock(descriptor: int, start: int = 0, length: int = 0) -> None:
    fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, struct.pack(_FLOCK, fcntl.F_UNLCK, 0, start, length, 0))


def is_locked(descriptor: int, start: int = 0, length: int = 0) -> bool:
    """Return whether another open file description holds a lock in the range. Takes no lock itself.

    Raises OSError.
    """
    asked = struct.pack(_FLOCK, fcntl.F_WRLCK, 0, start, length, 0)
    found: int = struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, asked))[0]
    return found != fcntl.F_UNLCK


@contextlib.contextmanager
def waiting_lock(path: Path) -> Iterator[None]:
    """Hold the lock of a file during the block, after waiting for it; creates the file if it is missing. Blocking.

    Root gives the file to the owner of its folder. Raises OSError.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if os.geteuid() == 0:
            owner = path.parent.stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLKW, struct.pack(_FLOCK, fcntl.F_WRLCK, 0, 0, 0, 0))
        yield
    finally:
        os.close(descriptor)
