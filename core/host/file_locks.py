"""Locks on byte ranges of a file, held by an open file description (Linux `F_OFD_SETLK`, fcntl(2)).

The kernel releases such a lock when the last descriptor of that description is closed, however its process ended. Unlike
POSIX record locks it is not lost when another descriptor of the same file is closed; unlike flock(2) it has ranges and can
be asked for without being taken. A child holds it only where the descriptor is passed on to it.

On NFS the locks work where the server runs a lock service; a mount with `nolock` sees only this machine's processes.
"""

from __future__ import annotations

import errno
import fcntl
import struct

from core.errors import StorageError

_FLOCK = "hhqqi0q"  # struct flock: type, whence, start, length, pid; the kernel wants pid 0 for OFD locks
_BUSY = (errno.EACCES, errno.EAGAIN)


def try_lock(descriptor: int, start: int = 0, length: int = 0, *, shared: bool = False) -> bool:
    """Take the lock or return False where another holds it; length 0 reaches to the end of the file and beyond.

    Raises StorageError where the file system has no locks.
    """
    kind = fcntl.F_RDLCK if shared else fcntl.F_WRLCK
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, struct.pack(_FLOCK, kind, 0, start, length, 0))
    except OSError as e:
        if e.errno in _BUSY:
            return False
        raise StorageError(f"this file system has no locks ({e.strerror}); put the folder on a local disk") from e
    return True


def unlock(descriptor: int, start: int = 0, length: int = 0) -> None:
    fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, struct.pack(_FLOCK, fcntl.F_UNLCK, 0, start, length, 0))


def is_locked(descriptor: int, start: int = 0, length: int = 0) -> bool:
    """Whether another open file description holds a lock in the range; takes none itself, so it disturbs nobody."""
    asked = struct.pack(_FLOCK, fcntl.F_WRLCK, 0, start, length, 0)
    found: int = struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, asked))[0]
    return found != fcntl.F_UNLCK
