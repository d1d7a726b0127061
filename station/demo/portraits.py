"""Small pictures for facts of the day before the demo: somebody on a street, and a repaired connection box."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from cameras.virtual.rendering.figures import Sprite, draw_sticks, person, rider
from cameras.virtual.rendering.lens import Lens
from cameras.virtual.rendering.view import Look, MoverKind

SIZE = (200, 300)  # width and height of a portrait
STANDS_AT = (0.0, 6.0)

Picture = npt.NDArray[np.uint8]


def portrait(look: Look, kind: MoverKind, seed: int) -> bytes:
    """Return a JPEG of a person or rider before a street's asphalt."""
    random = np.random.default_rng(seed)
    lens = Lens.of(SIZE, 22.0, 2.4)
    lens = Lens(lens.width, lens.height, lens.focal, 0.27, lens.above)
    picture = _street(random)
    sprite = Sprite.around(lens, STANDS_AT, 1.2, 2.0)
    assert sprite is not None
    turn = float(random.uniform(0, 2 * np.pi))
    heading = float(np.cos(turn)), float(np.sin(turn))
    sticks = rider(look) if kind is MoverKind.RIDER else person(look, float(random.uniform(0, 3)))
    draw_sticks(sprite, sticks, STANDS_AT, heading, np.full(3, 0.95, np.float32), 1.0)
    left, top, right, bottom = sprite.box
    share = (sprite.alpha / 255.0)[..., None]
    part = picture[top:bottom, left:right]
    part[:] = (part * (1 - share) + sprite.colour * share).astype(np.uint8)
    return _jpeg(cv2.GaussianBlur(picture, (3, 3), 0.6))


def _street(random: np.random.Generator) -> Picture:
    width, height = SIZE
    grey = np.linspace(118, 92, height)[:, None] + random.normal(0, 5, (height, width))
    picture = np.stack([grey, grey, grey * 0.99], axis=-1)
    picture[: int(height * 0.18)] = 148 + random.normal(0, 4, (int(height * 0.18), width, 1))
    cv2.line(picture, (0, int(height * 0.19)), (width, int(height * 0.17)), (170, 172, 172), 4)
    return np.asarray(np.clip(cv2.GaussianBlur(picture, (0, 0), 0.9), 0, 255), np.uint8)


def repair_photo(text: str) -> bytes:
    """Return a JPEG of an open connection box on a pole with new cables, as a repairer photographs it."""
    random = np.random.default_rng(4)
    picture = np.full((720, 960, 3), (205, 196, 182), np.float32) + random.normal(0, 6, (720, 960, 1))
    cv2.rectangle(picture, (400, 0), (560, 720), (150, 152, 150), -1)
    for x in range(400, 560, 6):
        picture[:, x : x + 3] *= 0.985
    cv2.rectangle(picture, (270, 190), (690, 560), (188, 190, 192), -1)
    cv2.rectangle(picture, (292, 212), (668, 538), (92, 94, 96), -1)
    cv2.rectangle(picture, (330, 250), (480, 350), (58, 60, 62), -1)
    cv2.rectangle(picture, (500, 250), (630, 330), (196, 198, 198), -1)
    for i, colour in enumerate(((40, 40, 190), (190, 120, 40), (60, 160, 60), (30, 30, 30), (200, 200, 205))):
        start, end = (350 + 26 * i, 350), (330 + 60 * i, 538)
        curve = [start, (start[0] - 18 + 9 * i, 420), (end[0] + 20 - 8 * i, 480), end]
        cv2.polylines(picture, [np.array(curve, np.int32)], False, colour, 7, cv2.LINE_AA)
    for x in (345, 372, 399):
        cv2.circle(picture, (x, 268), 6, (70, 220, 90), -1, cv2.LINE_AA)
    cv2.putText(picture, text, (24, 694), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (60, 200, 250), 2, cv2.LINE_AA)
    return _jpeg(np.asarray(np.clip(cv2.GaussianBlur(picture, (0, 0), 1.1), 0, 255), np.uint8))


def _jpeg(picture: npt.NDArray[np.uint8] | cv2.typing.MatLike) -> bytes:
    _, content = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return content.tobytes()
