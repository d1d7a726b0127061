"""Simulated camera-days of inspections, clean and with faults, through comparison and state machine: how often is a
fault missed or falsely reported?
"""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from health.faults import state_machine
from health.faults.families import FAMILIES, PICTURE_FAMILIES
from health.faults.pooled_evidence import (
    MAX_POOLED_VOTES,
    POOLED_FAMILIES,
    PooledFinding,
    PooledVote,
    pooled_finding,
)
from health.faults.state_machine import FaultState, Step, Vote, advance
from health.patrol import shared_weather
from health.picture import measurement, structure, view_pattern
from health.picture.baseline import ANCHOR_DAYS, MAX_ANCHORS, MAX_VIEW_PAUSE, SCENE_HOURS, SETTLING_TIME
from health.picture.comparison import AcceptedHistory
from health.picture.detectors.base import PictureFindings
from health.picture.inspection import light_at
from health.picture.judgement import WEATHER_FAMILIES, judge
from health.picture.measurement import Measurement
from health.picture.view_pattern import ViewPattern
from health.vocabulary import FaultStatus
from tests.health import simulated_views, synthetic_faults, validation_faults
from tests.health.simulated_views import Guests, Place, Weather

KEEP_DAYS = 5
UNSEEN = 20  # seed of the first street that no threshold was tuned on
OPTICAL = {
    "over",
    "under",
    "veil",
    "defocus",
    "drops",
    "cast",
    "colour_lost",
    "cloth",
    "leaf",
    "turned",
    "sagging",
    "noise",
    "gain_up",
    "gain_down",
    "haze",
    "soft",
    "smear",
    "balance",
    "tint",
    "web",
    "grey",
    "hand",
    "poster",
    "panned",
    "zoomed",
    "elsewhere",
}


@dataclass
class TownWeather:
    """A town's weather by day, the same for all its cameras."""

    rng: np.random.Generator
    days: dict[int, Weather] = field(default_factory=dict)
    fog_hours: dict[int, tuple[float, float, float]] = field(default_factory=dict)

    def at(self, day: int, hour: float) -> Weather:
        if day not in self.days:
            r = self.rng
            snow = float(r.uniform(0.3, 0.9)) if r.random() < 0.06 else 0.0
            rain = float(r.uniform(0.3, 1.0)) if r.random() < 0.2 else 0.0
            self.days[day] = Weather(float(r.uniform(0, 1)) if not rain else 0.95, 0.0, rain, snow)
            start = float(r.uniform(4, 8))
            self.fog_hours[day] = (
                (start, start + float(r.uniform(1, 5)), float(r.uniform(0.2, 0.9))) if r.random() < 0.15 else (0, 0, 0)
            )
        begin, end, thick = self.fog_hours[day]
        weather = self.days[day]
        return dataclasses.replace(weather, fog=thick) if begin <= hour < end else weather


