"""Encodes a view's film to looped clips: main and sub-stream, with one story for all cameras.

Groups of pictures (GOPs) in which nothing moves are taken from a few prepared ones. They differ in their sensor noise,
so that the picture never repeats bit by bit, which would be a fault of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import cv2
import numpy as np

from cameras.virtual.clip import ClipEncoder, Frame, LoopClip
from cameras.virtual.rendering.film import StreetFilm
from cameras.virtual.rendering.view import View

FPS, GOP = 8.0, 16
MAIN, SUB = (1280, 720), (640, 360)
IDLE_GOPS = 5
PROBES_A_GOP = 4  # moments of a GOP at which movement is looked for

Clips = dict[str, LoopClip]  # by profile: 'main', 'sub'


@dataclass(frozen=True, slots=True)
class _Gop:
    """A GOP to be encoded: its first second in the story, or an idle one."""

    start: float
    number: int


def encode_story(view: View, moment: datetime, codec: str, seconds: float) -> tuple[Clips, list[Frame]]:
    """Return the clips of the first `seconds` of the story in the light of `moment`, and its first pictures.

    Takes minutes of CPU for a whole story; call it from a process of its own.
    """
    film = StreetFilm(view, moment)
    length = GOP / FPS
    wanted: list[_Gop] = []
    idle = 0
    for i in range(max(1, round(seconds / length))):
        start = i * length
        if any(film.is_seen(start + length * k / PROBES_A_GOP) for k in range(PROBES_A_GOP)):
            wanted.append(_Gop(start, -1))
        else:
            wanted.append(_Gop(_since(film, start), idle % IDLE_GOPS))
            idle += 1
    order = list(dict.fromkeys(wanted))
    encoders = {"main": ClipEncoder(codec, FPS, GOP), "sub": ClipEncoder("h264", FPS, GOP)}
    first = list[Frame]()
    for gop in order:
        for picture in _pictures(film, gop):
            first += [picture] if len(first) < 2 * GOP else []
            add(encoders, picture)
    return {p: LoopClip(codec if p == "main" else "h264", FPS, _joined(e.units(), order, wanted))
            for p, e in encoders.items()}, first  # fmt: skip


def add(encoders: Mapping[str, ClipEncoder], picture: Frame) -> None:
    """Encode a picture of the main stream's size for both streams."""
    encoders["main"].add(picture)
    encoders["sub"].add(np.asarray(cv2.resize(picture, SUB, interpolation=cv2.INTER_AREA), np.uint8))


def encode_pictures(pictures: Iterable[Frame], codec: str) -> Clips:
    """Return the clips of pictures of the main stream's size. Raises ValueError without pictures."""
    encoders = {"main": ClipEncoder(codec, FPS, GOP), "sub": ClipEncoder("h264", FPS, GOP)}
    for picture in pictures:
        add(encoders, picture)
    return {p: LoopClip(codec if p == "main" else "h264", FPS, e.units()) for p, e in encoders.items()}


def _since(film: StreetFilm, second: float) -> float:
    """Return since when the parked vehicles stand as they do at a second: the same for all idle GOPs of that time."""
    changes = [t for p in film.view.parked if p.gone for t in p.gone if t <= second]
    return max(changes, default=0.0)


def _pictures(film: StreetFilm, gop: _Gop) -> Iterable[Frame]:
    random = np.random.default_rng(gop.number + 1)
    for i in range(GOP):
        if gop.number < 0:
            yield film.frame(gop.start + i / FPS, int(gop.start * FPS) + i)
        else:
            yield film.still(gop.start, int(random.integers(1 << 16)))


def _joined(units: list[list[bytes]], order: Sequence[_Gop], wanted: Sequence[_Gop]) -> list[list[bytes]]:
    """Put the encoded GOPs into the order of the story."""
    place = {gop: i * GOP for i, gop in enumerate(order)}
    return [unit for gop in wanted for unit in units[place[gop] : place[gop] + GOP]]
