"""The same faults made by other methods, to validate detectors tuned on tests/health/synthetic_faults.py.

Other optics, textures and disturbances, and simulated damage to coded data. Nothing in health/ is tuned on these.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from tests.health.simulated_views import SIZE, Image

W, H = SIZE

EXPECTED_FAMILIES = {
    "card": {"no_signal"},
    "dark": {"black"},
    "gain_up": {"overexposed"},
    "gain_down": {"underexposed", "black"},
    "haze": {"haze"},
    "soft": {"blurred"},
    "smear": {"blurred_part", "blurred", "partial_occlusion"},
    "balance": {"colour_cast"},
    "tint": {"colour_cast"},
    "web": {"haze", "blurred_part", "partial_occlusion", "covered", "blurred"},
    "grey": {"monochrome"},
    "snow": {"noise"},
    "bands": {"banding"},
    "hum": {"banding"},
    "blocks": {"blocking"},
    "half": {"blocking", "partial_occlusion", "covered"},
    "hand": {"covered", "partial_occlusion"},
    "poster": {"covered", "partial_occlusion"},
    "panned": {"moved"},
    "zoomed": {"moved"},
    "elsewhere": {"moved", "covered"},
}


def apply_fault(name: str, severity: int, picture: Image, rng: np.random.Generator) -> Image:
    """Return the picture with the fault; use a generator with the same seed for each picture of one fault."""
    s = severity - 1
    live = np.random.default_rng(int(picture.sum()) + 1)
    made: Any = _MADE[name](picture, s, rng, live)
    return np.clip(made, 0, 255).astype(np.uint8)


def _linear(picture: Image) -> Any:
    return (picture.astype(np.float32) / 255) ** 2.2


def _back(light: Any) -> Any:
    return np.clip(light, 0, 1) ** (1 / 2.2) * 255


def _card(picture: Image, s: int, rng: np.random.Generator, live: np.random.Generator) -> Any:
    made = np.zeros_like(picture)
    made[:] = ((128, 128, 128), (30, 30, 30), (180, 60, 0))[s]
    cv2.putText(made, "VIDEO LOSS", (200, 180), cv2.FONT_HERSHEY_DUPLEX, 1.1, (230, 230, 230), 2)
    return made


def _dark(picture: Image, s: int, rng: np.random.Generator, live: np.random.Generator) -> Any:
    return live.normal((14, 8, 3)[s], 1.2, (H, W, 1)) + np.zeros((1, 1, 3))


def _gain(factors: tuple[float, float, float]) -> Any:
    def made(picture: Image, s: int, rng: np.random.Generator, live: np.random.Generator) -> Any:
        return _back(_linear(picture) * factors[s]) + live.normal(0, 1.0, picture.shape)

    return made


def _haze(picture: Image, s: int, rng: np.random.Generator, live: np.random.Generator) -> Any:
    share = (0.35, 0.55, 0.75)[s]
    return _back(_linear(picture) * (1 - share) + share * 0.45) + live.normal(0, 1.5, picture.shape)


def _soft(picture: Image, s: int, rng: np.random.Generator, live: np.random.Generator) -> Any:
    return cv2.GaussianBlur(picture, (0, 0), (1.5, 2.6, 5.0)[s]) + live.normal(0, 1.5, picture.shape)


def _smear(picture: Image, s: int, rng: np.random.Generator, live: np.random.Generator) -> Any:
    """A wiped lens: a slanted band, blurred along its direction."""
    tall = int((0.3, 0.45, 0.65)[s] * H)
    kernel = np.zeros((31, 31), np.float32)
    cv2.line(kernel, (0, 22), (30, 8), 1.0, 2)
    smeared = cv2.filter2D(cv2.GaussianBlur(picture, (0, 0), 2), -1, kernel / kernel.sum())
    mask = np.zeros((H, W), np.float32)
    top = int(rng.uniform(0.1, 0.9) * (H - tall))
    cv2.fillPoly(mask, [np.array([[0, top + 40], [W, top - 40], [W, top + tall - 40], [0, top + tall + 40]])], 1.0)
    mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), 12), np.float32)[..., None]
    return picture * (1 - mask) + smeared * mask + live.normal(0, 1.5, picture.shape)


def _balance(picture: Image, s: int, rng: np.random.Generator, live: np.random.Generator) -> Any:
    blue, red = (
        ((0.78, 1.18), (0.6, 1.4), (0.35, 1.7))[s] if rng.random() < 0.5 else ((1.2, 0.8), (1.45, 0.62), (1.8, 0.4))[s]
    )
    return _back(_linear(picture) * np.array([blue, 1.0, red], np.float32))


def _grey(picture: Image, s: int, rng: np.random.Generator, live: np.random.Generator) -> Any:
    grey = picture.astype(np.float32).mean(axis=2, keepdims=True)
    return grey + (0.25, 0.12, 0.0)[s] * (picture - grey)


def _snow(picture: Image, s: int, rng: np.random.Generator, live: np.random.Generator) -> Any:
    made = picture.copy()
    hit = live.random((H, W)) < (0.04, 0.12, 0.35)[s]
    made[hit] = live.integers(0, 256, (int(hit.sum()), 1))
    return made


def _bands(picture: Image, s: int, rng: np.random.Generator, live: np.random.Generator) -> Any:
    """Flickering light with a rolling shutter: broad moving bars."""
    period, phase = rng.uniform(20, 45), live.uniform(0, 6.28)
    wave = np.sin(np.arange(H) * 2 * np.pi / period + phase)[:, None, None]
    return picture * (1 + (0.1, 0.2, 0.4)[s] * wave)


def _hum(picture: Image, s: int, rng: np.random.Generator, live: np.random.Generator) -> Any:
    """Interference: a fine slanted pattern with varying strength along the picture."""
    yy, xx = np.mgrid[0:H, 0:W]
    angle, period = rng.uniform(0, np.pi), rng.uniform(5, 14)
    wave = np.sin(2 * np.pi * (xx * np.cos(angle) + yy * np.sin(angle)) / period + live.uniform(0, 6.28))
    envelope = 0.6 + 0.4 * np.sin(yy / H * 9.0 + rng.uniform(0, 6))
    return picture + ((6, 13, 28)[s] * wave * envelope)[..., None]


def _blocks(picture: Image, s: int, rng: np.random.Generator, live: np.random.Generator) -> Any:
    """Lost macroblocks: averaged, green or displaced."""
    made = picture.copy()
    for _ in range((10, 30, 80)[s]):
        x, y = 16 * int(live.integers(W // 16 - 6)), 16 * int(live.integers(H // 16))
        piece = made[y : y + 16, x : x + 16 * int(live.integers(1, 7))]
        kind = live.random()
        if kind < 0.4:
            piece[:] = piece.mean(axis=(0, 1))
        elif kind < 0.6:
            piece[:] = (0, 120, 0)
        else:
            piece[:] = np.roll(picture, (int(live.integers(20, 80)), int(live.integers(20, 200))), (0, 1))[
                y : y + piece.shape[0], x : x + piece.shape[1]
            ]
    return made


def _half(picture: Image, s: int, rng: np.random.Generator, live: np.random.Generator) -> Any:
    """The lower part of the picture is missing: filled with the decoder's grey or with the last row received."""
    made, top = picture.copy(), int(H * (0.8, 0.6, 0.4)[s])
    made[top:] = 128 if rng.random() < 0.5 else picture[top - 1][None]
    return made


