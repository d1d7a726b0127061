"""Volumes: the disks that hold recordings, each identified by a file on it.

`prepare` compares the configured folders with the database and the identity files. It refuses a disk that is not
mounted and a different disk in its place, because recording into an empty mount point would fill the system disk and
hide last month's recordings. `VolumeSet` belongs to a recorder: it chooses the disk for a stream's next file and takes
a disk out of use as soon as it fails, is full or falls behind.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.database import Database
from core.errors import StationBusyError, StorageError
from core.files import write_all
from core.tasks import run_all
from nvr.media.arena import Arena, ArenaPool
from nvr.storage import volume_lock
from nvr.storage.avoided_disks import AvoidedDisks
from nvr.storage.disk_calls import DiskCalls
from nvr.storage.disk_writer import FULL, MIN_BACKLOG, Writer
from nvr.storage.rendezvous import score
from nvr.tables import Volume

log = logging.getLogger(__name__)

IDENTITY = ".minwang-volume.json"
PROBE = ".minwang-probe"
LAG_SECONDS = 5.0  # a disk that has not written a batch for this long is slow
RETRY_SECONDS = 10.0
MIN_FREE_INODES = 1000  # or a twentieth of all, before a volume that was full is used again
LOOK_SECONDS = 5.0  # a volume whose file system does not answer for this long is slow
START_SECONDS = 15.0  # the same at start-up
FLUSH_FAULT_SECONDS = 3600.0  # a failed flush is reported for this long
# Errors of a path: an obstacle at the name or missing permission, for one camera or for all.
NAME_ERRORS = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EACCES, errno.EPERM)


@dataclass(slots=True, eq=False)
class Disk:
    """A volume as a recorder sees it."""

    number: int
    path: Path
    identity: str
    writer: Writer
    state: str = "ok"
    detail: str = ""
    total: int = 0
    free: int = 0
    free_inodes: int | None = None  # None: the file system has no fixed number of them
    inodes: int = 0
    since: float = 0.0
    lock: int | None = None  # descriptor (nvr.storage.volume_lock)
    flush_failed_at: float = float("-inf")
    is_doubted: bool = False  # a file could not be created; a probe decides whether the disk or the path is the cause

    @property
    def usable(self) -> bool:
        return self.state == "ok"

    def has_room(self, min_free: int) -> bool:
        """Return whether a volume that was full has enough free bytes and inodes to be used again."""
        inodes = self.free_inodes is None or self.free_inodes >= min(MIN_FREE_INODES, self.inodes // 20)
        return inodes and self.free >= min(min_free, self.total // 20)


async def prepare(database: Database, paths: Sequence[Path]) -> list[Volume]:
    """Return the rows of the configured volumes; mark new volumes. Raises StorageError if none can be used."""
    rows: list[Volume] = []
    refusals: list[str] = []
    async with database.session() as session:
        known = {v.identity: v for v in await session.scalars(select(Volume))}
        # Inside the transaction, because another recorder may mark the same new disks.
        found = [(p.absolute(), *await _looked(p.absolute())) for p in paths]
        by_path = {v.path: v for v in known.values()}
        highest = await session.scalar(select(func.max(Volume.number))) or 0
        for path, identity, problem in found:
            row = known.get(identity) if identity else None
            if row is None and (problem or (not identity and str(path) in by_path)):
                row = by_path.get(str(path))
                refusal = problem or f"{path} does not hold the volume that it held before: is its disk mounted?"
                log.error("volume refused: %s", refusal)
                refusals.append(refusal)
                if row is None:
                    continue
                row.state, row.detail = "missing", refusal[:200]
            elif row is None:
                highest += 1
                identity = identity or await asyncio.to_thread(_mark, path)
                row = Volume(number=highest, identity=identity, path=str(path), state="ok", detail="")
                session.add(row)
            else:
                row.path, row.state, row.detail = str(path), "ok", ""
            rows.append(row)
    if not any(r.state == "ok" for r in rows):
        raise StorageError(
            f"no volume can be used: {'; '.join(refusals)}; mount the disks, or set data.volumes to other folders"
        )
    return rows


def check_ours(rows: Iterable[Volume], data: Path, *, every: bool = False) -> None:
    """Raise StationBusyError if another station holds all usable volumes, or, with `every`, any of them. Blocking."""
    usable = [Path(r.path) for r in rows if r.state == "ok"]
    refused = [why for path in usable if (why := volume_lock.foreign(path, data))]
    if refused and (every or len(refused) == len(usable)):
        raise StationBusyError("; ".join(refused))


async def _looked(path: Path) -> tuple[str, str]:
    """As `_look`, for a path that may hang."""
    try:
        return await DiskCalls(START_SECONDS).run(path, partial(_look, path))
    except TimeoutError as e:
        return "", f"{e}: look whether its disk or its file server still works"


def _look(path: Path) -> tuple[str, str]:
    """Create the folder if necessary and return (identity on the disk, why it cannot be used)."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        return identity_of(path), ""
    except OSError as e:
        return "", f"{path}: {e.strerror}"


