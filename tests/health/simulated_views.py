"""Simulates a camera's view over days and nights, in all forms that are no fault, for tests and benchmarks.

A place is a picture in linear light, from real footage if available, otherwise drawn. A shot applies the light of the
hour (sun, clouds, street lamps, infra-red), people and lorries, weather, and then the camera: exposure up to its
largest gain, noise that grows with it, gamma, on-screen text, encoder.
"""

from __future__ import annotations

import fractions
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

SIZE = (640, 360)
Light = npt.NDArray[np.float32]
Image = npt.NDArray[np.uint8]


@dataclass
class Weather:
    """Shares 0…1; `snow` is on the ground."""

    cloud: float = 0.3
    fog: float = 0.0
    rain: float = 0.0
    snow: float = 0.0


@dataclass
class Guests:
    """Objects in view. `lorry`: share of the picture's width, 0 for none; `cars`: cars with headlights on at night."""

    lorry: float = 0.0
    lorry_at: float = 0.5
    people: int = 1
    cars: int = 0


@dataclass
class Place:
    """One camera. `frames` are linear-light pictures of the same view."""

    name: str
    frames: Sequence[Light]
    rng: np.random.Generator
    infrared: bool = True
    lamps: bool = True
    largest_gain: float = 24.0
    marks: bool = True
    bitrate_quality: int = 27
    indoors: bool = False
    depth: Light = field(init=False)
    shadow: Light = field(init=False)
    lamp_light: Light = field(init=False)
    infra_light: Light = field(init=False)

    def __post_init__(self) -> None:
        w, h = SIZE
        yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
        self.depth = 1.0 - yy / h * 0.85
        self.shadow = _soft_field(self.rng, 5)
        self.lamp_light = np.zeros((h, w), np.float32)
        for _ in range(2):
            cx, cy = self.rng.uniform(0, w), self.rng.uniform(0.2 * h, 0.8 * h)
            self.lamp_light += np.exp(-(((xx - cx) / (0.3 * w)) ** 2 + ((yy - cy) / (0.45 * h)) ** 2)).astype(
                np.float32
            )
        self.infra_light = np.exp(-(((xx - w / 2) / (0.45 * w)) ** 2 + ((yy - 0.6 * h) / (0.55 * h)) ** 2)).astype(
            np.float32
        )

    def at(self, now: float) -> Place:
        """Return the place as it is at `now`, in days; this one does not change."""
        return self


def sun(hour: float) -> float:
    """Return the daylight, 0 at night … 1 at noon."""
    return float(np.clip(np.sin((hour - 6.0) / 12 * np.pi), 0, 1) ** 0.7) if 6 < hour < 18 else 0.0


def twilight(hour: float) -> float:
    near = min(abs(hour - 6.0), abs(hour - 18.0))
    return float(np.exp(-((near / 0.5) ** 2)) * 0.05)


@dataclass
class Shot:
    """A picture as captured, before the encoder: BGR, whether by infra-red, and the gain."""

    picture: Image
    night: bool
    gain: float


def shoot(place: Place, hour: float, weather: Weather, guests: Guests, rng: np.random.Generator) -> Shot:
    """Render one shot of a place at a local hour."""
    w, h = SIZE
    if place.indoors:
        weather = Weather()
    scene = place.frames[int(rng.integers(len(place.frames)))].copy()
    if weather.snow:
        ground = np.clip((1.15 - place.depth) * 1.6, 0, 1) * weather.snow
        scene = scene * (1 - ground[..., None]) + 0.75 * ground[..., None] * (0.9 + 0.1 * place.shadow[..., None])
    for _ in range(guests.people):
        _person(scene, rng)
    if guests.lorry:
        _lorry(scene, guests, rng)
    day = 0.35 if place.indoors else sun(hour)
    ambient = (
        0.0002 + (0.35 + 0.65 * weather.cloud) * day * (1 - 0.5 * weather.cloud * rng.uniform(0.6, 1)) + twilight(hour)
    )
    direct = day * (1 - weather.cloud) * 1.4
    moved = np.roll(place.shadow, int((hour - 12) * 25), axis=1)
    shade = (moved > 0.5 + 0.1 * np.cos(hour)).astype(np.float32)
    shade = cv2.GaussianBlur(shade, (0, 0), 2.0)
    warmth = np.array([1.0, 1.0, 1.0], np.float32)
    if 0 < day < 0.45 and not place.indoors:
        warmth = np.array([0.8, 0.96, 1.12], np.float32)
    light: Any = (
        (ambient + direct * shade)[..., None] * warmth if not place.indoors else np.full((h, w, 1), 0.35, np.float32)
    )
    dark = ambient < 0.02
    if dark and place.lamps:
        light = light + 0.02 * place.lamp_light[..., None] * np.array([0.55, 0.8, 1.1], np.float32)
    infra = dark and place.infrared
    if infra:
        light = light + 0.03 * place.infra_light[..., None]
    radiance = scene * light
    if infra:
        radiance = np.repeat(radiance.mean(axis=2, keepdims=True), 3, axis=2)
    if dark:
        for _ in range(guests.cars):
            _headlights(radiance, rng)
    if weather.fog:
        through = np.exp(-3.2 * weather.fog * place.depth)[..., None]
        radiance = radiance * through + (0.55 * max(float(ambient), 0.004)) * (1 - through)
    if weather.rain:
        radiance = radiance * (1 - 0.25 * weather.rain) + 0.1 * weather.rain * float(radiance.mean())
    gain = float(np.clip(0.19 / max(float(radiance.mean()), 1e-6), 0.3, place.largest_gain))
    noise = 0.0025 + 0.0016 * gain
    exposed = radiance * gain
    exposed = exposed + rng.standard_normal((h, w, 1 if infra else 3), np.float32) * noise * np.sqrt(
        np.clip(exposed, 0.02, 1.5) + 0.05
    )
    picture = np.clip(np.clip(exposed, 0, 1) ** (1 / 2.2) * 255, 0, 255).astype(np.uint8)
    if weather.rain:
        _streaks(picture, weather.rain, rng)
    return Shot(picture, bool(infra), gain)


