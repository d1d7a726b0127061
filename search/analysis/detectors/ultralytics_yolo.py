"""Ultralytics YOLO weights as a model pack; an extra (docs/search.md has instructions and pitfalls).

The library is prevented from sending usage data, installing packages at run time and downloading weights. The
registry's torchvision wheel may be built for another torch; the one function needed from it, NMS, then comes from
ultralytics itself.
"""

from __future__ import annotations

import importlib.machinery
import importlib.metadata
import os
import re
import sys
import tempfile
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import DetectorError
from nvr.playback.pictures import Picture
from search.analysis.detectors.base import Detection, Pixels, Region
from search.analysis.detectors.window_merge import WindowDetection, candidate, merge
from search.models.definition import Input, Pack, PackFile, checksum
from search.models.registry import InstalledModel
from search.vocabulary import Cls

# Labels of COCO and of common Chinese traffic data sets.
CLASS_OF = {
    "person": "person",
    "pedestrian": "person",
    "people": "person",
    "rider": "rider",
    "cyclist": "rider",
    "bicycle": "bicycle",
    "motorcycle": "ebike",
    "motor": "ebike",
    "tricycle": "tricycle",
    "awning-tricycle": "tricycle",
    "car": "car",
    "van": "van",
    "truck": "truck",
    "bus": "bus",
    "dog": "dog",
    "cat": "animal",
    "cow": "animal",
    "sheep": "animal",
    "backpack": "bag",
    "handbag": "bag",
    "suitcase": "bag",
}


class UltralyticsDetector:
    """Runs Ultralytics YOLO weights on the whole picture and on windows of it."""

    def __init__(self, installed: InstalledModel, threshold: float | None = None):
        """Load the weights. Raises DetectorError if the extra or the weights are missing."""
        path = installed.folder / installed.pack.files[0].name
        if not path.is_file():  # otherwise the library tries to download a file of that name
            raise DetectorError(f"{path}: weights not found; run: minwang models verify")
        self.name = installed.pack.name
        self._threshold = installed.pack.threshold if threshold is None else threshold
        self._size = max(installed.pack.input.width, installed.pack.input.height)
        self._network = (self._size, self._size * 9 // 16)
        self.input_size: tuple[int, int] | None = self._network
        self._classes = {name: int(Cls[cls]) for name, cls in installed.pack.classes.items()}
        isolate_library()
        try:
            import torch
            from ultralytics import YOLO
        except ImportError as e:
            raise DetectorError(
                "ultralytics is not installed; run: MINWANG_EXTRAS=ultralytics ./minwang version"
            ) from e
        self._device = "cuda:0" if torch.cuda.is_available() else "cpu"
        if self._device == "cpu":
            torch.set_num_threads(1)  # one thread per worker: more threads only compete with the recorder
        self._model: Any = YOLO(str(path))

    def detect(self, picture: Picture, moving: Sequence[Region], windows: Sequence[Pixels] = ()) -> list[Detection]:
        size = (picture.shape[1], picture.shape[0])
        found: list[WindowDetection] = []
        for number, window in enumerate([(0, 0, *size), *windows]):
            left, top, right, bottom = window
            part = np.ascontiguousarray(picture[top:bottom, left:right])
            result = self._model.predict(
                part, conf=self._threshold, imgsz=self._size, verbose=False, device=self._device
            )[0]
            for box in result.boxes:
                name = str(result.names[int(box.cls)])
                if name not in self._classes:
                    continue
                x1, y1, x2, y2 = (float(v) for v in box.xyxy[0])
                corners = (left + x1, top + y1, left + x2, top + y2)
                one = candidate((self._classes[name], float(box.conf), corners), number, window, size, self._network)
                if one is not None:
                    found.append(one)
        return merge(found)


def pack_of(weights: Path, licence: str, sha256: str) -> Pack:
    """Return a definition for weights that a user provides. Raises DetectorError.

    Maps their labels to our classes by name. A .pt file is a pickle, and loading it executes code. It is loaded only if
    its SHA-256 equals the one given, which must come from its publisher.
    """
    if (found := checksum(weights)) != sha256.strip().lower():
        raise DetectorError(
            f"{weights}: its SHA-256 is {found}, not the one given; "
            "the file was not loaded, because loading executes code in it"
        )
    isolate_library()
    try:
        from ultralytics import YOLO
    except ImportError as e:
        raise DetectorError("ultralytics is not installed; run: MINWANG_EXTRAS=ultralytics ./minwang version") from e
    names = {str(n) for n in YOLO(str(weights)).names.values()}
    classes = {n: CLASS_OF[n] for n in sorted(names) if n in CLASS_OF} | {
        n: n for n in sorted(names) if n in Cls.__members__
    }
    if not classes:
        raise DetectorError(f"{weights}: none of its labels ({', '.join(sorted(names))[:200]}) matches a known class")
    identity = re.sub(r"[^A-Za-z0-9._-]", "-", weights.stem)[:60]
    file = PackFile(name=weights.name, bytes=weights.stat().st_size, sha256=checksum(weights))
    return Pack(
        id=identity,
        version=file.sha256[:12],
        task="detect",
        format="ultralytics",
        licence=licence,
        files=(file,),
        classes=classes,
        input=Input(width=640, height=640, colour="rgb", letterbox=True),
        decoder="library",
        threshold=0.3,
        rank=1,
    )


def isolate_library() -> None:
    """Prepare the library: offline, no installation, its own settings folder, a replacement for torchvision."""
    # A temporary folder keeps the library's settings file out of the user's home.
    folder = str(Path(tempfile.gettempdir()) / f"minwang-ultralytics-{os.getuid()}")
    wanted = {"YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false", "YOLO_VERBOSE": "false", "YOLO_CONFIG_DIR": folder}
    for key, value in wanted.items():
        os.environ.setdefault(key, value)
    if not _torchvision_works():
        _replace_torchvision()


def _torchvision_works() -> bool:
    try:
        import torchvision  # type: ignore[import-not-found]

        return hasattr(torchvision.ops, "nms") and torchvision.extension._has_ops()
    except (ImportError, RuntimeError, AttributeError):
        return False


def _replace_torchvision() -> None:
    """Install a module `torchvision` that contains only NMS, from the pure-torch routine of ultralytics."""
    for name in [n for n in sys.modules if n.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    package, ops = types.ModuleType("torchvision"), types.ModuleType("torchvision.ops")
    for module in (package, ops):
        module.__spec__ = importlib.machinery.ModuleSpec(module.__name__, None)
        sys.modules[module.__name__] = module
    package.__version__, package.ops = "0.28.0", ops  # type: ignore[attr-defined]

    def nms(boxes: object, scores: object, iou_threshold: float) -> object:
        from ultralytics.utils.nms import TorchNMS

        return TorchNMS.nms(boxes, scores, iou_threshold)

    ops.nms = nms  # type: ignore[attr-defined]
    original = importlib.metadata.version
    importlib.metadata.version = lambda distribution_name: (
        "0.28.0" if distribution_name == "torchvision" else original(distribution_name)
    )
