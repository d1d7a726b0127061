"""Search phrases: how many are read as a person reads them, and whether what is read wrongly shows that it is.

A set is a YAML list of phrases with their expected reading; the values are the words of the search vocabulary, or the
plainer ones of `PLAIN` (towards for down). A reading is compared as a whole: what is not listed must be empty.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from bench.common import ROOT, Figure
from search.query.chips import ChipKind
from search.query.phrases import ParsedPhrase, parse

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 25, 15, 30, tzinfo=ZONE)  # a Wednesday
VILLAGES = {
    "王家村": "wangjia", "西店村": "xidian", "崖下村": "yaxia", "东岙村": "dongao", "樟树村": "zhangshu",
    "溪头村": "xitou", "团堧村": "tuanruan", "铁江村": "tiejiang", "紫江村": "zijiang",
}  # fmt: skip
OWN_CAMERAS = {"村口": "wj-01", "East Gate": "xd-01"}
PHRASES = ROOT / "tests" / "search"
# File → cameras of its station.
SETS: dict[str, dict[str, str]] = {
    "phrases.yaml": OWN_CAMERAS,
    "phrases_everyday.yaml": OWN_CAMERAS,
    "phrases_unseen.yaml": {},
    "phrases_unseen2.yaml": {},
    "phrases_unseen3.yaml": {},
}
UNSEEN = {"phrases_unseen3.yaml": SETS["phrases_unseen3.yaml"]}  # after which nothing was changed
# Plain words for those of the vocabulary, by field.
PLAIN = {
    "cls": {"pedestrian": "person", "two_wheeler": "rider"},
    "not_cls": {"pedestrian": "person", "two_wheeler": "rider"},
    "attribute": {"coat_or_jacket": "coat"},
    "lacking": {"coat_or_jacket": "coat"},
    "speed": {"brisk": "fast"},
    "direction": {"down": "towards", "up": "away"},
}
# Attributes that are understood and not searched: no pack detects them, so the vocabulary has no word for them.
NOTED = frozenset({"mask", "glasses", "umbrella"})
_FUNCTION_WORDS = frozenset({"a", "an", "the", "at", "by", "in", "of", "on", "to", "with"})
FIELDS = (
    "cls", "not_cls", "upper", "not_upper", "lower", "not_lower", "attribute", "lacking", "speed", "heading",
    "direction", "village", "camera", "between", "nightly", "dwell", "plate",
)  # fmt: skip


class Verdict(StrEnum):
    """How a phrase was read."""

    RIGHT = "right"
    NOT_FOLLOWED = "not followed on purpose: the colour of a two-wheeler is shown as not searched"
    SHOWN = "wrong, and something is shown as not understood or not searched"
    SILENT = "wrong without a sign"


@dataclass(frozen=True, slots=True)
class Comparison:
    """An expected reading and the one of the product, in plain words by field."""

    phrase: str
    verdict: Verdict
    differences: dict[str, tuple[str, str]]  # field → expected, read


def load(name: str) -> list[dict[str, Any]]:
    """Return the entries of a set; none if its file is missing."""
    path = PHRASES / name
    found: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else []
    return found


def compare(entry: Mapping[str, Any], cameras: Mapping[str, str]) -> Comparison:
    """Read an entry's phrase and compare it with the expectation."""
    parsed = parse(entry["phrase"], NOW, ZONE, VILLAGES, cameras)
    wanted = {field: str(entry.get(field, "")).split() for field in FIELDS}
    for note in str(entry.get("note", "")).split():
        if note.removeprefix("no_") in NOTED:
            wanted["lacking" if note.startswith("no_") else "attribute"].append(note.removeprefix("no_"))
    expected = {field: _plain(field, values) for field, values in wanted.items()}
    read = {field: _plain(field, values) for field, values in values_of(parsed).items()}
    differences = {f: (expected[f], read[f]) for f in FIELDS if expected[f] != read[f]}
    missing, extra = _unknown_differences(str(entry.get("unknown", "")).split(), parsed)
    if missing or extra:
        differences["unknown"] = (" ".join(missing), " ".join(extra))
    shown = bool(parsed.unknown) or any(c.kind is ChipKind.NOTE for c in parsed.chips)
    if not differences:
        verdict = Verdict.RIGHT
    elif set(differences) == {"upper"} and _is_noted_two_wheeler(expected["upper"], parsed):
        verdict = Verdict.NOT_FOLLOWED
    else:
        verdict = Verdict.SHOWN if shown else Verdict.SILENT
    return Comparison(entry["phrase"], verdict, differences)


