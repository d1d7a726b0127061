"""The inventory file at the station's start: applied to an empty registry, afterwards only compared.

Later changes of the file come in by `minwang inventory apply`, so that a restart never undoes what the station learned.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from cameras.registry import inventory, registry
from core.clock import Clock
from core.database import Database
from core.errors import InventoryError, SettingsError
from core.settings import Settings

log = logging.getLogger(__name__)
ACTOR = "station start"


async def apply_or_compare(settings: Settings, database: Database, clock: Clock) -> None:
    """Apply the settings' inventory file if the registry is empty; else log where the two differ.

    Raises SettingsError if the registry is empty and the file that the settings name does not exist and was never
    applied, and InventoryError for a file that an empty registry cannot take. A station with a filled registry keeps
    recording, whatever happened to the file.
    """
    path = settings.inventory
    async with database.reading() as session:
        empty, last = await registry.is_empty(session), await registry.last_applied(session)
    if path is None:
        if empty:
            log.warning("the registry is empty and the settings name no inventory file: there is nothing to record")
    elif not await asyncio.to_thread(path.is_file):
        # A filled registry without a last applied file comes from an older version; an update must not stop its
        # recording.
        _report_missing(settings, path, applied=last is not None or not empty)
    elif empty:
        wanted = await asyncio.to_thread(inventory.load, path)
        async with database.session() as session:
            await registry.apply(session, wanted, clock.now(), ACTOR, file=str(path))
        log.info("%s applied: %d villages, %d cameras", path, len(wanted.villages), len(wanted.cameras))
        if not wanted.cameras:
            log.warning("%s names no camera, and the registry is empty: there is nothing to record", path)
    else:
        await _compare(database, clock, path)


def _report_missing(settings: Settings, path: Path, *, applied: bool) -> None:
    where = settings.source.where(("inventory",))
    if not applied:
        raise SettingsError(
            f"{where}: the inventory file {path} is missing; correct the path, write the file (docs/cameras.md), or "
            "remove the setting"
        )
    log.warning(
        "the inventory file %s (%s) is missing; the station keeps using its registry. Restore it, or export it "
        "again: minwang inventory export --to %s",
        path, where, path,
    )  # fmt: skip


async def _compare(database: Database, clock: Clock, path: Path) -> None:
    try:
        wanted = await asyncio.to_thread(inventory.load, path)
    except InventoryError as e:
        log.warning(
            "%s is no longer valid (minwang inventory check); the station keeps using its registry: %s", path, e
        )
        return
    async with database.session() as session:
        plan = await registry.plan(session, wanted)
        if plan.last is None and plan.empty:
            # An earlier version applied the file at every start: this gives the merge its base from now on.
            await registry.apply(session, wanted, clock.now(), ACTOR, file=str(path))
            return
    if not plan.empty:
        log.warning(
            "%s differs from what was applied: %d to add, %d to change, %d to retire; no change is applied "
            "automatically: minwang inventory plan, minwang inventory apply",
            path, len(plan.added), len(plan.changed), len(plan.retired),
        )  # fmt: skip
