"""Decode a detector's raw outputs to rows of (label, score, corners in shares of the network's input)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import numpy.typing as npt

from core.errors import DetectorError
from search.analysis.networks import Floats
from search.models.definition import Pack

Row = tuple[int, float, tuple[float, float, float, float]]
Decoder = Callable[[Mapping[str, Floats], Pack], Iterator[Row]]


def boxes(outputs: Mapping[str, Floats], pack: Pack) -> Iterator[Row]:
    """Decode `boxes` [N, 5] (corners in pixels, score) and `labels` [N]."""
    scale = (pack.input.width, pack.input.height) * 2
    for box, label in zip(outputs["boxes"].reshape(-1, 5), np.ravel(outputs["labels"]), strict=False):
        if box[4] >= pack.threshold:
            yield int(label), float(box[4]), _corners(box[:4] / scale)


def ssd(outputs: Mapping[str, Floats], pack: Pack) -> Iterator[Row]:
    """Decode [1, 1, N, 7]: image, label, score, corners in shares."""
    for row in _only(outputs).reshape(-1, 7):
        if row[0] < 0:
            return
        if row[2] >= pack.threshold:
            yield int(row[1]), float(row[2]), _corners(row[3:7])


def yolo(outputs: Mapping[str, Floats], pack: Pack) -> Iterator[Row]:
    """Decode [1, 4 + classes, N]: centre and size in pixels, a score for each class (YOLOv8, YOLO11)."""
    values = _only(outputs)[0]
    scores = values[4:]
    best = scores.argmax(axis=0)
    top = scores[best, np.arange(scores.shape[1])]
    for i in np.flatnonzero(top >= pack.threshold):
        cx, cy, w, h = values[:4, i]
        yield (
            int(best[i]),
            float(top[i]),
            _corners(np.array([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2]) / _size(pack)),
        )


def end2end(outputs: Mapping[str, Floats], pack: Pack) -> Iterator[Row]:
    """Decode [1, N, 6]: corners in pixels, score, label, after non-maximum suppression (YOLO26)."""
    for row in _only(outputs).reshape(-1, 6):
        if row[4] >= pack.threshold:
            yield int(row[5]), float(row[4]), _corners(row[:4] / _size(pack))


DECODERS: dict[str, Decoder] = {"boxes": boxes, "ssd": ssd, "yolo": yolo, "end2end": end2end}


def decoder_of(pack: Pack) -> Decoder:
    """Return the pack's decoder. Raises DetectorError for a decoder that is none for detection."""
    if pack.decoder not in DECODERS:
        raise DetectorError(
            f"{pack.name}: '{pack.decoder}' is not a detection decoder; valid values: {', '.join(DECODERS)}"
        )
    return DECODERS[pack.decoder]


def _size(pack: Pack) -> Floats:
    return np.array([pack.input.width, pack.input.height] * 2, np.float32)


def _only(outputs: Mapping[str, Floats]) -> Floats:
    return next(iter(outputs.values()))


def _corners(values: npt.NDArray[np.float32 | np.float64]) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = (float(v) for v in values)
    return x1, y1, x2, y2
