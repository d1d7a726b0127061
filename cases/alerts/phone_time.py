"""When something was done on a phone whose clock may be wrong.

A phone sends its time of the step and its time of sending. The station's clock minus the second is the offset of the
phone's clock, and the first plus the offset is when it was done. A step lies between the one before it and now,
whatever the phone says. Both of its times stay in the row (`AlertStep.phone_at`, `clock_offset_s`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

WRONG_FROM_S = 60.0  # a clock further off is told to its owner; less is the delay of a slow network


@dataclass(frozen=True, slots=True)
class Place:
    """Where a phone is: WGS 84 in degrees; `accuracy_m`: radius of 68 % confidence, None: unknown."""

    latitude: float
    longitude: float
    accuracy_m: float | None = None


@dataclass(frozen=True, slots=True)
class PhoneReport:
    """What a phone says about a step. `at`: when it was done, `now`: when it was sent, both by the phone's clock.

    Where it says only one of them, or nothing, the step counts as done when it arrives.
    """

    client_id: str
    at: datetime | None = None
    now: datetime | None = None
    place: Place | None = None


def offset_s(report: PhoneReport | None, now: datetime) -> float | None:
    """Return the station's clock minus the phone's, seconds; None if the phone does not say its time."""
    return None if report is None or report.now is None else (now - report.now).total_seconds()


def is_wrong(offset: float | None) -> bool:
    """Return whether a phone's clock is so far off that its owner is told."""
    return offset is not None and abs(offset) > WRONG_FROM_S


def done_at(report: PhoneReport | None, now: datetime, earliest: datetime) -> datetime:
    """Return when a step was done, by the station's clock: within [earliest, now]."""
    offset = offset_s(report, now)
    if report is None or report.at is None or offset is None:
        return now
    return min(now, max(earliest, report.at + timedelta(seconds=offset)))
