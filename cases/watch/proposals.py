"""Cases and the watch list: proposals, approval by a second person, and matching of sightings.

The matcher takes each sighting from the list that the indexer writes with it, so that it misses none and none raises
two alerts.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera
from cases.tables import Alert, Case, WatchSubject
from cases.watch.look_back import BEFORE_APPROVAL, IN_PROGRESS, LookBack
from cases.watch.watch_list import WatchList
from core import events
from core.accounts.scope import Villages, covers, overlaps, village_in_scope, villages_overlap_scope
from core.audit import audit_trail
from core.clock import Clock, to_microseconds
from core.database import Database
from core.errors import ConflictError, ForbiddenError, NotFoundError, UsageError
from search import vocabulary
from search.store import Sighting, SightingStore, camera_numbers, ids, thumbnails
from search.store.vectors import Floats

log = logging.getLogger(__name__)

MAX_WATCH_DURATION = timedelta(days=30)
ALERT_QUIET_US = 600 * 1_000_000  # at most one alert per subject and camera in this time
BATCH = 500


@dataclass(frozen=True, slots=True)
class SubjectExample:
    """An example picture of a subject: a pack's vector as 256 signed bytes, and the minimum cosine to it."""

    vector: bytes
    embedder: str
    likeness: float


async def open_case(
    session: AsyncSession,
    at: datetime,
    actor: str,
    number: str,
    title: str,
    village: str | None = None,
    scope: Villages = None,
) -> Case:
    """Open a case of a village (None: of the whole town).

    `scope`: the villages that the actor sees, None: all. A number must be unique within its village only, so that
    nobody learns of another village's cases. Raises UsageError if the village must be named, NotFoundError,
    ConflictError.
    """
    village = village if village is not None or scope is None or len(scope) != 1 else scope[0]
    if village is None and scope is not None:
        raise UsageError("name the case's village; only an account for the whole town may open a town-wide case")
    _check_villages(None if village is None else [village], scope)
    if await session.scalar(select(Case.id).where(Case.number == number, Case.village == village)):
        raise ConflictError(f"there is a case '{number}' already")
    row = Case(number=number, title=title, village=village, opened_at=at, opened_by=actor)
    session.add(row)
    await session.flush()
    await audit_trail.record(session, at, actor, "case.open", number, title=title)
    return row


async def propose(
    session: AsyncSession,
    at: datetime,
    actor: str,
    *,
    case: int,
    title: str,
    cls: str,
    upper: str | None,
    lower: str | None,
    villages: list[str] | None,
    reason: str,
    expires_at: datetime,
    example: SubjectExample | None = None,
    scope: Villages = None,
) -> WatchSubject:
    """Propose a subject; it matches nothing until a second person approves it.

    `example`: what it looks like, beside class and colours. `scope`: the villages that the actor sees, None: all.
    Raises UsageError for a subject that would match everybody, NotFoundError for a case or a village outside the scope,
    and ConflictError for a closed case.
    """
    vocabulary.classes([cls])
    for colour in (upper, lower):
        if colour is not None:
            vocabulary.colour(colour)
    check_end(at, expires_at)
    if not any((upper, lower, example)):
        raise UsageError("add a colour or a picture; the class alone matches everybody")
    found = await session.scalar(select(Case).where(Case.id == case, within(Case.village, scope)))
    if found is None:
        raise NotFoundError("there is no such case")
    if found.closed_at is not None:
        raise ConflictError("this case is closed; open another one")
    if villages is None and scope is not None:
        raise UsageError("name the villages; only an account for the whole town may search all villages")
    _check_villages(villages, scope)
    row = WatchSubject(
        case=case, title=title, cls=cls, upper=upper, lower=lower, villages=villages, reason=reason, state="proposed",
        proposed_by=actor, proposed_at=at, expires_at=expires_at, vector=example.vector if example else None,
        embedder=example.embedder if example else "", likeness=example.likeness if example else 0.0,
    )  # fmt: skip
    session.add(row)
    await session.flush()
    announce(session, at, "watch.proposed", row)
    await audit_trail.record(session, at, actor, "watch.propose", str(row.id), reason=reason, case=found.number)
    return row


