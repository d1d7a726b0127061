"""Which engine records a stream whose `engine` is `auto`: the native one, and ffmpeg where it records more.

Every failure of a camera that answers counts (a refused request, a broken protocol, a stall, a hang-up), whatever the engine.
After two in a row, or four in half an hour that left a tenth unrecorded, ffmpeg gets its turn; with the same patience
it gives way again where it records no more than the native engine did. Times are seconds of a monotonic clock.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from core.errors import CameraDeclined, CameraError, ConnectionLost, ProtocolError, StationFault, StreamStalled

NATIVE, FFMPEG = "native", "ffmpeg"
PATIENCE = 2.0  # failures in a row before the other engine is tried
STEADY_S = 30.0  # recorded so long a session is no failure in a row
HANG_UP_WEIGHT = 0.5  # of a failure: networks and reboots hang up, too
POOR_SHARE, POOR_SESSIONS, POOR_WINDOW_S = 0.9, 4, 1800.0
NATIVE_AGAIN_S = 86_400.0  # then the native engine gets another chance
TRY_AGAIN_S = (3600.0, 4 * 3600.0, NATIVE_AGAIN_S)  # after ffmpeg was no better the first, second … time
TRIAL_S = 120.0  # a session of ffmpeg is compared after so long
SESSIONS = 6  # of each engine that are compared


def weight(error: CameraError, engine: str) -> float:
    """How much a failure counts against the engine; 0: another engine would fare no better."""
    if isinstance(error, ConnectionLost):
        return HANG_UP_WEIGHT
    if isinstance(error, (ProtocolError, CameraDeclined, StreamStalled)):
        return 1.0
    return 1.0 if isinstance(error, StationFault) and engine == NATIVE else 0.0


@dataclass(slots=True)
class Sessions:
    """What an engine's newest sessions brought: (when they ended, seconds they took, seconds recorded)."""

    ended: deque[tuple[float, float, float]] = field(default_factory=lambda: deque(maxlen=SESSIONS))

    def share(self) -> float:
        """Recorded share of the time; 0 where nothing is known."""
        return share(sum(s[2] for s in self.ended), sum(s[1] for s in self.ended))

    def poor(self, now: float) -> bool:
        """It breaks off often and leaves much unrecorded, though each session is steady."""
        lately = [s for s in self.ended if now - s[0] <= POOR_WINDOW_S]
        return len(lately) >= POOR_SESSIONS and self.share() < POOR_SHARE


def share(recorded: float, elapsed: float) -> float:
    return min(1.0, recorded / max(elapsed, 1e-3))


class EngineChoice:
    """Of one stream. `engine` is the one that has it now."""

    def __init__(self, now: float, on_ffmpeg_for: float | None = None):
        """`on_ffmpeg_for`: seconds since ffmpeg took over, where it had."""
        self.engine = NATIVE if on_ffmpeg_for is None else FFMPEG
        self._since = now - (on_ffmpeg_for or 0.0)
        self._failures = 0.0  # in a row
        self._sessions = {NATIVE: Sessions(), FFMPEG: Sessions()}
        self._not_before = float("-inf")  # ffmpeg was no better
        self._paused_since: float | None = None  # a failure of this engine
        self._returns = 0

    def ended(self, now: float, engine: str, error: CameraError, elapsed: float, recorded: float) -> None:
        """A session of `engine` ended after `elapsed` seconds, of which `recorded` were."""
        counts = weight(error, engine)
        paused_since, self._paused_since = self._paused_since, now if counts else None
        if paused_since is not None:  # the pause after a failure is the failure's: nothing was recorded meanwhile
            elapsed = max(elapsed, now - paused_since)
        if engine != self.engine or not counts:
            return
        self._sessions[engine].ended.append((now, elapsed, recorded))
        self._failures = counts if recorded > STEADY_S else self._failures + counts

    def choose(self, now: float, *, native_can: bool = True, ffmpeg_can: bool = True, calm: bool = True) -> str:
        """The engine of the next session. `native_can`: it speaks the address's scheme; `ffmpeg_can`: it is installed; `calm`: the
        trouble is this camera's own, not everybody's."""
        if not native_can:
            self._go(FFMPEG, now)
        elif self.engine == FFMPEG and now - self._since > NATIVE_AGAIN_S:
            self._go(NATIVE, now)
            self._failures = PATIENCE - 1  # one more chance
        elif self.engine == FFMPEG and self._failures >= PATIENCE:
            self._weigh(now)
        elif ffmpeg_can and calm and now >= self._not_before and self.native_fails(now):
            self._go(FFMPEG, now)
            self._sessions[FFMPEG].ended.clear()
        return self.engine if ffmpeg_can or not native_can or self.engine == NATIVE else NATIVE

    def native_fails(self, now: float) -> bool:
        """Persistently: the other engine is due."""
        return self.engine == NATIVE and (self._failures >= PATIENCE or self._sessions[NATIVE].poor(now))

    def is_worse(self, elapsed: float, recorded: float) -> bool:
        """A session of ffmpeg that runs has recorded less than the native engine did."""
        return self.engine == FFMPEG and share(recorded, elapsed) < self._sessions[NATIVE].share() - 0.05

    def give_back(self, now: float) -> None:
        """ffmpeg was no better."""
        self._not_before = now + TRY_AGAIN_S[min(self._returns, len(TRY_AGAIN_S) - 1)]
        self._returns += 1
        self._go(NATIVE, now)

    def without_ffmpeg(self, now: float) -> None:
        """ffmpeg could not be started: native goes on, and still fails."""
        self._go(NATIVE, now)
        self._failures = PATIENCE

    def shares(self) -> tuple[int, int]:
        """Percent of the time that (native, ffmpeg) recorded lately."""
        return round(100 * self._sessions[NATIVE].share()), round(100 * self._sessions[FFMPEG].share())

    def _weigh(self, now: float) -> None:
        self._failures = 0.0
        if self._sessions[NATIVE].share() >= self._sessions[FFMPEG].share():
            self.give_back(now)

    def _go(self, engine: str, now: float) -> None:
        if engine != self.engine:
            self.engine, self._since, self._failures, self._paused_since = engine, now, 0.0, None
