"""Where a track's object may be by now: the motion's part of the likelihood ratio of a join.

Vehicles are followed on the ground once the camera's plane is known; distances are heights of the object. A vehicle
seen once has no velocity of its own: the directions of the camera's traffic stand for it where they are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from search.analysis.detectors.base import Detection
from search.analysis.tracking.ground_plane import FOCAL, GroundPlane
from search.analysis.tracking.tracks import ENDED_MS, ObjectKind, Track, kind_of
from search.analysis.tracking.traffic_flow import TrafficFlow
from search.store.rows import BOX_UNITS, Point

GROUND_PACE = 6.0  # spread of a vehicle's speed on the ground while it is unknown, heights per second (9 m/s)
STANDING = 2.0  # a step below this many spreads of a standing foot is standing
MAX_MISS_COST = 4.5  # a parked car that only the searches of the whole picture find must stay one
MIN_PACE, MIN_GROUND_PACE = 0.25, 1.5  # heights per second in the picture and on the ground: slower is standing
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MotionModel:
    """How objects of a kind move between keyframes; distances in heights of the object, times in seconds.

    Set on generated streets (bench/parts/search_identities.py); people also by vtest, where 95 % walk below 0.7 heights
    a second and the box of somebody who stands moves by 0.02 to 0.1.
    """

    stand_spread: float  # of the foot of an object that stands: noise of the box
    pace: float  # spread of the speed while the velocity is unknown
    error: float  # spread of a predicted position, at once
    error_growth: float  # and for each second
    error_share: float  # and for each height travelled
    vertical: float  # spreads along y as a share of those along x, where places are compared in the picture
    stands: float  # prior of standing
    turns: float  # prior of a change of course, where the velocity is known
    new_density: float  # objects that appear anew, per square height
    same_distance: float  # 1 − cosine of the same object, as a share of that of different ones
    same_spread: float
    other_spread: float
    alike: float  # share of the different objects that look the same (white cars)
    miss_cost: float  # of each keyframe on which the object was not found, although it was expected
    size_spread: float  # of ln height, at once
    size_growth: float  # and for each second


# Of animals, and of what is not known to be anything else.
_ERRATIC = MotionModel(
    0.20, 1.0, 0.25, 0.3, 0.20, 0.8, 0.20, 0.30, 0.05,
    0.38, 0.19, 0.17, 0.05, 0.3, 0.25, 0.20,
)  # fmt: skip
MODELS = {
    ObjectKind.person: MotionModel(
        0.10, 0.55, 0.12, 0.16, 0.10, 0.6, 0.20, 0.30, 0.05,
        0.33, 0.17, 0.14, 0.02, 0.25, 0.07, 0.06,
    ),
    ObjectKind.rider: MotionModel(
        0.10, 1.3, 0.15, 0.2, 0.20, 0.6, 0.20, 0.20, 0.05,
        0.38, 0.19, 0.17, 0.05, 0.4, 0.09, 0.10,
    ),
    ObjectKind.vehicle: MotionModel(
        0.07, 2.2, 0.15, 0.1, 0.16, 0.6, 0.15, 0.10, 0.02,
        0.45, 0.18, 0.22, 0.25, 0.7, 0.09, 0.14,
    ),
    ObjectKind.animal: _ERRATIC,
    ObjectKind.other: _ERRATIC,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Step:
    """One way in which an object may have moved: a normal density, in heights."""

    weight: float
    x: float
    y: float
    spread_x: float
    spread_y: float


@dataclass(slots=True)
class Motion:
    """What a camera has learned of motion in its picture. `aspect`: width of the picture by its height."""

    aspect: float
    plane: GroundPlane = field(default_factory=GroundPlane)
    flow: TrafficFlow = field(default_factory=TrafficFlow)

    def learn_places(self, found: Sequence[Detection]) -> None:
        """Learn the ground from the vehicles of a keyframe."""
        if self.plane.learn([d for d in found if kind_of(d.cls) == ObjectKind.vehicle]):
            self.flow = TrafficFlow()  # what it has learned was measured in the picture

    def learn_step(self, cls: int, before: Point, last: Point, margin: float) -> None:
        """Learn the direction of traffic from a step of a vehicle."""
        if kind_of(cls) != ObjectKind.vehicle:
            return
        pace = self._pace(before, last, ground=True)
        if float(np.hypot(*pace)) >= (MIN_GROUND_PACE if self.plane.is_known else MIN_PACE):
            self.flow.learn(before.x / BOX_UNITS, before.y / BOX_UNITS, pace, margin)

    def gains(self, track: Track, model: MotionModel, seconds: float, x: Floats, y: Floats, heights: Floats) -> Floats:
        """Return ln of (density of the object at each place / density of objects that appear anew)."""
        kind, last = kind_of(track.leading_class()), track.points[-1]
        ground = kind == ObjectKind.vehicle and self.plane.is_known
        last_x, last_y = self._picture(last)
        if seconds * 1000 > ENDED_MS and not _any_near(x - last_x, y - last_y, heights):
            return np.full(len(x), -np.inf)
        if ground:
            # The noise of a foot grows with the depth; x and depth are in heights of the vehicle.
            stretch = FOCAL / np.minimum(self.plane.below(y), self.plane.below(np.array([last_y])))
            places, (here_x, here_y) = self.plane.place(x, y), self._ground(last)
            dx, dy = places[0] - here_x, places[1] - here_y
        else:
            stretch = np.full(len(x), model.vertical)
            unit = np.sqrt(max(1, last.h) / BOX_UNITS * heights)
            dx, dy = (x - last_x) / unit, (y - last_y) / unit
        density = np.zeros(len(x))
        for step in self._steps(track, model, seconds, ground=ground):
            spread_y = np.hypot(step.spread_y, model.stand_spread * stretch) if ground else step.spread_y
            away = ((dx - step.x) / step.spread_x) ** 2 + ((dy - step.y) / spread_y) ** 2
            density += step.weight * np.exp(-0.5 * away) / (2 * np.pi * step.spread_x * spread_y)
        anew = model.new_density / (stretch if ground else 1.0)
        missed = min(MAX_MISS_COST, model.miss_cost * track.missed)
        return np.asarray(np.log(np.maximum(density / anew, 1e-9)) - missed)

    def real_growth(self, track: Track, y: Floats, heights: Floats) -> Floats:
        """Return ln (height now / height before), for vehicles without the growth that the change of depth explains."""
        last = track.points[-1]
        change = np.log(heights * BOX_UNITS / max(1, last.h))
        if kind_of(track.leading_class()) == ObjectKind.vehicle and self.plane.is_known:
            change -= np.log(self.plane.below(y) / self.plane.below(np.array([last.y / BOX_UNITS])))
        return np.asarray(change)

    def _picture(self, point: Point) -> tuple[float, float]:
        return (point.x / BOX_UNITS - 0.5) * self.aspect, point.y / BOX_UNITS

    def _ground(self, point: Point) -> tuple[float, float]:
        x, y = self._picture(point)
        here = self.plane.place(np.array([x]), np.array([y]))
        return float(here[0][0]), float(here[1][0])

    def _pace(self, before: Point, last: Point, *, ground: bool) -> tuple[float, float]:
        """Return the velocity (x, y) between two points, heights per second."""
        seconds = max(1, last.at_ms - before.at_ms) / 1000
        if ground and self.plane.is_known:
            a, b = self._ground(before), self._ground(last)
            size = seconds
        else:
            a, b = self._picture(before), self._picture(last)
            size = seconds * max(1.0, float(np.sqrt(before.h * last.h))) / BOX_UNITS
        return (b[0] - a[0]) / size, (b[1] - a[1]) / size

    def _steps(self, track: Track, model: MotionModel, seconds: float, *, ground: bool) -> list[_Step]:
        stand = model.stand_spread
        if seconds * 1000 > ENDED_MS:  # after a longer pause only an object at the same place counts as the same
            return [_Step(model.stands, 0.0, 0.0, stand, stand)]
        if len(track.points) < 2:
            return self._first_steps(track, model, seconds, ground=ground)
        velocity = self._pace(track.points[-2], track.points[-1], ground=ground)
        x, y = velocity[0] * seconds, velocity[1] * seconds
        free = self._free(model, seconds, ground=ground) * (0.6 if ground else 1.0)
        along = 1.0 if ground else model.vertical
        if float(np.hypot(x, y)) < STANDING * stand:
            start = free / 2
            return [_Step(1 - model.turns, 0.0, 0.0, stand, stand), _Step(model.turns, 0.0, 0.0, start, start * along)]
        return [
            _Step(model.turns / 4, 0.0, 0.0, stand, stand),
            _Step(model.turns * 3 / 4, x / 2, y / 2, free, free * along),
            _go_on(model, 1 - model.turns, (x, y), seconds, along),
        ]

    def _first_steps(self, track: Track, model: MotionModel, seconds: float, *, ground: bool) -> list[_Step]:
        """Return the steps of an object that was seen once."""
        last, along = track.points[-1], 1.0 if ground else model.vertical
        vehicle = kind_of(track.leading_class()) == ObjectKind.vehicle
        modes = self.flow.at(last.x / BOX_UNITS, last.y / BOX_UNITS) if vehicle else []
        moves = 1 - model.stands
        free = moves * (model.turns if modes else 1.0)
        spread = self._free(model, seconds, ground=ground)
        return [
            _Step(model.stands, 0.0, 0.0, model.stand_spread, model.stand_spread),
            _Step(free, 0.0, 0.0, spread, spread * along),
            *(_go_on(model, (moves - free) * m.share, (m.x * seconds, m.y * seconds), seconds, along) for m in modes),
        ]

    def _free(self, model: MotionModel, seconds: float, *, ground: bool) -> float:
        return (GROUND_PACE if ground else model.pace) * seconds + model.stand_spread


def _any_near(dx: Floats, dy: Floats, heights: Floats) -> bool:
    """Return whether a place is within a height: a quick look before the densities."""
    return bool(np.any(np.maximum(np.abs(dx), np.abs(dy)) < heights))


def _go_on(model: MotionModel, weight: float, step: tuple[float, float], seconds: float, along: float) -> _Step:
    spread = model.error + model.error_growth * seconds + model.error_share * float(np.hypot(*step))
    return _Step(weight, *step, spread, spread * along)
