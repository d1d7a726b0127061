"""Which cameras a patrol officer may watch live because of an alert, and until when.

Patrol officers may not watch live video otherwise. An alert opens the cameras within RADIUS_M of the one that saw the
subject, while the alert is open and AFTER_END longer; one that nobody ever answers opens them for MAX_OPEN.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cameras.tables import Camera
from cases.alerts import steps
from cases.tables import Alert, AlertState
from search.query.co_occurrence import great_circle_m
from search.query.neighbours import bearing

RADIUS_M = 500.0
AFTER_END = timedelta(minutes=30)
MAX_OPEN = timedelta(hours=12)  # a shift


@dataclass(frozen=True, slots=True)
class NearbyCamera:
    """Metres and bearing (degrees clockwise from north) from the alert's camera; None: a position is unknown."""

    camera: Camera
    metres: float | None
    bearing: float | None


def watchable_until(alert: Alert) -> datetime | None:
    """Return until when the alert lets its officers watch cameras; None: it does not, or no longer."""
    if alert.confirmed_at is None:
        return None
    if alert.state in steps.OUT:
        return alert.confirmed_at + MAX_OPEN
    ended_at = alert.answered_at or alert.closed_at
    if alert.state in (AlertState.ANSWERED, AlertState.CLOSED) and ended_at is not None:
        return min(ended_at + AFTER_END, alert.confirmed_at + MAX_OPEN)
    return None


def may_watch(alert: Alert, origin: Camera, camera: Camera, now: datetime) -> bool:
    """Return whether an officer who sees `alert` may watch `camera` live now. `origin`: the alert's camera."""
    until = watchable_until(alert)
    if until is None or now >= until or camera.retired:
        return False
    return camera.id == origin.id or any(n.camera.id == camera.id for n in within_radius(origin, [camera]))


def within_radius(origin: Camera, cameras: Collection[Camera]) -> list[NearbyCamera]:
    """Return the alert's camera, then those of `cameras` within RADIUS_M of it, nearest first."""
    here = origin.profile.get("position")
    found = [NearbyCamera(origin, 0.0 if here else None, None)]
    if not here:
        return found
    others = [(c, p) for c in cameras if c.id != origin.id and not c.retired and (p := c.profile.get("position"))]
    near = [_nearby(here, c, p) for c, p in others if great_circle_m(here, p) <= RADIUS_M]
    return found + sorted(near, key=lambda n: (n.metres or 0.0, n.camera.id))


def _nearby(here: Sequence[float], camera: Camera, there: Sequence[float]) -> NearbyCamera:
    return NearbyCamera(camera, round(great_circle_m(here, there), 1), round(bearing(here, there), 1))
