"""A detector from a model pack: searches the whole picture, and windows of it enlarged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nvr.playback.pictures import Picture
from search.analysis.detectors.base import Detection, Pixels, Region
from search.analysis.detectors.decoders import decoder_of
from search.analysis.detectors.window_merge import WindowDetection, candidate, merge
from search.analysis.networks import Network, letterbox_placement
from search.models.registry import InstalledModel
from search.vocabulary import Cls


class PackDetector:
    """Runs a pack's network on the whole picture and on windows of it."""

    def __init__(self, installed: InstalledModel, threshold: float | None = None):
        """`threshold` replaces the pack's own. Raises DetectorError if the pack cannot be used."""
        pack = installed.pack if threshold is None else installed.pack.model_copy(update={"threshold": threshold})
        self.name = pack.name
        self.input_size: tuple[int, int] | None = (pack.input.width, pack.input.height)
        self._pack, self._decode = pack, decoder_of(pack)
        self._network = Network(InstalledModel(pack, installed.folder))
        self._classes = {int(k): int(Cls[v]) for k, v in pack.classes.items()}

    def detect(self, picture: Picture, moving: Sequence[Region], windows: Sequence[Pixels] = ()) -> list[Detection]:
        whole = (0, 0, picture.shape[1], picture.shape[0])
        return merge([c for i, w in enumerate((whole, *windows)) for c in self._detect_in(picture, w, i)])

    def _detect_in(self, picture: Picture, window: Pixels, number: int) -> Iterator[WindowDetection]:
        left, top, right, bottom = window
        part = picture[top:bottom, left:right]
        size, network = (picture.shape[1], picture.shape[0]), (self._pack.input.width, self._pack.input.height)
        for label, score, corners in self._decode(self._network.run(part), self._pack):
            if label not in self._classes:
                continue
            x1, y1, x2, y2 = self._undo_letterbox(part, corners) if self._pack.input.letterbox else corners
            wide, high = right - left, bottom - top
            pixels = (left + x1 * wide, top + y1 * high, left + x2 * wide, top + y2 * high)
            found = candidate((self._classes[label], score, pixels), number, window, size, network)
            if found is not None:
                yield found

    def _undo_letterbox(self, part: Picture, corners: Region) -> Region:
        """Convert corners in a letterboxed input to shares of the part."""
        spec = self._pack.input
        scale, left, top = letterbox_placement(part, spec.width, spec.height)
        x1, y1, x2, y2 = corners
        w, h = part.shape[1] * scale, part.shape[0] * scale
        return (
            (x1 * spec.width - left) / w,
            (y1 * spec.height - top) / h,
            (x2 * spec.width - left) / w,
            (y2 * spec.height - top) / h,
        )
