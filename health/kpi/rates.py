"""The three rates of the camera network, each defined once: 在线率, 完好率, 录像完整率.

A rate is a value with its basis. What nobody observed is in neither numerator nor denominator, and is counted beside
them; where nothing was observed there is no value but a reason. Every figure that leaves the station (registers,
reports, daily figures, metrics, pages) is made by these functions from rows of health.kpi.camera_days.
Formulae: docs/health.md, Figures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from health.tables import CameraDay

MIN_DENOMINATOR = 1e-6  # rounded seconds may leave less than this of nothing


class RateName(StrEnum):
    """The rates, by the names under which figures are stored."""

    ONLINE = "online"  # 在线率
    INTACT = "intact"  # 完好率
    RECORDED = "recorded"  # 录像完整率


class RateUnit(StrEnum):
    """What numerator and denominator count."""

    SECONDS = "seconds"
    CAMERA_DAYS = "camera_days"


class NoRateReason(StrEnum):
    """Why there is no value."""

    NO_CAMERA = "no_camera"  # no camera was in use
    NOT_OBSERVED = "not_observed"  # nobody knows whether a camera was online
    NOT_INSPECTED = "not_inspected"  # the patrol judged no camera
    NOT_REQUIRED = "not_required"  # nothing was to be recorded
    PLANNED_WORK = "planned_work"  # planned work covered all the time


@dataclass(frozen=True, slots=True)
class Rate:
    """A share 0…1 with its basis; `value` is None, and `reason` set, where the denominator is empty."""

    value: float | None
    numerator: float
    denominator: float
    not_observed: float  # left out of the denominator because nobody observed it, in the same unit
    cameras: int  # cameras in use
    cameras_not_observed: int  # those of which nothing is in the denominator
    unit: RateUnit
    reason: NoRateReason | None


Rates = dict[RateName, Rate]


def online_rate(rows: Sequence[CameraDay], cameras: int) -> Rate:
    """在线率 = (in use - unknown - offline) / (in use - unknown), in seconds. `cameras`: in use, also without a row."""
    known = sum(max(0.0, r.service - r.unknown) for r in rows)
    offline = sum(r.offline for r in rows)
    observed = {r.camera for r in rows if r.service - r.unknown > MIN_DENOMINATOR}
    empty = NoRateReason.NOT_OBSERVED
    if rows and not any(r.service for r in rows):
        empty = NoRateReason.PLANNED_WORK
    unknown = sum(r.unknown for r in rows)
    return _rate(known - offline, known, unknown, _basis(rows, cameras), len(observed), RateUnit.SECONDS, empty)


def fit_rate(rows: Sequence[CameraDay], cameras: int) -> Rate:
    """完好率 = camera-days that ended without an open fault of severity 1 or 2 / camera-days judged by the patrol."""
    judged = [r for r in rows if r.intact is not None]
    return _rate(
        sum(bool(r.intact) for r in judged), len(judged), len(rows) - len(judged), _basis(rows, cameras),
        len({r.camera for r in judged}), RateUnit.CAMERA_DAYS, NoRateReason.NOT_INSPECTED,
    )  # fmt: skip


def completeness(rows: Sequence[CameraDay], cameras: int) -> Rate:
    """录像完整率 = seconds recorded / seconds required, main streams.

    Required time that is in no file and no gap counts as missing, so nothing is left out as not observed.
    """
    required, recorded = sum(r.required for r in rows), sum(r.recorded for r in rows)
    observed = {r.camera for r in rows if r.required > MIN_DENOMINATOR}
    return _rate(
        recorded, required, 0.0, _basis(rows, cameras), len(observed), RateUnit.SECONDS, NoRateReason.NOT_REQUIRED
    )  # fmt: skip


_FORMULAE: Mapping[RateName, Callable[[Sequence[CameraDay], int], Rate]] = {
    RateName.ONLINE: online_rate,
    RateName.INTACT: fit_rate,
    RateName.RECORDED: completeness,
}


def all_rates(rows: Sequence[CameraDay], cameras: int) -> Rates:
    """Return the three rates of some cameras over some days."""
    return {name: formula(rows, cameras) for name, formula in _FORMULAE.items()}


def _basis(rows: Sequence[CameraDay], cameras: int) -> int:
    """Return how many cameras the rate is about: also those without a row, of which there is no fact at all."""
    return max(cameras, len({r.camera for r in rows}))


def _rate(
    part: float, whole: float, not_observed: float, cameras: int, observed: int, unit: RateUnit, empty: NoRateReason
) -> Rate:
    """Clamps the numerator to 0…`whole`, because rounded seconds may exceed it by a fraction."""
    left_out = max(0, cameras - observed)
    if whole <= MIN_DENOMINATOR:
        reason = empty if cameras else NoRateReason.NO_CAMERA
        return Rate(None, 0.0, 0.0, not_observed, cameras, left_out, unit, reason)
    part = min(max(0.0, part), whole)
    return Rate(part / whole, part, whole, not_observed, cameras, left_out, unit, None)
