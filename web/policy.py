"""What an account may see, for routes of several subjects: cameras, villages, sightings in its scope, age of footage.

Each function raises the error that the route answers with. What is outside an account's scope is not found, in the
words of what does not exist.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from cameras.registry import lookup
from cameras.tables import Camera
from cases.alerts import alerts
from cases.tables import AlertState
from core.accounts.permissions import Permission, Role
from core.error_codes import ErrorCode
from core.errors import ForbiddenError, NotFoundError
from core.numbers import parse_whole_number
from search.query.filters import Filter, query_of
from search.query.find import Query
from search.store import Sighting, camera_numbers, ids
from search.store.camera_numbers import CameraPlace
from web.framework.context import AnyContext
from web.http import strict_input
from web.sessions.footage_grants import footage_is_granted

VIDEO_OFFICER_LIMIT = timedelta(hours=24)
CLOCK_TOLERANCE = timedelta(minutes=5)  # a page that was opened at the limit still loads


async def visible_camera(c: AnyContext, number: str | None = None, *, with_retired: bool = False) -> Camera:
    """Return a camera within the account's villages; without `number` that of the path. Raises NotFoundError."""
    async with c.services.database.reading() as session:
        name = c.path("camera") if number is None else number
        return await lookup.camera(session, name, c.identity.villages, with_retired=with_retired)


def village_scope(c: AnyContext, village: str | None) -> list[str] | None:
    """Return the account's villages, or the requested one if it is among them. Raises NotFoundError."""
    if village is None:
        return list(c.identity.villages) if c.identity.villages is not None else None
    if not c.identity.sees_village(village):
        raise NotFoundError("there is no such village", ErrorCode.VILLAGE_NOT_FOUND, village=village)
    return [village]


def check_playback(c: AnyContext, start: datetime) -> None:
    """Check R-VIEW-1 and R-VIEW-3: a stated purpose, and for video officers an age of at most a day.

    Raises PurposeRequired, ForbiddenError.
    """
    _ = c.purpose
    age = c.services.clock.now() - start
    if c.identity.role is Role.VIDEO_OFFICER and age > VIDEO_OFFICER_LIMIT + CLOCK_TOLERANCE:
        raise ForbiddenError(
            "video officers see the last 24 hours; ask an investigator for older footage",
            ErrorCode.FOOTAGE_TOO_OLD_FOR_ROLE,
            hours=round(VIDEO_OFFICER_LIMIT.total_seconds() / 3600),
        )


async def footage_granted(c: AnyContext, camera: str, start_us: int, end_us: int) -> bool:
    """Return whether a playlist or strip of this session, for its purpose, covers the camera's footage (µs)."""
    grants, database, now = c.services.footage_grants, c.services.database, c.services.clock.now()
    return await footage_is_granted(grants, database, now, c.identity, camera, start_us, end_us)


def view_reason(c: AnyContext, subject: str, *, running: bool) -> str:
    """Return the reason under which a picture of an alert, order or acceptance may be viewed.

    While `subject` is being worked on (`running`), the reason is `subject` itself, written with its id; afterwards it
    is the stated purpose. Raises PurposeRequired.
    """
    return subject if running else c.purpose


def alert_states(c: AnyContext) -> tuple[AlertState, ...] | None:
    """Return the states of the alerts that an account sees: patrol officers only those that were dispatched."""
    return None if c.identity.may(Permission.ALERT_CONFIRM) else alerts.SENT


async def scoped_query(c: AnyContext, session: AsyncSession, wanted: Filter) -> Query:
    """Return the search query, limited to the account's villages. Raises NotFoundError for a village outside them."""
    scope = c.identity.villages
    if scope is not None and (outside := [v for v in wanted.villages if v not in scope]):
        raise NotFoundError("there is no such village", ErrorCode.VILLAGE_NOT_FOUND, village=outside[0])
    return await query_of(session, wanted, c.services.zone, scope)


def sighting_number(text: str) -> int | None:
    """Return a sighting's number (63 bits); None if the text is not one, or its time is out of range."""
    number = parse_whole_number(text, 19)
    latest_ms = strict_input.LATEST_TIME.timestamp() * 1000
    return number if number is not None and ids.milliseconds(number) < latest_ms else None


async def visible_sighting(c: AnyContext, text: str) -> tuple[Sighting, CameraPlace]:
    """Return a sighting within the account's villages, and its camera's place. Raises NotFoundError."""
    number = sighting_number(text)
    sighting = None if number is None else await asyncio.to_thread(c.services.sighting_store.get, number)
    if sighting is None:
        raise NotFoundError("there is no such sighting", ErrorCode.SIGHTING_NOT_FOUND)
    async with c.services.database.reading() as session:
        place = (await camera_numbers.places(session)).get(sighting.camera)
    if place is None or not c.identity.sees_village(place.village):
        raise NotFoundError("there is no such sighting", ErrorCode.SIGHTING_NOT_FOUND)
    return sighting, place
