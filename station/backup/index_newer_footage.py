"""The second half of a restore: indexes footage on the disks that is newer than the backup.

`restore` does this if the disks are mounted; otherwise the first start of the station does it, before it records.
"""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import datetime
from pathlib import Path

from core.clock import Clock
from core.database import Database
from core.errors import BackupError, StorageError
from core.settings import Settings
from nvr.archive.integrity.adoption import AdoptionResult, adopt
from nvr.storage import volumes
from station.backup.restore import MARKER

log = logging.getLogger(__name__)


async def adopt_newer_footage(settings: Settings, database: Database, clock: Clock) -> AdoptionResult | None:
    """Index the newer footage and remove the marker of the restore; None if nothing was restored.

    Nothing may record meanwhile. Raises StorageError if a file cannot be read.
    """
    marker = settings.data.dir / MARKER
    created = await asyncio.to_thread(_read, marker)
    if created is None:
        return None
    await volumes.prepare(database, settings.volumes, settings.data.dir)  # a disk may be mounted elsewhere than before
    try:
        done = await adopt(database, created, clock.now())
    except OSError as e:
        raise StorageError(
            f"{e.filename}: the footage cannot be indexed ({e.strerror}); check the disk, then start again"
        ) from e
    for path in done.missing:
        log.error(
            "%s lacks the recordings it had at the backup: is its disk mounted? Its footage is not indexed",
            path,
        )
    log.info("restored from the backup of %s: %d newer files of footage indexed", created.isoformat(), done.files)
    if not done.missing:
        await asyncio.to_thread(marker.unlink)
    return done


def _read(marker: Path) -> datetime | None:
    try:
        return datetime.fromisoformat(json.loads(marker.read_text())["created"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as e:
        raise BackupError(f"{marker}: cannot be read; remove it and run: minwang archive verify --repair") from e


def disks_are_there(settings: Settings, identities: list[str]) -> bool:
    """Return whether the configured folders contain all disks of the backup. Blocking."""
    return set(identities) <= {volumes.identity_of(path) for path in settings.volumes}
