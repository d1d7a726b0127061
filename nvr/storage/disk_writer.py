"""The writer thread: does all file writing of a recorder, so that a slow disk never stops reception.

Each volume has one writer, so that a failing disk does not stop the others. The event loop submits one batch of
operations per poll. If a write fails, the writer truncates the file to its last good length, reports the error to the
owner once, and drops and counts further writes to that file. Data is hashed (SHA-256) while it is still in the CPU
cache; when the disk or the CPU falls behind, hashing is left for later (nvr.archive.integrity.hash_backlog) and writing
continues. A second thread flushes the file system every `sync_interval` seconds.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from nvr.media.buffers import iovec
from nvr.media.buffers.iovec import Part

log = logging.getLogger(__name__)

MIN_BACKLOG_BYTES = 256_000_000  # bytes that may be queued for one disk in one recorder, on the smallest machine
BACKLOG_SHARE = 0.1  # of the memory, for the queues of all disks in all recorders
MAX_HASH_BACKLOG_BYTES = 48_000_000  # bytes; above this backlog, files are not hashed
STOP_TIMEOUT_S = 30.0
HASH_BUFFER_BYTES = 256 * 1024
DISK_FULL_ERRNOS = (errno.ENOSPC, errno.EDQUOT)


def backlog_limit(memory: int, writers: int) -> int:
    """Return how many bytes may be queued for one of `writers`.

    1,000 streams of 2 Mb/s produce 256 MB/s, and the kernel can block a process that writes much for seconds: a tenth
    of 24 GB covers ten seconds.
    """
    return max(MIN_BACKLOG_BYTES, int(memory * BACKLOG_SHARE) // max(1, writers))


class _Hash(Protocol):
    """What the writer uses of hashlib's objects."""

    def update(self, data: memoryview, /) -> None: ...

    def digest(self) -> bytes: ...


@dataclass(slots=True, eq=False)
class SegmentFile:
    """A file being written. `size` counts submitted bytes, `written` counts bytes that the disk accepted."""

    path: Path
    on_failed: Callable[[OSError], object]  # called in the writer thread, once
    size: int = 0
    written: int = 0
    descriptor: int = -1
    created: bool = False  # created by this writer, which must not remove a file that existed before
    error: OSError | None = None
    on_closed: Callable[[], object] | None = None
    hasher: _Hash | None = None

    @property
    def sha256(self) -> bytes | None:
        """Return the SHA-256 of the whole file once it is closed; None if hashing was skipped or the file failed."""
        return self.hasher.digest() if self.hasher is not None and self.error is None else None


@dataclass(slots=True)
class _Batch:
    appends: list[tuple[SegmentFile, Sequence[Part], int]] = field(default_factory=list)
    bytes: int = 0
    submitted: float = 0.0
    done: Callable[[], None] | None = None  # called when the data of the batch is no longer needed


