"""One word, one meaning: no public class name is used twice, and abandoned words do not return."""

from __future__ import annotations

import ast
import re
from collections import defaultdict

from tests.test_layers import BELOW, ROOT, sources

# Names of an older vocabulary.
GIVEN_UP = {
    "take_apart",
    "Ticker",
    "UnitAssembler",
    "BlackBox",
    "StallGuard",
    "ConnectionBudget",
    "spare_memory",
    "CameraSight",
    "Looked",
    "Shelf",
    "ClockCare",
    "PolicyCare",
    "AccountCare",
    "EventCare",
    "NoPlace",
    "Closeup",
    "SignIns",
    "Sealing",
    "Overseer",
    "NobodyWatches",
    "PurposeNeeded",
    "ClearPasswordWanted",
    "ClearLogin",
    # A tour is a walk of a dome or of a wall through its pictures; a person judges pictures in a review.
    "TourView",
    "TourVerdictBody",
    "TourVerdictReply",
    "TOUR_DRAW",
    "TOUR_VERDICT",
    "tour_verdict",
    "patrol/tour",
    "page `/tour`",
}


def test_no_public_class_name_occurs_twice() -> None:
    """OpenAPI uses model names: with a duplicate, the document shows the fields of the last one only."""
    places = defaultdict(list)
    for package in BELOW:
        for path in sources(package):
            if "versions" not in path.parts:
                for node in ast.parse(path.read_text(encoding="utf-8")).body:
                    if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                        places[node.name].append(str(path.relative_to(ROOT)))
    twice = {name: where for name, where in places.items() if len(where) > 1}
    assert not twice, twice


def test_words_that_were_given_up_are_found_nowhere() -> None:
    old = re.compile(rf"\b({'|'.join(sorted(GIVEN_UP))})\b")
    documents = [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("README*.md")]
    found = [
        f"{path.relative_to(ROOT)}:{number}: {match[0]}"
        for path in [
            *documents,
            *(p for package in [*BELOW, "bench"] for p in sources(package) if "versions" not in p.parts),
        ]
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for match in old.finditer(line)
    ]
    assert not found, found
