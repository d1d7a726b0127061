"""The kind of a vehicle is taken from an attribute pack only where the pack is sure; else it stays a vehicle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from search.analysis.attributes import AttributePack
from search.analysis.detectors.base import Detection
from search.analysis.tracking import TrackedDetection, Tracker
from search.models import ModelRegistry
from search.models.definition import Pack, Reliability
from search.models.registry import InstalledModel
from search.query.sightings import sighting_of
from search.store.rows import Sighting
from search.vocabulary import Attribute, Cls, Colour
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


def attributes_pack(folder: Path, scores: list[float], **fields: object) -> AttributePack:
    """A pack whose scores of hat and bag are always these."""
    pack = handmade_networks.write_pack(
        folder, handmade_networks.kinds_and_colours(scores), task="attribute", decoder="sigmoids", classes={},
        outputs={"type": ("hat", "bag")}, applies_to=("person",), **fields,
    )  # fmt: skip
    return AttributePack(InstalledModel(pack, folder))


def described(pack: AttributePack, looks: int = 3) -> Sighting:
    """The sighting of a person whose looks all have the pack's attributes."""
    tracker, scores = Tracker(1), pack.of(np.zeros((100, 40, 3), np.uint8))
    for i in range(looks):
        look = TrackedDetection(
            Detection(Cls.person, 0.9, 0.4, 0.2, 0.1, 0.4), np.full(256, 1 / 16, np.float32), "p@1", None, None,
            attributes=dict(scores.attributes),
        )  # fmt: skip
        tracker.update(1_780_000_000_000 + i * 1000, [look])
    return sighting_of(tracker.tracks[0], 1, 2)


CURVE = Reliability(points=((0.1, 0.1), (0.4, 0.5), (0.6, 0.5), (0.9, 0.8)), source="set by hand for a test")


@pytest.mark.parametrize(
    ("score", "present", "known"), [(0.95, True, True), (0.7, False, False), (0.3, False, False), (0.05, False, True)]
)
def test_an_attribute_is_said_with_its_measured_confidence(
    tmp_path: Path, score: float, present: bool, known: bool
) -> None:
    """A score of 0.7 was right in six of ten cases only: nothing is said."""
    row = described(attributes_pack(tmp_path, [score, 0.99], reliability={"hat": CURVE}))
    assert bool(row.attributes & Attribute.hat) is present and bool(row.known & Attribute.hat) is known
    assert not row.known & Attribute.bag  # never measured


def test_a_pack_without_measurements_is_believed_by_its_scores(tmp_path: Path) -> None:
    row = described(attributes_pack(tmp_path, [0.95, 0.6]))
    assert row.attributes == Attribute.hat and row.known == Attribute.hat


def test_a_kind_that_was_often_wrong_is_not_said(tmp_path: Path) -> None:
    pack = handmade_networks.write_pack(
        tmp_path, handmade_networks.kinds_and_colours([0.05, 0.95]), task="attribute", decoder="softmaxes", classes={},
        outputs={"type": ("car", "truck"), "color": ("white", "red")}, applies_to=("vehicle",),
        reliability={
            "truck": Reliability(points=((0.5, 0.1), (1.0, 0.4)), source="set by hand for a test"),
            "red": Reliability(points=((0.5, 0.7),), source="set by hand for a test"),
        },
    )  # fmt: skip
    scores = AttributePack(InstalledModel(pack, tmp_path)).of(np.zeros((80, 80, 3), np.uint8))
    assert scores.cls is None and scores.colour is Colour.red


@pytest.mark.parametrize("points", [(), ((0.5, 0.4), (0.2, 0.6)), ((0.2, 0.6), (0.5, 0.4)), ((0.2, 0.6), (0.5, 1.4))])
def test_a_curve_that_falls_or_is_no_probability_is_refused(points: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(ValidationError):
        Reliability(points=points, source="set by hand for a test")


def test_a_pack_installed_by_an_earlier_release_gets_the_shipped_curves(tmp_path: Path) -> None:
    shipped = Pack.model_validate_json(KNOWN.read_bytes())
    folder = tmp_path / shipped.name
    folder.mkdir()
    for files, expected in ((shipped.files, shipped.reliability), (shipped.files[:1], {})):
        old = shipped.model_copy(update={"reliability": {}, "files": files})
        (folder / "pack.json").write_text(old.model_dump_json(), encoding="utf-8")
        assert ModelRegistry(tmp_path).installed()[0].pack.reliability == expected


@pytest.mark.parametrize("path", sorted(KNOWN.parent.glob("*attributes*.json")))
def test_the_known_curves_state_their_source(path: Path) -> None:
    pack = Pack.model_validate_json(path.read_bytes())
    assert pack.reliability and all(
        "attribute_truth.yaml" in c.source or "fit" in c.source for c in pack.reliability.values()
    )


def test_the_known_vehicle_pack_must_be_sure() -> None:
    pack = Pack.model_validate_json(KNOWN.read_bytes())
    assert not pack.told_words() & {"van", "truck", "bus"}
    assert pack.threshold_of("type") >= 0.9 and pack.min_height >= 40 and pack.threshold_of("color") == pack.threshold
