"""Reminders of due dates: filing with the county, end of warranty, end of the maintenance contract."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from cameras.per_camera import CAMERA_ERRORS, error_message
from cameras.records import CameraProfile
from cameras.registry import findings
from cameras.states import FindingKind
from cameras.tables import Camera
from core.clock import Clock
from core.database import Database

log = logging.getLogger(__name__)

FILING_DAYS = 30  # after the start of use (Decree 799, article 14)
FILING_NOTICE = timedelta(days=10)
EXPIRY_NOTICE = timedelta(days=60)  # so that defects are repaired under warranty
REMINDER_KINDS = (FindingKind.FILING_DUE, FindingKind.WARRANTY_ENDS, FindingKind.CONTRACT_ENDS)


def due(profile: CameraProfile, today: date) -> Iterator[tuple[FindingKind, date]]:
    """Yield (kind, date) of what is due or overdue in an inventory entry."""
    since = _day(profile.get("in_use_since"))
    if since is not None and not profile.get("filing_no"):
        last = since + timedelta(days=FILING_DAYS)
        if today >= last - FILING_NOTICE:
            yield FindingKind.FILING_DUE, last
    for kind, until in (
        (FindingKind.WARRANTY_ENDS, profile.get("warranty_until")),
        (FindingKind.CONTRACT_ENDS, profile.get("contract_until")),
    ):
        end = _day(until)
        # An expired warranty needs no action; an expired contract leaves nobody to do repairs.
        if end is not None and end - EXPIRY_NOTICE <= today and (kind is FindingKind.CONTRACT_ENDS or today <= end):
            yield kind, end


def _day(text: str | None) -> date | None:
    return date.fromisoformat(str(text)) if text else None


async def update_reminders(database: Database, clock: Clock, zone: ZoneInfo) -> int:
    """Open and close the reminders of every camera; return how many are open now."""
    now = clock.now()
    today = now.astimezone(zone).date()
    wanted: set[tuple[str, FindingKind]] = set()
    async with database.session() as session:
        for camera in await session.scalars(select(Camera).where(Camera.retired.is_(False))):
            try:
                found = list(due(camera.profile, today))
            except CAMERA_ERRORS as e:  # one unreadable record; the others are still processed
                log.warning("%s: the due dates cannot be read: %s", camera.id, error_message(e))
                continue
            for kind, day in found:
                wanted.add((camera.id, kind))
                await findings.open_or_update(
                    session, now, kind, findings.FindingSubject.of(camera), day=day.isoformat()
                )
        for row in await findings.list_open(session):
            if row.kind in REMINDER_KINDS and (row.camera, row.kind) not in wanted:
                await findings.close(
                    session, now, [row.kind], findings.FindingSubject(row.camera, row.address, row.village)
                )
    return len(wanted)
