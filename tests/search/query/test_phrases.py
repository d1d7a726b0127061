"""Two hundred phrases with their meaning; the dictionary and the grammar must parse at least 95 % of them correctly."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UsageError
from search import vocabulary
from search.query.filters import filter_of
from search.query.phrases import LONGEST, ParsedPhrase, understand

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 25, 15, 30, tzinfo=SHANGHAI)  # a Wednesday
VILLAGES = {"王家村": "wangjia", "西店村": "xidian", "崖下村": "yaxia"}
CAMERAS = {"村口": "wj-01", "East Gate": "xd-01"}
PHRASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parents[1] / "phrases.yaml").read_text(encoding="utf-8"))
BAR = 0.95


def read(phrase: str) -> ParsedPhrase:
    return understand(phrase, NOW, SHANGHAI, VILLAGES, CAMERAS)


def told(found: ParsedPhrase) -> dict[str, Any]:
    """Return the result in the form of phrases.yaml: the values by kind; years and zone omitted."""
    said: dict[str, Any] = {}
    for chip in found.chips:
        said.setdefault(chip.kind, []).append(chip.value)
    said = {kind: " ".join(sorted(set(values))) for kind, values in said.items()}
    if "between" in said:
        said["between"] = said["between"].replace("2026-", "").replace("+08:00", "")
    if found.unknown:
        said["unknown"] = " ".join(found.unknown)
    return said


def test_the_list_is_long_and_in_both_languages() -> None:
    assert len(PHRASES) >= 200 and len({p["phrase"] for p in PHRASES}) == len(PHRASES)
    chinese = sum(any("一" <= c <= "鿿" for c in p["phrase"]) for p in PHRASES)
    assert chinese >= 90 and len(PHRASES) - chinese >= 90


def test_nearly_all_phrases_are_read_right() -> None:
    wrong = []
    for entry in PHRASES:
        expected = {k: str(v) for k, v in entry.items() if k != "phrase"}
        got = told(read(entry["phrase"]))
        if got != expected:
            wrong.append(f"{entry['phrase']}: {got}, not {expected}")
    assert len(wrong) <= (1 - BAR) * len(PHRASES), "\n".join(wrong)


def test_every_word_of_the_dictionary_is_a_word_of_search() -> None:
    from search.query.phrases import _dictionary

    for kind, value in _dictionary()[0].values():
        if kind == "cls":
            assert vocabulary.classes([value])
        elif kind == "colour":
            assert vocabulary.colour(value)
        elif kind in ("attribute", "lacking"):
            assert vocabulary.attributes([value])
        elif kind == "direction":
            assert vocabulary.direction(value)
        elif kind == "speed":
            assert vocabulary.speed(value) is not None
        else:
            assert kind in ("garment", "heading", "note", "filler")


@given(
    st.text(max_size=120)
    | st.lists(
        st.sampled_from("红黑衣裤男子骑电瓶车往东昨晚18点到23:00每晚abc on a red the 、,。 ３０㎏"), max_size=60
    ).map("".join)
)
def test_any_text_is_read_without_harm(text: str) -> None:
    found = read(text)
    for chip in found.chips:
        assert 0 <= chip.start < chip.end <= len(text) and chip.text == text[chip.start : chip.end]
    filter_of(found.chips)


def test_a_phrase_of_five_thousand_signs_is_one_sentence() -> None:
    with pytest.raises(UsageError, match=rf"5000 signs; at most {LONGEST}"):
        read("红" * 5000)


def test_unknown_words_are_shown() -> None:
    assert read("红衣男子 qwertz 哪吒").unknown == ("qwertz", "哪吒")
    assert read("").chips == () and read("   ").unknown == ()
