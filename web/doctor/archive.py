"""Checks of the archive: state of the volumes, files in quarantine, and whether footage is deleted by age."""

from __future__ import annotations

from collections.abc import Sequence

from nvr.archive.retention import retention_clock
from nvr.storage import volume_quarantine
from nvr.storage.disk_remedies import remedy_of
from nvr.storage.volumes import all_volumes
from nvr.tables import Volume, VolumeState
from web.doctor.facts import CheckedStation, CheckResult, failed, ok, unknown, warning


async def volumes(station: CheckedStation) -> Sequence[CheckResult]:
    """Return one fact per volume: the state that its recorder last recorded for it."""
    if station.database is None:
        return [unknown("not known without the database", "see database")]
    async with station.database.reading() as session:
        rows = await all_volumes(session)
    return [_volume(row) for row in rows] or [ok("no volume was used yet")]


def _volume(row: Volume) -> CheckResult:
    if row.checked_at is None:
        return unknown("no recorder has checked it yet", "start the station", row.path)
    if row.state != VolumeState.OK:
        return failed(f"{row.state}: {row.detail}"[:300], remedy_of(row.state, row.detail), row.path)
    if row.detail:
        return warning(row.detail, remedy_of(row.state, row.detail), row.path)
    return ok("recording works", row.path)


def quarantine(station: CheckedStation) -> Sequence[CheckResult]:
    """Report files that start-up recovery could not read or identify. Blocking."""
    found = []
    for path in station.settings.volumes:
        files, size = volume_quarantine.usage(path)
        if files:
            value = f"{files} files ({size / 1e6:.1f} MB) lie in {path.absolute() / volume_quarantine.QUARANTINE_DIR}"
            remedy = "inspect them and the records beside them, copy what you need, then delete the files"
            found.append(warning(value, remedy, str(path.absolute())))
    return found or [ok("empty")]


async def deletion_clock(station: CheckedStation) -> Sequence[CheckResult]:
    """Report whether the station's clock is plausible enough to delete footage by age."""
    if station.database is None:
        return [unknown("not known without the database", "see database")]
    async with station.database.reading() as session:
        told = await retention_clock.report(session)
    if told.suspended:
        return [failed(f"{told.sentence}; nothing is deleted because of its age", told.remedy)]
    return [ok(told.sentence)]