async def approve(
    session: AsyncSession,
    at: datetime,
    actor: str,
    subject: int,
    *,
    yes: bool,
    auto_dispatch: bool = False,
    scope: Villages = None,
) -> WatchSubject:
    """Approve or refuse a proposal.

    `scope`: the villages that the actor sees, None: all. Raises ForbiddenError if the actor proposed it or the subject
    covers villages beyond the scope, and ConflictError if it is decided already or has expired.
    """
    row = await subject_of(session, subject, scope)
    if not covers(scope, row.villages):
        raise ForbiddenError(
            "this subject is also looked for outside your villages; an account that sees all of them must decide"
        )
    if row.state != "proposed":
        raise ConflictError("this proposal was already decided")
    if row.proposed_by == actor:
        raise ForbiddenError("a second person must decide on this proposal")
    if yes and row.expires_at <= at:
        raise ConflictError("this proposal has expired; propose it again")
    row.state = "active" if yes else "refused"
    row.approved_by, row.approved_at, row.auto_dispatch = actor, at, yes and auto_dispatch
    row.look_back_to, row.looked_back_at = at - BEFORE_APPROVAL if yes else None, None
    announce(session, at, "watch.approved" if yes else "watch.refused", row)
    await audit_trail.record(
        session, at, actor, "watch.approve" if yes else "watch.refuse", str(subject), auto_dispatch=row.auto_dispatch
    )
    return row


async def end_subject(
    session: AsyncSession, at: datetime, actor: str, subject: int, reason: str, scope: Villages = None
) -> WatchSubject:
    """Take a subject off the watch list, or withdraw a proposal.

    Nothing matches it any more, and its alerts cannot be dispatched.

    Raises NotFoundError, ForbiddenError beyond the scope, ConflictError if it is off the list already.
    """
    row = await subject_of(session, subject, scope)
    if not covers(scope, row.villages):
        raise ForbiddenError(
            "this subject is also looked for outside your villages; an account that sees all of them must end it"
        )
    if row.state not in ("active", "proposed"):
        raise ConflictError("this subject is not on the watch list")
    row.state, row.ended_by, row.ended_at = "ended", actor, at
    announce(session, at, "watch.ended", row)
    await audit_trail.record(session, at, actor, "watch.end", str(subject), reason=reason)
    return row


async def renew(
    session: AsyncSession,
    at: datetime,
    actor: str,
    subject: int,
    expires_at: datetime,
    reason: str,
    scope: Villages = None,
) -> WatchSubject:
    """Extend an approved subject, also an expired one, by at most 30 days. The proposer may not do this.

    Raises NotFoundError, ForbiddenError, UsageError, and ConflictError for one that was refused or ended.
    """
    row = await subject_of(session, subject, scope)
    if not covers(scope, row.villages):
        raise ForbiddenError(
            "this subject is also looked for outside your villages; an account that sees all of them must renew it"
        )
    if row.proposed_by == actor:
        raise ForbiddenError("a second person must decide on this proposal")
    if row.state != "active":
        raise ConflictError("only an approved subject is renewed; propose it again")
    check_end(at, expires_at)
    before, row.expires_at = row.expires_at, expires_at
    row.approved_by, row.approved_at = actor, at
    announce(session, at, "watch.renewed", row)
    await audit_trail.record(
        session,
        at,
        actor,
        "watch.renew",
        str(subject),
        reason=reason,
        old=before.isoformat(),
        new=expires_at.isoformat(),
    )
    return row


async def look_back(
    session: AsyncSession, at: datetime, actor: str, subject: int, hours: float, scope: Villages = None
) -> None:
    """Request a look-back: search for a subject among the sightings of the last hours.

    The request waits in the database for the matcher. If one waits or runs already, it is extended if this one reaches
    further back, and is not started again. Raises NotFoundError, ForbiddenError, ConflictError.
    """
    row = await subject_of(session, subject, scope)
    if not covers(scope, row.villages):
        raise ForbiddenError(
            "this subject is also looked for outside your villages; an account that sees all of them must request it"
        )
    if not is_active(row, at):
        raise ConflictError("this subject is not on the watch list now")
    back_to = at - timedelta(hours=hours)
    if row.look_back_to is None:
        row.look_back_to, row.looked_back_at = back_to, None
    else:
        row.look_back_to = min(row.look_back_to, back_to)
    announce(session, at, "watch.look_back", row)
    await audit_trail.record(session, at, actor, "watch.look_back", str(subject), reason=row.reason, hours=hours)


def check_end(at: datetime, expires_at: datetime) -> None:
    """Raise UsageError for an expiry that is past or more than 30 days away."""
    if not at < expires_at <= at + MAX_WATCH_DURATION:
        raise UsageError("a subject expires within 30 days; renew it when it is still needed")


def announce(session: AsyncSession, at: datetime, kind: str, row: WatchSubject) -> None:
    """Append one event for each village in which the subject is looked for (one for the whole town)."""
    for village in [None] if row.villages is None else row.villages:
        events.append(session, at, kind, village=village, subject=row.id)


async def subject_of(session: AsyncSession, number: int, scope: Villages) -> WatchSubject:
    """Return a subject that is looked for in one of an account's villages. Raises NotFoundError, also for others."""
    row = await session.get(WatchSubject, number)
    if row is None or not overlaps(scope, row.villages):
        raise NotFoundError("there is no such subject")
    return row


