"""Colours on a generated set and the watch list: what they find and cost."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cache, partial

import cv2
import numpy as np

from bench.common import Figure
from cameras.virtual import scene
from cases.tables import WatchExample, WatchSubject
from cases.watch.watch_list import WatchList
from cases.watch.watched import compiled
from nvr.playback.pictures import Picture
from search.analysis.colours import Floats, WhiteBalance, strongest, weights
from search.query.filters import CameraScope
from search.store.rows import Sighting
from search.store.vectors import DIMENSION, dequantise, quantise
from search.vocabulary import Colour, ColourWord

# Three shades of each colour name as in clothes: red, green, blue.
SHADES = {
    "black": ((20, 20, 22), (35, 33, 34), (28, 30, 38)),
    "grey": ((120, 120, 122), (90, 92, 95), (150, 150, 148)),
    "white": ((240, 240, 238), (225, 226, 230), (250, 250, 250)),
    "red": ((200, 25, 35), (165, 20, 35), (220, 45, 40)),
    "orange": ((240, 130, 30), (225, 110, 25), (245, 150, 55)),
    "yellow": ((245, 215, 40), (230, 200, 60), (250, 230, 90)),
    "green": ((40, 130, 60), (30, 95, 50), (90, 165, 70)),
    "cyan": ((40, 175, 185), (70, 190, 195), (30, 150, 160)),
    "blue": ((35, 70, 170), (25, 45, 110), (70, 120, 200)),
    "purple": ((110, 45, 140), (90, 30, 110), (140, 80, 165)),
    "pink": ((240, 150, 180), (235, 120, 160), (245, 175, 195)),
    "brown": ((110, 70, 40), (90, 55, 35), (130, 90, 60)),
}
assert tuple(SHADES) == tuple(ColourWord)


def colours(quick: bool) -> list[Figure]:
    """Draw walkers in every shade in daylight of changing colour and exposure, with noise, as JPEG quality 60."""
    rng = np.random.default_rng(3)
    plain: Counter[str] = Counter()
    wrong: Counter[tuple[str, str]] = Counter()
    lights = 1 if quick else 12
    for light in range(lights):
        cast = 1 + rng.uniform(-0.15, 0.15, 3)
        exposure = rng.uniform(0.6, 1.15)
        empty = scene.Street(20 + light, (1280, 720), walkers=[])
        balance = WhiteBalance()
        for i in range(6):
            seen = _seen(empty.frame(0, i), cast, exposure * rng.uniform(0.97, 1.03), rng)
            balance.learn(np.asarray(cv2.resize(seen, (160, 90), interpolation=cv2.INTER_AREA), np.uint8))
        for name, shades in SHADES.items():
            for r, g, b in shades:
                crop = _crop(20 + light, (b, g, r))
                picture = _seen(crop, cast, exposure, rng)
                for key, one in (("raw", picture), ("balanced", balance.apply(picture))):
                    naming = strongest(weights(one, vehicle=False)[0])
                    plain[key] += naming.first == Colour[name]
                    plain[f"{key}2"] += Colour[name] in (naming.first, naming.second)
                    if key == "balanced" and naming.first != Colour[name]:
                        wrong[name, Colour(naming.first).name] += 1
    total = lights * 36
    share = {k: v / total for k, v in plain.items()}
    print("colours taken for others:", ", ".join(f"{a}→{b} {n}" for (a, b), n in wrong.most_common(12)))
    return [
        Figure("colours of clothes in daylight, pictures", total, ""),
        Figure("top-1", round(share["balanced"], 3), "", "≥ 0.90", share["balanced"] >= 0.9),
        Figure("among the top two", round(share["balanced2"], 3), ""),
        Figure("top-1 without the camera's balance", round(share["raw"], 3), ""),
    ]


@dataclass(frozen=True, slots=True)
class Garment:
    """A drawn garment as a camera shows it: the name and shade (R, G, B) of its colour, and the sums by colour."""

    name: str
    shade: tuple[int, int, int]
    sums: Floats


def drawn_garments(lights: Iterable[int]) -> Iterator[Garment]:
    """Yield a jacket of every shade in daylights of a given number: other cast, exposure and noise in each."""
    for light in lights:
        rng, street = np.random.default_rng(100 + light), 20 + light % 2
        cast, exposure = 1 + rng.uniform(-0.15, 0.15, 3), rng.uniform(0.6, 1.15)
        balance, empty = WhiteBalance(), scene.Street(street, (1280, 720), walkers=[]).frame(0, 0)
        for _ in range(3):
            seen = _seen(empty, cast, exposure * rng.uniform(0.97, 1.03), rng)
            balance.learn(np.asarray(cv2.resize(seen, (160, 90), interpolation=cv2.INTER_AREA), np.uint8))
        for name, shades in SHADES.items():
            for r, g, b in shades:
                crop = balance.apply(_seen(_crop(street, (b, g, r)), cast, exposure, rng))
                yield Garment(name, (r, g, b), weights(crop, vehicle=False)[0])


@cache
def _crop(seed: int, jacket: tuple[int, int, int]) -> Picture:
    known = dict(scene.COLOURS)
    scene.COLOURS["bench"] = jacket
    try:
        view = scene.Street(seed, (1280, 720), [scene.Walker("bench", "black", 0.5, 0.92, 0.0, False)])
        return view.frame(0.5, 0)[int(720 * 0.42) : int(720 * 0.92), 580:700]
    finally:
        scene.COLOURS.clear()
        scene.COLOURS.update(known)


def _seen(
    picture: Picture, cast: np.ndarray[tuple[int], np.dtype[np.float64]], exposure: float, rng: np.random.Generator
) -> Picture:
    lit = picture * cast * exposure + rng.normal(0, 4, picture.shape)
    _, jpeg = cv2.imencode(".jpg", np.clip(lit, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 60])
    return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)


def watch(quick: bool) -> list[Figure]:
    """Match 10,000 subjects: by attributes, half of them also with an example picture."""
    rng, now = np.random.default_rng(1), datetime(2026, 11, 1, tzinfo=timezone.utc)
    vectors = rng.standard_normal((10_000, DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    words = ("person", "rider", "vehicle", "ebike", "van")
    subjects = [
        WatchSubject(
            id=i + 1,
            cls=words[i % 5],
            upper=tuple(ColourWord)[i % 12] if i % 3 else None,
            lower=tuple(ColourWord)[i % 7] if i % 4 == 0 else None,
            villages=None if i % 10 else [f"v{i % 22}"],
            likeness=0.6,
            state="active",
            expires_at=now + timedelta(days=3),
        )
        for i in range(10_000)
    ]
    shown = [
        [WatchExample(vector=quantise(v[None]).tobytes(), embedder="pack@1")] if i % 2 else []
        for i, v in enumerate(vectors)
    ]
    nowhere = CameraScope({}, {})
    listed = WatchList([compiled(nowhere, s, timezone.utc, e) for s, e in zip(subjects, shown, strict=True)])
    seen = [
        Sighting(
            i + 1,
            0,
            0,
            i % 200,
            1 + i % 2,
            800,
            upper=1 + i % 12,
            upper2=(i % 5) * 2,
            lower=1 + i % 7,
            embedder=2,
            vector=0,
        )
        for i in range(50 if quick else 1000)
    ]
    mine = dequantise(quantise(vectors[: len(seen)]))
    for i in range(22):
        listed.fitting(seen[i], f"v{i % 22}", "pack@1", partial(mine.__getitem__, i))
    began = time.perf_counter()
    hits = 0
    for i, s in enumerate(seen):
        hits += len(listed.fitting(s, f"v{i % 22}", "pack@1", partial(mine.__getitem__, i)))
    ms = (time.perf_counter() - began) / len(seen) * 1000
    return [
        Figure("watch list of 10,000, a sighting", round(ms, 3), "ms", "< 1", ms < 1),
        Figure("subjects that it fits", round(hits / len(seen), 1), ""),
    ]
