"""The files on the volumes: which volumes are present, their streams, and the segment files of a stream.

A folder that its disk cannot list is reported to `on_error` and skipped, so that one bad disk stops nothing. A folder
that is not there is empty.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from core.database import Database
from nvr.archive import segment_index
from nvr.storage import volume_quarantine
from nvr.storage.disk_calls import DiskCalls
from nvr.storage.disk_remedies import remedy
from nvr.storage.volumes import all_volumes, is_mounted

log = logging.getLogger(__name__)

MOUNT_TIMEOUT_S = 10.0  # a volume that does not answer for this long counts as absent

OnError = Callable[[Path, OSError], object]


def log_unlisted(folder: Path, error: OSError) -> None:
    log.error("%s cannot be listed: %s; %s", folder, error.strerror or error, remedy(error))


async def mounted_volumes(database: Database) -> dict[int, Path]:
    """Return the paths of the volumes that are present and answer. Files of other volumes must not count as lost."""
    calls, there = DiskCalls(MOUNT_TIMEOUT_S), dict[int, Path]()
    async with database.reading() as session:
        rows = await all_volumes(session)
    for row in rows:
        try:
            if await calls.run(row.path, partial(is_mounted, row)):
                there[row.number] = Path(row.path)
        except OSError as e:
            log.error("%s: %s; the volume is treated as absent and its files stay unchanged", row.path, e)
    return there


def streams_on(volume: Path, on_error: OnError = log_unlisted) -> Iterator[str]:
    """Yield the <camera>/<kind> folders of a volume. Blocking."""
    for camera in folders_in(volume, on_error):
        if camera.name != volume_quarantine.QUARANTINE_DIR:
            for kind in folders_in(camera, on_error):
                yield f"{camera.name}/{kind.name}"


def folders_in(folder: Path, on_error: OnError = log_unlisted) -> list[Path]:
    """Return the folders in a folder, by name. Blocking."""
    found = []
    for entry in entries_in(folder, on_error):
        try:
            if entry.is_dir(follow_symlinks=False):
                found.append(Path(entry.path))
        except OSError as e:
            on_error(Path(entry.path), e)
    return sorted(found)


def entries_in(folder: Path, on_error: OnError = log_unlisted) -> list[os.DirEntry[str]]:
    """Return the entries of a folder. Blocking."""
    try:
        with os.scandir(folder) as found:
            return list(found)
    except FileNotFoundError:
        return []
    except OSError as e:
        on_error(folder, e)
        return []


def files_of(volumes: dict[int, Path], stream: str, days: Sequence[str]) -> Iterator[tuple[int, int, Path]]:
    """Yield (volume, start, path) of a stream's segment files of some days. Blocking."""
    return ((v, start, path) for v, start, path in all_files_of(volumes, stream, days) if start is not None)


def all_files_of(volumes: dict[int, Path], stream: str, days: Sequence[str]) -> Iterator[tuple[int, int | None, Path]]:
    """As `files_of`, including files of other names, whose start is None. Blocking."""
    for number, volume in volumes.items():
        for day in days:
            for entry in entries_in(volume / stream / day):
                if entry.is_file(follow_symlinks=False):
                    path = Path(entry.path)
                    yield number, segment_index.start_of(path) if entry.name.endswith(".mp4") else None, path
