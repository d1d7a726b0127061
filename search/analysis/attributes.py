"""Maps the outputs of an attribute pack for one crop to the search vocabulary."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from nvr.playback.pictures import Picture
from search.analysis.networks import Network
from search.models.definition import MIN_CONFIDENCE
from search.models.registry import InstalledModel
from search.vocabulary import Attribute, Cls, Colour


@dataclass(slots=True)
class AttributeScores:
    """Measured probabilities by attribute; class and colour of a vehicle where the pack is known to be right."""

    attributes: dict[Attribute, float] = field(default_factory=dict)
    cls: Cls | None = None
    colour: Colour | None = None


class AttributePack:
    """An attribute network; `applies_to` holds the classes it accepts."""

    def __init__(self, installed: InstalledModel):
        """Load the pack's network. Raises DetectorError."""
        self.pack = installed.pack
        self.applies_to = frozenset(int(Cls[c]) for c in installed.pack.applies_to)
        self._network = Network(installed)

    def of(self, crop: Picture) -> AttributeScores:
        """Run the network on a crop."""
        scores = AttributeScores()
        for word, score in self.raw_scores(crop):
            confidence = self.pack.confidence(word, score)
            if word in Attribute.__members__:
                scores.attributes[Attribute[word]] = confidence
            elif confidence < MIN_CONFIDENCE:
                continue
            elif word in Cls.__members__ and crop.shape[0] >= self.pack.min_height:
                scores.cls = Cls[word]
            elif word in Colour.__members__:
                scores.colour = Colour[word]
        return scores

    def raw_scores(self, crop: Picture) -> Iterator[tuple[str, float]]:
        """Yield words with the network's own scores: every attribute, and of kinds and colours the best.

        The best kind or colour is left out below the pack's threshold.
        """
        outputs = self._network.run(crop)
        for name, meanings in self.pack.outputs.items():
            values = outputs[name].ravel()[: len(meanings)]
            if self.pack.decoder == "sigmoids":
                yield from ((m, float(v)) for m, v in zip(meanings, values, strict=True) if m is not None)
                continue
            best = int(np.argmax(values))
            word = meanings[best]
            if word is not None and values[best] >= self.pack.threshold_of(name):
                yield word, float(values[best])
