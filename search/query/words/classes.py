"""Merges the classes of a phrase: a person on an e-bike is a rider, a man who drives a van is searched as the van."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from search.query.chips import ChipKind
from search.query.words.lexicon import Token, WordRole, dictionary
from search.query.words.negation import TWO_WHEELERS
from search.query.words.nouns import VEHICLES
from search.query.words.reading import Reading

_PEOPLE = frozenset({"person", "pedestrian"})
_INSIDE = frozenset({"in", "on", "from", "inside", "into", "out of"})  # a man in a white van
_INTERIOR = frozenset({"里", "里面", "内", "中", "上"})
_PARTS = {
    "vehicle": (VEHICLES - {"vehicle"}) | TWO_WHEELERS | {"rider"},
    "two_wheeler": TWO_WHEELERS - {"two_wheeler"},
    "animal": frozenset({"dog", "animal"}),
}
_ANY_ANIMAL = frozenset({"动物", "animal", "animals"})
_SEATED = ("坐", "sit", "seated")


@dataclass(frozen=True, slots=True)
class Classes:
    """`heads`: how many people or vehicles the phrase describes; clothes of people in a car are not visible."""

    heads: int
    clothes_are_visible: bool


def read(reading: Reading) -> Classes:
    """Take the classes of the phrase, and the verbs that say how they belong together."""
    tokens = reading.tokens
    classes = [t for t in tokens if t.role is WordRole.CLS]
    pushed = _pushed(tokens)
    people = [t for t in classes if t.value in _PEOPLE]
    wheels = [t for t in classes if t.value in TWO_WHEELERS]
    riders = [t for t in classes if t.value == "rider"]
    vehicles = [t for t in classes if t.value in VEHICLES]
    seated = any(t.role is WordRole.SPEED and t.word.startswith(_SEATED) for t in tokens)
    inside = bool(people or riders) and not wheels and any(seated or _is_inside(tokens, v, pushed) for v in vehicles)
    dropped: set[Token] = set()
    if not _are_alternatives(tokens, [*people, *riders, *wheels, *vehicles]):
        ridden = [w for w in wheels if w not in pushed]
        dropped |= set(people) if ridden or riders else set()
        dropped |= set(riders) if wheels else set()
    if inside:
        dropped |= {*people, *riders}
    if any(t.value == "pedestrian" for t in people):
        dropped |= {t for t in people if t.value == "person"}
    dropped |= _general(tokens, classes)
    _add(reading, classes, dropped)
    _add_verbs(reading, has_people=bool(people or riders), pushed=pushed, has_vehicles=bool(wheels or vehicles))
    persons = len(people) + len(riders)
    heads = len(vehicles) if inside else max(persons, len(wheels)) + len(vehicles)
    # Without a person in the phrase the clothes beside a vehicle are those of its driver; a tricycle is open.
    closed = any(t.value != "tricycle" for t in vehicles)
    return Classes(heads, not closed or bool(wheels) or (bool(persons) and not inside))


def _pushed(tokens: Sequence[Token]) -> set[Token]:
    """Return the vehicles that somebody pushes."""
    found: set[Token] = set()
    pushing = False
    for token in tokens:
        if token.role is WordRole.PUSHING:
            pushing = True
        elif token.role in (WordRole.BREAK, WordRole.DRIVING):
            pushing = False
        elif token.role is WordRole.CLS and pushing:
            found |= {token} if token.value in TWO_WHEELERS | VEHICLES else set()
            pushing = False
    return found


def _is_inside(tokens: Sequence[Token], vehicle: Token, pushed: set[Token]) -> bool:
    """Return whether the phrase says that somebody drives or sits in this vehicle."""
    if vehicle in pushed:
        return False
    index = tokens.index(vehicle)
    after, at = tokens[index + 1] if index + 1 < len(tokens) else None, index - 1
    while at >= 0 and tokens[at].role in (
        WordRole.LINK,
        WordRole.COLOUR,
        WordRole.NOTE,
        WordRole.CONJUNCTION,
        WordRole.ALTERNATIVE,
    ):
        at -= 1
    if after is not None and after.word in _INTERIOR and (at < 0 or tokens[at].word != "从"):
        return True  # 面包车里的人; not 从面包车里出来的人
    if at < 0:
        return False
    return tokens[at].role is WordRole.DRIVING or tokens[at].word in _INSIDE or tokens[at].word.startswith(_SEATED)


def _general(tokens: Sequence[Token], classes: Sequence[Token]) -> set[Token]:
    """Return the words for a whole kind beside one of a part of it: 找辆车，蓝色厢式货车. "And" and "or" join both."""
    joins = [t.start for t in tokens if t.role in (WordRole.ALTERNATIVE, WordRole.CONJUNCTION)]
    found: set[Token] = set()
    for before, after in pairwise(classes):
        for general, special in ((before, after), (after, before)):
            parts = _PARTS.get(general.value, frozenset())
            is_general = special.value in parts and special.word not in _ANY_ANIMAL
            is_general = is_general and (general.value != "animal" or general.word in _ANY_ANIMAL)
            if is_general and not any(before.end <= at < after.start for at in joins):
                found.add(general)
    return found


def _are_alternatives(tokens: Sequence[Token], classes: Sequence[Token]) -> bool:
    """Return whether "or" stands between people and two-wheelers: 行人或骑车的人."""
    if len(classes) < 2:
        return False
    ordered = sorted(classes, key=lambda t: t.start)
    kinds = [t.value in _PEOPLE for t in ordered]
    return any(
        kinds[i] != kinds[i + 1] and ordered[i].end <= t.start < ordered[i + 1].start
        for t in tokens
        if t.role is WordRole.ALTERNATIVE
        for i in range(len(ordered) - 1)
    )


def _add(reading: Reading, classes: Sequence[Token], dropped: set[Token]) -> None:
    has_people = any(t.value in _PEOPLE | {"rider"} for t in classes)
    for token in classes:
        for what in dictionary().judged.get(token.word, ()) or dictionary().judged.get(
            token.word.removesuffix("s"), ()
        ):
            reading.add(ChipKind.NOTE, what, token.start, token.end)
        if token in dropped:
            reading.merged.append((token.start, token.end))
        elif token.value == "bag" and has_people:  # what somebody carries is an attribute
            reading.add(ChipKind.ATTRIBUTE, "bag", token.start, token.end)
        else:
            reading.add_token(token)
    reading.take(classes)


def _add_verbs(reading: Reading, *, has_people: bool, pushed: set[Token], has_vehicles: bool) -> None:
    """Read the verbs: somebody who pushes a vehicle is a person; sitting on or in one is not standing still."""
    taken: list[Token] = []
    for token in reading.tokens:
        if token.role is WordRole.PUSHING and pushed and not has_people:
            reading.add(ChipKind.CLS, "pedestrian", token.start, token.end)
            taken.append(token)
        elif token.role in (WordRole.PUSHING, WordRole.DRIVING) or (
            token.role is WordRole.SPEED and has_vehicles and token.word.startswith(_SEATED)
        ):
            reading.merged.append((token.start, token.end))
            taken.append(token)
    reading.take(taken)
