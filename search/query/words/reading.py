"""What has been read of a phrase so far: chips, words that went into them, and what was not understood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from search.query.chips import ChipKind
from search.query.words.lexicon import Token

# Of these a filter takes one value; a second one is shown as not understood.
SINGLE = frozenset({ChipKind.HEADING, ChipKind.BETWEEN, ChipKind.NIGHTLY, ChipKind.DWELL, ChipKind.PLATE})
_OPPOSITES = {
    ChipKind.CLS: ChipKind.NOT_CLS, ChipKind.UPPER: ChipKind.NOT_UPPER, ChipKind.LOWER: ChipKind.NOT_LOWER,
    ChipKind.ATTRIBUTE: ChipKind.LACKING,
}  # fmt: skip
_EXCLUDED = {excluded: kind for kind, excluded in _OPPOSITES.items()}
_CHIP_ROLES = {kind.value for kind in ChipKind}


@dataclass(frozen=True, slots=True)
class Meaning:
    """A chip before it has its text: [start, end) in the phrase."""

    kind: ChipKind
    value: str
    start: int
    end: int


@dataclass(slots=True)
class Reading:
    """The state of reading one phrase. `merged`: words whose meaning is in a chip that stands elsewhere.

    `denied`: garments whose colour is excluded (裤子不是黑色).
    """

    tokens: list[Token]
    meanings: list[Meaning] = field(default_factory=list)
    unknown: list[tuple[int, int]] = field(default_factory=list)
    merged: list[tuple[int, int]] = field(default_factory=list)
    denied: list[Token] = field(default_factory=list)

    def add(self, kind: ChipKind, value: str, start: int, end: int) -> None:
        """Add a chip; what says the same once more is merged.

        A second value of a single kind, and what contradicts an exclusion, is unknown.
        """
        for known in self.meanings:
            if known.value == value and known.kind in (_OPPOSITES.get(kind), _EXCLUDED.get(kind)):
                self.unknown.append((start, end))
                return
            if kind is not ChipKind.NOTE and known.kind is kind and known.value == value:
                self.merged.append((start, end))
                return
            if known.kind is kind and kind in SINGLE:
                self.unknown.append((start, end))
                return
        self.meanings.append(Meaning(kind, value, start, end))

    def add_token(self, token: Token) -> None:
        """Add a token whose role is a kind of chip."""
        self.add(ChipKind(token.role.value), token.value, token.start, token.end)

    def take(self, tokens: Sequence[Token]) -> None:
        """Remove tokens that were read."""
        taken = set(tokens)
        self.tokens = [t for t in self.tokens if t not in taken]

    def refuse(self, tokens: Sequence[Token]) -> None:
        """Take neighbouring tokens as one part that was not understood."""
        self.unknown.append((tokens[0].start, tokens[-1].end))
        self.take(tokens)


def is_chip(token: Token) -> bool:
    """Return whether the token's role is a kind of chip."""
    return token.role.value in _CHIP_ROLES
