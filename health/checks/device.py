"""Device faults other than picture faults: card, PTZ, events. Reads the findings that the camera upkeep keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.onvif.namespaces import EVENTS, PTZ
from cameras.tables import Camera, Finding

# Kind of finding → fault family.
FAMILIES = {"storage_failure": "card", "disk_full": "card", "ptz_failed": "ptz", "events_silent": "events"}
_SERVICES = {"ptz": PTZ, "events": EVENTS, "card": EVENTS}  # without this service nothing reports the fault

Findings = tuple[dict[str, dict[str, Any]], set[str]]


async def findings(session: AsyncSession, cameras: Sequence[Camera]) -> dict[str, Findings]:
    """Return by camera: (families found with their figures, families that could not be tested)."""
    told: dict[str, Findings] = {}
    for camera in cameras:
        services = (camera.device or {}).get("services") or {}
        told[camera.id] = {}, {family for family, service in _SERVICES.items() if service not in services}
    query = select(Finding).where(Finding.camera.in_(told), Finding.kind.in_(FAMILIES), Finding.closed_at.is_(None))
    for finding in await session.scalars(query):
        if finding.camera is not None:
            family = FAMILIES[finding.kind]
            told[finding.camera][0][family] = {
                "said": finding.kind,
                "since": finding.opened_at.isoformat(timespec="seconds"),
            }
            told[finding.camera][1].discard(family)
    return told
