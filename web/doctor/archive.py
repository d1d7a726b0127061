"""Checks of the archive: state of the volumes, files in quarantine, and whether footage is deleted by age."""

from __future__ import annotations

from collections.abc import Sequence

from nvr.archive.retention import retention_clock
from nvr.storage import volume_quarantine
from nvr.storage.disk_remedies import remedy_of
from nvr.storage.volumes import all_volumes
from nvr.tables import Volume, VolumeState
from web.doctor.check_remedies import CheckRemedy as R
from web.doctor.check_values import CheckValue as V
from web.doctor.facts import CheckedStation, CheckResult, failed, needs_database, ok, unknown, warning

_VOLUMES = {
    VolumeState.FULL: V.VOLUME_FULL,
    VolumeState.SLOW: V.VOLUME_SLOW,
    VolumeState.MISSING: V.VOLUME_MISSING,
    VolumeState.FAILED: V.VOLUME_FAILED,
}


async def volumes(station: CheckedStation) -> Sequence[CheckResult]:
    """Return one fact per volume: the state that its recorder last recorded for it."""
    if station.database is None:
        return [needs_database()]
    async with station.database.reading() as session:
        rows = await all_volumes(session)
    return [_volume(row) for row in rows] or [ok(V.NO_VOLUME())]


def _volume(row: Volume) -> CheckResult:
    if row.checked_at is None:
        return unknown(V.VOLUME_UNCHECKED(), R.START_THE_STATION(), row.path)
    if row.state == VolumeState.OK and not row.detail:
        return ok(V.VOLUME_RECORDS(), row.path)
    advice, detail = R[f"VOLUME_{remedy_of(row.state, row.detail).name}"](), row.detail[:300]
    if row.state == VolumeState.OK:
        return warning(V.VOLUME_NOTICE(detail=detail), advice, row.path)
    known = _VOLUMES.get(row.state)
    found = known(detail=detail) if known else V.VOLUME_OTHER(state=row.state, detail=detail)
    return failed(found, advice, row.path)


def quarantine(station: CheckedStation) -> Sequence[CheckResult]:
    """Report files that start-up recovery could not read or identify. Blocking."""
    results = []
    for path in station.settings.volumes:
        files, size = volume_quarantine.usage(path)
        if files:
            folder = str(path.absolute() / volume_quarantine.QUARANTINE_DIR)
            found = V.QUARANTINE_FILES(files=files, megabytes=round(size / 1e6, 1), path=folder)
            results.append(warning(found, R.INSPECT_QUARANTINE(), str(path.absolute())))
    return results or [ok(V.QUARANTINE_EMPTY())]


async def deletion_clock(station: CheckedStation) -> Sequence[CheckResult]:
    """Report whether the station's clock is plausible enough to delete footage by age."""
    if station.database is None:
        return [needs_database()]
    async with station.database.reading() as session:
        told = await retention_clock.report(session)
    if told.suspended and told.clock and told.plausible:
        times = {"clock": f"{told.clock:%Y-%m-%d %H:%M}", "plausible": f"{told.plausible:%Y-%m-%d %H:%M}"}
        return [failed(V.RETENTION_SUSPENDED(**times), R.CONFIRM_CLOCK())]
    return [ok(V.RETENTION_RUNS() if told.clock else V.RETENTION_NOT_CHECKED())]
