"""Volumes: the disks that hold recordings, each identified by a file on it.

`prepare` compares the configured folders with the database and the identity files. It refuses a disk that is not
mounted and a different disk in its place, because recording into an empty mount point would fill the system disk and
hide last month's recordings. The rows that it returns become the VolumeSet of a recorder (nvr.storage.volume_set).
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import uuid
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.database import Database
from core.errors import StationBusyError, StorageError
from nvr.storage import volume_lock
from nvr.storage.disk_calls import DiskCalls
from nvr.tables import Volume, VolumeState

log = logging.getLogger(__name__)

IDENTITY = ".minwang-volume.json"
START_TIMEOUT_S = 15.0  # a volume that does not answer for this long at start-up is refused


async def all_volumes(session: AsyncSession) -> Sequence[Volume]:
    """Return the rows of all volumes that were ever used, by number."""
    return (await session.scalars(select(Volume).order_by(Volume.number))).all()


async def prepare(database: Database, paths: Sequence[Path], data: Path | None = None) -> list[Volume]:
    """Return the rows of the configured volumes; mark new volumes. Raises StorageError if none can be used.

    A folder that does not exist is created only below `data`, the station's data folder, or directly on a mounted file
    system: elsewhere its disk is not mounted, or the path is mistyped, and recordings would fill the system disk.
    """
    rows: list[Volume] = []
    refusals: list[str] = []
    async with database.session() as session:
        known = {v.identity: v for v in await all_volumes(session)}
        # Inside the transaction, because another recorder may mark the same new disks.
        found = [(p.absolute(), *await _inspect_with_timeout(p.absolute(), data)) for p in paths]
        by_path = {v.path: v for v in known.values()}
        highest = await session.scalar(select(func.max(Volume.number))) or 0
        for path, identity, problem in found:
            row = known.get(identity) if identity else None
            if row is None and (problem or (not identity and str(path) in by_path)):
                row = by_path.get(str(path))
                refusal = problem or f"{path} no longer contains its volume; check that the disk is mounted"
                log.error("volume refused: %s", refusal)
                refusals.append(refusal)
                if row is None:
                    continue
                row.state, row.detail = VolumeState.MISSING, refusal[:200]
            elif row is None:
                highest += 1
                identity = identity or await asyncio.to_thread(_mark, path)
                row = Volume(number=highest, identity=identity, path=str(path), state=VolumeState.OK, detail="")
                session.add(row)
            else:
                row.path, row.state, row.detail = str(path), VolumeState.OK, ""
            rows.append(row)
    if not any(r.state == VolumeState.OK for r in rows):
        raise StorageError(
            f"no volume can be used: {'; '.join(refusals)}; mount the disks, or set data.volumes to other folders"
        )
    return rows


def check_not_foreign(rows: Iterable[Volume], data: Path, *, every: bool = False) -> None:
    """Raise StationBusyError if another station holds all usable volumes, or, with `every`, any of them. Blocking."""
    usable = [Path(r.path) for r in rows if r.state == VolumeState.OK]
    refused = [why for path in usable if (why := volume_lock.foreign_holder(path, data))]
    if refused and (every or len(refused) == len(usable)):
        raise StationBusyError("; ".join(refused))


async def _inspect_with_timeout(path: Path, data: Path | None) -> tuple[str, str]:
    """As `_inspect`, for a path that may hang."""
    try:
        return await DiskCalls(START_TIMEOUT_S).run(path, partial(_inspect, path, data))
    except TimeoutError as e:
        return "", f"{e}: check its disk or file server"


def _inspect(path: Path, data: Path | None) -> tuple[str, str]:
    """Create the folder if it may be created, and return (identity on the disk, why it cannot be used)."""
    try:
        if not path.is_dir():
            if not _may_create(path, data):
                return "", f"{path} does not exist: mount its disk, correct data.volumes, or create the folder"
            path.mkdir(parents=True)
        return identity_of(path), ""
    except OSError as e:
        return "", f"{path}: {e.strerror}"


def _may_create(path: Path, data: Path | None) -> bool:
    return path.parent.is_mount() or (data is not None and path.is_relative_to(data.absolute()))


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
    return row.state != VolumeState.MISSING and row.total_bytes in (
        0,
        size,
    )  # its identity file is gone, nothing else differs


def _mark(path: Path) -> str:
    identity = str(uuid.uuid4())
    try:
        with (path / IDENTITY).open("x") as f:
            json.dump({"identity": identity, "what": "recordings of a Minwang station; do not remove this file"}, f)
            f.flush()
            os.fsync(f.fileno())
    except OSError as e:
        raise StorageError(
            f"{path} cannot be written ({e.strerror}); give the station's user write permission there"
        ) from e
    return identity
