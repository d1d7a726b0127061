"""One station per data folder: a process that changes the folder holds the lock on its `station.lock` while it runs.

The file also describes the holder (JSON: command, process, user, machine, since when), for the message that a second
process gets. The lock itself is the kernel's (core.host.file_locks): a killed holder leaves no lock behind, and the
content of an old file does not matter. A supervisor passes the descriptor on to its workers, so that the folder stays
locked until the last of them has ended; a new station waits that long for the workers of a killed one.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

from core.errors import StationBusyError, StorageError
from core.host import file_locks, system_user

LOCK_FILE = "station.lock"
# Environment variable of a worker: the descriptor through which it holds the lock
LOCK_DESCRIPTOR_VARIABLE = "MINWANG_STATION_LOCK"
MAX_WORKER_WAIT_S = 15.0  # the workers of a killed station end within this time
HOLDER_WRITE_WAIT_S = 0.5  # a process that has just taken the lock writes its description within this time


@dataclass(frozen=True, slots=True)
class LockHolder:
    """The process that holds the lock."""

    command: str
    pid: int
    user: str
    host: str
    since: str  # ISO 8601, UTC

    @classmethod
    def this_process(cls, command: str) -> LockHolder:
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        return cls(command, os.getpid(), system_user.name(), socket.gethostname(), now)

    @property
    def is_gone(self) -> bool:
        """Whether its main process has ended; False for another machine, where this cannot be checked."""
        if self.host != socket.gethostname():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
        return False

    def __str__(self) -> str:
        return f"'minwang {self.command}' (process {self.pid} of user {self.user} on {self.host}, since {self.since})"


@dataclass(slots=True)
class StationLock:
    """The lock while it is held. `descriptor` may be passed on to workers."""

    folder: Path
    descriptor: int

    def release(self) -> None:
        os.ftruncate(self.descriptor, 0)
        file_locks.unlock(self.descriptor)
        os.close(self.descriptor)


@contextlib.contextmanager
def hold(folder: Path, command: str, remedy: str = "") -> Iterator[StationLock]:
    """Hold the lock of a data folder during the block; creates the folder if it is missing. Blocking.

    A refused process reports `command` as the holder (`serve`); `remedy` says what the user can do instead of ending
    the holder. Raises StationBusyError if another process holds the lock, StorageError if the folder cannot be used.
    """
    lock = acquire(folder, command, remedy)
    try:
        yield lock
    finally:
        lock.release()


def acquire(folder: Path, command: str, remedy: str = "") -> StationLock:
    """Take the lock as `hold` does, until `release` or until all holders of the descriptor have ended."""
    folder = folder.absolute()
    make_folder(folder)
    descriptor = _open(folder / LOCK_FILE)
    try:
        if not _take(descriptor):
            raise StationBusyError(_refusal(folder, _read(descriptor), remedy))
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(asdict(LockHolder.this_process(command))).encode() + b"\n", 0)
    except OSError as e:
        os.close(descriptor)
        raise StorageError(f"{folder / LOCK_FILE}: cannot be written ({e.strerror}); check the disk") from e
    except BaseException:
        os.close(descriptor)
        raise
    return StationLock(folder, descriptor)


def holder(folder: Path) -> LockHolder | None:
    """Return the process that holds the folder now; None if there is none. Takes no lock itself. Blocking."""
    try:
        descriptor = os.open(folder / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return _read(descriptor) if file_locks.is_locked(descriptor) else None
    finally:
        os.close(descriptor)


def keep_inherited() -> None:
    """In a worker: keep the lock that the supervisor passed on until this process ends; children do not inherit it."""
    with contextlib.suppress(KeyError, ValueError, OSError):
        os.set_inheritable(int(os.environ.pop(LOCK_DESCRIPTOR_VARIABLE)), False)


def make_folder(folder: Path) -> None:
    """Create a data folder if it is missing. Raises StorageError with a remedy. Blocking."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)
    except OSError as e:
        raise StorageError(
            f"{folder}: the data folder cannot be made ({e.strerror}); "
            f"make it and give it to user {system_user.name()}, or set data.dir to another folder"
        ) from e


def _open(path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
    except OSError as e:
        raise StorageError(
            f"{path.parent}: user {system_user.name()} cannot write the data folder ({e.strerror} at {path.name}); "
            f"run: chown -R {system_user.name()} {shlex.quote(str(path.parent))}, or set data.dir to another folder"
        ) from e
    owner = path.parent.stat()
    if os.geteuid() == 0 and os.fstat(descriptor).st_uid != owner.st_uid:
        # root made a repair: the station must be able to open the file afterwards
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
    return descriptor


def _take(descriptor: int) -> bool:
    """Take the lock; waits for the workers of a holder that has ended."""
    started, told = time.monotonic(), False
    while True:
        # Read before the attempt: a process that stood still beyond the limit tries once more before it gives up.
        is_last = time.monotonic() - started > MAX_WORKER_WAIT_S
        if file_locks.try_lock(descriptor):
            return True
        current = _read(descriptor)
        if is_last or not current.is_gone:
            return False
        if not told:
            told = True
            sys.stderr.write(f"minwang: {current} has ended; waiting for its workers to end\n")
        time.sleep(0.2)


def _read(descriptor: int) -> LockHolder:
    """Return the holder's description of itself; waits briefly because it may be about to write it."""
    started = time.monotonic()
    while True:
        with contextlib.suppress(ValueError, TypeError):
            found = LockHolder(**json.loads(os.pread(descriptor, 4096, 0)))
            if not found.is_gone or time.monotonic() - started > HOLDER_WRITE_WAIT_S:
                return found  # the description of an ended process may be left over from the previous holder
        if time.monotonic() - started > HOLDER_WRITE_WAIT_S:
            return LockHolder("(unknown command)", 0, "unknown", socket.gethostname(), "an unknown time")
        time.sleep(0.02)


def _refusal(folder: Path, current: LockHolder, remedy: str) -> str:
    if current.is_gone:
        who = ", ".join(map(str, _users_of(folder / LOCK_FILE))) or "processes of another user"
        return f"the data folder {folder} is still in use by processes of {current}: {who}; end these processes first"
    return f"the data folder {folder} is in use by {current}; {remedy or 'end that first, or use another data folder'}"


def _users_of(file: Path) -> list[int]:
    """Return the processes that have the file open, as far as this user may see them."""
    wanted, found = file.stat(), list[int]()
    for entry in Path("/proc").glob("[0-9]*/fd"):
        with contextlib.suppress(OSError), os.scandir(entry) as descriptors:
            if any(os.path.samestat(d.stat(), wanted) for d in descriptors):
                found.append(int(entry.parent.name))
    return sorted(set(found) - {os.getpid()})