def _hand(picture: Image, s: int, rng: np.random.Generator, live: np.random.Generator) -> Any:
    mask = np.zeros((H, W), np.float32)
    wide, tall = (0.3, 0.42, 0.6)[s] * W, (0.5, 0.65, 0.9)[s] * H
    x, y = rng.uniform(0.25, 0.75) * W, H - tall * 0.4
    cv2.ellipse(
        mask, (int(x), int(y)), (int(wide / 1.6), int(tall / 1.3)), float(rng.uniform(-25, 25)), 0, 360, 1.0, -1
    )
    mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), 5), np.float32)[..., None]
    grain = cv2.GaussianBlur(rng.normal(0, 30, (H, W)).astype(np.float32), (0, 0), 9)[..., None]
    skin = np.array([0.55, 0.7, 1.0]) * (float(picture.mean()) * 0.8 + 10) + grain
    return picture * (1 - mask) + skin * mask + live.normal(0, 1.5, picture.shape)


def _poster(picture: Image, s: int, rng: np.random.Generator, live: np.random.Generator) -> Any:
    """A flat sheet with print, close enough to be half sharp."""
    wide, tall = int((0.4, 0.6, 0.95)[s] * W), int((0.6, 0.8, 0.95)[s] * H)
    x, y = int(rng.uniform(0, W - wide)), int(rng.uniform(0, H - tall))
    sheet = np.full((tall, wide, 3), 210.0)
    for i in range(5):
        cv2.putText(
            sheet,
            "NOTICE " + str(i),
            (8, int(tall * (i + 1) / 6)),
            cv2.FONT_HERSHEY_SIMPLEX,
            tall / 200,
            (30, 30, 160),
            5,
        )
    made = picture.astype(np.float64)
    made[y : y + tall, x : x + wide] = cv2.GaussianBlur(sheet, (0, 0), 4) * (0.25 + 0.5 * picture.mean() / 128)
    return made + live.normal(0, 1.5, picture.shape)