@dataclass
class Camera:
    """One simulated camera: its place, its history, its faults. Its picture at a minute depends on its seed only."""

    place: Place
    seed: int
    inspections: list[tuple[float, bytes, float]] = field(default_factory=list)  # day, packed vector, hour
    scenes: dict[int, np.ndarray] = field(default_factory=dict)
    pattern: ViewPattern | None = None
    fault_states: dict[str, FaultState] = field(default_factory=lambda: defaultdict(FaultState))
    anchors: list[tuple[float, bytes, float]] = field(default_factory=list)
    # Inspections of a suspicion that is not decided yet, by family.
    undecided: dict[str, list[tuple[float, bytes, float]]] = field(default_factory=dict)
    lorries: bool = True
    again: list[float] = field(default_factory=list)
    weather_at: float = -1.0  # when it last showed what was taken for weather
    shared_at: float = -1.0  # when it last showed that together with other cameras
    view_at: float = -1.0  # when scenes and pattern learned last, day
    scene_days: dict[int, float] = field(default_factory=dict)  # when the scene of an hour was learned
    previous: np.ndarray | None = None  # the picture of the inspection before
    pooled: list[PooledVote] = field(default_factory=list)

    def past(self, day: float) -> AcceptedHistory:
        self.inspections = [x for x in self.inspections if day - x[0] <= KEEP_DAYS]
        known = [
            *(x for x in self.inspections if day - x[0] >= SETTLING_TIME.total_seconds() / 86400),
            *(x for x in self.anchors if day - x[0] > KEEP_DAYS),
        ]
        vectors = measurement.unpack([x[1] for x in known])
        hours = {(int(day * 24 % 24) + h) % 24 for h in SCENE_HOURS}
        near = sorted((h for h in self.scenes if h in hours), key=lambda h: self.scene_days[h])
        settled = sum(day - self.scene_days[h] >= SETTLING_TIME.total_seconds() / 86400 for h in near)
        hours_of_vectors = np.array([x[2] for x in known], np.float32)
        scenes = [self.scenes[h] for h in near]
        return AcceptedHistory(vectors, hours_of_vectors, scenes, self.pattern, settled, self.previous)

    def accept(self, day: float, hour: float, measured: Measurement, *, view: bool) -> None:
        self.inspections.append((day, measured.pack(), hour))
        if not self.anchors or day - self.anchors[0][0] <= ANCHOR_DAYS:
            self.anchors = [*self.anchors, self.inspections[-1]][-MAX_ANCHORS:]
        if view:
            self.scenes[int(hour)], self.scene_days[int(hour)] = measured.thumb, day
            self.pattern = view_pattern.learn(self.pattern, measured.thumb)
            self.view_at = day

    def revoke(self, since: float) -> None:
        self.inspections = [x for x in self.inspections if x[0] < since]
        self.anchors = [x for x in self.anchors if x[0] < since]

    def has_fault(self, states: Collection[FaultStatus], besides: str = "") -> bool:
        return any(t.status in states for n, t in self.fault_states.items() if n != besides)

    def guests(self, now: float, rng: np.random.Generator) -> Guests:
        cars = int(rng.random() < 0.3) * int(rng.integers(1, 3))
        return dataclasses.replace(self._parked(now), people=int(rng.integers(0, 3)), cars=cars)

    def _parked(self, now: float) -> Guests:
        """Return the parked lorry, if any: every other day between 6:00 and 20:00, for 20 minutes to 2.5 hours."""
        day = np.random.default_rng((self.seed, int(now), 7))
        come, stay = float(day.uniform(6, 20)) / 24, min(150.0, 20 + float(day.exponential(40))) / 1440
        lorry = Guests(float(day.uniform(0.2, 0.45)), float(day.uniform(0.2, 0.8)))
        here = self.lorries and day.random() < 0.55 and come <= now % 1 <= come + stay
        return lorry if here else Guests()


def measure(camera: Camera, now: float, weather: Weather, fault: tuple[str, int, int] | None = None) -> Measurement:
    return measurement.measure_frame(
        simulated_views.coded(picture(camera, now, weather, fault), camera.place.bitrate_quality)
    )


def picture(
    camera: Camera, now: float, weather: Weather, fault: tuple[str, int, int] | None = None
) -> simulated_views.Image:
    """Return the camera's picture: optical faults lie below the on-screen display, sensor and line faults above it."""
    hour = now * 24 % 24
    rng = np.random.default_rng((camera.seed, round(now * 1440)))
    made = simulated_views.shoot(camera.place.at(now), hour, weather, camera.guests(now, rng), rng).picture
    if fault is not None and fault[0] in OPTICAL:
        made = _put(fault, made)
    simulated_views.mark(made, camera.place, hour, int(now))
    return _put(fault, made) if fault is not None and fault[0] not in OPTICAL else made


def _put(fault: tuple[str, int, int], made: simulated_views.Image) -> simulated_views.Image:
    name, severity, seed = fault
    generator = validation_faults if name in validation_faults.EXPECTED_FAMILIES else synthetic_faults
    return generator.apply_fault(name, severity, made, np.random.default_rng(seed))


def visible(camera: Camera, now: float, name: str, severity: int) -> bool:
    """Return whether the fault changes the picture by at least 3 grey levels (RMS); grey asphalt has no colour."""
    with_it, without = (picture(camera, now, Weather(0.5), f).astype(np.float32) for f in ((name, severity, 1), None))
    return float(np.sqrt(np.mean((with_it - without) ** 2))) >= 3.0


def is_bare(camera: Camera) -> bool:
    """Return whether the place has almost no structure: in fewer than half of its cells under an overcast noon."""
    cells = measurement.cells(measure(camera, 5 + 13.1 / 24, Weather(1.0)).vector)
    return bool(np.mean(cells[2] > structure.MIN_SHARP_ENERGY) < 0.5)


