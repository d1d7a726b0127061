"""Which names a stream gave its files since the station's clock runs as it does: should that clock have been wrong, they move."""

from __future__ import annotations

from array import array

from nvr.archive.timeline import ClockStep

MAX_REFILED = 400  # names of a stream's first files that are remembered; the archive knows the others
MAX_STEPS = 4  # of which corrections may still wait


class FiledNames:
    """Of one stream. Names are the files' starts, µs UTC."""

    def __init__(self) -> None:
        self.since_us = 0  # since when the clock runs as it does
        self._names = array("q")  # of the first files since then
        self._more = False  # there are more
        self._after: list[list[int]] = []  # for each of the newest steps, the files since

    def add(self, start: int) -> None:
        """A file was named by the clock as it is."""
        for after in self._after:
            if len(after) < MAX_REFILED:
                after.append(start)
        if len(self._names) < MAX_REFILED:
            self._names.append(start)
        else:
            self._more = True

    def step(self, stream: str, by_us: int, until_us: int | None) -> ClockStep | None:
        """The clock was set by so much when the stream was covered until `until_us`; returns what has to move, None: nothing."""
        since, names, found = min(self.since_us, *self._names[:1]), tuple(self._names), None
        if until_us is not None:
            since = min(since, until_us)
            self._after = [*self._after[-MAX_STEPS:], []]
            found = ClockStep(stream, since, until_us, by_us, names, self._more, self._after[-1])
        # What was moved moves again with the next step: this one may have been the mistake.
        self._names = array("q", (start + by_us for start in names))
        self.since_us = since + by_us
        return found
