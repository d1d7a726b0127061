"""Which subjects match a sighting: arrays only, no database."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cases.tables import WatchSubject
from cases.watch.watch_list import WatchList
from search.store.vectors import DIMENSION
from search.vocabulary import Cls, Colour
from tests.search.sightings import sighting

RED, BLUE, BLACK = int(Colour.red), int(Colour.blue), int(Colour.black)


def subject(**fields: Any) -> WatchSubject:
    known = {"cls": "person", "upper": None, "lower": None, "villages": None, "embedder": "", "likeness": 0.0}
    return WatchSubject(**(known | fields))


def fits(wanted: WatchSubject, village: str = "v", **seen: Any) -> bool:
    watched = WatchList([subject(cls="car", upper="pink"), wanted])
    assert len(watched) == 2
    found = watched.fitting(sighting(**seen), village, "")
    assert found in ([], [wanted])
    return bool(found)


def test_the_class_must_match() -> None:
    assert fits(subject(), cls=int(Cls.person))
    assert not fits(subject(), cls=int(Cls.van))
    assert not fits(subject(cls="van"), cls=int(Cls.person))
    assert fits(subject(cls="van"), cls=int(Cls.van))


@pytest.mark.parametrize(
    ("upper", "lower", "seen", "match"),
    [
        (None, None, {}, True),
        ("red", None, {"upper": RED}, True),
        ("red", None, {"upper": BLUE}, False),
        ("red", None, {"upper": BLUE, "upper2": RED}, True),
        ("red", None, {}, False),
        ("red", None, {"lower": RED}, False),
        (None, "blue", {"lower": BLUE}, True),
        (None, "blue", {"upper": BLUE}, False),
        (None, "blue", {"lower": RED, "lower2": BLUE}, True),
        ("red", "blue", {"upper": RED, "lower": BLUE}, True),
        ("red", "blue", {"upper": RED, "lower": BLACK}, False),
        ("red", "blue", {"upper": BLACK, "lower": BLUE}, False),
        ("red", "blue", {"upper": BLACK, "upper2": RED, "lower": BLUE}, True),
        ("red", "blue", {"upper": RED, "lower": BLACK, "lower2": BLUE}, True),
        # Both only as the second colour.
        ("red", "blue", {"upper": BLACK, "upper2": RED, "lower": BLACK, "lower2": BLUE}, False),
    ],
)
def test_the_colours_must_match(upper: str | None, lower: str | None, seen: dict[str, Any], match: bool) -> None:
    assert fits(subject(upper=upper, lower=lower), **seen) == match


def test_a_subject_is_looked_for_in_its_villages() -> None:
    assert fits(subject(), village="anywhere")
    assert fits(subject(villages=["v", "w"]), village="w")
    assert not fits(subject(villages=["v", "w"]), village="x")
    assert not fits(subject(villages=[]), village="v")
    watched = WatchList([subject(villages=["v"]), subject(villages=["w"])])
    assert [len(watched.fitting(sighting(), v, "")) for v in ("v", "w", "v", "x")] == [1, 1, 1, 0]


def example(direction: int, likeness: float = 0.9, embedder: str = "pack", size: int = DIMENSION) -> WatchSubject:
    vector = np.zeros(size, np.int8)
    vector[direction] = 127
    return subject(vector=vector.tobytes(), embedder=embedder, likeness=likeness)


def unit(direction: int) -> np.ndarray[Any, Any]:
    made = np.zeros(DIMENSION, np.float32)
    made[direction] = 1
    return made


def test_an_example_picture_must_be_alike_and_of_the_same_pack() -> None:
    alike, other, plain = example(3), example(4), subject()
    watched = WatchList([alike, other, plain])
    seen = sighting()
    assert watched.fitting(seen, "v", "pack", lambda: unit(3)) == [alike, plain]
    assert watched.fitting(seen, "v", "another", lambda: unit(3)) == [plain]
    assert watched.fitting(seen, "v", "pack", lambda: None) == [plain]
    assert watched.fitting(seen, "v", "pack") == [plain]
    assert watched.fitting(seen, "v", "", lambda: unit(3)) == [plain]


def test_the_least_likeness_is_enough() -> None:
    half = (unit(3) + unit(4)) / np.float32(np.sqrt(2))
    exact = float(np.float32(1) * half[3])
    assert WatchList([example(3, exact)]).fitting(sighting(), "v", "pack", lambda: half)
    assert not WatchList([example(3, exact + 0.001)]).fitting(sighting(), "v", "pack", lambda: half)


def test_a_vector_of_another_size_matches_nothing() -> None:
    assert WatchList([example(3, size=128)]).fitting(sighting(), "v", "pack", lambda: unit(3)) == []


def test_a_vector_is_read_only_for_a_subject_that_needs_it() -> None:
    def read() -> None:
        raise AssertionError("read")

    assert WatchList([subject()]).fitting(sighting(), "v", "pack", read)
    van = example(3)
    van.cls = "van"
    assert WatchList([van]).fitting(sighting(), "v", "pack", read) == []
    assert WatchList([]).fitting(sighting(), "v", "pack", read) == []
