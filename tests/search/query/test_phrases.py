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
from search.query.phrases import MAX_CHARACTERS, ParsedPhrase, parse

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 25, 15, 30, tzinfo=SHANGHAI)  # a Wednesday
VILLAGES = {"王家村": "wangjia", "西店村": "xidian", "崖下村": "yaxia"}
CAMERAS = {"村口": "wj-01", "East Gate": "xd-01"}
PHRASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parents[1] / "phrases.yaml").read_text(encoding="utf-8"))
MIN_CORRECT_SHARE = 0.95


def read(phrase: str) -> ParsedPhrase:
    return parse(phrase, NOW, SHANGHAI, VILLAGES, CAMERAS)


def as_entry(found: ParsedPhrase) -> dict[str, Any]:
    """Return the result in the form of phrases.yaml: the values by kind; years and zone omitted."""
    entry: dict[str, Any] = {}
    for chip in found.chips:
        entry.setdefault(chip.kind, []).append(chip.value)
    entry = {kind: " ".join(sorted(set(values))) for kind, values in entry.items()}
    if "between" in entry:
        entry["between"] = entry["between"].replace("2026-", "").replace("+08:00", "")
    if found.unknown:
        entry["unknown"] = " ".join(found.unknown)
    return entry


def test_phrase_list_covers_both_languages() -> None:
    assert len(PHRASES) >= 200 and len({p["phrase"] for p in PHRASES}) == len(PHRASES)
    chinese = sum(any("一" <= c <= "鿿" for c in p["phrase"]) for p in PHRASES)
    assert chinese >= 90 and len(PHRASES) - chinese >= 90


def test_phrases_parse_as_listed() -> None:
    wrong = []
    for entry in PHRASES:
        expected = {k: str(v) for k, v in entry.items() if k != "phrase"}
        got = as_entry(read(entry["phrase"]))
        if got != expected:
            wrong.append(f"{entry['phrase']}: {got}, not {expected}")
    assert len(wrong) <= (1 - MIN_CORRECT_SHARE) * len(PHRASES), "\n".join(wrong)


def test_dictionary_values_are_in_the_vocabulary() -> None:
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
def test_any_text_parses(text: str) -> None:
    found = read(text)
    for chip in found.chips:
        assert 0 <= chip.start < chip.end <= len(text) and chip.text == text[chip.start : chip.end]
    filter_of(found.chips)


def test_phrase_that_is_too_long_is_refused() -> None:
    with pytest.raises(UsageError, match=rf"5000 characters; the maximum is {MAX_CHARACTERS}"):
        read("红" * 5000)


def test_unknown_words_are_reported() -> None:
    assert read("红衣男子 qwertz 哪吒").unknown == ("qwertz", "哪吒")
    assert read("").chips == () and read("   ").unknown == ()
