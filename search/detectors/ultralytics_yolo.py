"""Ultralytics YOLO weights given by path; an extra (docs/search.md has the recipe and the traps).

The library is kept from calling home, from installing packages at run time and from downloading
weights. The registry's torchvision wheel may be built for another torch: its one needed function,
NMS, is then taken from ultralytics itself.
"""

from __future__ import annotations

import importlib.machinery
import importlib.metadata
import os
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

from core.errors import DetectorError
from nvr.pictures import Picture
from search.detectors.base import Detection, clipped

_CLASS_OF = {
    "person": "person", "bicycle": "bike", "motorcycle": "bike", "car": "vehicle", "bus": "vehicle", "truck": "vehicle",
}  # fmt: skip


class UltralyticsDetector:
    def __init__(self, path: Path, threshold: float = 0.3):
        """Raises DetectorError where the extra or the weights are missing."""
        if not path.is_file():  # otherwise the library would try to download a file of that name
            raise DetectorError(f"{path}: no such weights; set search.model to a .pt file")
        self.name = f"ultralytics-{path.stem}"[:60]
        self._threshold = threshold
        _tame()
        try:
            from ultralytics import YOLO
        except ImportError as e:
            raise DetectorError("ultralytics is not installed; run: MINWANG_EXTRAS=ultralytics ./minwang version") from e
        self._model: Any = YOLO(str(path))

    def detect(self, camera: str, picture: Picture) -> list[Detection]:
        result = self._model.predict(picture, conf=self._threshold, verbose=False, device="cpu")[0]
        found = []
        for box in result.boxes:
            name = str(result.names[int(box.cls)])
            x1, y1, x2, y2 = (float(v) for v in box.xyxyn[0])
            found.append(clipped(_CLASS_OF.get(name, name)[:16], float(box.conf), x1, y1, x2, y2))
        return [d for d in found if d is not None]


def _tame() -> None:
    # Its settings file goes to a folder of its own, not into somebody's home.
    folder = str(Path(tempfile.gettempdir()) / f"minwang-ultralytics-{os.getuid()}")
    wanted = {"YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false", "YOLO_VERBOSE": "false", "YOLO_CONFIG_DIR": folder}
    for key, value in wanted.items():
        os.environ.setdefault(key, value)
    if not _torchvision_works():
        _stand_in_for_torchvision()


def _torchvision_works() -> bool:
    try:
        import torchvision  # type: ignore[import-not-found]

        return hasattr(torchvision.ops, "nms") and torchvision.extension._has_ops()
    except (ImportError, RuntimeError, AttributeError):
        return False


def _stand_in_for_torchvision() -> None:
    """A module `torchvision` whose only content is NMS, by ultralytics' own pure-torch routine."""
    for name in [n for n in sys.modules if n.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    package, ops = types.ModuleType("torchvision"), types.ModuleType("torchvision.ops")
    for module in (package, ops):
        module.__spec__ = importlib.machinery.ModuleSpec(module.__name__, None)
        sys.modules[module.__name__] = module
    package.__version__, package.ops = "0.28.0", ops  # type: ignore[attr-defined]

    def nms(boxes: Any, scores: Any, iou_threshold: float) -> Any:
        from ultralytics.utils.nms import TorchNMS

        return TorchNMS.nms(boxes, scores, iou_threshold)

    ops.nms = nms  # type: ignore[attr-defined]
    original = importlib.metadata.version
    importlib.metadata.version = lambda distribution_name: (
        "0.28.0" if distribution_name == "torchvision" else original(distribution_name)
    )
