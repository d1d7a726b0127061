"""A detector from a model pack: searches the whole picture, and regions with motion in native size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nvr.playback.pictures import Picture
from search.analysis.detectors.base import Detection, Region, clip_to_picture, suppress_overlaps
from search.analysis.detectors.decoders import decoder_of
from search.analysis.detectors.regions import Pixels, tiles, windows
from search.analysis.networks import Network, letterbox_placement
from search.models.registry import InstalledModel
from search.vocabulary import Cls

EDGE_PIXELS = 3  # pixels: a box that ends at the edge of its window is an incomplete object


class PackDetector:
    """Runs a pack's network on the whole picture and on windows of it."""

    def __init__(self, installed: InstalledModel, threshold: float | None = None):
        """`threshold` replaces the pack's own. Raises DetectorError if the pack cannot be used."""
        pack = installed.pack if threshold is None else installed.pack.model_copy(update={"threshold": threshold})
        self.name = pack.name
        self._pack, self._decode = pack, decoder_of(pack)
        self._network = Network(InstalledModel(pack, installed.folder))
        self._classes = {int(k): int(Cls[v]) for k, v in pack.classes.items()}

    def detect(self, picture: Picture, moving: Sequence[Region], *, sweep: bool = False) -> list[Detection]:
        size, network = (picture.shape[1], picture.shape[0]), (self._pack.input.width, self._pack.input.height)
        found = list(self._detect_in(picture, (0, 0, *size)))
        for window in tiles(size, network) if sweep else windows(moving, size, network):
            found += self._detect_in(picture, window)
        return suppress_overlaps(found)

    def _detect_in(self, picture: Picture, window: Pixels) -> Iterator[Detection]:
        height, width = picture.shape[:2]
        left, top, right, bottom = window
        part = picture[top:bottom, left:right]
        outputs = self._network.run(part)
        for label, score, (x1, y1, x2, y2) in self._decode(outputs, self._pack):
            if label not in self._classes:
                continue
            if self._pack.input.letterbox:
                x1, y1, x2, y2 = self._undo_letterbox(part, (x1, y1, x2, y2))
            corners = [
                left + x1 * (right - left),
                top + y1 * (bottom - top),
                left + x2 * (right - left),
                top + y2 * (bottom - top),
            ]
            if _touches_inner_edge(corners, window, (width, height)):
                continue
            detection = clip_to_picture(
                self._classes[label],
                score,
                corners[0] / width,
                corners[1] / height,
                corners[2] / width,
                corners[3] / height,
            )
            if detection is not None:
                yield detection

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


def _touches_inner_edge(corners: Sequence[float], window: Pixels, size: tuple[int, int]) -> bool:
    """Return whether the box touches an edge of the window inside the picture: another window has it complete."""
    left, top, right, bottom = window
    return (
        (left > 0 and corners[0] <= left + EDGE_PIXELS)
        or (top > 0 and corners[1] <= top + EDGE_PIXELS)
        or (right < size[0] and corners[2] >= right - EDGE_PIXELS)
        or (bottom < size[1] and corners[3] >= bottom - EDGE_PIXELS)
    )
