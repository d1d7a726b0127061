"""The file names that a stream has assigned since the last change of the station's clock.

If that clock was wrong, they change.
"""

from __future__ import annotations

from array import array

from nvr.archive.coverage.timeline import ClockStep

MAX_REMEMBERED_NAMES = 400  # names of a stream's first files that are remembered; the archive knows the others
MAX_PENDING_STEPS = 4  # newest clock changes whose corrections may still be pending


class StreamFileNames:
    """File names of one stream. A name is the start of its file, µs UTC."""

    def __init__(self) -> None:
        self.since_us = 0  # since when the clock has its current setting, µs UTC
        self._names = array("q")  # of the first files since then
        self._more = False  # there are more files than `_names` holds
        self._after: list[list[int]] = []  # for each of the newest clock changes, the files since it

    def add(self, start: int) -> None:
        """Record a file that the current clock named."""
        for after in self._after:
            if len(after) < MAX_REMEMBERED_NAMES:
                after.append(start)
        if len(self._names) < MAX_REMEMBERED_NAMES:
            self._names.append(start)
        else:
            self._more = True

    def step(self, stream: str, by_us: int, until_us: int | None) -> ClockStep | None:
        """Apply a clock change of `by_us` at which the stream was covered until `until_us`.

        Return what must be moved; None: nothing.
        """
        since, names, found = min(self.since_us, *self._names[:1]), tuple(self._names), None
        if until_us is not None:
            since = min(since, until_us)
            self._after = [*self._after[-MAX_PENDING_STEPS:], []]
            found = ClockStep(stream, since, until_us, by_us, names, self._more, self._after[-1])
        # Files that were moved move again at the next change, because this one may have been the error.
        self._names = array("q", (start + by_us for start in names))
        self.since_us = since + by_us
        return found
