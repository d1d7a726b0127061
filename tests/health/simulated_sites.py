"""Simulates building sites, on which much changes that is no fault.

Clouds with edges of their own drift over the sky, machines park for minutes to days, tracks and puddles change the
ground from day to day, lamps are switched, moved and taken away. Only the skyline and what stands beside the site stay.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import cv2
import numpy as np

from tests.health.simulated_views import SIZE, Light, Place, sun

WORK_HOURS = (7.0, 18.0)
MACHINES = 5
CLOUD_LIFETIME_H = 1.5  # after which a cloud field has become another one
LAMPS_GONE_DAY = 11  # from this day on half of the lamps stand elsewhere
SKY = 0.6  # where the sky is drawn later
NIGHT_SKY = 0.05  # lamps light it less than the ground
MACHINE_COLOURS = ((0.05, 0.45, 0.7), (0.6, 0.6, 0.6), (0.05, 0.08, 0.4), (0.35, 0.2, 0.05), (0.1, 0.1, 0.1))


@dataclass(frozen=True, slots=True)
class Parking:
    """A machine in one spot: days, share of the width, position (shares of the picture), and the seed of its look."""

    start: float
    end: float
    width: float
    x: float
    y: float
    seed: int


class Site(Place):
    """A building site under a large sky; `at` returns the place as it is at one time."""

    def __init__(self, seed: int, days: int = 40):
        rng = np.random.default_rng((seed, 41))
        self.seed = seed
        self.horizon = float(rng.uniform(0.35, 0.5))
        self._base = _ground_and_skyline(self.horizon, rng)
        self._is_sky = np.abs(self._base - SKY).max(2) < 1e-6
        self._parked = [p for machine in range(MACHINES) for p in _parkings((seed, machine), self.horizon, days)]
        self._lamps = rng.uniform((0.05, self.horizon - 0.12), (0.95, self.horizon + 0.1), (4, 2))
        self._later_lamps = rng.uniform((0.05, self.horizon - 0.12), (0.95, self.horizon + 0.1), (2, 2))
        super().__init__(f"site{seed}", [self._base], rng, infrared=seed % 4 == 3, lamps=True)
        self.shadow[: int(self.horizon * SIZE[1])] = 1.0  # no shadow falls on the sky

    def at(self, now: float) -> Place:
        """Return the place at `now`, in days."""
        made = copy.copy(self)
        scene = self._base.copy()
        _tracks(scene, self.horizon, np.random.default_rng((self.seed, int(now + 0.3), 5)))
        _sky(scene, self.horizon, now * 24, self.seed)
        if not sun(now * 24 % 24):
            above = int(self.horizon * SIZE[1])
            scene[:above][self._is_sky[:above]] *= NIGHT_SKY
        for machine in self._parked:
            if machine.start <= now < machine.end:
                _machine(scene, machine)
        made.frames = [np.clip(scene, 0.004, 1.2)]
        made.lamp_light = self._lamp_light(now)
        return made

    def _lamp_light(self, now: float) -> Light:
        """Return the light of the lamps: at least one of them is off in some nights."""
        night = int(now - 0.5)
        lit = np.random.default_rng((self.seed, night, 6)).random(4) < 0.85
        lamps = self._lamps if night < LAMPS_GONE_DAY else np.vstack([self._lamps[:2], self._later_lamps])
        w, h = SIZE
        yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
        light = np.zeros((h, w), np.float32)
        for (x, y), on in zip(lamps, lit, strict=True):
            if on:
                far = np.hypot(xx - x * w, (yy - y * h) * 1.6)
                light += 1.4 * np.exp(-((far / 130) ** 2)) + 90 * np.exp(-((far / 5) ** 2))
        return light


def _ground_and_skyline(horizon: float, rng: np.random.Generator) -> Light:
    w, h = SIZE
    line = int(horizon * h)
    scene = np.full((h, w, 3), SKY, np.float32)
    depth = np.linspace(0, 1, h - line, dtype=np.float32)[:, None]
    earth = rng.uniform(0.1, 0.25) * np.array([0.6, 0.8, 1.0], np.float32)
    grain = sum(_noise(rng, k, h - line) / 1.5**k for k in (2, 3, 4, 5))
    scene[line:] = earth * (1 + 0.25 * np.asarray(grain)[..., None] * (0.3 + depth[..., None]))
    x = 0
    while x < w:  # houses and trees on the skyline
        wide, high = int(rng.uniform(0.04, 0.14) * w), int(rng.uniform(0.02, 0.13) * h)
        if rng.random() < 0.6:
            wall = rng.uniform(0.1, 0.5) * np.array([rng.uniform(0.7, 1), rng.uniform(0.8, 1), 1.0])
            scene[line - high : line + 3, x : x + wide] = wall
            for wx in range(x + 4, min(x + wide, w) - 6, 11):
                scene[line - high + 4 : line - 2, wx : wx + 4] = wall * 0.3
        else:
            leaves = _noise(rng, 5, high + 3)[:, : min(wide, w - x)]
            scene[line - high : line + 3, x : x + wide] = (0.06 + 0.04 * leaves[..., None]) * np.array([0.5, 1.2, 0.6])
        x += wide
    mast = int(rng.uniform(0.2, 0.8) * w)
    cv2.line(scene, (mast, 10), (mast, line), (0.05, 0.3, 0.5), 3)
    cv2.line(scene, (max(0, mast - 150), 22), (min(w, mast + 90), 22), (0.05, 0.3, 0.5), 3)
    for k in range(0, w, 24):  # a fence in front
        cv2.line(scene, (k, int(h * 0.62)), (k, int(h * 0.68)), (0.3, 0.3, 0.3), 1)
    cv2.line(scene, (0, int(h * 0.6)), (w, int(h * 0.64)), (0.35, 0.35, 0.35), 2, cv2.LINE_AA)
    return np.asarray(scene, np.float32)


def _noise(rng: np.random.Generator, octave: int, rows: int) -> Light:
    grid = rng.uniform(-1, 1, (2**octave, 2 ** (octave + 1))).astype(np.float32)
    return np.asarray(cv2.resize(grid, (SIZE[0], rows), interpolation=cv2.INTER_CUBIC), np.float32)


def _sky(scene: Light, horizon: float, hours: float, seed: int) -> None:
    """Draw clouds above the skyline: one field fades into the next, and all drift."""
    rows = int(horizon * SIZE[1])
    number, share = divmod(hours / CLOUD_LIFETIME_H, 1.0)
    fields = []
    for field in (int(number), int(number) + 1):
        rng = np.random.default_rng((seed, field, 3))
        made = sum(_noise(rng, k, rows) / 1.6**k for k in (1, 2, 3, 4, 5))
        fields.append(np.roll(np.asarray(made, np.float32), int(share * 120), axis=1))
    cloud = 1 / (1 + np.exp(-9 * ((1 - share) * fields[0] + share * fields[1] + 0.1)))
    sky = np.array([0.85, 0.6, 0.4], np.float32) * (1 - cloud[..., None]) + 0.95 * cloud[..., None]
    above = np.abs(scene[:rows] - SKY).max(2) < 1e-6
    scene[:rows][above] = sky[above]


def _tracks(scene: Light, horizon: float, rng: np.random.Generator) -> None:
    """Draw the day's wheel tracks, bent and soft, and puddles."""
    w, h = SIZE
    wet = np.ones((h, w), np.float32)
    along = np.linspace(-0.1, 1.1, 25)
    for _ in range(int(rng.integers(4, 9))):
        y, slope, bend = rng.uniform(horizon + 0.1, 0.98), rng.uniform(-0.25, 0.25), rng.uniform(0.02, 0.1)
        course = y + slope * (along - 0.5) + bend * np.sin(along * rng.uniform(2, 6) + rng.uniform(0, 6))
        first = int(rng.integers(0, 12))
        for below in (0.0, 0.02 + 0.06 * max(0.0, y - horizon)):
            line = np.stack([along * w, (course + below) * h], 1)[first : first + int(rng.integers(8, 20))]
            cv2.polylines(wet, [line.astype(np.int32)], False, float(rng.uniform(0.6, 0.85)), int(rng.integers(2, 5)))
    for _ in range(int(rng.integers(0, 3))):
        at = int(rng.uniform(0, w)), int(h * rng.uniform(horizon + 0.15, 0.95))
        cv2.ellipse(wet, at, (int(rng.uniform(15, 60)), int(rng.uniform(4, 14))), 0, 0, 360, 1.8, -1)
    wet = np.asarray(cv2.GaussianBlur(wet, (0, 0), 1.6), np.float32)
    line_of_sky = int((horizon + 0.04) * h)
    scene[line_of_sky:] *= wet[line_of_sky:, :, None]