async def subjects(session: AsyncSession, scope: Villages, limit: int = 200) -> list[WatchSubject]:
    """Return the subjects that are looked for in one of an account's villages, newest first."""
    query = (
        select(WatchSubject)
        .where(villages_overlap_scope(WatchSubject.villages, scope))
        .order_by(WatchSubject.id.desc())
    )
    return [r for r in await session.scalars(query.limit(limit)) if overlaps(scope, r.villages)]


def _check_villages(wanted: Villages, scope: Villages) -> None:
    """Check the villages of a proposal.

    Raises UsageError for an empty list, and NotFoundError for a village outside the scope, in the words of an unknown
    village.
    """
    if wanted is not None and not wanted:
        raise UsageError("name at least one village")
    if scope is not None and (outside := [v for v in wanted or () if v not in scope]):
        raise NotFoundError(f"there is no village '{outside[0]}'")


MANUAL_SIGHTING = 0  # instead of a sighting's number, for an alert that a person raised


class Matcher:
    """Raises alerts for new sightings that match a subject.

    It examines each new or better sighting at once and then removes it from the indexer's list. The alert is written
    before that; a crash in between makes the matcher examine the sighting again, and the quiet time prevents a second
    alert.
    """

    def __init__(self, database: Database, clock: Clock, store: SightingStore, data_dir: Path):
        self._database, self._clock, self._store, self._data_dir = database, clock, store, data_dir
        self._back = LookBack(database, clock, store, self._look_back_at)
        self._list: WatchList | None = None
        self._version: tuple[object, ...] = ()

    async def run_once(self) -> int:
        """Examine all new sightings, batch by batch; return the number of alerts raised."""
        raised = await self._back.run_once()
        while fresh := await asyncio.to_thread(self._store.pending, BATCH):
            raised += await self._look_at(fresh)
        return raised

    async def _look_at(self, fresh: Sequence[tuple[str, int, int]]) -> int:
        now = self._clock.now()
        async with self._database.reading() as session:
            watched = await self._watched(session, now)
            places, packs = await camera_numbers.places(session), await camera_numbers.packs(session)
        seen = await asyncio.to_thread(self._store.many, {number for _, _, number in fresh}) if len(watched) else {}
        matches = await asyncio.to_thread(self._matches, watched, list(seen.values()), places, packs)
        raised = 0
        for subject, sighting in matches:
            raised += await self._raise(now, subject, sighting, places[sighting.camera])
        await asyncio.to_thread(self._store.acknowledge, fresh)
        return raised

    async def _look_back_at(self, subject: WatchSubject, seen: Sequence[Sighting]) -> int:
        """Raise alerts for older sightings. The approver's rule dispatches only those that may still be there."""
        now = self._clock.now()
        async with self._database.reading() as session:
            places, packs = await camera_numbers.places(session), await camera_numbers.packs(session)
        matches = await asyncio.to_thread(self._matches, WatchList([subject]), seen, places, packs)
        raised, late = 0, to_microseconds(now - IN_PROGRESS) // 1000
        for _, sighting in matches:
            direct = max(sighting.end_ms, sighting.best_ms) >= late
            raised += await self._raise(now, subject, sighting, places[sighting.camera], direct=direct)
        return raised

    async def villages(self) -> set[str] | None:
        """Return the villages in which somebody is looked for; None: the whole town."""
        async with self._database.reading() as session:
            subjects = (await self._watched(session, self._clock.now())).subjects
        if any(s.villages is None for s in subjects):
            return None
        return {v for s in subjects for v in s.villages or ()}

    async def _watched(self, session: AsyncSession, now: datetime) -> WatchList:
        """Return the watch list; it is rebuilt when a subject is added, ends or expires."""
        query = select(func.count(), func.max(WatchSubject.id), func.max(WatchSubject.approved_at)).where(
            WatchSubject.state == "active", WatchSubject.expires_at > now
        )
        version = tuple((await session.execute(query)).one())
        if self._list is None or version != self._version:
            self._list, self._version = WatchList(await active_subjects(session, now)), version
        return self._list

    def _matches(
        self,
        watched: WatchList,
        seen: Sequence[Sighting],
        places: dict[int, camera_numbers.CameraPlace],
        packs: dict[int, str],
    ) -> list[tuple[WatchSubject, Sighting]]:
        return [
            (subject, s)
            for s in sorted(seen, key=lambda s: s.id)
            if s.camera in places
            for subject in watched.fitting(
                s, places[s.camera].village, packs.get(s.embedder, ""), partial(self._vector, s)
            )
        ]

    def _vector(self, s: Sighting) -> Floats | None:
        return self._store.vectors([s]).get(s.id)

    async def _raise(
        self,
        now: datetime,
        subject: WatchSubject,
        sighting: Sighting,
        place: camera_numbers.CameraPlace,
        *,
        direct: bool = True,
    ) -> bool:
        at_us = sighting.best_ms * 1000
        async with self._database.reading() as session:
            recent = await session.scalar(
                select(Alert.id)
                .where(
                    Alert.subject == subject.id,
                    Alert.camera == place.camera,
                    Alert.at_us > at_us - ALERT_QUIET_US,
                    Alert.at_us < at_us + ALERT_QUIET_US,
                )
                .limit(1)
            )
        if recent is not None:
            return False
        # The alert keeps a copy: the sighting's own picture is deleted with its day.
        picture = await asyncio.to_thread(self._keep_picture, sighting, subject.id)
        async with self._database.session() as session:
            if not is_active(await session.get_one(WatchSubject, subject.id), now):
                return False  # ended since the list was read
            alert = Alert(
                subject=subject.id, sighting=sighting.id, camera=place.camera, village=place.village, at_us=at_us,
                thumbnail=picture, state="new", raised_at=now, note="",
            )  # fmt: skip
            session.add(alert)
            await session.flush()
            events.append(
                session,
                now,
                "alert.raised",
                village=alert.village,
                camera=alert.camera,
                alert=alert.id,
                picture=bool(picture),
            )
            await audit_trail.record(
                session,
                now,
                "system",
                "alert.raise",
                str(alert.id),
                subject=subject.id,
                sighting=sighting.id,
                picture=bool(picture),
            )
            if subject.auto_dispatch and direct:
                await dispatch(
                    session, now, "auto", alert, reason=f"approved for direct dispatch by {subject.approved_by}"
                )
        return True

    def _keep_picture(self, sighting: Sighting, subject: int) -> str:
        """Copy the sighting's picture; return its path below the data folder, empty if it fails. Blocking."""
        relative = f"alerts/{sighting.id}-{subject}.jpg"
        try:
            content = thumbnails.read(
                self._store.day_dir(ids.day_of(sighting.start_ms)), sighting.thumb, sighting.thumb_size
            )
            (self._data_dir / relative).parent.mkdir(parents=True, exist_ok=True)
            (self._data_dir / relative).write_bytes(content)
        except OSError as e:
            log.error("raising an alert without its picture; writing it failed: %s", e)
            return ""
        return relative


