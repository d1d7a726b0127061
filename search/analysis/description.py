"""Describes an object in a picture: vector, colours or tones, attributes, plate, thumbnail."""

from __future__ import annotations

from pathlib import Path

import cv2

from core.settings import SearchSettings
from nvr.playback.pictures import Picture
from search.analysis import colours
from search.analysis.attributes import AttributePack
from search.analysis.colours import WhiteBalance
from search.analysis.detectors import Detector
from search.analysis.detectors.base import Detection
from search.analysis.detectors.load import load
from search.analysis.embedders import HistogramEmbedder, PackEmbedder
from search.analysis.plates import PlateReader
from search.analysis.riders import PEOPLE, TWO_WHEELERS, VEHICLES, DetectedObject
from search.analysis.tracking import TrackedDetection
from search.models import ModelRegistry

THUMBNAIL_HEIGHT, THUMBNAIL_WIDTH = 200, 260
JPEG_QUALITY = 82
CROP_MARGIN = 0.12  # of a thumbnail on each side of the object, share of its size
MIN_PIXELS = 4  # smaller crops are not described
GOOD_HEIGHT = 160  # height in pixels above which quality does not increase
COLOUR_PIXELS = 12  # height in pixels below which colours are noise


class Models:
    """All models of one worker, loaded once."""

    def __init__(self, settings: SearchSettings, folder: Path):
        """Load the models from `folder`, the folder of installed packs.

        Raises DetectorError if a pack is missing, wrong or cannot be loaded.
        """
        registry = ModelRegistry(folder)
        self.detector: Detector = load(settings, registry)
        people = registry.choose_verified("embed", settings.embedder)
        self.people = PackEmbedder(people) if people else None
        self.others = HistogramEmbedder()
        self.attributes = _attribute_packs(registry) if settings.attributes else []
        plates = registry.choose_verified("plate") if settings.plates else None
        self.plates = PlateReader(plates) if plates else None

    def describe(
        self, picture: Picture, object_: DetectedObject, balance: WhiteBalance, *, infrared: bool
    ) -> TrackedDetection:
        """Describe a detected object. A crop of less than MIN_PIXELS gets a vector only."""
        whole, body = crop(picture, object_.whole), crop(picture, object_.body)
        cls = int(object_.whole.cls)
        embedder = self.people if self.people is not None and cls in self.people.applies_to else self.others
        white = balance.apply(body)
        detection = TrackedDetection(
            object_.whole, embedder.of(body if embedder is self.people else white), embedder.name, None, None,
            quality=_quality(object_.whole, whole.shape[0]),
        )  # fmt: skip
        if min(whole.shape[:2]) < MIN_PIXELS:
            return detection
        clothed = cls in PEOPLE or cls in TWO_WHEELERS
        if infrared:
            upper, lower = colours.tones(body)
            detection.tone = int(upper) * 4 + int(lower)
        elif body.shape[0] >= COLOUR_PIXELS:
            detection.upper, detection.lower = colours.weights(white, vehicle=not clothed)
        for pack in self.attributes:
            if cls in pack.applies_to:
                scores = pack.of(body)
                detection.attributes |= scores.attributes
                detection.cls = int(scores.cls) if scores.cls is not None else detection.cls
                detection.colour = (
                    int(scores.colour) if scores.colour is not None and not infrared else detection.colour
                )
        if self.plates is not None and cls in VEHICLES:
            detection.plate = self.plates.read(whole)
        return detection


def _attribute_packs(registry: ModelRegistry) -> list[AttributePack]:
    """Return the highest-ranked attribute pack for each class."""
    found: list[AttributePack] = []
    for installed in (i for i in registry.installed() if i.pack.task == "attribute"):
        if not any(set(installed.pack.applies_to) & set(f.pack.applies_to) for f in found):
            registry.choose_verified("attribute", installed.pack.name)
            found.append(AttributePack(installed))
    return found


def crop(picture: Picture, d: Detection, margin: float = 0.0) -> Picture:
    """Cut out the box with a margin (share of its size), clipped to the picture; at least one pixel."""
    height, width = picture.shape[:2]
    x1, y1 = max(0.0, d.x - d.w * margin), max(0.0, d.y - d.h * margin)
    x2, y2 = min(1.0, d.x + d.w * (1 + margin)), min(1.0, d.y + d.h * (1 + margin))
    left, top = min(int(x1 * width), width - 1), min(int(y1 * height), height - 1)
    return picture[top : max(top + 1, round(y2 * height)), left : max(left + 1, round(x2 * width))]


def thumbnail(picture: Picture, d: Detection) -> bytes:
    """Return a JPEG of the object with a margin."""
    wide = crop(picture, d, CROP_MARGIN)
    scale = min(1.0, THUMBNAIL_HEIGHT / wide.shape[0], THUMBNAIL_WIDTH / wide.shape[1])
    size = max(1, round(wide.shape[1] * scale)), max(1, round(wide.shape[0] * scale))
    _, jpeg = cv2.imencode(
        ".jpg", cv2.resize(wide, size, interpolation=cv2.INTER_AREA), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    )
    return jpeg.tobytes()


def _quality(d: Detection, pixels: int) -> float:
    """Return the quality of a detection, 0…1: high score, large, not cut by the edge of the picture."""
    cut = d.x <= 0.004 or d.y <= 0.004 or d.x + d.w >= 0.996 or d.y + d.h >= 0.996
    return d.score * min(1.0, pixels / GOOD_HEIGHT) * (0.5 if cut else 1.0)
