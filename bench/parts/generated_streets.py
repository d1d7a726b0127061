"""Generated streets with ground truth: what a detector and an embedder would tell of known things.

A pinhole camera looks at a ground plane in metres (Z forward, X to the right); a thing is a box that stands on it.
The spreads of the vectors are near measurements on real footage but easier: medians of the same person after 2 s 0.81
(measured 0.72), of the same vehicle 0.79 (0.49 and 0.76), 95th percentile of different vehicles 0.51 (0.65 and 0.80).
The noise of the boxes is assumed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from search.analysis.detectors.base import Detection
from search.analysis.tracking import TrackedDetection
from search.vocabulary import Cls

DIMENSION = 256
FOOT_NOISE, HEIGHT_NOISE = 0.035, 0.045  # standard deviations, in heights and of ln height
MAX_COVERED = 0.6  # share of a box that nearer things may cover before the detector misses it
MIN_HEIGHT = 0.035  # of the picture: smaller things are not detected
DRIFT_S = 3.0  # time in which half of what changes slowly (view, light) has changed
Floats = npt.NDArray[np.float64]
Position = Callable[[float], tuple[float, float] | None]  # seconds to (x, z) in metres; None: not there


@dataclass(frozen=True, slots=True)
class Spread:
    """Amplitudes of the parts of a vector: of the camera, of the kind of colour, of the thing, slow and fast changes.

    `fast_spread`: standard deviation of ln of the last one over the detections (occlusion, blur).
    """

    camera: float
    kind: float
    own: float
    slow: float
    fast: float
    fast_spread: float
    kinds: int


# Person: person-reidentification-0287 on vtest. Vehicle: lab-stripes@1 on two clips with seven cars.
SPREADS = {
    Cls.person: Spread(0.36, 0.40, 0.68, 0.46, 0.38, 0.50, 6),
    Cls.vehicle: Spread(0.48, 0.58, 0.32, 0.58, 0.40, 0.40, 6),
}
MONOCHROME = Spread(0.80, 0.45, 0.22, 0.24, 0.18, 0.40, 4)  # lab-stripes@1 on pictures without colours


@dataclass(frozen=True, slots=True)
class View:
    """A camera: metres above the ground, downward tilt in degrees, focal length in picture heights."""

    above: float
    tilt: float
    focal: float
    aspect: float = 16 / 9

    def project(self, x: float, z: float, width: float, height: float) -> tuple[float, float, float, float] | None:
        """Return the box (x, y, w, h in shares of the picture) of what stands at (x, z); None behind the camera."""
        sine, cosine = np.sin(np.radians(self.tilt)), np.cos(np.radians(self.tilt))

        def place(up: float) -> tuple[float, float, float]:
            down = self.above - up
            depth = z * cosine + down * sine
            return depth, self.focal * x / max(depth, 0.1), self.focal * (down * cosine - z * sine) / max(depth, 0.1)

        depth, foot_x, foot_y = place(0.0)
        if depth < 1.0:
            return None
        top, wide = place(height)[2], self.focal * width / depth
        return (foot_x - wide / 2) / self.aspect + 0.5, top + 0.5, wide / self.aspect, foot_y - top


@dataclass(slots=True)
class Thing:
    """A person or vehicle with its way; `kind` is the kind of its clothes or paint."""

    cls: Cls
    width: float
    height: float
    way: Position
    kind: int
    own: Floats


@dataclass(frozen=True, slots=True)
class Scene:
    """A camera and its things. `recall`: share of the visible things that the detector finds."""

    name: str
    view: View
    things: list[Thing]
    seconds: float
    recall: float = 0.88
    spreads: dict[Cls, Spread] = field(default_factory=lambda: dict(SPREADS))


def keyframes(
    scene: Scene, interval_s: float, seed: int, phase_s: float = 0.0
) -> Iterator[tuple[int, list[TrackedDetection], list[int]]]:
    """Yield (ms, detections, number of the thing of each) for each keyframe."""
    rng = np.random.default_rng(seed)
    camera = {cls: _unit(rng) for cls in scene.spreads}
    kinds = {cls: [_unit(rng) for _ in range(s.kinds)] for cls, s in scene.spreads.items()}
    slow: dict[int, tuple[float, Floats]] = {}
    at = phase_s
    while at < scene.seconds:
        found: list[TrackedDetection] = []
        truth: list[int] = []
        for number, box in _visible(scene, at):
            thing = scene.things[number]
            if rng.random() > scene.recall:
                continue
            then, drift = slow.get(number, (at, _unit(rng)))
            remains = 0.5 ** ((at - then) / DRIFT_S)
            slow[number] = at, drift * np.sqrt(remains) + _unit(rng) * np.sqrt(1 - remains)
            spread = scene.spreads[thing.cls]
            vector = _vector(rng, thing, slow[number][1], spread, camera[thing.cls], kinds[thing.cls])
            detection = _detection(rng, thing.cls, box)
            if detection is None:
                continue
            embedder = "pack@1" if thing.cls == Cls.person else "lab-stripes@1"
            found.append(TrackedDetection(detection, vector, embedder, None, None, quality=0.5))
            truth.append(number)
        yield round(at * 1000), found, truth
        at += interval_s


def _visible(scene: Scene, at: float) -> list[tuple[int, tuple[float, float, float, float]]]:
    """Return the things in view, nearest first, without those that nearer ones cover."""
    boxes = []
    for number, thing in enumerate(scene.things):
        place = thing.way(at)
        box = scene.view.project(*place, thing.width, thing.height) if place is not None else None
        if box is not None and place is not None and _inside(box) > 0.5 and box[3] >= MIN_HEIGHT:
            boxes.append((place[1], number, box))
    boxes.sort()
    shown: list[tuple[int, tuple[float, float, float, float]]] = []
    for _, number, box in boxes:
        if all(_shared(box, other) < MAX_COVERED * box[2] * box[3] for _, other in shown):
            shown.append((number, box))
    return shown


def _inside(box: tuple[float, float, float, float]) -> float:
    """Return the share of a box that lies in the picture."""
    return _shared(box, (0.0, 0.0, 1.0, 1.0)) / (box[2] * box[3])


def _shared(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    w = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    h = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(0.0, w) * max(0.0, h)


def _detection(rng: np.random.Generator, cls: Cls, box: tuple[float, float, float, float]) -> Detection | None:
    x, y, w, h = box
    w, noisy = w * np.exp(rng.normal(0, HEIGHT_NOISE)), h * np.exp(rng.normal(0, HEIGHT_NOISE))
    x += rng.normal(0, FOOT_NOISE) * w
    foot = y + h + rng.normal(0, FOOT_NOISE) * h
    x1, y1, x2, y2 = max(0.0, x), max(0.0, foot - noisy), min(1.0, x + w), min(1.0, foot)
    if x2 - x1 < 0.004 or y2 - y1 < 0.01:
        return None
    return Detection(cls, float(rng.uniform(0.4, 0.95)), float(x1), float(y1), float(x2 - x1), float(y2 - y1))


def _vector(
    rng: np.random.Generator, thing: Thing, slow: Floats, spread: Spread, camera: Floats, kinds: list[Floats]
) -> npt.NDArray[np.float32]:
    fast = spread.fast * float(np.exp(rng.normal(0, spread.fast_spread)))
    values = (
        spread.camera * camera
        + spread.kind * kinds[thing.kind % spread.kinds]
        + spread.own * thing.own
        + spread.slow * slow
        + fast * _unit(rng)
    )
    return np.asarray(values / np.linalg.norm(values), np.float32)


def _unit(rng: np.random.Generator) -> Floats:
    values = rng.standard_normal(DIMENSION)
    return np.asarray(values / np.linalg.norm(values), np.float64)


def _thing(rng: np.random.Generator, cls: Cls, width: float, height: float, way: Position, spread: Spread) -> Thing:
    # White, black and grey cars are most of them: a third of the things have the most frequent kind.
    kind = 0 if rng.random() < 0.33 else int(rng.integers(1, spread.kinds))
    return Thing(cls, width, height, way, kind, _unit(rng))


def _lane(
    entry_s: float,
    speed: float,
    start: tuple[float, float],
    along: tuple[float, float],
    length: float,
    halt: tuple[float, float] | None,
) -> Position:
    """Return the way of a car along a line of `length` metres. `halt`: metres after which it stands, for how long."""

    def way(at: float) -> tuple[float, float] | None:
        gone = (at - entry_s) * speed
        if halt is not None and gone > halt[0]:
            gone = max(halt[0], gone - halt[1] * speed)
        return None if gone < 0 or gone > length else (start[0] + along[0] * gone, start[1] + along[1] * gone)

    return way


def road(
    name: str,
    seed: int,
    view: View,
    *,
    angle: float,
    headway_s: float,
    speed: float,
    seconds: float = 300.0,
    parked: int = 2,
    distance: float = 22.0,
    monochrome: bool = False,
) -> Scene:
    """Return dense traffic in two directions. `angle`: of the road to the optical axis, degrees.

    Cars keep their order and the speed of their lane; now and then one lane halts, as before a crossing.
    """  # fmt: skip
    rng = np.random.default_rng(seed)
    spreads = dict(SPREADS) | ({Cls.vehicle: MONOCHROME} if monochrome else {})
    along = np.array([np.sin(np.radians(angle)), np.cos(np.radians(angle))])
    across = np.array([along[1], -along[0]])
    things = []
    for lane, way_sign in ((-1.8, 1), (1.8, -1)):
        pace = speed * rng.uniform(0.85, 1.15)
        centre = np.array([0.0, distance]) + across * lane
        start, step = centre - along * 90 * way_sign, along * way_sign
        at = -30.0
        while at < seconds:
            at += 1.3 + rng.exponential(max(0.1, headway_s - 1.3))
            # Once in a while a single car that has room behind it slows and stands before it goes on.
            halt = (float(rng.uniform(70, 110)), float(rng.uniform(4, 12))) if rng.random() < 0.08 else None
            large = rng.random() < 0.12
            sideways = abs(float(along[0]))
            size = (2.4 + 5.0 * sideways, 3.0) if large else (1.8 + 2.4 * sideways, 1.5)
            things.append(
                _thing(
                    rng, Cls.vehicle, *size,
                    _lane(at, pace, (float(start[0]), float(start[1])), (float(step[0]), float(step[1])), 180.0, halt),
                    spreads[Cls.vehicle],
                )
            )  # fmt: skip
            at += halt[1] + 1.0 if halt else 0.0
    for _ in range(parked):
        place = np.array([0.0, distance]) + across * 5.5 * rng.choice([-1, 1]) + along * rng.uniform(-12, 25)
        fixed = (float(place[0]), float(place[1]))
        things.append(_thing(rng, Cls.vehicle, 1.8, 1.5, _standing(fixed), spreads[Cls.vehicle]))
    return Scene(name, view, things, seconds, 0.85, spreads)


def _standing(place: tuple[float, float]) -> Position:
    def way(_: float) -> tuple[float, float]:
        return place

    return way


def _walk(rng: np.random.Generator, seconds: float, area: tuple[float, float, float, float]) -> Position:
    """Return a way from edge to edge of an area (x1, z1, x2, z2) with turns and stops."""
    x1, z1, x2, z2 = area
    began = float(rng.uniform(-20, seconds))
    place = np.array([float(rng.choice([x1, x2])), float(rng.uniform(z1, z2))])
    times, places = [began], [place]
    for leg in range(int(rng.integers(1, 4)) + 1):
        last = leg > 0 and rng.random() < 0.5
        goal = np.array([float(rng.uniform(x1, x2)), float(rng.uniform(z1, z2))])
        if last or (leg == 0 and rng.random() < 0.5):
            goal[0] = x2 if place[0] < (x1 + x2) / 2 else x1
        speed = float(rng.uniform(0.9, 1.7))
        times.append(times[-1] + float(np.linalg.norm(goal - place)) / speed)
        places.append(goal)
        place = goal
        if rng.random() < 0.3:  # stands and goes on
            times.append(times[-1] + float(rng.uniform(3, 20)))
            places.append(place)
    return _along(np.array(times), np.array(places))


def _along(times: Floats, places: Floats) -> Position:
    def way(at: float) -> tuple[float, float] | None:
        if at < times[0] or at > times[-1]:
            return None
        return float(np.interp(at, times, places[:, 0])), float(np.interp(at, times, places[:, 1]))

    return way


def plaza(
    name: str, seed: int, view: View, *, people: int, area: tuple[float, float, float, float], seconds: float = 120.0
) -> Scene:
    """Return people on an open place: alone and in groups of two or three that walk abreast."""
    rng = np.random.default_rng(seed)
    things: list[Thing] = []
    while len(things) < people:
        leader = _walk(rng, seconds, area)
        for member in range(int(rng.choice([1, 1, 1, 2, 3]))):
            shift = (0.85 * member, float(rng.normal(0, 0.25)) if member else 0.0)
            things.append(
                _thing(
                    rng, Cls.person, 0.55, float(rng.uniform(1.5, 1.85)), _beside(leader, shift), SPREADS[Cls.person]
                )
            )
    return Scene(name, view, things, seconds)


def _beside(leader: Position, shift: tuple[float, float]) -> Position:
    def way(at: float) -> tuple[float, float] | None:
        place = leader(at)
        return None if place is None else (place[0] + shift[0], place[1] + shift[1])

    return way


def corridor(name: str, seed: int, view: View, *, people: int, length: float = 18.0, seconds: float = 120.0) -> Scene:
    """Return people who walk towards the camera or away in a corridor 2.4 m wide, and stop in it."""
    rng = np.random.default_rng(seed)
    things = []
    for _ in range(people):
        forth = rng.random() < 0.5
        x, speed, began = float(rng.uniform(-1, 1)), float(rng.uniform(0.8, 1.5)), float(rng.uniform(-5, seconds))
        halt = float(rng.uniform(4, 30)) if rng.random() < 0.35 else 0.0
        middle = float(rng.uniform(5, length - 3))
        ends = (2.5, length) if forth else (length, 2.5)
        first = abs(middle - ends[0]) / speed
        times = np.array([0, first, first + halt, first + halt + abs(ends[1] - middle) / speed]) + began
        places = np.array([[x, ends[0]], [x, middle], [x, middle], [x + rng.normal(0, 0.3), ends[1]]])
        things.append(
            _thing(
                rng, Cls.person, 0.55, float(rng.uniform(1.5, 1.85)), _along(times + [0, 0, 1e-6, 2e-6], places),
                SPREADS[Cls.person],
            )
        )  # fmt: skip
    return Scene(name, view, things, seconds)