def _parkings(seed: tuple[int, int], horizon: float, days: int) -> list[Parking]:
    """Return where one machine stands over the days: it moves in working hours only."""
    rng, made, now = np.random.default_rng((*seed, 2)), list[Parking](), 0.0
    while now < days:
        end = now + float(np.exp(rng.normal(math.log(0.12), 1.1)))
        if not WORK_HOURS[0] <= end * 24 % 24 <= WORK_HOURS[1] or int(end) % 7 == 6:
            end = int(end) + 1 + int(int(end) % 7 == 5) + float(rng.uniform(*WORK_HOURS)) / 24
        y = float(rng.uniform(horizon + 0.12, 0.95))
        width = float(rng.uniform(0.1, 0.2)) * (0.35 + 1.1 * (y - horizon))
        if rng.random() < 0.8:  # else it is out of view
            made.append(Parking(now, end, width, float(rng.uniform(0.08, 0.92)), y, seed[1] + 1000 * seed[0]))
        now = end
    return made


def _machine(scene: Light, m: Parking) -> None:
    """Draw an excavator or lorry: tracks, body, cab with window, arm."""
    w, h = SIZE
    rng = np.random.default_rng(m.seed)
    colour = np.array(MACHINE_COLOURS[int(rng.integers(len(MACHINE_COLOURS)))]) * rng.uniform(0.8, 1.2)
    unit, x, y = m.width * w / 10, m.x * w, m.y * h
    tilt = float(rng.uniform(-0.08, 0.08))  # seen at an angle: no edge of a machine lies in a row of the picture

    def box(left: float, top: float, right: float, bottom: float, paint: tuple[float, ...]) -> None:
        corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]]) * unit
        corners[:, 1] += tilt * corners[:, 0]
        cv2.fillConvexPoly(scene, (corners + (x, y)).astype(np.int32), paint, cv2.LINE_AA)

    body, dark, glass = tuple(map(float, colour)), (0.02, 0.02, 0.02), (0.3, 0.28, 0.25)
    box(-5, -1.6, 5, 0, dark)
    box(-5, -5, 4, -1.6, body)
    box(0.5, -7.6, 3.6, -5, body)
    box(0.9, -7.2, 2.8, -5.6, glass)
    for stripe in (-4, -2.5, -1):
        box(stripe, -4.6, stripe + 0.3, -2, dark)
    if rng.random() < 0.6:
        bend = (int(x - 6 * unit), int(y - 9 * unit)), (int(x - 9 * unit), int(y - 3 * unit))
        cv2.line(scene, (int(x - 2 * unit), int(y - 5 * unit)), bend[0], body, max(2, int(unit)))
        cv2.line(scene, *bend, body, max(2, int(unit * 0.8)))
