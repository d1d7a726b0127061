"""The volumes of one recorder: their state, and which of them a stream's next file goes to.

In: the rows of nvr.storage.volumes. Out: a disk for each file, and changes of state (`on_change`). A disk is taken out
of use as soon as it fails, is full or falls behind, and is used again when a probe succeeds.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.errors import StorageError
from core.files import write_all
from core.tasks import run_all
from nvr.media.buffers.arena import Arena, ArenaPool
from nvr.storage import volume_lock
from nvr.storage.avoided_disks import AvoidedDisks
from nvr.storage.disk_calls import DiskCalls
from nvr.storage.disk_remedies import remedy
from nvr.storage.disk_writer import DISK_FULL_ERRNOS, MIN_BACKLOG_BYTES, Writer
from nvr.storage.rendezvous import score
from nvr.storage.volumes import IDENTITY, identity_of
from nvr.tables import Volume, VolumeState

log = logging.getLogger(__name__)

PROBE = ".minwang-probe"
MAX_LAG_S = 5.0  # a disk that has not written a batch for this long is slow
RETRY_INTERVAL_S = 10.0
MIN_FREE_INODES = 1000  # or a twentieth of all, before a volume that was full is used again
STATVFS_TIMEOUT_S = 5.0  # a volume whose file system does not answer for this long is slow
FLUSH_FAULT_SHOWN_S = 3600.0  # a failed flush is reported for this long
# Errors of a path: an obstacle at the name or missing permission, for one camera or for all.
NAME_ERRORS = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EACCES, errno.EPERM)


@dataclass(slots=True, eq=False)
class Disk:
    """A volume as a recorder sees it."""

    number: int
    path: Path
    identity: str
    writer: Writer
    state: VolumeState = VolumeState.OK
    detail: str = ""
    total: int = 0
    free: int = 0
    free_inodes: int | None = None  # None: the file system has no fixed number of them
    inodes: int = 0
    since: float = 0.0
    lock: int | None = None  # descriptor (nvr.storage.volume_lock)
    flush_failed_at: float = float("-inf")
    needs_probe: bool = False  # a file could not be created; a probe decides whether the disk or the path is the cause

    @property
    def usable(self) -> bool:
        return self.state == VolumeState.OK

    def has_space(self, min_free: int) -> bool:
        """Return whether a volume that was full has enough free bytes and inodes to be used again."""
        inodes = self.free_inodes is None or self.free_inodes >= min(MIN_FREE_INODES, self.inodes // 20)
        return inodes and self.free >= min(min_free, self.total // 20)


@dataclass(slots=True)
class VolumeSet:
    """The volumes of one recorder. `watch` must run; `on_change` is called on every change of state."""

    disks: list[Disk]
    clock: Clock
    min_free: int = 0
    on_change: Callable[[Disk], None] = lambda _: None
    data: Path | None = None  # the station's data folder, for which the volumes are locked
    on_flush_failed: Callable[[Disk], None] = lambda _: None
    _by_number: dict[int, Disk] = field(default_factory=dict)
    _calls: DiskCalls = field(default_factory=lambda: DiskCalls(STATVFS_TIMEOUT_S))
    _avoid: AvoidedDisks = field(default_factory=AvoidedDisks)

    @classmethod
    def of(
        cls,
        rows: Iterable[Volume],
        clock: Clock,
        *,
        sync_interval: float,
        min_free: int,
        hashing: bool = True,
        data: Path | None = None,
        max_backlog: int = MIN_BACKLOG_BYTES,
    ) -> VolumeSet:
        """Create the set.

        `max_backlog`: bytes that may be queued for each disk (nvr.storage.disk_writer.backlog_limit).
        """
        disks = [
            Disk(
                r.number,
                Path(r.path),
                r.identity,
                Writer(sync_interval, hashing=hashing, max_backlog=max_backlog),
                r.state,
                r.detail,
            )
            for r in rows
        ]
        return cls(disks, clock, min_free, data=data, _by_number={d.number: d for d in disks})

    def __getitem__(self, number: int) -> Disk:
        return self._by_number[number]

    def start(self) -> None:
        for disk in self.disks:
            disk.writer.start(disk.path)
            if disk.usable:
                try:
                    self._lock(disk)
                    self._apply_measurement(disk, _measured(disk.path))
                except OSError as e:
                    self._change(disk, VolumeState.FAILED, str(e))

    def _lock(self, disk: Disk) -> None:
        """Lock the volume. Raises OSError if another station holds it."""
        if self.data is not None and disk.lock is None:
            try:
                disk.lock = volume_lock.take(disk.path, self.data)
            except StorageError as e:  # recording has priority over the lock
                log.warning("%s: the volume could not be locked; another station could record on it: %s", disk.path, e)

    def _unlock(self, disk: Disk) -> None:
        """Release the lock: an open file would prevent a failed disk from being unmounted."""
        if disk.lock is not None:
            os.close(disk.lock)
            disk.lock = None

    def submit(self, pool: ArenaPool | None = None, arenas: Sequence[Arena] = ()) -> None:
        """Submit the collected operations to the writers. The arenas are released when all of them are written."""
        if pool is None:
            for disk in self.disks:
                disk.writer.submit()
            return
        done = partial(pool.release, arenas)
        pool.hold(arenas)  # until all batches are submitted
        for disk in self.disks:
            if disk.writer.pending:
                pool.hold(arenas)
                disk.writer.submit(done)
        done()

    def stop(self) -> None:
        for disk in self.disks:
            disk.writer.stop()
            self._unlock(disk)

    def choose_disk(self, stream: str, before: Disk | None) -> Disk | None:
        """Return the disk for the stream's next file: that of the last file, otherwise by weighted rendezvous hashing.

        The weight is free space, so that disks fill evenly. Each worker computes the same result without asking the
        others. A disk that recently refused a file of this stream is the last choice. None: no disk can be used.
        """
        if before is not None and before.usable and not self._avoided(stream, before):
            return before
        usable = [d for d in self.disks if d.usable]
        free = [d for d in usable if not self._avoided(stream, d)]
        if usable and not free:
            return min(usable, key=lambda d: self._avoided(stream, d))
        return max(free, key=lambda d: score(stream, d.identity, max(d.free, d.total // 100, 1)), default=None)

    def has_disk_for(self, stream: str) -> bool:
        """Return whether there is a usable disk that has not recently refused a file of this stream."""
        return any(d.usable and not self._avoided(stream, d) for d in self.disks)

    def _avoided(self, stream: str, disk: Disk) -> float:
        return self._avoid.avoided_until(stream, disk.number, self.clock.monotonic())

    def report_error(self, disk: Disk, error: OSError, *, opening: str = "") -> None:
        """Handle a failed write: the disk is out of use until a probe succeeds.

        `opening`: the stream whose file could not be created. If an obstacle at its path may be the reason, a probe
        decides whether the disk has failed, and the stream uses another disk.
        """
        if opening and error.errno in NAME_ERRORS:
            disk.needs_probe = True
            self._avoid.record_refusal(opening, disk.number, self.clock.monotonic())
            return
        self._change(
            disk,
            VolumeState.FULL if error.errno in DISK_FULL_ERRNOS else VolumeState.FAILED,
            error.strerror or str(error),
        )

    def mark_slow(self, disk: Disk, what: str) -> None:
        """Mark the disk as slow because another call on it has not returned, until it answers."""
        self._take_out(disk, VolumeState.SLOW, what)

    def _change(self, disk: Disk, state: VolumeState, detail: str) -> None:
        if disk.state == state:
            return
        disk.state, disk.detail, disk.since = state, detail[:200], self.clock.monotonic()
        if state in (VolumeState.FAILED, VolumeState.MISSING):
            self._unlock(disk)
        (log.info if state == VolumeState.OK else log.error)(
            "volume %d (%s): %s %s", disk.number, disk.path, state, detail
        )
        self.on_change(disk)

    async def watch(self) -> None:
        """Check every volume once a second, for ever."""
        while True:
            await self.clock.sleep(1.0)
            await run_all(*(self._check_disk(disk) for disk in self.disks))

    async def _check_disk(self, disk: Disk) -> None:
        """Check one volume, independently of the others, so that one that hangs does not delay them."""
        if disk.usable and disk.writer.lag() > MAX_LAG_S:
            self._change(disk, VolumeState.SLOW, f"has not written data for {disk.writer.lag():.0f} s")
        elif not disk.usable and self.clock.monotonic() - disk.since > RETRY_INTERVAL_S:
            disk.since = self.clock.monotonic()
            await self._retry(disk)
        elif disk.usable and disk.needs_probe:
            await self._probe_disk(disk)
        self._check_flush(disk)
        if not self._calls.is_hanging(disk.number):
            try:
                self._apply_measurement(disk, await self._calls.run(disk.number, partial(_measured, disk.path)))
            except TimeoutError:
                self._take_out(disk, VolumeState.SLOW, "its file system does not answer")

    async def _probe_disk(self, disk: Disk) -> None:
        """Check whether the disk accepts a file."""
        disk.needs_probe = False
        try:
            await self._calls.run(disk.number, partial(probe, disk))
        except OSError as e:
            self._change(disk, VolumeState.FAILED, e.strerror or str(e))

    def _take_out(self, disk: Disk, state: VolumeState, why: str) -> None:
        if disk.usable:
            self._change(disk, state, why)

    def _check_flush(self, disk: Disk) -> None:
        """Handle a failed flush: data written before may be lost. Report it, and use another disk if there is one."""
        error = disk.writer.take_flush_error()
        if error is not None:
            why = f"flushing failed: {error.strerror or error}; data of the last seconds may be lost"
            disk.detail, disk.flush_failed_at = why[:200], self.clock.monotonic()
            log.error("volume %d (%s): %s; %s", disk.number, disk.path, why, remedy(error))
            self.on_flush_failed(disk)
            if any(d.usable for d in self.disks if d is not disk):
                self._take_out(disk, VolumeState.FAILED, why)
        elif disk.usable and disk.detail and self.clock.monotonic() - disk.flush_failed_at > FLUSH_FAULT_SHOWN_S:
            disk.detail = ""

    async def _retry(self, disk: Disk) -> None:
        if disk.writer.lag() > MAX_LAG_S or self._calls.is_hanging(disk.number):
            return  # a probe would hang as well

        def probe_and_lock() -> None:
            probe(disk)
            self._lock(disk)

        try:
            await self._calls.run(disk.number, probe_and_lock, RETRY_INTERVAL_S)
        except OSError as e:
            disk.detail = (e.strerror or str(e))[:200]
            return
        if disk.state != VolumeState.FULL or disk.has_space(self.min_free):
            self._change(disk, VolumeState.OK, "")

    def measure(self) -> None:
        """Measure free space and check that the disks are still the same. Blocking."""
        for disk in self.disks:
            self._apply_measurement(disk, _measured(disk.path))

    def _apply_measurement(self, disk: Disk, found: _Measured | None) -> None:
        if found is not None:
            disk.total, disk.free, disk.inodes, disk.free_inodes = found
        elif disk.usable:
            self._change(
                disk, VolumeState.MISSING, f"{disk.path} no longer contains its volume; check that the disk is mounted"
            )


_Measured = tuple[int, int, int, int | None]


def _measured(path: Path) -> _Measured | None:
    """Return (bytes, free bytes, inodes, free inodes) of a volume; None if it is not there. Blocking."""
    try:
        status = os.statvfs(path)
        if not (path / IDENTITY).exists():
            return None
    except OSError:
        return None
    size, free = status.f_blocks * status.f_frsize, status.f_bavail * status.f_frsize
    return size, free, status.f_files, status.f_favail if status.f_files else None


def probe(disk: Disk) -> None:
    """Write, flush and remove a small file. Raises OSError."""
    if identity_of(disk.path) != disk.identity:
        raise OSError(f"{disk.path} does not contain this volume")
    target = disk.path / f"{PROBE}-{os.getpid()}"
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
    try:
        write_all(descriptor, bytes(65_536))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
        target.unlink()


async def store_state(session: AsyncSession, clock: Clock, disks: Iterable[Disk]) -> None:
    """Store the state of a recorder's volumes in their rows."""
    for d in disks:
        values = {
            "state": d.state,
            "detail": d.detail,
            "total_bytes": d.total,
            "free_bytes": d.free,
            "checked_at": clock.now(),
        }
        await session.execute(update(Volume).where(Volume.number == d.number).values(**values))
