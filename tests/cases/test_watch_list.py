"""Which subjects match a sighting: arrays only, no database."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.tables import WatchExample, WatchSubject
from cases.watch.watch_list import WatchList
from cases.watch.watched import compiled
from search.query.filters import CameraScope
from search.query.find import find
from search.store import SightingStore, ids
from search.store.camera_numbers import CameraPlace
from search.store.sighting_store import Batch
from search.store.vectors import DIMENSION
from search.vocabulary import Attribute, Cls, Colour, Direction, Speed
from tests.search.sightings import sighting

RED, BLUE, BLACK = int(Colour.red), int(Colour.blue), int(Colour.black)


def subject(**fields: Any) -> WatchSubject:
    known = {"id": 1, "cls": "person", "upper": None, "lower": None, "villages": None, "words": {}, "likeness": 0.0}
    return WatchSubject(**(known | fields))


def worded(**words: Any) -> WatchSubject:
    return subject(words=words)


PLACES = {n: CameraPlace(f"c{n}", "v") for n in range(1, 6)}
WHERE = CameraScope(
    PLACES, {"c1": {"position": (121.0, 29.0), "azimuth": 0}, "c2": {"position": (122.0, 29.0)}, "c3": {"azimuth": 90}}
)
ZONE = ZoneInfo("Asia/Shanghai")


def listed(*wanted: WatchSubject | tuple[WatchSubject, list[WatchExample]]) -> WatchList:
    pairs = [w if isinstance(w, tuple) else (w, []) for w in wanted]
    return WatchList([compiled(WHERE, s, ZONE, shown) for s, shown in pairs])


def fits(wanted: WatchSubject, village: str = "v", **seen: Any) -> bool:
    watched = listed(subject(cls="car", upper="pink"), wanted)
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
    watched = listed(subject(villages=["v"]), subject(villages=["w"]))
    assert [len(watched.fitting(sighting(), v, "")) for v in ("v", "w", "v", "x")] == [1, 1, 1, 0]


@pytest.mark.parametrize(
    ("words", "seen", "match"),
    [
        ({"upper": ["red", "blue"]}, {"upper": BLUE}, True),
        ({"upper": ["red", "blue"]}, {"upper": BLACK}, False),
        ({"cls": ["van", "person"]}, {"cls": int(Cls.van)}, True),
        ({"not_cls": ["person"]}, {"cls": int(Cls.person)}, False),
        ({"not_upper": ["red"]}, {"upper": RED}, False),
        ({"not_upper": ["red"]}, {"upper": BLUE, "upper2": RED}, True),
        ({"not_upper": ["red"]}, {}, False),  # no colour at all cannot be judged
        ({"upper": ["red"], "infrared": True}, {"tone": 5}, True),
        ({"upper": ["red"]}, {"tone": 5}, False),
        ({"not_upper": ["red"], "infrared": True}, {"tone": 5}, True),
        ({"attributes": ["backpack"]}, {"attributes": int(Attribute.backpack)}, True),
        ({"attributes": ["backpack"]}, {}, False),
        ({"lacking": ["backpack"]}, {"known": int(Attribute.backpack)}, True),
        ({"lacking": ["backpack"]}, {}, False),  # not judged
        ({"lacking": ["backpack"]}, {"known": 255, "attributes": int(Attribute.backpack)}, False),
        ({"directions": ["left", "up"]}, {"direction": int(Direction.up)}, True),
        ({"directions": ["left"]}, {}, False),
        ({"heading": "north"}, {"camera": 1, "direction": int(Direction.up)}, True),
        ({"heading": "north"}, {"camera": 3, "direction": int(Direction.up)}, False),  # that camera looks east
        ({"heading": "north"}, {"camera": 2, "direction": int(Direction.up)}, False),  # its azimuth is unknown
        ({"speeds": ["fast"]}, {"speed": int(Speed.fast)}, True),
        ({"speeds": ["fast"]}, {}, False),
        ({"plate": "b12"}, {"plate": "浙B12345"}, True),
        ({"plate": "浙B*"}, {"plate": "浙B12345"}, True),
        ({"plate": "*345"}, {"plate": "浙B12345"}, True),
        ({"plate": "*12"}, {"plate": "浙B12345"}, False),
        ({"cameras": ["c2"]}, {"camera": 2}, True),
        ({"cameras": ["c2"]}, {"camera": 1}, False),
        ({"map_area": [[120.9, 28.9], [121.1, 28.9], [121.1, 29.1]]}, {"camera": 1}, True),
        ({"map_area": [[120.9, 28.9], [121.1, 28.9], [121.1, 29.1]]}, {"camera": 2}, False),
        ({"map_area": [[120.9, 28.9], [121.1, 28.9], [121.1, 29.1]]}, {"camera": 3}, False),  # no position
    ],
)
def test_every_word_must_match(words: dict[str, Any], seen: dict[str, Any], match: bool) -> None:
    assert fits(worded(**words), **seen) == match


@pytest.mark.parametrize(
    ("hours", "local", "seconds", "match"),
    [
        ("22:00-05:00", "21:59:59", 0, False),
        ("22:00-05:00", "22:00:00", 0, True),
        ("22:00-05:00", "00:30:00", 0, True),
        ("22:00-05:00", "05:00:00", 0, False),
        ("22:00-05:00", "21:59:50", 20, True),  # still there when the hours begin
        ("08:00-10:00", "09:59:59", 0, True),
        ("08:00-10:00", "10:00:00", 0, False),
    ],
)
def test_hours_are_local_and_may_cross_midnight(hours: str, local: str, seconds: int, match: bool) -> None:
    at = datetime.fromisoformat(f"2026-11-21T{local}").replace(tzinfo=ZONE)
    seen = sighting(round(at.timestamp() * 1000))
    seen.end_ms = seen.start_ms + seconds * 1000
    wanted = worded(nightly=hours)
    assert listed(wanted).fitting(seen, "v", "") == ([wanted] if match else [])


@settings(max_examples=60, deadline=None)
@given(
    words=st.fixed_dictionaries(
        {},
        optional={
            "cls": st.lists(st.sampled_from(["person", "car", "vehicle"]), min_size=1, max_size=2),
            "upper": st.lists(st.sampled_from(["red", "blue", "black"]), max_size=2),
            "lower": st.lists(st.sampled_from(["red", "blue", "black"]), max_size=2),
            "not_upper": st.lists(st.sampled_from(["red", "blue"]), max_size=1),
            "infrared": st.booleans(),
            "attributes": st.lists(st.sampled_from(["backpack", "hat"]), max_size=1),
            "lacking": st.lists(st.sampled_from(["backpack", "hat"]), max_size=1),
            "directions": st.lists(st.sampled_from(["left", "up"]), max_size=1),
            "plate": st.sampled_from(["", "B1*", "*5", "12"]),
        },
    ),
    rows=st.lists(
        st.fixed_dictionaries(
            {
                "cls": st.sampled_from([1, 6, 13]), "upper": st.integers(0, 4), "upper2": st.integers(0, 4),
                "lower": st.integers(0, 4), "lower2": st.integers(0, 4), "tone": st.sampled_from([0, 5]),
                "attributes": st.sampled_from([0, 1, 4, 5]), "known": st.sampled_from([0, 1, 4, 5]),
                "direction": st.integers(0, 8),
                "plate": st.sampled_from(["", "B12345", "浙A1"]),
            }
        ),
        min_size=1, max_size=8,
    ),
)  # fmt: skip
def test_it_finds_what_a_search_of_the_store_finds(words: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    seen = [sighting(camera=1, count=n, **row) for n, row in enumerate(rows)]
    for one in seen:
        one.attributes &= one.known
    wanted = worded(**words)
    watched = listed(wanted)
    with TemporaryDirectory() as folder:
        store = SightingStore(Path(folder))
        store.write(ids.day_of(seen[0].start_ms), [Batch("c1/main", 1, new=seen)])
        found = {s.id for s in find(store, watched.watched[0].query, 50)}
        store.close()
    assert {s.id for s in seen if watched.fitting(s, "v", "")} == found


def example(
    direction: int, likeness: float = 0.9, embedder: str = "pack", size: int = DIMENSION
) -> tuple[WatchSubject, list[WatchExample]]:
    return subject(likeness=likeness), [picture(direction, embedder, size)]


def picture(direction: int, embedder: str = "pack", size: int = DIMENSION) -> WatchExample:
    vector = np.zeros(size, np.int8)
    vector[direction] = 127
    return WatchExample(vector=vector.tobytes(), embedder=embedder)


def unit(direction: int) -> np.ndarray[Any, Any]:
    made = np.zeros(DIMENSION, np.float32)
    made[direction] = 1
    return made


def test_an_example_picture_must_be_alike_and_of_the_same_pack() -> None:
    pictured, plain = example(3), subject()
    alike = pictured[0]
    watched = listed(pictured, example(4), plain)
    seen = sighting()
    assert watched.fitting(seen, "v", "pack", lambda: unit(3)) == [alike, plain]
    assert watched.fitting(seen, "v", "another", lambda: unit(3)) == [plain]
    assert watched.fitting(seen, "v", "pack", lambda: None) == [plain]
    assert watched.fitting(seen, "v", "pack") == [plain]
    assert watched.fitting(seen, "v", "", lambda: unit(3)) == [plain]


def test_the_least_likeness_is_enough() -> None:
    half = (unit(3) + unit(4)) / np.float32(np.sqrt(2))
    exact = float(np.float32(1) * half[3])
    assert listed(example(3, exact)).fitting(sighting(), "v", "pack", lambda: half)
    assert not listed(example(3, exact + 0.001)).fitting(sighting(), "v", "pack", lambda: half)


def test_one_of_ten_examples_is_enough() -> None:
    many = subject(likeness=0.9), [picture(n) for n in range(9)] + [picture(20, "another")]
    few = subject(likeness=0.9), [picture(9)]
    watched = listed(few, many)
    assert watched.fitting(sighting(), "v", "pack", lambda: unit(8)) == [many[0]]
    assert watched.fitting(sighting(), "v", "pack", lambda: unit(9)) == [few[0]]
    assert watched.fitting(sighting(), "v", "pack", lambda: unit(20)) == []
    assert watched.fitting(sighting(), "v", "another", lambda: unit(20)) == [many[0]]


def test_a_vector_of_another_size_matches_nothing() -> None:
    assert listed(example(3, size=128)).fitting(sighting(), "v", "pack", lambda: unit(3)) == []


def test_a_vector_is_read_only_for_a_subject_that_needs_it() -> None:
    def read() -> None:
        raise AssertionError("read")

    assert listed(subject()).fitting(sighting(), "v", "pack", read)
    van, shown = example(3)
    van.cls = "van"
    assert listed((van, shown)).fitting(sighting(), "v", "pack", read) == []
    assert WatchList([]).fitting(sighting(), "v", "pack", read) == []
