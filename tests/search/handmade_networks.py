"""Hand-made networks for tests: a detector of red quarters and an embedder of mean colours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from openvino import Model, save_model
from openvino import opset13 as ops

from search.models.definition import DEFINITION_FILE, Input, Pack, PackFile, checksum

SIZE = 32
QUARTERS = np.array([[0, 0, 16, 16], [16, 0, 32, 16], [0, 16, 16, 32], [16, 16, 32, 32]], np.float32)


def red_quarters() -> Model:
    """Return a detector: `boxes` [4, 5] with the score (R - G) / 255 of each quarter, and `labels` [4]."""
    picture = ops.parameter([1, 3, SIZE, SIZE], np.float32, "image")
    means = ops.avg_pool(picture, [16, 16], [0, 0], [0, 0], [16, 16], True)
    red = ops.gather(means, ops.constant(np.array([2], np.int64)), ops.constant(np.array(1, np.int64)))
    green = ops.gather(means, ops.constant(np.array([1], np.int64)), ops.constant(np.array(1, np.int64)))
    scores = ops.reshape(
        ops.divide(ops.subtract(red, green), ops.constant(np.float32(255))), np.array([4, 1], np.int64), False
    )
    boxes = ops.concat([ops.constant(QUARTERS), scores], 1)
    boxes.output(0).set_names({"boxes"})
    labels = ops.constant(np.array([1, 1, 1, 1], np.int64))
    named = ops.convert(labels, "i64")
    named.output(0).set_names({"labels"})
    return Model([boxes, named], [picture], "red quarters")


def mean_colours() -> Model:
    """Return an embedder: the mean colours of 4×4 parts, minus their overall mean."""
    picture = ops.parameter([1, 3, SIZE, SIZE], np.float32, "data")
    pooled = ops.avg_pool(picture, [8, 8], [0, 0], [0, 0], [8, 8], True)
    flat = ops.reshape(pooled, np.array([1, 48], np.int64), False)
    centred = ops.subtract(flat, ops.reduce_mean(flat, ops.constant(np.array([1], np.int64)), True))
    return Model([centred], [picture], "mean colours")


def kinds_and_colours(probabilities: list[float]) -> Model:
    """Return an attribute network whose `type` is always the given probabilities, and whose `color` is sure of red."""
    picture = ops.parameter([1, 3, SIZE, SIZE], np.float32, "image")
    nothing = ops.multiply(
        ops.reduce_mean(picture, ops.constant(np.array([0, 1, 2, 3])), False), ops.constant(np.float32(0))
    )
    outputs = []
    for name, values in (("type", probabilities), ("color", [0.0, 0.9])):
        made = ops.add(ops.constant(np.array([values], np.float32)), nothing)
        made.output(0).set_names({name})
        outputs.append(made)
    return Model(outputs, [picture], "kinds and colours")


def write_pack(folder: Path, model: Model, **fields: Any) -> Pack:
    """Write a pack with its definition to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    save_model(model, str(folder / "model.xml"), compress_to_fp16=False)
    files = tuple(
        PackFile(name=p.name, bytes=p.stat().st_size, sha256=checksum(p))
        for p in (folder / "model.xml", folder / "model.bin")
    )
    known: dict[str, Any] = {
        "id": "red-quarters", "version": "1", "task": "detect", "format": "openvino", "licence": "none", "files": files,
        "input": Input(width=SIZE, height=SIZE), "decoder": "boxes", "classes": {"1": "person"}, "threshold": 0.3,
    }  # fmt: skip
    pack = Pack(**known | fields)
    (folder / DEFINITION_FILE).write_text(pack.model_dump_json(), encoding="utf-8")
    return pack
