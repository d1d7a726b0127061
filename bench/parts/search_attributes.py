"""Attributes, kinds and colours: what is said of an object, how often that is right, and how often nothing is said.

The reference is `attribute_truth.yaml`: people and vehicles of the shared clips, read by eye. Whole frames are shown in
other light, exposure, size and compression; the camera's balance is learned from them; each object's looks are joined
as in a track. The curves of the packs and colours were set on vtest and car-detection and on drawn garments, in
SET_LIGHTS; they are judged here on one-by-one, person-bicycle-car and other garments in JUDGED_LIGHTS. `fit` and
`fit_colours` compute the curves again.

Infra-red is judged on frames of the clips made grey, tinted and coded, against the same frames under sodium light.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import av
import cv2
import numpy as np
import yaml

from bench.common import Figure
from bench.parts.search_words import drawn_garments
from nvr.playback.pictures import Picture
from search.analysis import pipeline
from search.analysis.colours import ANY_COLOUR, ColourNames, WhiteBalance, strongest, strongest_unjudged
from search.analysis.description import crop
from search.analysis.detectors.base import Detection
from search.analysis.infrared import InfraredState
from search.analysis.riders import DetectedObject
from search.analysis.tracking import Track, TrackedDetection, Tracker
from search.models.definition import MIN_CONFIDENCE
from search.query.sightings import sighting_of
from search.vocabulary import Attribute, Cls, Colour

TRUTH = Path(__file__).with_name("attribute_truth.yaml")
SET_CLIPS = ("vtest_480x360.avi", "car-detection.mp4")
JUDGED_CLIPS = ("one-by-one-person-detection.mp4", "person-bicycle-car-detection.mp4")
BALANCE_FRAMES = 8
SMALL = (160, 90)
SCORE_BINS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
SHARE_BINS = (20.0, 40.0, 60.0, 100.0)
MIN_NAMED_OBJECTS = 10  # that were given a colour name, for a curve of its own
DRAWN_LIGHTS = 8
_Key = TypeVar("_Key", int, str)


@dataclass(frozen=True, slots=True)
class Light:
    """How a camera shows a scene: scale, gains of B, G and R, exposure, noise (grey levels), JPEG quality."""

    scale: float
    gains: tuple[float, float, float]
    exposure: float
    noise: float
    quality: int

    def show(self, picture: Picture, rng: np.random.Generator) -> Picture:
        scaled = cv2.resize(picture, None, fx=self.scale, fy=self.scale, interpolation=cv2.INTER_AREA)
        lit = scaled * np.array(self.gains) * self.exposure + rng.normal(0, self.noise, scaled.shape)
        _, jpeg = cv2.imencode(".jpg", np.clip(lit, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, self.quality])
        return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)


SET_LIGHTS = (
    Light(1, (1, 1, 1), 1, 0, 95),
    Light(1, (0.85, 1, 1.12), 0.9, 3, 60),
    Light(1, (1.12, 1, 0.88), 0.7, 4, 50),
    Light(0.75, (1.05, 0.97, 1), 0.55, 5, 40),
)
JUDGED_LIGHTS = (
    Light(0.8, (0.9, 1, 1.1), 0.8, 4, 45),
    Light(0.6, (1.1, 1.02, 0.9), 1.15, 2, 65),
    Light(0.4, (0.95, 1.03, 1.08), 0.95, 3, 80),
    Light(1, (1.08, 1, 0.95), 0.6, 4, 55),
)


@dataclass(frozen=True, slots=True)
class Reference:
    """An object of the reference; colours and attributes hold only what the eye can tell."""

    number: int
    clip: str
    cls: Cls
    upper: tuple[str, ...]
    lower: tuple[str, ...]
    attributes: dict[str, bool]
    looks: tuple[tuple[int, float, float, float, float], ...]

    @property
    def detected_cls(self) -> Cls:
        """The class that a detector gives it."""
        return Cls.person if self.cls == Cls.person else Cls.vehicle


@dataclass(slots=True)
class Tally:
    """What was said of one attribute."""

    said: int = 0
    right: int = 0
    dropped: int = 0

    def add(self, said: bool, right: bool) -> None:
        self.said, self.right, self.dropped = self.said + said, self.right + (said and right), self.dropped + (not said)


def references() -> list[Reference]:
    rows = yaml.safe_load(TRUTH.read_text(encoding="utf-8"))["objects"]
    return [
        Reference(
            i, r["clip"], Cls[r["cls"]], tuple(r["upper"]), tuple(r["lower"]), r["attributes"],
            tuple(tuple(look) for look in r["looks"]),
        )
        for i, r in enumerate(rows)
    ]  # fmt: skip


def run(quick: bool, footage: Path) -> list[Figure]:
    tallies: dict[str, Tally] = defaultdict(Tally)
    clips = JUDGED_CLIPS[1:] if quick else JUDGED_CLIPS
    for reference, track in _tracks(footage, clips, JUDGED_LIGHTS[: 1 if quick else None]):
        _judge(reference, track, tallies)
    for garment in drawn_garments(range(1, 2 if quick else DRAWN_LIGHTS, 2)):
        first = strongest(garment.sums).first
        tallies["colours, drawn garments"].add(bool(first), Colour(first).name == garment.name)
    return [*_figures(tallies, quick), *_infrared(footage, quick)]


def _figures(tallies: dict[str, Tally], quick: bool) -> Iterator[Figure]:
    said = right = 0
    for name, tally in sorted(tallies.items()):
        share = tally.right / tally.said if tally.said else 0.0
        said, right = said + tally.said, right + tally.right
        what = f"right of {tally.said} said, {tally.dropped} dropped"
        # One village light shows an attribute on a few objects only: the quick run judges the sum.
        bar = "" if quick or not tally.said else f"≥ {MIN_CONFIDENCE}"
        yield Figure(name, round(share, 3), what, bar, not bar or share >= MIN_CONFIDENCE)
    share = right / max(1, said)
    yield Figure("all attributes", round(share, 3), f"right of {said} said", "≥ 0.7", share >= MIN_CONFIDENCE)


@dataclass(slots=True)
class _Shown:
    """The frames of a clip that the reference needs, in one light, with the balance that a camera learns there."""

    frames: dict[int, Picture]
    balance: WhiteBalance = field(default_factory=WhiteBalance)


def _tracks(footage: Path, clips: Sequence[str], lights: Sequence[Light]) -> Iterator[tuple[Reference, Track]]:
    """Yield each object of the clips in each light as a track of all its looks."""
    for clip in clips:
        objects = [r for r in references() if r.clip == clip]
        wanted = {look[0] for r in objects for look in r.looks}
        for light in lights:
            shown = _shown(footage / clip, wanted, light)
            for reference in objects:
                yield reference, _track_of(reference, _looks(reference, shown))


def _shown(path: Path, wanted: Iterable[int], light: Light) -> _Shown:
    rng = np.random.default_rng(7)
    originals = _frames(path, frozenset(wanted))
    shown = _Shown({i: light.show(p, rng) for i, p in originals.items()})
    for i in sorted(shown.frames)[:: max(1, len(shown.frames) // BALANCE_FRAMES)]:
        small = cv2.resize(shown.frames[i], SMALL, interpolation=cv2.INTER_AREA)
        shown.balance.learn(np.asarray(small, np.uint8))
    return shown


@cache
def _frames(path: Path, wanted: frozenset[int]) -> dict[int, Picture]:
    with av.open(str(path)) as container:
        found = {i: f.to_ndarray(format="bgr24") for i, f in enumerate(container.decode(video=0)) if i in wanted}
    return {i: np.asarray(p, np.uint8) for i, p in found.items()}


def _looks(reference: Reference, shown: _Shown) -> Iterator[TrackedDetection]:
    for frame, x, y, w, h in reference.looks:
        box = Detection(reference.detected_cls, 0.9, x, y, w, h)
        yield pipeline.models().describe(shown.frames[frame], DetectedObject(box, box), shown.balance, infrared=False)


def _track_of(reference: Reference, looks: Iterable[TrackedDetection]) -> Track:
    """Join all looks in one track, wherever they were: assignment is not judged here."""
    joined: Track | None = None
    for look in looks:
        one = Tracker(1).update(1_780_000_000_000, [look])[0]
        if joined is None:
            joined = one
            continue
        joined.upper, joined.lower = joined.upper + one.upper, joined.lower + one.lower
        joined.coloured += one.coloured
        for cls, votes in one.votes.items():
            joined.votes[cls] = joined.votes.get(cls, 0.0) + votes
        for attribute, (total, count) in one.attributes.items():
            before, looked = joined.attributes.get(attribute, (0.0, 0))
            joined.attributes[attribute] = (before + total, looked + count)
    assert joined is not None, f"object {reference.number} has no looks"
    return joined


def _judge(reference: Reference, track: Track, tallies: dict[str, Tally]) -> None:
    row = sighting_of(track, 1, 2)
    for name, present in reference.attributes.items():
        attribute = Attribute[name]
        told = bool(row.known & attribute)
        tallies[name].add(told, bool(row.attributes & attribute) == present)
    whose = "clothes" if reference.cls == Cls.person else "vehicle"
    for names, first in ((reference.upper, row.upper), (reference.lower, row.lower)):
        if names:
            tallies[f"colours, {whose}"].add(bool(first), Colour(first).name in names)
    if reference.cls != Cls.person:
        tallies["kind of vehicle"].add(row.cls != Cls.vehicle, row.cls == reference.cls)


def _infrared(footage: Path, quick: bool) -> Iterator[Figure]:
    """Show grey and coloured frames as cameras do at night; each camera sends six pictures."""
    rng = np.random.default_rng(3)
    infrared = colour = called = missed = 0
    for clip in ("person-bicycle-car-detection.mp4",) if quick else (SET_CLIPS[0], *JUDGED_CLIPS):
        frames = list(_frames(footage / clip, frozenset(range(0, 450, 75))).values())
        for quality in (75, 50):
            for gains in ((1.0, 1.0, 1.0), (0.97, 1.0, 1.03), (1.03, 0.98, 1.02)):
                light = Light(1, gains, 0.7, 3, quality)
                greys = [cv2.cvtColor(cv2.cvtColor(f, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR) for f in frames]
                infrared += 1
                missed += not _told_infrared([light.show(np.asarray(g, np.uint8), rng) for g in greys])
            if clip == JUDGED_CLIPS[1]:
                continue  # an empty grey yard shows no colours at night
            for exposure in (0.6, 0.3):
                sodium = Light(1, (0.3, 0.72, 1.15), exposure, 4, quality)
                colour += 1
                called += _told_infrared([sodium.show(_faded(f), rng) for f in frames])
    yield Figure("infra-red, recognised", infrared - missed, f"of {infrared} cameras", "all", missed == 0)
    if colour:
        yield Figure("sodium light called infra-red", called, f"of {colour} cameras", "none", called == 0)


def _faded(picture: Picture) -> Picture:
    grey = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    return np.asarray(cv2.addWeighted(grey, 0.5, picture, 0.5, 0), np.uint8)


def _told_infrared(pictures: Sequence[Picture]) -> bool:
    state = InfraredState()
    for picture in pictures:
        state.update(np.asarray(cv2.resize(picture, SMALL, interpolation=cv2.INTER_AREA), np.uint8))
    return state.active


def fit(footage: Path) -> dict[str, list[tuple[float, float]]]:
    """Return the curve of each word of the packs from the looks of SET_CLIPS in SET_LIGHTS.

    An object counts once in a bin; probability = (right + 1) / (objects + 2) (Laplace's rule of succession), never on
    the other side of 0.5 than the score, and not falling.
    """
    seen: dict[str, dict[int, dict[int, bool]]] = defaultdict(lambda: defaultdict(dict))
    for clip in SET_CLIPS:
        objects = [r for r in references() if r.clip == clip]
        for light in SET_LIGHTS:
            shown = _shown(footage / clip, {look[0] for r in objects for look in r.looks}, light)
            for r in objects:
                for word, score, true in _scores(r, shown):
                    at = int(np.digitize(score, SCORE_BINS[1:-1]))
                    seen[word][at][r.number] = true
    return {w: _points(SCORE_BINS, bins) for w, bins in sorted(seen.items())}


def fit_colours(footage: Path) -> dict[str, list[tuple[float, float]]]:
    """Return the curve of the colour names: share of the strongest colour in per cent to probability; as `fit`.

    From the objects of SET_CLIPS in SET_LIGHTS, and garments drawn in the first lights. A name has a curve of its own
    if at least MIN_NAMED_OBJECTS were given it; `any` is the one of all names together: a curve of two or three objects
    says little about a colour and would keep most garments of it from being found.
    """
    seen: dict[str, dict[int, dict[str, bool]]] = defaultdict(lambda: defaultdict(dict))
    named: list[tuple[str, ColourNames, tuple[str, ...]]] = [
        (f"garment {g.shade}", strongest_unjudged(g.sums), (g.name,)) for g in drawn_garments(range(0, DRAWN_LIGHTS, 2))
    ]
    for r, track in _tracks(footage, SET_CLIPS, SET_LIGHTS):
        named.append((f"upper {r.number}", strongest_unjudged(track.upper), r.upper))
        if r.cls == Cls.person:
            named.append((f"lower {r.number}", strongest_unjudged(track.lower), r.lower))
    for key, names, truth in named:
        if truth:
            at = int(np.digitize(names.share, SHARE_BINS[1:-1]))
            right = Colour(names.first).name in truth
            seen[Colour(names.first).name][at][key] = right
            seen[ANY_COLOUR][at][f"{names.first} {key}"] = right
    return {
        w: _points(SHARE_BINS, bins, sided=False)
        for w, bins in sorted(seen.items())
        if sum(map(len, bins.values())) >= MIN_NAMED_OBJECTS
    }


def _points(
    edges: Sequence[float], bins: Mapping[int, Mapping[_Key, bool]], *, sided: bool = True
) -> list[tuple[float, float]]:
    raw = [(sum(b.values()) + 1) / (len(b) + 2) for b in (bins.get(i, {}) for i in range(len(edges) - 1))]
    if sided:
        raw = [min(p, 0.5) if i < len(raw) // 2 else max(p, 0.5) for i, p in enumerate(raw)]
    centres = [round((a + b) / 2, 2) for a, b in pairwise(edges)]
    return list(zip(centres, (round(p, 2) for p in _pooled(raw)), strict=True))


def _scores(reference: Reference, shown: _Shown) -> Iterator[tuple[str, float, bool]]:
    """Yield word, raw score and truth of each look, for what the reference tells."""
    for pack in pipeline.models().attributes:
        if int(reference.detected_cls) not in pack.applies_to:
            continue
        for frame, x, y, w, h in reference.looks:
            cut = crop(shown.frames[frame], Detection(reference.detected_cls, 0.9, x, y, w, h))
            for word, score in pack.raw_scores(cut):
                if word in reference.attributes:
                    yield word, score, reference.attributes[word]
                elif word in Cls.__members__ and cut.shape[0] >= pack.pack.min_height:
                    yield word, score, word == reference.cls.name
                elif word in Colour.__members__ and reference.upper:
                    yield "colour", score, word in reference.upper  # pooled: too few objects of each


def _pooled(values: Sequence[float]) -> list[float]:
    """Return the nearest values that do not fall (pool adjacent violators)."""
    blocks: list[list[float]] = []
    for value in values:
        blocks.append([value])
        while len(blocks) > 1 and np.mean(blocks[-2]) > np.mean(blocks[-1]):
            last = blocks.pop()
            blocks[-1] += last
    return [float(np.mean(b)) for b in blocks for _ in b]