async def raise_manual_alert(
    session: AsyncSession,
    now: datetime,
    actor: str,
    subject: int,
    camera: Camera,
    at_us: int,
    thumbnail: str,
    scope: Villages = None,
) -> Alert:
    """Raise and dispatch an alert for a subject that an officer saw on a camera.

    `thumbnail`: path of a JPEG below the data folder. Raises NotFoundError, and ConflictError for a subject that is not
    active or not looked for in this village.
    """
    row = await subject_of(session, subject, scope)
    if not is_active(row, now):
        raise ConflictError("this subject is not on the watch list now")
    if row.villages is not None and camera.village not in row.villages:
        raise ConflictError("this subject is not looked for in that village")
    alert = Alert(
        subject=row.id,
        sighting=MANUAL_SIGHTING,
        camera=camera.id,
        village=camera.village,
        at_us=at_us,
        thumbnail=thumbnail,
        state="new",
        raised_at=now,
        note="",
    )
    session.add(alert)
    await session.flush()
    events.append(session, now, "alert.raised", village=alert.village, camera=alert.camera, alert=alert.id)
    await audit_trail.record(session, now, actor, "alert.raise", str(alert.id), subject=row.id, camera=camera.id)
    await dispatch(session, now, actor, alert, reason="seen by an officer")
    return alert


async def dispatch(session: AsyncSession, now: datetime, actor: str, alert: Alert, *, reason: str = "") -> None:
    """Dispatch an alert to the patrol officers. Raises ConflictError."""
    if alert.state != "new":
        raise ConflictError("this alert was decided on already")
    if not is_active(await session.get_one(WatchSubject, alert.subject), now):
        raise ConflictError("its subject is no longer on the watch list; renew the subject or reject the alert")
    alert.state, alert.confirmed_by, alert.confirmed_at = "dispatched", actor, now
    events.append(session, now, "alert.dispatched", village=alert.village, camera=alert.camera, alert=alert.id)
    await audit_trail.record(session, now, actor, "alert.dispatch", str(alert.id), reason=reason)


def is_active(row: WatchSubject, now: datetime) -> bool:
    return row.state == "active" and row.expires_at > now


async def active_subjects(session: AsyncSession, now: datetime) -> Sequence[WatchSubject]:
    return (
        await session.scalars(select(WatchSubject).where(WatchSubject.state == "active", WatchSubject.expires_at > now))
    ).all()
