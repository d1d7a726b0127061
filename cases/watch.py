"""Cases and watch lists: who proposes, who approves, what matches.

The matcher is one more reader of the log: it takes sightings in the order of their ids from its own
position, so that none is missed and none alerts twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera
from cases.tables import Alert, Case, WatchPosition, WatchSubject
from core import audit, events
from core.clock import Clock
from core.database import Database
from core.errors import ConflictError, ForbiddenError, NotFoundError, UsageError
from search.colours import NAMES
from search.detectors.base import CLASSES
from search.tables import Sighting

LONGEST = timedelta(days=30)
QUIET_US = 600 * 1_000_000  # one alert a subject and camera in this time
BATCH = 500


async def open_case(
    session: AsyncSession, at: datetime, actor: str, number: str, title: str, village: str | None = None
) -> Case:
    if await session.scalar(select(Case.id).where(Case.number == number)):
        raise ConflictError(f"there is a case '{number}' already")
    row = Case(number=number, title=title, village=village, opened_at=at, opened_by=actor)
    session.add(row)
    await session.flush()
    await audit.record(session, at, actor, "case.open", number, title=title)
    return row


async def propose(
    session: AsyncSession, at: datetime, actor: str, *, case: int, title: str, cls: str, upper: str | None, lower: str | None,
    villages: list[str] | None, reason: str, expires_at: datetime,
) -> WatchSubject:  # fmt: skip
    """Propose a subject; it matches nothing until a second person approves it."""
    if cls not in CLASSES or any(c is not None and c not in NAMES for c in (upper, lower)):
        raise UsageError(f"classes are: {', '.join(CLASSES)}; colours are: {', '.join(NAMES)}")
    if not at < expires_at <= at + LONGEST:
        raise UsageError("a subject expires within 30 days; renew it when it is still needed")
    found = await session.get(Case, case)
    if found is None:
        raise NotFoundError("there is no such case")
    row = WatchSubject(
        case=case, title=title, cls=cls, upper=upper, lower=lower, villages=villages, reason=reason, state="proposed",
        proposed_by=actor, proposed_at=at, expires_at=expires_at,
    )  # fmt: skip
    session.add(row)
    await session.flush()
    events.append(session, at, "watch.proposed", subject=row.id, title=title)
    await audit.record(session, at, actor, "watch.propose", str(row.id), reason=reason, case=found.number)
    return row


async def approve(
    session: AsyncSession, at: datetime, actor: str, subject: int, *, yes: bool, auto_dispatch: bool = False
) -> WatchSubject:
    """Decide on a proposal. Raises ForbiddenError where the proposer is the one who decides."""
    row = await session.get(WatchSubject, subject)
    if row is None:
        raise NotFoundError("there is no such subject")
    if row.state != "proposed":
        raise ConflictError("this proposal is decided already")
    if row.proposed_by == actor:
        raise ForbiddenError("a second person must decide on this proposal")
    row.state = "active" if yes else "refused"
    row.approved_by, row.approved_at, row.auto_dispatch = actor, at, yes and auto_dispatch
    events.append(session, at, "watch.approved" if yes else "watch.refused", subject=subject)
    await audit.record(
        session, at, actor, "watch.approve" if yes else "watch.refuse", str(subject), auto_dispatch=row.auto_dispatch
    )
    return row


BY_A_PERSON = 0  # in the place of a sighting's number


class Matcher:
    """Turns new sightings into alerts."""

    def __init__(self, database: Database, clock: Clock):
        self._database = database
        self._clock = clock

    async def run_once(self) -> int:
        """Look at the next batch of sightings; returns the number of alerts raised."""
        async with self._database.reading() as session:
            position = await session.scalar(select(WatchPosition.position)) or 0
            sightings = (
                await session.scalars(select(Sighting).where(Sighting.id > position).order_by(Sighting.id).limit(BATCH))
            ).all()
        if not sightings:
            return 0
        now = self._clock.now()
        async with self._database.session() as session:
            subjects = await active_subjects(session, now)
            raised = 0
            for sighting in sightings:
                for subject in subjects:
                    if fits(subject, sighting) and await _raise(session, now, subject, sighting):
                        raised += 1
            await session.merge(WatchPosition(id=1, position=sightings[-1].id))
        return raised


def fits(subject: WatchSubject, sighting: Sighting) -> bool:
    if subject.cls != sighting.cls or (subject.villages is not None and sighting.village not in subject.villages):
        return False
    pairs = ((subject.upper, sighting.upper), (subject.lower, sighting.lower))
    return all(wanted is None or f",{wanted}," in names for wanted, names in pairs)


async def _raise(session: AsyncSession, now: datetime, subject: WatchSubject, sighting: Sighting) -> bool:
    recent = await session.scalar(
        select(Alert.id).where(
            Alert.subject == subject.id, Alert.camera == sighting.camera,
            Alert.at_us > sighting.at_us - QUIET_US, Alert.at_us < sighting.at_us + QUIET_US,
        ).limit(1)
    )  # fmt: skip
    if recent is not None:
        return False
    alert = Alert(
        subject=subject.id, sighting=sighting.id, camera=sighting.camera, village=sighting.village, at_us=sighting.at_us,
        thumbnail=sighting.thumbnail, state="new", raised_at=now, note="",
    )  # fmt: skip
    session.add(alert)
    await session.flush()
    events.append(session, now, "alert.raised", village=alert.village, camera=alert.camera, alert=alert.id)
    await audit.record(session, now, "system", "alert.raise", str(alert.id), subject=subject.id, sighting=sighting.id)
    if subject.auto_dispatch:
        from_rule = f"approved for direct dispatch by {subject.approved_by}"
        await dispatch(session, now, "auto", alert, reason=from_rule)
    return True


async def seen_by_a_person(
    session: AsyncSession, now: datetime, actor: str, subject: int, camera: Camera, at_us: int, thumbnail: str
) -> Alert:
    """An officer saw the wanted one on a camera: the patrol officers are told at once. `thumbnail`: JPEG below the data folder.

    Raises NotFoundError, ConflictError for a subject that is not active, or not for this village.
    """
    row = await session.get(WatchSubject, subject)
    if row is None:
        raise NotFoundError("there is no such subject")
    if row.state != "active" or row.expires_at <= now:
        raise ConflictError("this subject is not on the watch list now")
    if row.villages is not None and camera.village not in row.villages:
        raise ConflictError("this subject is not watched for in that village")
    alert = Alert(
        subject=row.id, sighting=BY_A_PERSON, camera=camera.id, village=camera.village, at_us=at_us, thumbnail=thumbnail, state="new",
        raised_at=now, note="",
    )  # fmt: skip
    session.add(alert)
    await session.flush()
    events.append(session, now, "alert.raised", village=alert.village, camera=alert.camera, alert=alert.id)
    await audit.record(session, now, actor, "alert.raise", str(alert.id), subject=row.id, camera=camera.id)
    await dispatch(session, now, actor, alert, reason="seen by an officer")
    return alert


async def dispatch(session: AsyncSession, now: datetime, actor: str, alert: Alert, *, reason: str = "") -> None:
    """Send an alert to the patrol officers."""
    if alert.state != "new":
        raise ConflictError("this alert was decided on already")
    alert.state, alert.confirmed_by, alert.confirmed_at = "dispatched", actor, now
    events.append(session, now, "alert.dispatched", village=alert.village, camera=alert.camera, alert=alert.id)
    await audit.record(session, now, actor, "alert.dispatch", str(alert.id), reason=reason)


async def active_subjects(session: AsyncSession, now: datetime) -> Sequence[WatchSubject]:
    return (
        await session.scalars(select(WatchSubject).where(WatchSubject.state == "active", WatchSubject.expires_at > now))
    ).all()
