"""Surfaces of the scene as small pictures: walls with windows and doors, tiles, leaves. Values 0 to 1, BGR."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from cameras.virtual.rendering.lens import Floats

TREES = 6  # different ones; drawing one takes a quarter of a second
WALL_PX_M = 24  # pixels of a wall's picture for one metre
FLOOR_M = 3.1
PLASTERS = (
    (0.78, 0.80, 0.80), (0.70, 0.76, 0.80), (0.62, 0.70, 0.76), (0.74, 0.72, 0.68), (0.55, 0.60, 0.66),
    (0.66, 0.74, 0.80),
)  # fmt: skip
TILES = ((0.36, 0.40, 0.52), (0.33, 0.32, 0.31), (0.30, 0.36, 0.55), (0.42, 0.40, 0.38))


def noise(random: np.random.Generator, shape: tuple[int, int], cells: int, octaves: int = 4) -> Floats:
    """Return smooth noise with mean 0 and values of about -1 to 1; `cells`: of the coarsest octave, on each side."""
    total = np.zeros(shape, np.float32)
    for i in range(octaves):
        n = cells * 2**i
        grid = random.normal(0, 0.5**i, (min(n, shape[0]), min(n, shape[1]))).astype(np.float32)
        total += cv2.resize(grid, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return total / 1.5


def wall(random: np.random.Generator, width_m: float, floors: int, *, is_front: bool) -> tuple[Floats, Floats]:
    """Return the picture of a wall, seen from outside, and where its windows shine at night (0 to 1)."""
    height_m = floors * FLOOR_M
    h, w = int(height_m * WALL_PX_M), int(width_m * WALL_PX_M)
    base = np.array(PLASTERS[int(random.integers(len(PLASTERS)))], np.float32)
    picture = np.empty((h, w, 3), np.float32)
    picture[:] = base
    picture *= (1 + 0.05 * noise(random, (h, w), 3))[..., None]
    streaks = cv2.resize(random.normal(0, 1, (2, w // 3 + 1)).astype(np.float32), (w, h))
    picture *= (1 - 0.035 * np.clip(streaks, 0, 2))[..., None]  # rain has washed dirt down
    if random.random() < 0.35:
        _bricks(picture, random)
    glow = np.zeros((h, w), np.float32)
    plinth = int(0.7 * WALL_PX_M)
    picture[h - plinth :] *= 0.66
    for floor in range(floors):
        _openings(picture, glow, random, floor, is_front=is_front)
    picture[: int(0.35 * WALL_PX_M)] *= 0.62  # shadow of the eaves
    return picture, glow


def _bricks(picture: Floats, random: np.random.Generator) -> None:
    h, w = picture.shape[:2]
    picture[:] = picture * 0.35 + np.array([0.28, 0.34, 0.46], np.float32) * 0.65
    for y in range(0, h, 5):
        picture[y : y + 1] *= 1.12
        picture[y : y + 5] *= 1 + random.normal(0, 0.03)
    picture *= (1 + 0.07 * random.standard_normal((h, w)).astype(np.float32))[..., None]


def _openings(picture: Floats, glow: Floats, random: np.random.Generator, floor: int, *, is_front: bool) -> None:
    """Draw windows, and on the ground floor of a front a door or a shop's shutter."""
    h, w = picture.shape[:2]
    m = WALL_PX_M
    bottom = h - int(floor * FLOOR_M * m)
    count = max(1, w // int(3.0 * m))
    pitch = w / count
    for i in range(count):
        middle = int((i + 0.5) * pitch)
        is_ground = floor == 0 and is_front
        if is_ground and random.random() < 0.6:
            wide, tall = (int(2.4 * m), int(2.6 * m)) if random.random() < 0.5 else (int(1.1 * m), int(2.2 * m))
            _shutter(picture, middle - wide // 2, bottom - tall, wide, tall, random)
        elif not is_front and random.random() < 0.5:
            continue
        else:
            wide, tall = int(1.5 * m), int(1.45 * m)
            left, top = middle - wide // 2, bottom - int(0.95 * m) - tall
            lit = (floor > 0 and random.random() < 0.3) or (floor == 0 and random.random() < 0.15)
            _window(picture, glow, (left, top, wide, tall), random, is_lit=lit)
    if floor and is_front and random.random() < 0.6:  # balcony
        y = bottom - int(0.9 * m)
        cv2.rectangle(picture, (int(w * 0.06), y), (int(w * 0.94), bottom), (0.68, 0.70, 0.70), -1)
        for x in range(int(w * 0.06), int(w * 0.94), 5):
            cv2.line(picture, (x, y), (x, bottom), (0.5, 0.52, 0.52), 1)
        picture[bottom - 3 : bottom] *= 0.6


def _window(
    picture: Floats, glow: Floats, box: tuple[int, int, int, int], random: np.random.Generator, *, is_lit: bool
) -> None:
    left, top, wide, tall = box
    cv2.rectangle(picture, (left - 2, top - 2), (left + wide + 1, top + tall + 3), (0.80, 0.80, 0.80), -1)
    shade = 0.16 + 0.14 * random.random()
    area = picture[top : top + tall, max(0, left) : left + wide]
    area[:] = np.linspace(shade * 1.6, shade, area.shape[0], dtype=np.float32)[:, None, None] * np.array(
        [1.15, 1.05, 0.95], np.float32
    )
    curtain = int(area.shape[1] * random.uniform(0, 0.5))
    area[:, :curtain] = area[:, :curtain] * 0.4 + np.array([0.3, 0.34, 0.36], np.float32) * 0.6
    for x in (left + wide // 2,):
        cv2.line(picture, (x, top), (x, top + tall), (0.75, 0.75, 0.75), 2)
    cv2.line(picture, (left - 4, top + tall + 4), (left + wide + 4, top + tall + 4), (0.55, 0.55, 0.55), 3)
    if random.random() < 0.35:  # an air conditioner below
        x, y = left + wide + 4, top + tall // 2
        cv2.rectangle(picture, (x, y), (x + 18, y + 15), (0.82, 0.83, 0.83), -1)
        cv2.circle(picture, (x + 9, y + 8), 6, (0.45, 0.45, 0.45), 1)
    if is_lit:
        glow[top : top + tall, max(0, left) : left + wide] = random.uniform(0.5, 1.0)


def _shutter(picture: Floats, left: int, top: int, wide: int, tall: int, random: np.random.Generator) -> None:
    colour = [(0.55, 0.56, 0.57), (0.35, 0.36, 0.42), (0.50, 0.42, 0.36), (0.25, 0.28, 0.40)][int(random.integers(4))]
    cv2.rectangle(picture, (left, top), (left + wide, top + tall), colour, -1)
    for y in range(top, top + tall, 4):
        cv2.line(picture, (left, y), (left + wide, y), tuple(0.82 * c for c in colour), 1)
    cv2.rectangle(picture, (left - 2, top - 2), (left + wide + 2, top + tall), (0.3, 0.3, 0.3), 2)
    if wide > 2 * WALL_PX_M and random.random() < 0.7:  # a signboard above
        board = [(0.16, 0.16, 0.62), (0.55, 0.30, 0.12), (0.20, 0.50, 0.20), (0.75, 0.76, 0.78)][
            int(random.integers(4))
        ]
        y = max(0, top - 15)
        cv2.rectangle(picture, (left - 4, y), (left + wide + 4, top - 3), board, -1)
        for x in range(left + 4, left + wide - 6, 11):
            cv2.rectangle(picture, (x, y + 3), (x + 6, top - 6), (0.85, 0.85, 0.80), 1)


def roof(random: np.random.Generator, width_m: float, depth_m: float) -> Floats:
    """Return the picture of a tiled roof's half."""
    h, w = max(8, int(depth_m * WALL_PX_M)), max(8, int(width_m * WALL_PX_M))
    picture = np.empty((h, w, 3), np.float32)
    picture[:] = np.array(TILES[int(random.integers(len(TILES)))], np.float32)
    picture *= (1 + 0.12 * noise(random, (h, w), 4))[..., None]
    waves = 1 + 0.16 * np.sin(np.arange(w, dtype=np.float32) * (2 * np.pi / 6))
    rows = 1 - 0.18 * (np.arange(h) % 8 < 2)
    picture *= waves[None, :, None] * rows[:, None, None].astype(np.float32)
    return picture


@lru_cache(maxsize=TREES)
def tree(kind: int, size: int = 200) -> tuple[Floats, Floats]:
    """Return the picture of a tree and its opacity, both `size` high; the trunk stands at the middle of the bottom.

    There are TREES kinds.
    """
    random = np.random.default_rng(kind)
    picture, alpha = np.zeros((size, size, 3), np.float32), np.zeros((size, size), np.float32)
    trunk = (0.11, 0.14, 0.17)
    foot, fork = (size // 2, size - 1), (size // 2 + int(random.integers(-6, 7)), int(size * 0.55))
    cv2.line(picture, foot, fork, trunk, max(3, size // 34), cv2.LINE_AA)
    cv2.line(alpha, foot, fork, (1.0,), max(3, size // 34), cv2.LINE_AA)
    green = np.array([0.10, 0.25, 0.19], np.float32) * random.uniform(0.75, 1.25)
    for cx, cy, radius in _boughs(random):
        for _ in range(90):
            angle, share = random.uniform(0, 2 * np.pi), np.sqrt(random.random())
            dx, dy = radius * share * np.cos(angle), radius * share * np.sin(angle)
            shade = float(np.clip(1.0 - 2.6 * dy - 1.1 * (cy - 0.36) + random.normal(0, 0.28), 0.25, 1.9))
            place, axes = (int(size * (cx + dx)), int(size * (cy + dy))), (int(random.integers(2, 5)), 2)
            colour = tuple(float(c) for c in green * shade)
            cv2.ellipse(picture, place, axes, float(random.uniform(0, 180)), 0, 360, colour, -1, cv2.LINE_AA)
            cv2.ellipse(alpha, place, axes, float(random.uniform(0, 180)), 0, 360, (1.0,), -1, cv2.LINE_AA)
    return picture, np.asarray(cv2.GaussianBlur(alpha, (3, 3), 0), np.float32)


def _boughs(random: np.random.Generator) -> list[tuple[float, float, float]]:
    """Return the round parts of a tree's crown (x, y, radius) in shares of its height, the upper ones first."""
    found = [(0.5, 0.24, 0.16), (0.5, 0.40, 0.2)]
    for _ in range(9):
        angle, radius = random.uniform(0, 2 * np.pi), random.uniform(0.1, 0.26)
        found.append((0.5 + 1.15 * radius * float(np.cos(angle)), 0.36 + radius * float(np.sin(angle)),
                      float(random.uniform(0.09, 0.15))))  # fmt: skip
    return sorted(found, key=lambda b: b[1])
