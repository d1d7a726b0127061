"""Retention of discovered devices that are not cameras at their own addresses: how many are kept, and for how long.

Anybody on the cameras' network can invent thousands of devices. A device that answers the hourly discovery is renewed
each time and stays; of the others the newest are kept, for a limited time.
"""

from __future__ import annotations

import logging
from collections import Counter
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.discovery.ws_discovery import MAX_DEVICES_PER_HOST
from cameras.onvif.addresses import host_port
from cameras.registry import findings
from cameras.states import FindingKind, MatchKind
from cameras.tables import DeviceSeen

log = logging.getLogger(__name__)

KNOWN_MATCHES = (MatchKind.KNOWN, MatchKind.FIRST)  # identity matches of cameras at their own addresses
STRANGER_FINDINGS = (FindingKind.UNKNOWN_DEVICE, FindingKind.CLONE)  # findings about devices that are no camera
STRANGER_LIFETIME = timedelta(days=30)  # since a stranger last answered
MAX_STRANGERS = 5000
DELETE_BATCH = 500


async def delete_expired(session: AsyncSession, now: datetime) -> int:
    """Delete strangers and their findings; return how many.

    Deletes those not seen for 30 days, those beyond 20 per host, and those beyond 5,000 in all.
    """
    query = (
        select(DeviceSeen)
        .where(DeviceSeen.verdict.not_in(KNOWN_MATCHES))
        .order_by(DeviceSeen.last_seen.desc(), DeviceSeen.address)
    )
    per_host, expired = Counter[str](), list[DeviceSeen]()
    for device in await session.scalars(query):
        host = host_port(device.address).rpartition(":")[0]
        if (
            now - device.last_seen > STRANGER_LIFETIME
            or per_host[host] >= MAX_DEVICES_PER_HOST
            or per_host.total() >= MAX_STRANGERS
        ):
            expired.append(device)
        else:
            per_host[host] += 1
    for device in expired:
        await findings.close(
            session, now, STRANGER_FINDINGS, findings.FindingSubject(None, device.address, device.village)
        )
    addresses = [d.address for d in expired]
    for at in range(0, len(addresses), DELETE_BATCH):
        await session.execute(delete(DeviceSeen).where(DeviceSeen.address.in_(addresses[at : at + DELETE_BATCH])))
    if expired:
        log.info("removed %d unknown devices", len(expired))
    return len(expired)
