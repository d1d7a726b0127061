"""Networks of model packs, run by OpenVINO (its own format and ONNX) in one thread: picture in, raw outputs out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from core.errors import DetectorError
from nvr.playback.pictures import Picture
from search.models.definition import Pack
from search.models.registry import InstalledModel

Floats = npt.NDArray[np.float32]


class Network:
    """A compiled network. Raises DetectorError if OpenVINO cannot load it or it has no picture input."""

    def __init__(self, installed: InstalledModel):
        import openvino

        self.pack: Pack = installed.pack
        path = _model_file(installed)
        core = openvino.Core()
        try:
            model = core.read_model(str(path))
            self._input = next(i for i in model.inputs if len(i.partial_shape) == 4)
            shape = [int(d.get_length()) if d.is_static else 0 for d in self._input.partial_shape]
            self._channels_first = shape[1] == 3
            wanted = (self.pack.input.height, self.pack.input.width)
            given = (shape[2], shape[3]) if self._channels_first else (shape[1], shape[2])
            if given != wanted:
                model.reshape({self._input.any_name: [1, 3, *wanted] if self._channels_first else [1, *wanted, 3]})
            # One thread per worker: more threads only compete with the recorder.
            self._model: Any = core.compile_model(
                model, "CPU", {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY"}
            )
        except (RuntimeError, StopIteration) as e:
            raise DetectorError(
                f"{path}: OpenVINO cannot load it: {str(e).splitlines()[0] if str(e) else 'no picture input'}"
            ) from e
        self._others = {
            i.any_name: np.ones([int(d.get_length()) for d in i.partial_shape], np.float32)
            for i in model.inputs
            if i.any_name != self._input.any_name
        }
        self._names = [sorted(o.get_names()) for o in model.outputs]

    def run(self, picture: Picture) -> dict[str, Floats]:
        """Return the outputs of one BGR picture, by each of their names."""
        tensor = self._tensor(picture)
        values = self._model({self._input.any_name: tensor, **self._others})
        found: dict[str, Floats] = {}
        for i, names in enumerate(self._names):
            for name in names or [str(i)]:
                found[name] = values[i]
        return found

    def _tensor(self, picture: Picture) -> Floats:
        spec = self.pack.input
        scaled = (
            letterbox(picture, spec.width, spec.height) if spec.letterbox else _resize(picture, spec.width, spec.height)
        )
        if spec.colour == "rgb":
            scaled = scaled[..., ::-1]
        values = scaled.astype(np.float32)
        if any(spec.mean) or spec.scale != (1, 1, 1):
            values = np.asarray((values - np.asarray(spec.mean)) / np.asarray(spec.scale), np.float32)
        return np.ascontiguousarray(values.transpose(2, 0, 1) if self._channels_first else values)[None]


def _resize(picture: Picture, width: int, height: int) -> Picture:
    smaller = picture.shape[0] > height
    return np.asarray(
        cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR), np.uint8
    )


def letterbox_placement(picture: Picture, width: int, height: int) -> tuple[float, int, int]:
    """Return (scale, left, top) of a picture letterboxed into width × height."""
    scale = min(width / picture.shape[1], height / picture.shape[0])
    return scale, (width - round(picture.shape[1] * scale)) // 2, (height - round(picture.shape[0] * scale)) // 2


def letterbox(picture: Picture, width: int, height: int) -> Picture:
    """Letterbox a picture into width × height on grey."""
    scale, left, top = letterbox_placement(picture, width, height)
    inner = _resize(picture, max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    canvas = np.full((height, width, 3), 114, np.uint8)
    canvas[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    return canvas


def _model_file(installed: InstalledModel) -> Path:
    suffix = ".xml" if installed.pack.format == "openvino" else ".onnx"
    names = [f.name for f in installed.pack.files if f.name.endswith(suffix)]
    if not names:
        raise DetectorError(f"{installed.pack.name}: the pack lists no {suffix} file")
    return installed.folder / names[0]