def process_inspection(
    camera: Camera, now: float, measured: Measurement, suppressed: frozenset[str] = frozenset()
) -> tuple[PictureFindings, list[str]]:
    """Judge an inspection and advance the state machine; returns the verdict and the families that opened."""
    hour = now * 24 % 24
    open_families = frozenset(n for n, t in camera.fault_states.items() if t.status in state_machine.OPEN_STATES)
    living = frozenset(n for n, t in camera.fault_states.items() if t.status in state_machine.LIVE_STATES)
    verdict = judge(measured, camera.past(now), hour, open_families, live_families=living)
    camera.previous = measured.thumb
    if suppressed and (verdict.fog or suppressed & set(verdict.found)):
        camera.shared_at = now
    elif not suppressed and now - camera.shared_at < shared_weather.PERSISTS_S / 86400:
        suppressed = WEATHER_FAMILIES
    if verdict.fog or suppressed & set(verdict.found):
        camera.weather_at = now
    found_here = set(verdict.found) - suppressed
    decided = state_machine.resolve_explained(found_here, verdict.unknown | (suppressed & set(verdict.found)))
    opened = list[str]()
    pooled = _pooled(camera, now, decided)
    for name in PICTURE_FAMILIES:
        found, state = decided[name], camera.fault_states[name]
        step: Step | None
        if found is None:
            step = state_machine.lapse(state, now * 86400)
        else:
            vote, since = (
                Vote(now * 86400, found, light_at(measured, hour)),
                pooled and pooled.family == name and pooled.since,
            )
            step = advance(state, FAMILIES[name].rule, vote, pooled=bool(since))
            if since and step == Step.OPENED:
                state.suspected_at = min(state.suspected_at, since)
        if found:
            camera.undecided.setdefault(name, []).append((now, measured.pack(), hour))
        if step == Step.OPENED:
            opened.append(name)
        _teach(camera, name, step)
    if not verdict.found and not camera.has_fault(state_machine.OPEN_STATES):
        behind = now - camera.view_at >= MAX_VIEW_PAUSE.total_seconds() / 86400
        camera.accept(now, hour, measured, view=behind or not camera.has_fault(state_machine.LIVE_STATES))
    return verdict, opened


def _pooled(camera: Camera, now: float, decided: Mapping[str, bool | None]) -> PooledFinding | None:
    """Return what the last inspections show together, as health.patrol.results does."""
    if any(decided[f] is not None for f in POOLED_FAMILIES):
        found = frozenset(f for f in POOLED_FAMILIES if decided[f])
        recent = [v for v in camera.pooled if now * 86400 - v.at < state_machine.SUSPICION_LIFETIME_S]
        camera.pooled = [*recent, PooledVote(now * 86400, found)][-MAX_POOLED_VOTES:]
    return None if camera.has_fault(state_machine.OPEN_STATES) else pooled_finding(camera.pooled)


def _teach(camera: Camera, family: str, step: Step | None) -> None:
    """Let the camera's baseline learn from a step of a fault, as health.patrol.results does."""
    if step in (Step.OPENED, Step.CLOSED, Step.DISMISSED, Step.LAPSED):
        undecided = camera.undecided.pop(family, [])
        blocking = state_machine.OPEN_STATES if step == Step.LAPSED else state_machine.LIVE_STATES
        if step in (Step.DISMISSED, Step.LAPSED) and not camera.has_fault(blocking, family):
            camera.inspections += undecided
    if step == Step.OPENED:
        camera.revoke(camera.fault_states[family].suspected_at / 86400)


def make_places(rng: np.random.Generator, footage: Path | None, drawn: int, unseen: bool = False) -> list[Place]:
    """Return the places. `unseen`: clips mirrored and cropped, and streets that no threshold was tuned on."""
    made, first = [], UNSEEN if unseen else 0
    if footage is not None:
        for file in sorted([*footage.glob("*.mp4"), *footage.glob("*.avi")]):
            frames = [_cut(f) if unseen else f for f in simulated_views.filmed(file)]
            made.append(Place(file.stem, frames, rng, indoors="one-by-one" in file.stem))
    made += [
        Place(f"drawn{i}", simulated_views.drawn(i), rng, infrared=i % 3 != 2, lamps=i % 2 == 0)
        for i in range(first, first + drawn)
    ]
    return made