def identity_of(path: Path) -> str:
    """Return the identity stored in a folder; empty if there is none."""
    try:
        return str(json.loads((path / IDENTITY).read_text())["identity"])
    except (FileNotFoundError, ValueError, KeyError):
        return ""


def is_mounted(row: Volume) -> bool:
    """Return whether the disk at the volume's path is the volume. Blocking; raises OSError if it does not answer."""
    path = Path(row.path)
    found = identity_of(path)
    if found:
        return found == row.identity
    status = os.statvfs(path)
    size = status.f_blocks * status.f_frsize
    return row.state != "missing" and row.total_bytes in (0, size)  # its identity file is gone, nothing else differs


def _mark(path: Path) -> str:
    identity = str(uuid.uuid4())
    try:
        with (path / IDENTITY).open("x") as f:
            json.dump({"identity": identity, "what": "recordings of a Minwang station; do not remove this file"}, f)
            f.flush()
            os.fsync(f.fileno())
    except OSError as e:
        raise StorageError(
            f"{path} cannot be written ({e.strerror}); give the station's user the right to write there"
        ) from e
    return identity


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
    _calls: DiskCalls = field(default_factory=lambda: DiskCalls(LOOK_SECONDS))
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
        max_backlog: int = MIN_BACKLOG,
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
                    self._take(disk, _measured(disk.path))
                except OSError as e:
                    self._change(disk, "failed", str(e))

    def _lock(self, disk: Disk) -> None:
        """Lock the volume. Raises OSError if another station holds it."""
        if self.data is not None and disk.lock is None:
            try:
                disk.lock = volume_lock.take(disk.path, self.data)
            except StorageError as e:  # recording has priority over the lock
                log.warning("%s: another station could record there, too: %s", disk.path, e)

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

    def place(self, stream: str, before: Disk | None) -> Disk | None:
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

    def has_place(self, stream: str) -> bool:
        """Return whether there is a usable disk that has not recently refused a file of this stream."""
        return any(d.usable and not self._avoided(stream, d) for d in self.disks)

    def _avoided(self, stream: str, disk: Disk) -> float:
        return self._avoid.until(stream, disk.number, self.clock.monotonic())

    def report(self, disk: Disk, error: OSError, *, opening: str = "") -> None:
        """Handle a failed write: the disk is out of use until a probe succeeds.

        `opening`: the stream whose file could not be created. If an obstacle at its path may be the reason, a probe
        decides whether the disk has failed, and the stream uses another disk.
        """
        if opening and error.errno in NAME_ERRORS:
            disk.is_doubted = True
            self._avoid.note(opening, disk.number, self.clock.monotonic())
            return
        self._change(disk, "full" if error.errno in FULL else "failed", error.strerror or str(error))

    def hangs(self, disk: Disk, what: str) -> None:
        """Mark the disk as slow because another call on it has not returned, until it answers."""
        self._leave(disk, "slow", what)

    def _change(self, disk: Disk, state: str, detail: str) -> None:
        if disk.state == state:
            return
        disk.state, disk.detail, disk.since = state, detail[:200], self.clock.monotonic()
        if state in ("failed", "missing"):
            self._unlock(disk)
        (log.info if state == "ok" else log.error)("volume %d (%s): %s %s", disk.number, disk.path, state, detail)
        self.on_change(disk)

    async def watch(self) -> None:
        while True:
            await self.clock.sleep(1.0)
            await run_all(*(self._look_at(disk) for disk in self.disks))

    async def _look_at(self, disk: Disk) -> None:
        """Check one volume, independently of the others, so that one that hangs does not delay them."""
        if disk.usable and disk.writer.lag() > LAG_SECONDS:
            self._change(disk, "slow", f"has not taken what was handed over {disk.writer.lag():.0f} s ago")
        elif not disk.usable and self.clock.monotonic() - disk.since > RETRY_SECONDS:
            disk.since = self.clock.monotonic()
            await self._try_again(disk)
        elif disk.usable and disk.is_doubted:
            await self._prove(disk)
        self._note_flushes(disk)
        if not self._calls.hangs(disk.number):
            try:
                self._take(disk, await self._calls.run(disk.number, partial(_measured, disk.path)))
            except TimeoutError:
                self._leave(disk, "slow", "its file system does not answer")

    async def _prove(self, disk: Disk) -> None:
        """Check whether the disk accepts a file."""
        disk.is_doubted = False
        try:
            await self._calls.run(disk.number, partial(probe, disk))
        except OSError as e:
            self._change(disk, "failed", e.strerror or str(e))

    def _leave(self, disk: Disk, state: str, why: str) -> None:
        if disk.usable:
            self._change(disk, state, why)

    def _note_flushes(self, disk: Disk) -> None:
        """Handle a failed flush: data written before may be lost. Report it, and use another disk if there is one."""
        error = disk.writer.take_flush_error()
        if error is not None:
            why = f"flushing failed: {error.strerror or error}; what was written in the last seconds may be lost"
            disk.detail, disk.flush_failed_at = why[:200], self.clock.monotonic()
            log.error("volume %d (%s): %s; %s", disk.number, disk.path, why, remedy(error))
            self.on_flush_failed(disk)
            if any(d.usable for d in self.disks if d is not disk):
                self._leave(disk, "failed", why)
        elif disk.usable and disk.detail and self.clock.monotonic() - disk.flush_failed_at > FLUSH_FAULT_SECONDS:
            disk.detail = ""

    async def _try_again(self, disk: Disk) -> None:
        if disk.writer.lag() > LAG_SECONDS or self._calls.hangs(disk.number):
            return  # a probe would hang as well

        def probe_and_lock() -> None:
            probe(disk)
            self._lock(disk)

        try:
            await self._calls.run(disk.number, probe_and_lock, RETRY_SECONDS)
        except OSError as e:
            disk.detail = (e.strerror or str(e))[:200]
            return
        if disk.state != "full" or disk.has_room(self.min_free):
            self._change(disk, "ok", "")

    def measure(self) -> None:
        """Measure free space and check that the disks are still the same. Blocking."""
        for disk in self.disks:
            self._take(disk, _measured(disk.path))

    def _take(self, disk: Disk, found: _Measured | None) -> None:
        if found is not None:
            disk.total, disk.free, disk.inodes, disk.free_inodes = found
        elif disk.usable:
            self._change(disk, "missing", f"{disk.path} does not hold its volume any more: is the disk mounted?")


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


