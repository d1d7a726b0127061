"""The result type of all checks: what was found, and what could not be tested."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from health.vocabulary import EvidenceFigures, FaultFamily


@dataclass(slots=True)
class CheckFindings:
    """What one check says about one camera.

    `found`: fault family → figures of the evidence; `unknown`: families that the check could not test. A family in
    neither was tested and is clean.
    """

    found: dict[FaultFamily, EvidenceFigures] = field(default_factory=dict)
    unknown: set[FaultFamily] = field(default_factory=set)

    def add(self, other: CheckFindings) -> None:
        """Add the findings of another check; its figures win where both found a family."""
        self.found |= other.found
        self.unknown |= other.unknown

    def withdraw(self, families: Iterable[FaultFamily]) -> None:
        """Turn findings into unknown families, because another cause may explain them."""
        for family in families:
            if self.found.pop(family, None) is not None:
                self.unknown.add(family)