def _cut(frame: simulated_views.Light) -> simulated_views.Light:
    piece = np.ascontiguousarray(frame[20:340, 30:600][:, ::-1])
    return np.asarray(cv2.resize(piece, simulated_views.SIZE, interpolation=cv2.INTER_LINEAR), np.float32)


@dataclass
class Outcome:
    camera_days: float = 0
    flagged: Counter[str] = field(default_factory=Counter)
    opened: list[tuple[str, float, str]] = field(default_factory=list)
    inspections: int = 0


def warmed(place: Place, seed: int, weather: TownWeather, days: float = KEEP_DAYS) -> Camera:
    """Return a camera with some days of hourly inspections without any fault."""
    camera = Camera(place, seed)
    for i in range(int(days * 24)):
        now = i / 24 + 0.01
        process_inspection(camera, now, measure(camera, now, weather.at(int(now), now * 24 % 24)))
    return camera


def clean(cameras: Sequence[Camera], weather: TownWeather, days: int, warm: int = 5) -> Outcome:
    """Run hourly inspections of cameras without faults, and extra ones after a suspicion; what all see is weather."""
    result = Outcome()
    for tick in range((days + warm) * 144):
        now = tick / 144
        due = [
            c for i, c in enumerate(cameras) if (tick - i) % 6 == 0 or any(abs(a - now) < 0.5 / 144 for a in c.again)
        ]
        for c in due:
            measured = measure(c, now, weather.at(int(now), now * 24 % 24))
            verdict, opened = process_inspection(c, now, measured, weather_of(cameras, now))
            c.again = [a for a in c.again if a > now + 0.5 / 144]
            if verdict.found and not c.again:
                c.again = [now + 1 / 144, now + 3 / 144]
            if now >= warm:
                result.inspections += 1
                result.flagged.update(verdict.found.keys())
                result.opened += [(c.place.name, now, f) for f in opened]
    result.camera_days = days * len(cameras)
    return result


def weather_of(cameras: Sequence[Camera], now: float) -> frozenset[str]:
    """Return what a third of the cameras showed in the last 90 minutes: it is weather (health.patrol.patrol)."""
    hit = sum(
        any(
            n in WEATHER_FAMILIES
            and t.votes
            and t.votes[-1].found
            and now * 86400 - t.votes[-1].at < shared_weather.WINDOW_S
            for n, t in c.fault_states.items()
        )
        or now - c.weather_at < shared_weather.WINDOW_S / 86400
        for c in cameras
    )
    return (
        WEATHER_FAMILIES
        if len(cameras) >= shared_weather.MIN_CAMERAS and hit >= shared_weather.MIN_SHARE * len(cameras)
        else frozenset()
    )


HOURS = 4.0  # a fault that stays must open within this time


def time_to_open(camera: Camera, fault: tuple[str, int, int], begin: float) -> tuple[float | None, str]:
    """Return the hours until the right family opened (None: not within HOURS), and what opened first."""
    camera.fault_states.clear()
    now, again, first = begin, list[float](), ""
    right = (synthetic_faults.EXPECTED_FAMILIES | validation_faults.EXPECTED_FAMILIES)[fault[0]]
    kept = list(camera.inspections), dict(camera.scenes), dict(camera.scene_days), camera.pattern, camera.previous
    camera.undecided.clear()
    camera.pooled.clear()
    regular = begin
    try:
        while now <= begin + HOURS / 24 + 1e-6:
            verdict, opened = process_inspection(camera, now, measure(camera, now, Weather(0.5), fault))
            first = first or (opened[0] if opened else "")
            if right & set(opened):
                return (now - begin) * 24, first
            if verdict.found and not again:
                again = [now + 600 / 86400, now + 1800 / 86400]
            upcoming = [a for a in again if a > now + 1e-6]
            regular += 1 / 24 if regular <= now + 1e-6 else 0
            again = upcoming if upcoming and upcoming[0] < regular else []
            now = min([regular, *upcoming[:1]])
        return None, first
    finally:
        camera.inspections, camera.scenes, camera.scene_days, camera.pattern, camera.previous = kept
