"""Compares one sighting with the words of a query that only few subjects have: as a search of the store would."""

from __future__ import annotations

from datetime import datetime, time, timezone

from search.query.find import Query
from search.store import Sighting
from search.vocabulary import Colour


def fits(s: Sighting, query: Query) -> bool:
    """Return whether a sighting fits excluded colours, attributes, movement, plate and hours.

    Class, colours and cameras are not compared here.
    """
    return (
        _lacks_colours(s, query)
        and _has_attributes(s, query)
        and _moves(s, query)
        and (not query.plate.strip("*") or _has_plate(s.plate, query.plate))
        and (query.nightly is None or _within_hours(s, query.nightly, query))
    )


def _lacks_colours(s: Sighting, query: Query) -> bool:
    """An excluded colour is the strongest one; what has no colour at all cannot be judged."""
    if query.infrared and s.tone:
        return True
    return all(
        not excluded or seen not in (Colour.none, *excluded)
        for seen, excluded in ((s.upper, query.not_upper), (s.lower, query.not_lower))
    )


def _has_attributes(s: Sighting, query: Query) -> bool:
    present = s.attributes & query.attributes == query.attributes
    return present and s.known & query.lacking == query.lacking and not s.attributes & query.lacking


def _moves(s: Sighting, query: Query) -> bool:
    if query.directions and s.direction not in query.directions:
        return False
    if query.speeds and s.speed not in query.speeds:
        return False
    return not query.headings or any(s.camera in cameras and s.direction in ways for cameras, ways in query.headings)


def _has_plate(plate: str, pattern: str) -> bool:
    if pattern.startswith("*"):
        return plate.endswith(pattern.strip("*"))
    if pattern.endswith("*"):
        return plate.startswith(pattern.strip("*"))
    return pattern in plate


def _within_hours(s: Sighting, hours: tuple[time, time], query: Query) -> bool:
    """Return whether it was seen within the hours at its first or its last moment; they may cross midnight."""
    begin, end = hours
    for at_ms in (s.start_ms, s.end_ms):
        at = datetime.fromtimestamp(at_ms / 1000, timezone.utc).astimezone(query.zone).time()
        if begin <= at < end if begin < end else at >= begin or at < end:
            return True
    return False
