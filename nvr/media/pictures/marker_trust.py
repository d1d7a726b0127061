"""Learn whether a camera's RTP marker ends its pictures, from pictures that were delimited without it."""

from __future__ import annotations

MAX_NEEDED = 64  # keyframes


class MarkerTrust:
    """Decides whether the marker is trusted.

    It is trusted after a keyframe and one more picture that ended with the marker and had none before, and no longer
    trusted after the first picture that did not. Each such loss doubles how many keyframes are needed to regain trust:
    a camera that marks every slice may send keyframes of several slices between pictures of one slice.
    """

    __slots__ = ("_keys", "_needed", "_pictures", "trusted")

    def __init__(self) -> None:
        self.trusted = False
        self._needed = 1  # keyframes in a row
        self._keys = 0
        self._pictures = 0

    def picture(self, *, ended: bool, key: bool) -> None:
        """Record a complete picture; `ended`: its last packet, and no other, had the marker."""
        if not ended:
            if self.trusted or self._pictures == 0:
                self._needed = min(2 * self._needed, MAX_NEEDED)
            self.trusted, self._keys, self._pictures = False, 0, 0
            return
        self._keys += key
        self._pictures += 1
        self.trusted = self.trusted or (self._keys >= self._needed and self._pictures > self._needed)
