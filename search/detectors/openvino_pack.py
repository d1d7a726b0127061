"""Model packs in OpenVINO IR, run by OpenVINO with our own pre- and post-processing.

Two output layouts are understood: `boxes` [N,5] + `labels` [N] (person-vehicle-bike-detection-200x),
and the SSD row [1,1,N,7] (…-crossroad-1016). Beside the .xml a `classes.json` may list the names of
the labels; without it the two families above are known by file name.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from core.errors import DetectorError
from nvr.pictures import Picture
from search.detectors.base import Detection, clipped

_KNOWN = {
    "person-vehicle-bike-detection-crossroad": ("bike", "vehicle", "person"),
    "person-vehicle-bike-detection-2": ("vehicle", "person", "bike"),
}


class OpenVinoDetector:
    def __init__(self, path: Path, threshold: float = 0.3):
        """Raises DetectorError where the model is missing, unreadable or of an unknown layout."""
        import openvino

        if not path.is_file():
            raise DetectorError(f"{path}: no such model; set search.model to the .xml file of a model pack")
        self.name = f"openvino-{path.stem}"[:60]
        self._threshold = threshold
        self._classes = _classes(path)
        core = openvino.Core()
        try:
            model = core.read_model(str(path))
            shape = [int(d) for d in model.input(0).shape]
            # One thread a worker: more only spin beside the recorder.
            self._model: Any = core.compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY"})
        except RuntimeError as e:
            raise DetectorError(f"{path}: OpenVINO cannot load it: {str(e).splitlines()[0]}") from e
        self._channels_first = shape[1] == 3
        self._height, self._width = (shape[2], shape[3]) if self._channels_first else (shape[1], shape[2])
        names = {n for o in model.outputs for n in o.get_names()}
        self._ssd = len(model.outputs) == 1
        if not self._ssd and not {"boxes", "labels"} <= names:
            raise DetectorError(f"{path}: outputs {sorted(names)} are of no known layout")

    def detect(self, camera: str, picture: Picture) -> list[Detection]:
        scaled = cv2.resize(picture, (self._width, self._height), interpolation=cv2.INTER_AREA)
        tensor = (scaled.transpose(2, 0, 1) if self._channels_first else scaled)[None].astype(np.float32)
        outputs = self._model(tensor)
        rows = self._ssd_rows(outputs) if self._ssd else self._box_rows(outputs)
        found = [
            clipped(self._classes[int(label)], float(score), *(float(c) for c in corners))
            for label, score, corners in rows
            if score >= self._threshold and 0 <= int(label) < len(self._classes)
        ]
        return suppressed([d for d in found if d is not None])

    def _ssd_rows(self, outputs: Any) -> list[tuple[float, float, npt.NDArray[np.float32]]]:
        return [(r[1], r[2], r[3:7]) for r in outputs[0].reshape(-1, 7) if r[0] >= 0]

    def _box_rows(self, outputs: Any) -> list[tuple[float, float, npt.NDArray[np.float32]]]:
        scale = np.array([self._width, self._height] * 2, np.float32)
        boxes, labels = outputs["boxes"], np.ravel(outputs["labels"])
        return [(label, box[4], box[:4] / scale) for box, label in zip(boxes.reshape(-1, 5), labels, strict=False)]


def _classes(path: Path) -> tuple[str, ...]:
    listed = path.with_name("classes.json")
    if listed.is_file():
        return tuple(str(c) for c in json.loads(listed.read_text(encoding="utf-8")))
    for prefix, classes in _KNOWN.items():
        if path.stem.startswith(prefix):
            return classes
    raise DetectorError(f"{path}: put a classes.json with the names of its labels beside it")


def suppressed(found: list[Detection], overlap: float = 0.5) -> list[Detection]:
    """Greedy non-maximum suppression within each class."""
    kept: list[Detection] = []
    for d in sorted(found, key=lambda d: -d.score):
        if all(k.cls != d.cls or _iou(k, d) < overlap for k in kept):
            kept.append(d)
    return kept


def _iou(a: Detection, b: Detection) -> float:
    w = min(a.x + a.w, b.x + b.w) - max(a.x, b.x)
    h = min(a.y + a.h, b.y + b.h) - max(a.y, b.y)
    both = max(0.0, w) * max(0.0, h)
    return both / (a.w * a.h + b.w * b.h - both)
