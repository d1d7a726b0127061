"""What a filter asks for and no installed model pack can tell, with the general class that can be searched instead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.errors import DetectorError
from core.settings import SearchSettings
from search.analysis.detectors.load import detector_pack
from search.models import ModelRegistry, Pack
from search.query.chips import ChipKind
from search.query.filters import Filter
from search.vocabulary import GENERAL_CLASS, INCLUDED_CLASSES, Attribute, Cls, excluded_classes

_TWO_WHEELERS = frozenset({Cls.two_wheeler, Cls.bicycle, Cls.ebike})


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the packs in use tell apart."""

    classes: frozenset[Cls]
    attributes: frozenset[str]
    lacking: frozenset[str]  # attributes whose absence is told
    plates: bool


@dataclass(frozen=True, slots=True)
class Unseen:
    """A value of a filter that no object is known to match; `general`: the class to search for instead, or empty."""

    kind: ChipKind
    value: str
    general: str


def abilities(settings: SearchSettings, registry: ModelRegistry) -> Abilities | None:
    """Return what the packs in use can tell; None if a pack that the settings name is missing or wrong.

    Reads the definitions of the packs; call it from a thread.
    """
    try:
        found = detector_pack(settings, registry)
        installed = [i.pack for i in registry.installed()]
    except DetectorError:
        return None
    others = [p for p in installed if p.task == "attribute"] if settings.attributes else []
    classes = _classes([found.pack, *others] if found is not None else others)
    classes |= {Cls.unknown} if found is not None else {Cls.unknown, Cls.person}  # those of the built-in detector
    if Cls.person in classes and classes & _TWO_WHEELERS:
        classes.add(Cls.rider)
    told = {w for pack in others for w in pack.told_words()}
    denied = {w for pack in others for w in pack.denied_words()}
    return Abilities(
        frozenset(classes),
        frozenset(told & set(Attribute.__members__)),
        frozenset(denied & set(Attribute.__members__)),
        settings.plates and any(p.task == "plate" for p in installed),
    )


def _classes(packs: Sequence[Pack]) -> set[Cls]:
    words = {w for pack in packs for w in pack.classes.values()}
    for pack in packs:
        words |= pack.told_words()
    return {Cls[w] for w in words if w in Cls.__members__}


def unseen(asked: Filter, known: Abilities) -> Iterator[Unseen]:
    """Yield what the filter asks for or excludes that the packs in use do not tell.

    The filter's words must be valid; those of a phrase are, others after `query_of`.
    """
    for word in asked.cls:
        # "van" finds every vehicle where vans are only known to be vehicles: that is said, too.
        if not known.classes.intersection(excluded_classes([word])):
            yield Unseen(ChipKind.CLS, word, _general(word, known))
    for word in asked.not_cls:  # "not a van" excludes nothing where vans are only known to be vehicles
        if not known.classes.intersection(excluded_classes([word])):
            yield Unseen(ChipKind.NOT_CLS, word, "")
    for kind, words, tellable in (
        (ChipKind.ATTRIBUTE, asked.attributes, known.attributes),
        (ChipKind.LACKING, asked.lacking, known.lacking),
    ):
        for attribute in words:
            if attribute in Attribute.__members__ and attribute not in tellable:
                yield Unseen(kind, attribute, "")
    if asked.plate and not known.plates:
        yield Unseen(ChipKind.PLATE, asked.plate, "")


def _general(word: str, known: Abilities) -> str:
    """Return the nearest class above a word that the packs tell; with no pack that is a moving thing."""
    general = GENERAL_CLASS.get(word, "")
    while general and not known.classes.intersection(INCLUDED_CLASSES[general]):
        general = GENERAL_CLASS.get(general, "")
    return general or "unknown"