def _tint(picture: Image, s: int, rng: np.random.Generator, live: np.random.Generator) -> Any:
    """A filter before the sensor, or a lost channel: blue and green are weaker."""
    return picture * np.array([(0.75, 0.93, 1.0), (0.5, 0.82, 1.0), (0.15, 0.5, 1.0)][s])


def _web(picture: Image, s: int, rng: np.random.Generator, live: np.random.Generator) -> Any:
    """A cobweb before the lens: threads out of focus from a corner, with drops that catch the light."""
    threads, centre = np.zeros((H, W), np.float32), (rng.uniform(0, W), rng.uniform(0, 0.4 * H))
    angles = np.sort(rng.uniform(0, 2 * np.pi, (7, 11, 15)[s]))
    far = [(centre[0] + 900 * np.cos(a), centre[1] + 900 * np.sin(a)) for a in angles]
    for end in far:
        cv2.line(threads, tuple(map(int, centre)), tuple(map(int, end)), 1.0, 3)
    for ring in range(1, (4, 7, 11)[s]):
        r = ring * 36
        corners = [(int(centre[0] + r * np.cos(a)), int(centre[1] + r * np.sin(a))) for a in angles]
        cv2.polylines(threads, [np.array(corners)], True, 0.8, 2)
    for _ in range((4, 10, 20)[s]):
        at = int(centre[0] + rng.normal(0, 140)), int(centre[1] + abs(rng.normal(0, 140)))
        cv2.circle(threads, at, int(rng.uniform(5, 14)), 1.0, -1)
    soft = cv2.GaussianBlur(threads, (0, 0), 3.5)[..., None] * (0.5, 0.7, 0.9)[s]
    swayed = np.roll(soft, int(live.integers(-3, 4)), axis=1)
    light = float(picture.mean()) * 0.6 + 90
    return picture * (1 - np.clip(swayed, 0, 0.8)) + light * np.clip(swayed, 0, 0.8)


def _panned(picture: Image, s: int, rng: np.random.Generator, live: np.random.Generator) -> Any:
    """A panned camera; a wall appears at the edge."""
    dx, dy = int((0.03, 0.1, 0.35)[s] * W) * (1 if rng.random() < 0.5 else -1), int((0.01, 0.04, 0.1)[s] * H)
    return cv2.warpAffine(
        picture,
        np.array([[1, 0, dx], [0, 1, dy]], np.float32),
        SIZE,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(95, 100, 105),
    )


def _zoomed(picture: Image, s: int, rng: np.random.Generator, live: np.random.Generator) -> Any:
    turn = cv2.getRotationMatrix2D((rng.uniform(0.4, 0.6) * W, rng.uniform(0.4, 0.6) * H), 0, (1.1, 1.3, 1.8)[s])
    return cv2.warpAffine(picture, turn, SIZE, flags=cv2.INTER_CUBIC)


def _elsewhere(picture: Image, s: int, rng: np.random.Generator, live: np.random.Generator) -> Any:
    """Another scene: the picture upside down, a part of it, or plain ground."""
    match s:
        case 0:
            return picture[::-1, ::-1]
        case 1:
            return cv2.resize(picture[H // 2 :, : W // 2], SIZE, interpolation=cv2.INTER_CUBIC)
        case _:
            grain = cv2.GaussianBlur(rng.normal(0, 60, (H, W)).astype(np.float32), (0, 0), 1.5)[..., None]
            return float(picture.mean()) + grain + live.normal(0, 1.5, picture.shape)


_MADE = {
    "card": _card,
    "dark": _dark,
    "tint": _tint,
    "web": _web,
    "gain_up": _gain((2.6, 4.5, 9.0)),
    "gain_down": _gain((0.16, 0.08, 0.03)),
    "haze": _haze,
    "soft": _soft,
    "smear": _smear,
    "balance": _balance,
    "grey": _grey,
    "snow": _snow,
    "bands": _bands,
    "hum": _hum,
    "blocks": _blocks,
    "half": _half,
    "hand": _hand,
    "poster": _poster,
    "panned": _panned,
    "zoomed": _zoomed,
    "elsewhere": _elsewhere,
}