class Writer:
    """Writes the files of one volume.

    `append` and `close` only collect operations; `submit` hands them to the thread.
    """

    def __init__(self, sync_interval: float = 10.0, *, hashing: bool = True, max_backlog: int = MIN_BACKLOG_BYTES):
        self._queue: queue.SimpleQueue[_Batch | None] = queue.SimpleQueue()
        self._batch = _Batch()
        self._backlog = 0
        self._lock = threading.Lock()
        self._open: set[SegmentFile] = set()
        self._stop = threading.Event()
        self._sync_interval = sync_interval
        self._hashing = hashing
        self._max_backlog = max_backlog
        self._folder = Path()
        self._scratch = memoryview(bytearray(HASH_BUFFER_BYTES))
        self._working_since: float | None = None  # when the batch being written was submitted (monotonic); None: idle
        self._flush_error: OSError | None = None
        self.dropped_bytes = 0
        self.unhashed_files = 0
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._syncer = threading.Thread(target=self._sync_for_ever, name="sync", daemon=True)

    def start(self, folder: Path) -> None:
        """Start both threads. `folder` is on the volume whose file system is flushed."""
        self._folder = folder
        self._thread.start()
        self._syncer.start()

    def append(self, file: SegmentFile, *parts: Part, size: int) -> bool:
        """Queue `size` bytes for a file.

        Return False if the file failed or the backlog is too large: the bytes are dropped.
        """
        if file.error is not None or self._backlog > self._max_backlog:
            self.dropped_bytes += size
            return False
        self._batch.appends.append((file, parts, size))
        self._batch.bytes += size
        file.size += size
        return True

    def close(self, file: SegmentFile, on_closed: Callable[[], object]) -> None:
        """Close the file after all queued data is written; `on_closed` is called in the writer thread."""
        file.on_closed = on_closed
        self._batch.appends.append((file, (), 0))

    def submit(self, done: Callable[[], None] | None = None) -> None:
        """Hand the collected batch, if any, to the thread; `done` is called there when the batch is written."""
        if not self._batch.appends:
            return
        self._batch.done = done
        self._batch.submitted = time.monotonic()
        with self._lock:
            self._backlog += self._batch.bytes
        self._queue.put(self._batch)
        self._batch = _Batch()

    @property
    def pending(self) -> bool:
        """Whether operations were collected and not yet submitted."""
        return bool(self._batch.appends)

    def lag(self) -> float:
        """Return the seconds since the batch that is being written was submitted; 0 if idle."""
        since = self._working_since
        return time.monotonic() - since if since is not None else 0.0

    def stop(self) -> None:
        """Write what is queued and end both threads. A disk that hangs is abandoned after STOP_TIMEOUT_S."""
        self.submit()
        self._queue.put(None)
        self._thread.join(STOP_TIMEOUT_S)
        self._stop.set()
        if self._thread.is_alive():
            log.error(
                "the disk of %s did not write its queue within %.0f s; the next start completes its files",
                self._folder,
                STOP_TIMEOUT_S,
            )
            return
        self._syncer.join(STOP_TIMEOUT_S)
        for file in list(self._open):
            self._finish(file)

    def _run(self) -> None:
        while (batch := self._queue.get()) is not None:
            self._working_since = batch.submitted
            for file, parts, size in batch.appends:
                if parts:
                    self._write(file, parts, size)
                else:
                    self._finish(file)
            if batch.done is not None:
                batch.done()
            self._working_since = None
            with self._lock:
                self._backlog -= batch.bytes

    def _write(self, file: SegmentFile, parts: Sequence[Part], size: int) -> None:
        if file.error is not None:
            return
        try:
            if file.descriptor < 0:
                file.path.parent.mkdir(parents=True, exist_ok=True)
                file.descriptor = os.open(file.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
                file.created = True
                self._open.add(file)
                file.hasher = hashlib.sha256() if self._hashing else None
            done = iovec.write(file.descriptor, parts)
            if done != size:  # a disk that fills up accepts only a part
                rest = iovec.joined(parts)[done:]
                while rest:
                    rest = rest[os.write(file.descriptor, rest) :]
            self._hash(file, size)
            file.written += size
        except OSError as e:
            file.error = e
            self._cut_back(file)
            file.on_failed(e)

    def _hash(self, file: SegmentFile, size: int) -> None:
        """Read back and hash the bytes just written, in large blocks: hashing many small parts would hold the GIL."""
        if file.hasher is None:
            return
        if self._backlog > MAX_HASH_BACKLOG_BYTES:
            file.hasher = None
            self.unhashed_files += 1
            return
        at = file.written
        while size > 0:
            read = os.preadv(file.descriptor, [self._scratch[: min(size, len(self._scratch))]], at)
            if read == 0:
                raise OSError(errno.EIO, "data just written cannot be read back")
            file.hasher.update(self._scratch[:read])
            at, size = at + read, size - read

    def _cut_back(self, file: SegmentFile) -> None:
        if file.descriptor < 0:
            return
        try:
            os.ftruncate(file.descriptor, file.written)
        except OSError:
            log.warning("cannot truncate %s to its last whole fragment; the next start does it", file.path)

    def _finish(self, file: SegmentFile) -> None:
        if file.descriptor >= 0:
            os.close(file.descriptor)
            file.descriptor = -1
            self._open.discard(file)
        if file.on_closed is not None:
            file.on_closed()

    def _sync_for_ever(self) -> None:
        while not self._stop.wait(self._sync_interval):
            if self._open and (error := sync_file_system(self._folder)) is not None:
                self._flush_error = error

    def take_flush_error(self) -> OSError | None:
        """Return why the last flush failed, once; None if none failed since the last call."""
        error, self._flush_error = self._flush_error, None
        return error


_libc = ctypes.CDLL(None, use_errno=True)


def sync_file_system(folder: Path) -> OSError | None:
    """Flush the file system that holds `folder` with one call for all files of a volume (syncfs(2)).

    Return the error, if any.
    """
    started = time.monotonic()
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as e:
        return e
    error = None
    try:
        if _libc.syncfs(descriptor) != 0:
            error = OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(descriptor)
    if time.monotonic() - started > 5:
        log.warning("the disk of %s took %.1f s to flush", folder, time.monotonic() - started)
    return error
