"""Device faults other than picture faults: card, PTZ, events. Reads the findings that the camera upkeep keeps."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.onvif.namespaces import EVENTS, PTZ
from cameras.tables import Camera, Finding
from health.faults.findings import CheckFindings
from health.vocabulary import FaultFamily

# Kind of finding → fault family.
FAMILIES = {
    "storage_failure": FaultFamily.CARD,
    "disk_full": FaultFamily.CARD,
    "ptz_failed": FaultFamily.PTZ,
    "events_silent": FaultFamily.EVENTS,
}
# Without this service nothing reports the fault.
_SERVICES = {FaultFamily.PTZ: PTZ, FaultFamily.EVENTS: EVENTS, FaultFamily.CARD: EVENTS}


async def findings(session: AsyncSession, cameras: Sequence[Camera]) -> dict[str, CheckFindings]:
    """Return the device faults of each camera, by camera id."""
    checked: dict[str, CheckFindings] = {}
    for camera in cameras:
        services = (camera.device or {}).get("services") or {}
        checked[camera.id] = CheckFindings(unknown={f for f, service in _SERVICES.items() if service not in services})
    query = select(Finding).where(Finding.camera.in_(checked), Finding.kind.in_(FAMILIES), Finding.closed_at.is_(None))
    for finding in await session.scalars(query):
        if finding.camera is not None:
            family, since = FAMILIES[finding.kind], finding.opened_at.isoformat(timespec="seconds")
            checked[finding.camera].found[family] = {"said": finding.kind, "since": since}
            checked[finding.camera].unknown.discard(family)
    return checked