def _person(scene: Light, rng: np.random.Generator) -> None:
    w, h = SIZE
    tall = int(rng.uniform(0.12, 0.35) * h)
    x, y = int(rng.uniform(0, w - tall // 3)), int(rng.uniform(0.35 * h, h - tall))
    colour = rng.uniform(0.02, 0.6, 3).astype(np.float32)
    scene[y : y + tall, x : x + tall // 3] = colour
    scene[y + tall // 2 : y + tall, x : x + tall // 3] = colour * 0.5


def _lorry(scene: Light, guests: Guests, rng: np.random.Generator) -> None:
    w, h = SIZE
    wide, high = int(guests.lorry * w), int(min(0.75, guests.lorry * 1.1) * h)
    x = int(np.clip(guests.lorry_at * w - wide / 2, 0, w - wide))
    y = int(h * 0.92) - high
    side = np.random.default_rng(int(guests.lorry_at * 1e6)).uniform(0.1, 0.6, 3).astype(np.float32)
    scene[y : y + high, x : x + wide] = side * (0.95 + 0.05 * rng.standard_normal((high, wide, 1)).astype(np.float32))
    for row in range(y, y + high, max(6, high // 7)):
        scene[row : row + 2, x : x + wide] = side * 0.6
    for column in range(x, x + wide, max(8, wide // 9)):
        scene[y : y + high, column : column + 1] = side * 0.7
    for wheel in (0.15, 0.3, 0.85):
        cv2.circle(scene, (x + int(wheel * wide), y + high), max(5, high // 8), (0.02, 0.02, 0.02), -1)


def _headlights(radiance: Light, rng: np.random.Generator) -> None:
    w, h = SIZE
    x, y = int(rng.uniform(0.1, 0.9) * w), int(rng.uniform(0.4, 0.85) * h)
    apart = int(rng.uniform(10, 40))
    glow = np.zeros((h, w), np.float32)
    for cx in (x, x + apart):
        cv2.circle(glow, (cx, y), max(2, apart // 6), 1.0, -1)
    glow = cv2.GaussianBlur(glow, (0, 0), 3) * 2 + cv2.GaussianBlur(glow, (0, 0), 30) * 4
    radiance += 0.15 * glow[..., None]


def _streaks(picture: Image, strength: float, rng: np.random.Generator) -> None:
    w, h = SIZE
    layer = np.zeros((h, w), np.uint8)
    for _ in range(int(250 * strength)):
        x, y, length = int(rng.uniform(0, w)), int(rng.uniform(0, h)), int(rng.uniform(6, 22))
        cv2.line(layer, (x, y), (x + length // 6, y + length), int(rng.uniform(30, 90)), 1)
    cv2.add(picture, cv2.merge([cv2.GaussianBlur(layer, (0, 0), 0.7)] * 3), picture)


def _soft_field(rng: np.random.Generator, coarse: int) -> Light:
    w, h = SIZE
    made = cv2.resize(rng.uniform(0, 1, (coarse, coarse * 2)).astype(np.float32), (w, h), interpolation=cv2.INTER_CUBIC)
    return np.asarray(made, np.float32)


def mark(picture: Image, place: Place, hour: float, day: int) -> None:
    """Draw the on-screen time and name."""
    if place.marks:
        text = (
            f"2026-03-{1 + day % 28:02d} {int(hour):02d}:{int(hour % 1 * 60):02d}:{(day * 7 + int(hour * 13)) % 60:02d}"
        )
        for words, at in ((text, (380, 24)), (place.name[:12], (14, 346))):
            cv2.putText(picture, words, at, cv2.FONT_HERSHEY_SIMPLEX, 0.55, (0, 0, 0), 4)
            cv2.putText(picture, words, at, cv2.FONT_HERSHEY_SIMPLEX, 0.55, (255, 255, 255), 2)


def coded(picture: Image, quality: int = 27) -> av.VideoFrame:
    """Encode and decode a picture with libx264."""
    encoder: Any = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = *SIZE, "yuv420p", fractions.Fraction(1, 25)
    encoder.options = {"preset": "ultrafast", "crf": str(quality), "x264-params": "keyint=1:threads=1"}
    packets = encoder.encode(av.VideoFrame.from_ndarray(picture, "bgr24")) + encoder.encode(None)
    decoder: Any = av.CodecContext.create("h264", "r")
    decoder.extradata, decoder.thread_count = encoder.extradata, 1
    return (decoder.decode(av.Packet(bytes(packets[0]))) + decoder.decode(None))[0]


def drawn(seed: int) -> list[Light]:
    """Return a drawn street: houses with windows, a road, trees of fractal leaves, wires."""
    rng = np.random.default_rng(seed)
    w, h = SIZE
    scene = np.empty((h, w, 3), np.float32)
    horizon = int(h * rng.uniform(0.2, 0.4))
    scene[:horizon] = np.linspace(0.75, 0.55, horizon)[:, None, None] * np.array([1.0, 0.92, 0.85])
    road = rng.uniform(0.12, 0.25)
    scene[horizon:] = np.linspace(road * 0.8, road * 1.2, h - horizon)[:, None, None]
    scene[horizon:] *= 1 + 0.18 * rng.standard_normal((h - horizon, w, 1))
    x = 0
    while x < w:
        wide, top = int(rng.uniform(0.1, 0.25) * w), int(rng.uniform(0.0, 0.25) * h)
        bottom = int(rng.uniform(0.5, 0.7) * h)
        wall = rng.uniform(0.15, 0.6) * np.array([rng.uniform(0.7, 1), rng.uniform(0.8, 1), 1.0])
        scene[top:bottom, x : x + wide] = wall * (1 + 0.05 * rng.standard_normal((bottom - top, min(wide, w - x), 1)))
        scene[top : top + 8, x : x + wide] *= 0.4
        for wy in range(top + 20, bottom - 20, 42):
            for wx in range(x + 12, min(x + wide, w) - 26, 38):
                scene[wy : wy + 24, wx : wx + 18] = rng.uniform(0.02, 0.12)
                cv2.rectangle(scene, (wx, wy), (wx + 18, wy + 24), (0.5, 0.5, 0.5), 1)
        x += wide
    for _ in range(int(rng.integers(1, 4))):
        cx, cy, r = int(rng.uniform(0, w)), int(rng.uniform(0.2, 0.5) * h), int(rng.uniform(30, 70))
        leaves = np.zeros((2 * r, 2 * r), np.float32)
        for k in range(2, 7):
            noise = cv2.resize(rng.uniform(-1, 1, (2**k, 2**k)).astype(np.float32), (2 * r, 2 * r))
            leaves += np.asarray(noise, np.float32) / np.float32(1.4**k)
        for dy in range(2 * r):
            for dx in range(2 * r):
                y2, x2 = cy - r + dy, cx - r + dx
                if 0 <= y2 < h and 0 <= x2 < w and leaves[dy, dx] > ((dx - r) ** 2 + (dy - r) ** 2) / r**2 - 0.6:
                    scene[y2, x2] = np.array([0.03, 0.12, 0.05]) * (1.2 + leaves[dy, dx])
    for _ in range(3):
        cv2.line(scene, (0, int(rng.uniform(0, 0.3) * h)), (w, int(rng.uniform(0, 0.3) * h)), (0.03, 0.03, 0.03), 1)
    for k in range(0, w, 60):
        cv2.line(scene, (k, int(h * 0.85)), (k + 30, int(h * 0.85)), (0.7, 0.7, 0.7), 3)
    base = np.clip(scene, 0.004, 1.0).astype(np.float32)
    return [base]


def filmed(file: Path, frames: int = 12) -> list[Light]:
    """Return pictures spread over a real clip, in linear light."""
    with av.open(str(file)) as source:
        stream = source.streams.video[0]
        count = stream.frames or 300
        every, found = max(1, count // frames), []
        for i, picture in enumerate(source.decode(stream)):
            if i % every == 0:
                small = cv2.resize(picture.to_ndarray(format="bgr24"), SIZE, interpolation=cv2.INTER_AREA)
                found.append(((small.astype(np.float32) / 255) ** 2.2).clip(0.003, 1.0))
    return found[:frames]
