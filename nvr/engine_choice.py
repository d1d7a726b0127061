"""Choose the engine of a stream whose `engine` is `auto`: the native one, or ffmpeg where it records more.

Every failure of a camera that answers counts (a refused request, a protocol error, a stall, a closed connection),
whichever engine records. After two failures in a row, or four in half an hour that left a tenth unrecorded, ffmpeg
takes over. The same thresholds hand the stream back if ffmpeg records no more than the native engine did. Times are
seconds of a monotonic clock.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from core.errors import CameraDeclined, CameraError, ConnectionLost, ProtocolError, StationFault, StreamStalled

PATIENCE = 2.0  # failures in a row before the other engine is tried
STEADY_S = 30.0  # a session that recorded for longer starts the count of failures anew
CLOSED_CONNECTION_WEIGHT = 0.5  # weight of a closed connection, which networks and reboots cause as well
POOR_SHARE, POOR_SESSIONS, POOR_WINDOW_S = 0.9, 4, 1800.0
NATIVE_AGAIN_S = 86_400.0  # ffmpeg keeps a stream for this long, then the native engine is tried again
TRY_AGAIN_S = (3600.0, 4 * 3600.0, NATIVE_AGAIN_S)  # delay after ffmpeg was no better for the 1st, 2nd, 3rd … time
TRIAL_S = 120.0  # an ffmpeg session is compared after this time
SESSIONS = 6  # newest sessions of each engine that are compared


class EngineKind(StrEnum):
    """An engine, as a stream's entry and its status name it."""

    AUTO = "auto"  # only in an entry: `EngineChoice` selects one of the others
    NATIVE = "native"
    FFMPEG = "ffmpeg"


def failure_weight(error: CameraError, engine: EngineKind) -> float:
    """Return how much a failure counts against the engine; 0: another engine would do no better."""
    if isinstance(error, ConnectionLost):
        return CLOSED_CONNECTION_WEIGHT
    if isinstance(error, (ProtocolError, CameraDeclined, StreamStalled)):
        return 1.0
    return 1.0 if isinstance(error, StationFault) and engine == EngineKind.NATIVE else 0.0


@dataclass(slots=True)
class Sessions:
    """Results of an engine's newest sessions: (end time, duration in seconds, recorded seconds)."""

    ended: deque[tuple[float, float, float]] = field(default_factory=lambda: deque(maxlen=SESSIONS))

    def share(self) -> float:
        """Return the recorded share of the time; 0 where there are no sessions."""
        return share(sum(s[2] for s in self.ended), sum(s[1] for s in self.ended))

    def is_poor(self, now: float) -> bool:
        """Return whether recent sessions end often and leave much unrecorded."""
        lately = [s for s in self.ended if now - s[0] <= POOR_WINDOW_S]
        return len(lately) >= POOR_SESSIONS and self.share() < POOR_SHARE


def share(recorded: float, elapsed: float) -> float:
    """Return the recorded share of the elapsed time, at most 1."""
    return min(1.0, recorded / max(elapsed, 1e-3))


class EngineChoice:
    """Engine choice of one stream. `engine` is the current one."""

    def __init__(self, now: float, on_ffmpeg_for: float | None = None):
        """`on_ffmpeg_for`: seconds since ffmpeg took over; None if the native engine has the stream."""
        self.engine = EngineKind.NATIVE if on_ffmpeg_for is None else EngineKind.FFMPEG
        self._since = now - (on_ffmpeg_for or 0.0)
        self._failures = 0.0  # in a row
        self._sessions = {EngineKind.NATIVE: Sessions(), EngineKind.FFMPEG: Sessions()}
        self._not_before = float("-inf")  # earliest next trial of ffmpeg, after it was no better
        self._paused_since: float | None = None  # time of this engine's last failure
        self._returns = 0  # how often ffmpeg was no better

    def ended(self, now: float, engine: EngineKind, error: CameraError, elapsed: float, recorded: float) -> None:
        """Record that a session of `engine` ended after `elapsed` seconds, of which `recorded` were recorded."""
        counts = failure_weight(error, engine)
        paused_since, self._paused_since = self._paused_since, now if counts else None
        if paused_since is not None:  # include the pause after the last failure: nothing was recorded in it
            elapsed = max(elapsed, now - paused_since)
        if engine != self.engine or not counts:
            return
        self._sessions[engine].ended.append((now, elapsed, recorded))
        self._failures = counts if recorded > STEADY_S else self._failures + counts

    def choose(self, now: float, *, native_can: bool = True, ffmpeg_can: bool = True, calm: bool = True) -> EngineKind:
        """Return the engine of the next session.

        `native_can`: the native engine supports the address's scheme; `ffmpeg_can`: ffmpeg is installed; `calm`: the
        failures are this camera's own, not those of most streams.
        """
        if not native_can:
            self._switch_to(EngineKind.FFMPEG, now)
        elif self.engine == EngineKind.FFMPEG and now - self._since > NATIVE_AGAIN_S:
            self._switch_to(EngineKind.NATIVE, now)
            self._failures = PATIENCE - 1  # one more chance
        elif self.engine == EngineKind.FFMPEG and self._failures >= PATIENCE:
            self._compare(now)
        elif ffmpeg_can and calm and now >= self._not_before and self.native_fails(now):
            self._switch_to(EngineKind.FFMPEG, now)
            self._sessions[EngineKind.FFMPEG].ended.clear()
        return self.engine if ffmpeg_can or not native_can or self.engine == EngineKind.NATIVE else EngineKind.NATIVE

    def native_fails(self, now: float) -> bool:
        """Return whether the native engine fails persistently, so that ffmpeg should be tried."""
        return self.engine == EngineKind.NATIVE and (
            self._failures >= PATIENCE or self._sessions[EngineKind.NATIVE].is_poor(now)
        )

    def is_worse(self, elapsed: float, recorded: float) -> bool:
        """Return whether a running ffmpeg session has recorded a smaller share than the native engine did."""
        return (
            self.engine == EngineKind.FFMPEG
            and share(recorded, elapsed) < self._sessions[EngineKind.NATIVE].share() - 0.05
        )

    def return_to_native(self, now: float) -> None:
        """Return the stream to the native engine because ffmpeg was no better."""
        self._not_before = now + TRY_AGAIN_S[min(self._returns, len(TRY_AGAIN_S) - 1)]
        self._returns += 1
        self._switch_to(EngineKind.NATIVE, now)

    def without_ffmpeg(self, now: float) -> None:
        """Return to the native engine because ffmpeg could not be started; the native failures stay counted."""
        self._switch_to(EngineKind.NATIVE, now)
        self._failures = PATIENCE

    def shares(self) -> tuple[int, int]:
        """Return the percentage of recent time that (native, ffmpeg) recorded."""
        return round(100 * self._sessions[EngineKind.NATIVE].share()), round(
            100 * self._sessions[EngineKind.FFMPEG].share()
        )

    def _compare(self, now: float) -> None:
        self._failures = 0.0
        if self._sessions[EngineKind.NATIVE].share() >= self._sessions[EngineKind.FFMPEG].share():
            self.return_to_native(now)

    def _switch_to(self, engine: EngineKind, now: float) -> None:
        if engine != self.engine:
            self.engine, self._since, self._failures, self._paused_since = engine, now, 0.0, None
