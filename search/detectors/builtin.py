"""The built-in detector: needs no download. Moving objects against the camera's own background;
*person* where OpenCV's HOG people detector says so on the moving region.

Honest about its limits: standing people and anything that does not move are not found; docs/search.md
compares it with a model pack.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque

import cv2
import numpy as np

from nvr.pictures import Picture
from search.detectors.base import Detection, clipped

SMALL = (320, 180)
HISTORY = 7
MIN_HISTORY = 3
DIFFERENCE = 26
MIN_AREA = 0.004  # part of the picture
MAX_AREA = 0.5
PERSON_PIXELS = 150  # height to which a moving region is scaled: HOG's template is 128 tall
MAX_REGIONS = 6
MAX_CAMERAS = 4096


class BuiltinDetector:
    name = "builtin-hog"

    def __init__(self, threshold: float = 0.3):
        self._threshold = threshold
        self._past: OrderedDict[str, deque[Picture]] = OrderedDict()
        self._hog = cv2.HOGDescriptor()
        self._hog.setSVMDetector(cv2.HOGDescriptor_getDefaultPeopleDetector())  # type: ignore[attr-defined]

    def detect(self, camera: str, picture: Picture) -> list[Detection]:
        found: list[Detection] = []
        for region in self._moving_regions(camera, picture):
            people = self._people(picture, region)
            found += people or [d for d in [clipped("moving", 0.5, *region)] if d]
        return [d for d in found if d.score >= self._threshold]

    def _moving_regions(self, camera: str, picture: Picture) -> list[tuple[float, float, float, float]]:
        small = np.asarray(cv2.GaussianBlur(cv2.resize(picture, SMALL, interpolation=cv2.INTER_AREA), (3, 3), 0), np.uint8)
        past = self._past.setdefault(camera, deque(maxlen=HISTORY))
        self._past.move_to_end(camera)
        if len(self._past) > MAX_CAMERAS:
            self._past.popitem(last=False)
        background = np.median(np.stack(past), axis=0).astype(np.uint8) if len(past) >= MIN_HISTORY else None
        past.append(small)
        if background is None:
            return []
        mask = (cv2.absdiff(small, background).max(axis=2) > DIFFERENCE).astype(np.uint8)
        if mask.mean() > MAX_AREA:  # the light changed, or the camera moved
            return []
        mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
        mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((11, 5), np.uint8))
        contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        boxes = sorted(
            (cv2.boundingRect(c) for c in contours if cv2.contourArea(c) >= MIN_AREA * SMALL[0] * SMALL[1]),
            key=lambda b: -b[2] * b[3],
        )
        return [(x / SMALL[0], y / SMALL[1], (x + w) / SMALL[0], (y + h) / SMALL[1]) for x, y, w, h in boxes[:MAX_REGIONS]]

    def _people(self, picture: Picture, region: tuple[float, float, float, float]) -> list[Detection]:
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
            crop = cv2.copyMakeBorder(crop, 0, max(0, 130 - crop.shape[0]), 0, max(0, 66 - crop.shape[1]), cv2.BORDER_REPLICATE)
        boxes, weights = self._hog.detectMultiScale(crop, hitThreshold=0.0, winStride=(8, 8), padding=(16, 16), scale=1.06)
        found = []
        for (bx, by, bw, bh), weight in zip(boxes, np.ravel(weights), strict=True):
            # HOG's window has a margin of about an eighth around the person.
            x, y, w, h = bx + bw * 0.16, by + bh * 0.08, bw * 0.68, bh * 0.84
            corners = [
                (left + x / scale) / width,
                (top + y / scale) / height,
                (left + (x + w) / scale) / width,
                (top + (y + h) / scale) / height,
            ]
            detection = clipped("person", 1 / (1 + math.exp(-float(weight))), *corners)
            if detection and detection.score > 0.55:
                found.append(detection)
        return found
