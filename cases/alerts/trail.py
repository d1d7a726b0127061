"""The trail of an open alert: where its subject was seen after the sighting that raised it, and where it can be next.

A later sighting of the same subject joins the newest open alert that it can belong to: not more than TRAIL_WINDOW_US
after the last sighting of that alert, and not so far away that nobody could have come there meanwhile. Everything else
raises an alert of its own: a subject of a few words fits several persons. An alert concerns all villages of its trail:
their officers see it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.registry import lookup
from cameras.tables import Camera
from cases.alerts import alerts, notices, steps
from cases.tables import Alert, AlertState, AlertTrail
from core import events
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import NotFoundError
from core.events import EventKind
from search.query.co_occurrence import MAX_SPEED_IN_VEHICLE, great_circle_m
from search.query.filters import map_bearing
from search.query.neighbours import RANGE_M, NeighbourCamera, nearest
from search.vocabulary import Direction

TRAIL_WINDOW_US = 2 * 3600 * 1_000_000  # a subject that was not seen for so long rings again
CANDIDATES = 10  # open alerts of one subject that are considered
AWAY_FACTOR = 2.0  # a camera behind somebody's back counts as so much further


@dataclass(frozen=True, slots=True)
class Seen:
    """A sighting for a trail. `sighting`: 0 for a person's; `direction`: in the picture, None: unknown."""

    sighting: int
    camera: str
    village: str
    at_us: int
    thumbnail: str = ""
    direction: int | None = None


async def of_alert(session: AsyncSession, alert: int) -> list[AlertTrail]:
    """Return the trail of an alert, oldest sighting first."""
    query = select(AlertTrail).where(AlertTrail.alert == alert).order_by(AlertTrail.at_us, AlertTrail.id)
    return list(await session.scalars(query))


async def entry(session: AsyncSession, alert: Alert, number: int) -> AlertTrail:
    """Return an entry of an alert's trail. Raises NotFoundError."""
    query = select(AlertTrail).where(AlertTrail.id == number, AlertTrail.alert == alert.id)
    row: AlertTrail | None = await session.scalar(query)
    if row is None:
        raise NotFoundError("this alert's trail has no such entry", ErrorCode.ALERT_NOT_FOUND)
    return row


async def open_alert(
    session: AsyncSession, subject: int, seen: Seen, states: Collection[AlertState] = alerts.RUNNING
) -> Alert | None:
    """Return the open alert that a later sighting belongs to, locked; None: it raises one of its own."""
    query = select(Alert).where(Alert.subject == subject, Alert.state.in_(states)).order_by(Alert.id.desc())
    for alert in await session.scalars(query.limit(CANDIDATES).with_for_update()):
        camera, at_us = last_place(alert, await of_alert(session, alert.id))
        if 0 < seen.at_us - at_us <= TRAIL_WINDOW_US and await _reachable(session, camera, at_us, seen):
            return alert
    return None


def last_place(alert: Alert, trail: Sequence[AlertTrail]) -> tuple[str, int]:
    """Return camera and time (µs UTC) of the newest sighting."""
    newest = trail[-1] if trail and trail[-1].at_us > alert.at_us else alert
    return newest.camera, newest.at_us


async def _reachable(session: AsyncSession, camera: str, at_us: int, seen: Seen) -> bool:
    """Return whether somebody could be on the next camera by then; unknown positions exclude nothing."""
    found = await lookup.cameras_by_id(session, {camera, seen.camera})
    a, b = (found[c].profile.get("position") if c in found else None for c in (camera, seen.camera))
    if not a or not b:
        return True
    return great_circle_m(a, b) - 2 * RANGE_M <= MAX_SPEED_IN_VEHICLE * (seen.at_us - at_us) / 1e6


async def append(session: AsyncSession, now: datetime, alert: Alert, seen: Seen, actor: str = "system") -> AlertTrail:
    """Add a sighting to an open alert and announce it. Officers of a village that it reaches newly are told."""
    heading = await heading_of(session, seen.camera, seen.direction)
    before = await steps.villages(session, alert)
    row = AlertTrail(
        alert=alert.id, sighting=seen.sighting, camera=seen.camera, village=seen.village, at_us=seen.at_us,
        thumbnail=seen.thumbnail, direction=seen.direction, heading=heading, recorded_at=now, by=actor,
    )  # fmt: skip
    session.add(row)
    await session.flush()
    kind = EventKind.ALERT_SEEN_AGAIN if alert.state is AlertState.NEW else EventKind.ALERT_TRAIL
    for village in dict.fromkeys([seen.village, *before]):
        events.append(session, now, kind, village=village, camera=seen.camera, alert=alert.id, entry=row.id)
    await audit_trail.record(
        session, now, actor, AuditAction.ALERT_TRAIL, str(alert.id), sighting=seen.sighting, camera=seen.camera,
        at_us=seen.at_us,
    )  # fmt: skip
    if seen.village not in before and alert.state is AlertState.DISPATCHED:
        await notices.reached(session, now, alert, seen.village)
    return row


async def heading_of(session: AsyncSession, camera: str, direction: int | None) -> float | None:
    """Return the compass bearing of a movement, degrees; None: it stands still, or something is unknown."""
    row = await session.get(Camera, camera)
    azimuth = row.profile.get("azimuth") if row is not None else None
    if not direction or azimuth is None:
        return None
    return map_bearing(Direction(direction), float(azimuth))


def next_cameras(
    origin: Camera, heading: float | None, cameras: Collection[Camera], limit: int
) -> list[NeighbourCamera]:
    """Return the most plausible next cameras: near, and rather in the direction of travel (degrees; None: unknown)."""
    found, _ = nearest(origin, cameras, limit * 4)
    return sorted(found, key=lambda n: (_effort(n, heading), n.camera.id))[:limit]


def _effort(n: NeighbourCamera, heading: float | None) -> float:
    if heading is None:
        return n.metres
    turned = abs((n.bearing - heading + 180) % 360 - 180)
    return n.metres * (1 + (AWAY_FACTOR - 1) * turned / 180)
