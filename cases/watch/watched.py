"""A subject in the form in which sightings are compared: its query among the present cameras, and its examples."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo

from sqlalchemy.ext.asyncio import AsyncSession

from cases.tables import WatchExample, WatchSubject
from cases.watch import examples
from cases.watch.subject_words import SubjectWords, words_of
from core.errors import UsageError
from search.query.filters import CameraScope, Filter, query_in
from search.query.find import Query
from search.store import camera_numbers

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WatchedSubject:
    """`query`: everything but the villages, which are those of the subject; its `cameras` None: any camera."""

    subject: WatchSubject
    query: Query
    examples: Sequence[WatchExample] = ()


def compiled(
    where: CameraScope, subject: WatchSubject, zone: tzinfo, shown: Sequence[WatchExample] = ()
) -> WatchedSubject:
    """Return a subject with its query. Raises UsageError for words, hours or areas that are not valid."""
    return WatchedSubject(subject, query_in(where, words_of(subject).as_filter(), zone, None), shown)


async def load(session: AsyncSession, subjects: Sequence[WatchSubject], zone: tzinfo) -> list[WatchedSubject]:
    """Return subjects with their queries and examples.

    One that cannot be compared any more (no camera's azimuth is known, for its heading) is logged and left out.
    """
    shown = await examples.of_subjects(session, None if len(subjects) > 100 else [s.id for s in subjects])
    where = await scope_of(session, map(words_of, subjects))
    found = []
    for subject in subjects:
        try:
            found.append(compiled(where, subject, zone, shown.get(subject.id, ())))
        except UsageError as e:
            log.error("subject %d of the watch list matches nothing: %s", subject.id, e)
    return found


async def scope_of(session: AsyncSession, words: Iterable[SubjectWords]) -> CameraScope:
    """Load the cameras, with their profiles if one of the subjects needs positions or azimuths."""
    needing = next((w.as_filter() for w in words if needs_profiles(w)), Filter())
    return await CameraScope.of(session, needing)


def needs_profiles(words: SubjectWords) -> bool:
    return bool(words.map_area or words.heading)


def in_villages(watched: WatchedSubject, places: Mapping[int, camera_numbers.CameraPlace]) -> Query:
    """Return the query with its villages as camera numbers, for a search of the store."""
    villages, cameras = watched.subject.villages, watched.query.cameras
    numbers = frozenset(
        n
        for n, p in places.items()
        if (villages is None or p.village in villages) and (cameras is None or n in cameras)
    )
    return replace(watched.query, cameras=numbers)


def without_azimuth(watched: WatchedSubject, where: CameraScope) -> int:
    """Return how many of the subject's cameras cannot tell a heading, because their azimuth is unknown."""
    numbers = in_villages(watched, where.places).cameras or frozenset()
    cameras = {where.places[n].camera for n in numbers}
    return sum(where.profiles.get(camera, {}).get("azimuth") is None for camera in cameras)