def _is_noted_two_wheeler(colours: str, parsed: ParsedPhrase) -> bool:
    """Return whether all that is missing is the colour of a two-wheeler, each named in a note."""
    noted = [c for c in parsed.chips if c.kind is ChipKind.NOTE and c.value == "two_wheeler_colour"]
    read = any(c.kind is ChipKind.UPPER for c in parsed.chips)
    return not read and bool(noted) and len(noted) == len(colours.split())


def values_of(parsed: ParsedPhrase) -> dict[str, list[str]]:
    """Return the values of a reading by field; villages by their names, times without this year and the zone."""
    found: dict[str, list[str]] = {field: [] for field in FIELDS}
    for chip in parsed.chips:
        if chip.kind is ChipKind.NOTE:
            field = "lacking" if chip.value.startswith("no_") else "attribute"
            if (value := chip.value.removeprefix("no_")) in NOTED:
                found[field].append(value)
            continue
        value = chip.text if chip.kind is ChipKind.VILLAGE else chip.value
        if chip.kind is ChipKind.BETWEEN:
            value = value.replace(f"{NOW.year}-", "").replace("+08:00", "")
        found[chip.kind.value].append(value)
    return found


def _plain(field: str, values: Iterable[str]) -> str:
    """Return the values in plain words; a village also by its name where it is written as a code."""
    names = {code: name for name, code in VILLAGES.items()}
    plain = PLAIN.get(field, {})
    if field == "nightly":
        values = [v.replace("24:00", "00:00") for v in values]
    if field == "plate":
        values = [v.strip("*") for v in values]
    return " ".join(sorted({plain.get(v, names.get(v, v)) for v in values}))


def _unknown_differences(expected: list[str], parsed: ParsedPhrase) -> tuple[list[str], list[str]]:
    """Return the expected unknown words that are not shown, and the shown ones that are not expected.

    A word and a longer one that contains it are the same; a note shows a word as well. Of an expected part of several
    words (on the phone) articles and prepositions need not be shown.
    """
    shown = [u.replace(" ", "").lower() for u in parsed.unknown]
    noted = [c.text.replace(" ", "").lower() for c in parsed.chips if c.kind is ChipKind.NOTE]
    wanted = [w for w in map(str.lower, expected) if w not in _FUNCTION_WORDS]
    missing = [w for w in wanted if not any(w in s or s in w for s in [*shown, *noted])]
    extra = [s for s in shown if not any(w in s or s in w for w in wanted)]
    return missing, extra


def words(sets: Mapping[str, Mapping[str, str]]) -> list[Figure]:
    """Compare sets (of SETS); print what differs."""
    figures: list[Figure] = []
    for name, cameras in sets.items():
        entries = load(name)
        if not entries:
            print(f"{name}: missing")
            continue
        compared = [compare(entry, cameras) for entry in entries]
        for one in compared:
            if one.verdict is not Verdict.RIGHT:
                told = "; ".join(f"{f}: {a or '-'} expected, {b or '-'} read" for f, (a, b) in one.differences.items())
                print(f"{name}: {one.verdict.name}: {one.phrase}: {told}")
        counts = Counter(one.verdict for one in compared)
        figures.append(Figure(f"{name}: phrases", len(entries), ""))
        figures += [Figure(f"{name}: {verdict.value}", counts[verdict], "") for verdict in Verdict]
    return figures
