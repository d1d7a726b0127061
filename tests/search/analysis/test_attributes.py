"""The kind of a vehicle is taken from an attribute pack only where the pack is sure; else it stays a vehicle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from search.analysis.attributes import AttributePack
from search.models.definition import Pack
from search.models.registry import InstalledModel
from search.vocabulary import Cls, Colour
from tests.search import handmade_networks

KNOWN = Path(__file__).parents[3] / "search" / "models" / "known" / "vehicle-attributes-0039.json"


@pytest.mark.parametrize(
    ("probabilities", "height", "expected"),
    [
        ([0.05, 0.95], 60, Cls.truck),
        ([0.3, 0.7], 60, None),  # likely, not sure
        ([0.05, 0.95], 30, None),  # sure, of too few pixels
    ],
)
def test_only_a_sure_kind_counts(tmp_path: Path, probabilities: list[float], height: int, expected: Cls | None) -> None:
    pack = handmade_networks.write_pack(
        tmp_path, handmade_networks.kinds_and_colours(probabilities), task="attribute", decoder="softmaxes", classes={},
        outputs={"type": ("car", "truck"), "color": ("white", "red")}, threshold=0.5, thresholds={"type": 0.9},
        min_height=56, applies_to=("vehicle",),
    )  # fmt: skip
    scores = AttributePack(InstalledModel(pack, tmp_path)).of(np.zeros((height, 80, 3), np.uint8))
    assert scores.cls is expected and scores.colour is Colour.red


def test_the_known_vehicle_pack_must_be_sure() -> None:
    pack = Pack.model_validate_json(KNOWN.read_bytes())
    assert pack.threshold_of("type") >= 0.9 and pack.min_height >= 40 and pack.threshold_of("color") == pack.threshold
