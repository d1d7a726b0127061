"""One station per data folder: whoever changes it holds the lock on `station.lock` in it for as long as it runs.

The file also says who that is (JSON: command, process, user, machine, since when), for the sentence that a second one is
refused with. The lock itself is the kernel's (core.host.file_locks): a holder that is killed leaves none behind, and what an old file
says counts for nothing. A supervisor passes the descriptor on to its workers, so that the folder stays taken until the last
of them has ended; a new station waits that long for a killed one's workers.
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
INHERITED = "MINWANG_STATION_LOCK"  # environment of a worker: the descriptor it holds the lock by
ORPHANS_SECONDS = 15.0  # a killed station's workers end within this time
WRITING_SECONDS = 0.5  # who has just taken the lock has said by then who it is


@dataclass(frozen=True, slots=True)
class LockHolder:
    """Who holds the lock."""

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
        """Its main process has ended, as far as this machine can tell."""
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
    """Hold the lock of a data folder during the block; makes the folder where it is missing. Blocking.

    `command` is what the refused one is told (`serve`); `remedy` what the user can do instead of ending the holder.
    Raises StationBusyError where another process holds it, StorageError where the folder cannot be used.
    """
    lock = acquire(folder, command, remedy)
    try:
        yield lock
    finally:
        lock.release()


def acquire(folder: Path, command: str, remedy: str = "") -> StationLock:
    """As `hold`, until `release` or the end of this process and of all that inherited the descriptor."""
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
    """Who holds the folder now; None: nobody. Takes no lock itself. Blocking."""
    try:
        descriptor = os.open(folder / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return _read(descriptor) if file_locks.is_locked(descriptor) else None
    finally:
        os.close(descriptor)


def keep_inherited() -> None:
    """In a worker: hold the lock that the supervisor passed on until this process ends; no child of it gets it."""
    with contextlib.suppress(KeyError, ValueError, OSError):
        os.set_inheritable(int(os.environ.pop(INHERITED)), False)


def make_folder(folder: Path) -> None:
    """Make a data folder where it is missing. Raises StorageError with a remedy. Blocking."""
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
        os.fchown(descriptor, owner.st_uid, owner.st_gid)  # root repaired once: the station must open it afterwards
    return descriptor


def _take(descriptor: int) -> bool:
    """Take the lock; waits for the workers of a holder that is gone."""
    started, told = time.monotonic(), False
    while not file_locks.try_lock(descriptor):
        current = _read(descriptor)
        if not current.is_gone or time.monotonic() - started > ORPHANS_SECONDS:
            return False
        if not told:
            told = True
            sys.stderr.write(f"minwang: {current} has ended; waiting for its workers to end\n")
        time.sleep(0.2)
    return True


def _read(descriptor: int) -> LockHolder:
    """What the holder says of itself; it may be about to write it."""
    started = time.monotonic()
    while True:
        with contextlib.suppress(ValueError, TypeError):
            found = LockHolder(**json.loads(os.pread(descriptor, 4096, 0)))
            if not found.is_gone or time.monotonic() - started > WRITING_SECONDS:
                return found  # one that is gone may be what the last one left
        if time.monotonic() - started > WRITING_SECONDS:
            return LockHolder("(unknown command)", 0, "unknown", socket.gethostname(), "an unknown time")
        time.sleep(0.02)


def _refusal(folder: Path, current: LockHolder, remedy: str) -> str:
    if current.is_gone:
        who = ", ".join(map(str, _users_of(folder / LOCK_FILE))) or "processes of another user"
        return (
            f"the data folder {folder} is still in use by what {current} left behind ({who}); end these processes first"
        )
    return f"the data folder {folder} is in use by {current}; {remedy or 'end that first, or use another data folder'}"


def _users_of(file: Path) -> list[int]:
    """Processes of this user that have the file open."""
    wanted, found = file.stat(), list[int]()
    for entry in Path("/proc").glob("[0-9]*/fd"):
        with contextlib.suppress(OSError), os.scandir(entry) as descriptors:
            if any(os.path.samestat(d.stat(), wanted) for d in descriptors):
                found.append(int(entry.parent.name))
    return sorted(set(found) - {os.getpid()})
