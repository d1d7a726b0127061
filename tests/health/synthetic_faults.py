"""Adds synthetic faults to pictures: faint (1), medium (2) or severe (3).

They are modelled by their physical cause, not by the detector that finds them.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from tests.health.simulated_views import SIZE, Image

W, H = SIZE

# Synthetic fault → correct families.
EXPECTED_FAMILIES = {
    "no_signal": {"no_signal"},
    "black": {"black"},
    "over": {"overexposed"},
    "under": {"underexposed", "black"},
    "veil": {"haze"},
    "defocus": {"blurred"},
    "drops": {"blurred_part", "blurred", "partial_occlusion"},
    "cast": {"colour_cast"},
    "colour_lost": {"monochrome"},
    "noise": {"noise"},
    "stripes": {"banding"},
    "mosaic": {"blocking"},
    "torn": {"blocking"},
    "cloth": {"covered", "partial_occlusion"},
    "leaf": {"covered", "partial_occlusion", "blurred_part"},
    "turned": {"moved"},
    "sagging": {"moved"},
}


def apply_fault(name: str, severity: int, picture: Image, rng: np.random.Generator) -> Image:
    """Return the picture with the fault.

    Use a generator with the same seed for each picture of one fault, so that the fault stays in place.
    """
    s = severity - 1
    made: Any
    live = np.random.default_rng(int(picture.sum()))  # varies from picture to picture
    match name:
        case "no_signal":
            made = np.full_like(picture, (160, 40, 20) if severity < 3 else (90, 90, 90))
            cv2.putText(made, "NO VIDEO", (240, 190), cv2.FONT_HERSHEY_SIMPLEX, 1, (255, 255, 255), 2)
        case "black":
            made = (picture * (0.08, 0.04, 0.0)[s]).astype(np.uint8)
        case "over":
            made = np.clip(picture.astype(np.float32) * (1.7, 2.4, 3.6)[s] + (20, 40, 60)[s], 0, 255)
        case "under":
            made = picture * (0.42, 0.28, 0.17)[s]
        case "veil":
            a = (0.3, 0.5, 0.7)[s]
            glow = 190 * (0.85 + 0.15 * _soft(rng, 4)[..., None])
            made = picture * (1 - a) + glow * a
        case "defocus":
            made = _disc_blur(picture, (2.0, 3.6, 7.0)[s])
        case "drops":
            out = cv2.GaussianBlur(picture, (0, 0), 6)
            mask = np.zeros((H, W), np.float32)
            for _ in range((2, 4, 7)[s]):
                cv2.circle(
                    mask,
                    (int(rng.uniform(0.1, 0.9) * W), int(rng.uniform(0.1, 0.9) * H)),
                    int(rng.uniform(60, 95)),
                    1.0,
                    -1,
                )
            mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), 8), np.float32)[..., None]
            made = picture * (1 - mask) + out * mask
        case "cast":
            strength = (14, 26, 45)[s]
            made = picture.astype(np.float32) + np.array([-strength, strength * 0.2, strength * 0.6])
        case "colour_lost":
            grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)[..., None].astype(np.float32)
            keep = (0.2, 0.1, 0.0)[s]
            made = grey * (1 - keep) + picture * keep
        case "noise":
            made = picture + live.normal(0, (14, 26, 45)[s], picture.shape)
        case "stripes":
            period, angle = rng.uniform(6, 18), rng.choice([0.0, 90.0, 12.0])
            yy, xx = np.mgrid[0:H, 0:W]
            wave = np.sin(2 * np.pi * (xx * np.sin(np.radians(angle)) + yy * np.cos(np.radians(angle))) / period)
            made = picture + (7, 15, 32)[s] * wave[..., None]
        case "mosaic":
            made = picture.copy()
            for _ in range((14, 40, 110)[s]):
                x, y = int(rng.uniform(0, W // 16 - 1)) * 16, int(rng.uniform(0, H // 16 - 1)) * 16
                ww = 16 * int(rng.integers(1, 6))
                sx, sy = int(rng.uniform(0, W - ww)), int(rng.uniform(0, H - 16))
                made[y : y + 16, x : x + ww] = picture[sy : sy + 16, sx : sx + ww][
                    :, : made[y : y + 16, x : x + ww].shape[1]
                ]
        case "torn":
            made = picture.copy()
            for _ in range((3, 7, 14)[s]):
                y, tall = int(rng.uniform(0, H - 40)), int(rng.uniform(8, 40))
                made[y : y + tall] = np.roll(picture[y : y + tall], int(rng.uniform(40, 300)), axis=1)
        case "cloth":
            made = _covered(picture, (0.35, 0.65, 1.0)[s], rng)
        case "leaf":
            made = _covered(picture, (0.22, 0.4, 0.6)[s], rng, green=True)
        case "turned":
            dx, dy = (0.025, 0.09, 0.3)[s] * W, (0.01, 0.03, 0.1)[s] * H
            made = cv2.warpAffine(
                picture, np.array([[1, 0, dx], [0, 1, dy]], np.float32), SIZE, borderMode=cv2.BORDER_REFLECT
            )
        case "sagging":
            made = cv2.warpAffine(
                picture,
                cv2.getRotationMatrix2D((W / 2, H / 2), (2.0, 5.0, 14.0)[s], 1.0)
                + np.array([[0, 0, 0], [0, 0, (6, 18, 50)[s]]]),
                SIZE,
                borderMode=cv2.BORDER_REFLECT,
            )
        case _:
            raise ValueError(name)
    if name in ("veil", "defocus", "drops", "cloth", "leaf"):  # the sensor noise continues behind it
        made = made + live.normal(0, 2.0, picture.shape)
    return np.clip(made, 0, 255).astype(np.uint8)


def _soft(rng: np.random.Generator, n: int) -> Any:
    return cv2.resize(rng.uniform(0, 1, (n, 2 * n)).astype(np.float32), SIZE, interpolation=cv2.INTER_CUBIC)


def _disc_blur(picture: Image, radius: float) -> Any:
    size = int(2 * np.ceil(radius) + 1)
    yy, xx = np.mgrid[:size, :size] - size // 2
    disc = np.clip(radius + 0.5 - np.hypot(xx, yy), 0, 1)
    return cv2.filter2D(picture, -1, disc / disc.sum())


def _covered(picture: Image, share: float, rng: np.random.Generator, green: bool = False) -> Any:
    """An unsharp object close to the lens, lit by the scene."""
    side = int(rng.integers(4))
    mask = np.zeros((H, W), np.float32)
    if share >= 1:
        mask[:] = 1
    elif side < 2:
        edge = int(share * W)
        mask[:, :edge] = 1
        mask = mask[:, ::-1].copy() if side else mask
    else:
        edge = int(share * H)
        mask[:edge] = 1
        mask = mask[::-1].copy() if side == 3 else mask
    mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), 9), np.float32)[..., None]
    brightness = float(picture.mean()) * 0.6
    colour = np.array([0.4, 1.0, 0.5] if green else [0.8, 0.85, 1.0]) * brightness
    cover = colour * (0.85 + 0.3 * _soft(rng, 3)[..., None])
    return picture * (1 - mask) + cover * mask