def remedy(error: OSError) -> str:
    """Return what a person can do about an error of a volume."""
    if isinstance(error, TimeoutError):
        return "look whether its disk or its file server still works (dmesg, mount)"
    return _REMEDIES.get(
        error.errno or 0, "look at the disk (dmesg, smartctl), at the mount's options and at the rights"
    )


def remedy_of(state: str, detail: str) -> str:
    """As `remedy`, for a volume's stored state, whose detail contains the kernel's error text."""
    for number, text in _REMEDIES.items():
        if os.strerror(number) in detail:
            return text
    return _STATES.get(state, "look at the disk (dmesg, smartctl)")


_STATES = {
    "full": "make room: remove what is not the station's, lower retention.main_days, or add a volume",
    "slow": "look whether its disk or its file server still works (dmesg, mount), "
    "or spread the cameras over more disks",
    "missing": "mount its disk; its footage is kept in the index until it is back",
}
_REMEDIES = {
    errno.EROFS: "the kernel has mounted it read-only, mostly after an error: look into dmesg, "
    "check the file system (fsck), mount it writable again",
    errno.EIO: "the disk fails: look into dmesg and at smartctl, copy what is needed, replace it",
    errno.ENOSPC: "make room: remove what is not the station's, lower retention.main_days, or add a volume",
    errno.EDQUOT: "raise the quota of the station's user on it",
    errno.EACCES: "give the station's user the right to write there",
    errno.EPERM: "give the station's user the right to write there",
    errno.ESTALE: "the file server has forgotten this mount: mount it again",
    errno.ENOENT: "mount its disk",
}


def probe(disk: Disk) -> None:
    """Write, flush and remove a small file. Raises OSError."""
    if identity_of(disk.path) != disk.identity:
        raise OSError(f"{disk.path} does not hold this volume")
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
