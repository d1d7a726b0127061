"""Exclusions of a filter, several colours, and what no installed model pack can tell."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from core.errors import UsageError
from core.settings import SearchSettings
from search.models import ModelRegistry
from search.models.registry import KNOWN_PACKS
from search.query.filters import Filter, _classes
from search.query.unseen import Abilities, abilities, unseen
from search.vocabulary import Cls, excluded_classes


def installed(folder: Path, *names: str) -> ModelRegistry:
    """Return a registry with the definitions of these packs, without their files."""
    for name in names:
        target = folder / f"{name}@1"
        target.mkdir(parents=True)
        shutil.copyfile(KNOWN_PACKS / f"{name}.json", target / "pack.json")
    return ModelRegistry(folder)


def unseen_by(known: Abilities | None, **asked: object) -> set[tuple[str, str, str]]:
    assert known is not None
    return {(u.kind.value, u.value, u.general) for u in unseen(Filter.model_validate(asked), known)}


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        ({}, ()),
        ({"cls": ["person"], "not_cls": ["rider"]}, (Cls.person,)),
        ({"cls": ["vehicle"], "not_cls": ["van"]}, (Cls.car, Cls.truck, Cls.bus, Cls.vehicle)),
        ({"cls": ["van"], "not_cls": ["truck"]}, (Cls.van, Cls.vehicle)),
        ({"not_cls": ["vehicle"]}, tuple(c for c in Cls if c not in excluded_classes(["vehicle"]))),
    ],
)
def test_excluded_classes_are_taken_from_those_that_are_asked_for(
    asked: dict[str, list[str]], left: tuple[Cls, ...]
) -> None:
    assert sorted(_classes(Filter.model_validate(asked))) == sorted(left)


def test_a_filter_that_excludes_all_that_it_asks_for_is_refused() -> None:
    with pytest.raises(UsageError, match="also excluded"):
        _classes(Filter(cls=["rider"], not_cls=["rider"]))


def test_one_colour_may_stand_without_a_list() -> None:
    assert Filter.model_validate({"upper": "red", "lower": None, "not_upper": ""}) == Filter(upper=["red"])
    assert json.loads(Filter(upper=["red", "blue"]).model_dump_json(exclude_defaults=True)) == {
        "upper": ["red", "blue"]
    }


def test_the_built_in_detector_tells_people_and_moving_things(tmp_path: Path) -> None:
    known = abilities(SearchSettings(), ModelRegistry(tmp_path))
    assert unseen_by(known, cls=["person", "unknown"]) == set()
    assert unseen_by(known, cls=["van", "tricycle"], plate="668") == {
        ("cls", "van", "unknown"), ("cls", "tricycle", "unknown"), ("plate", "668", ""),
    }  # fmt: skip


def test_the_known_packs_tell_no_tricycles_and_no_helmets(tmp_path: Path) -> None:
    registry = installed(tmp_path, "person-vehicle-bike-2004", "person-attributes-0230", "plate-0001")
    known = abilities(SearchSettings(), registry)
    assert unseen_by(known, cls=["rider", "person"], attributes=["long_sleeves"], lacking=["bag"]) == set()
    # The pack has a value for hats, and whoever it said to wear one did not: it denies hats only.
    assert unseen_by(known, attributes=["hat"], lacking=["hat", "long_sleeves"]) == {
        ("attribute", "hat", ""), ("lacking", "long_sleeves", ""),
    }  # fmt: skip
    assert unseen_by(known, cls=["tricycle"], lacking=["helmet"], not_cls=["van", "person"], plate="668") == {
        ("cls", "tricycle", "vehicle"), ("lacking", "helmet", ""), ("not_cls", "van", ""), ("plate", "668", ""),
    }  # fmt: skip
    assert unseen_by(abilities(SearchSettings(plates=True), registry), plate="668") == set()
    assert unseen_by(abilities(SearchSettings(attributes=False), registry), attributes=["hat"]) == {
        ("attribute", "hat", ""),
    }  # fmt: skip


def test_kinds_of_vehicles_are_told_with_their_attribute_pack(tmp_path: Path) -> None:
    registry = installed(tmp_path, "person-vehicle-bike-2004", "vehicle-attributes-0039")
    known = abilities(SearchSettings(), registry)
    assert unseen_by(known, cls=["car", "vehicle"], not_cls=["car"]) == set()
    # It takes cars for vans, lorries and buses: those are not said, and a search for them is one for vehicles.
    assert unseen_by(known, cls=["van", "truck", "bus"], not_cls=["van"]) == {
        ("cls", "van", "vehicle"), ("cls", "truck", "vehicle"), ("cls", "bus", "vehicle"), ("not_cls", "van", ""),
    }  # fmt: skip


def test_nothing_is_said_where_the_pack_of_the_settings_is_missing(tmp_path: Path) -> None:
    assert abilities(SearchSettings(detector="no-such-pack"), ModelRegistry(tmp_path)) is None
