"""The built-in detector, which needs no download: motion regions, classified by OpenCV's HOG people detector.

A motion region is a *person* where HOG finds one, otherwise an object of class unknown. It does not find standing
people or anything else that does not move; docs/search.md compares it with a model pack.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from nvr.playback.pictures import Picture
from search.analysis.detectors.base import Detection, Pixels, Region, clip_to_picture
from search.vocabulary import Cls

PERSON_PIXELS = 150  # height to which a moving region is scaled: the HOG template is 128 tall
MAX_REGIONS = 6
MIN_AREA = 0.004  # share of the picture: smaller is a bird, a branch, or too small for HOG
MIN_PERSON_SCORE = 0.55


class BuiltinDetector:
    """Finds people and unknown objects in motion regions. Ignores windows."""

    name = "builtin@1"
    input_size: tuple[int, int] | None = None

    def __init__(self, threshold: float | None = None):
        self._threshold = 0.3 if threshold is None else threshold
        self._hog = cv2.HOGDescriptor()
        self._hog.setSVMDetector(cv2.HOGDescriptor_getDefaultPeopleDetector())  # type: ignore[attr-defined]

    def detect(self, picture: Picture, moving: Sequence[Region], windows: Sequence[Pixels] = ()) -> list[Detection]:
        found: list[Detection] = []
        large = [r for r in moving if (r[2] - r[0]) * (r[3] - r[1]) >= MIN_AREA]
        for region in sorted(large, key=lambda r: -(r[2] - r[0]) * (r[3] - r[1]))[:MAX_REGIONS]:
            people = self._people(picture, region)
            found += people or [d for d in [clip_to_picture(Cls.unknown, 0.5, *region)] if d]
        return [d for d in found if d.score >= self._threshold]

    def _people(self, picture: Picture, region: Region) -> list[Detection]:
        height, width = picture.shape[:2]
        x1, y1, x2, y2 = region
        margin_x, margin_y = max(0.04, (x2 - x1) * 0.3), (y2 - y1) * 0.2
        left, right = int(max(0.0, x1 - margin_x) * width), math.ceil(min(1.0, x2 + margin_x) * width)
        top, bottom = int(max(0.0, y1 - margin_y) * height), math.ceil(min(1.0, y2 + margin_y) * height)
        scale = PERSON_PIXELS / max(1.0, (y2 - y1) * height)
        crop = cv2.resize(
            picture[top:bottom, left:right],
            None,
            fx=scale,
            fy=scale,
            interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR,
        )
        if crop.shape[0] < 128 or crop.shape[1] < 64:
            crop = cv2.copyMakeBorder(
                crop, 0, max(0, 130 - crop.shape[0]), 0, max(0, 66 - crop.shape[1]), cv2.BORDER_REPLICATE
            )
        boxes, weights = self._hog.detectMultiScale(
            crop, hitThreshold=0.0, winStride=(8, 8), padding=(16, 16), scale=1.06
        )
        found = []
        for (bx, by, bw, bh), weight in zip(boxes, np.ravel(weights), strict=True):
            # The HOG window includes a margin of about an eighth around the person.
            x, y, w, h = bx + bw * 0.16, by + bh * 0.08, bw * 0.68, bh * 0.84
            corners = [
                (left + x / scale) / width,
                (top + y / scale) / height,
                (left + (x + w) / scale) / width,
                (top + (y + h) / scale) / height,
            ]
            detection = clip_to_picture(Cls.person, 1 / (1 + math.exp(-float(weight))), *corners)
            if detection and detection.score > MIN_PERSON_SCORE:
                found.append(detection)
        return found
