"""Streams without keyframes (IDR, IRAP): when a picture of another kind may begin a recording.

Encoders with gradual refresh, or with intra pictures that are no IDR, send keyframes on connecting at most, or never. A recovery
point SEI (H.264 D.1.8, H.265 D.2.8) says where decoding may begin all the same; where a stream has none of these either, an
intra picture, or one behind repeated parameter sets, is the best that there is. A keyframe is waited for and asked for
first: if one comes, nothing of this happens. Times are seconds of a monotonic clock.
"""

from __future__ import annotations

from typing import Protocol

NO_IDR = "the stream has no keyframes (IDR): its files begin at recovery points"  # what its status says
NONE, RECOVERY, ANY = range(3)  # what may begin a recording beside keyframes
PATIENCE_S = 10.0  # without a keyframe, though one was asked for
KNOWN_PATIENCE_S = 3.0  # … of a stream that gave none in its last session either
ANY_AFTER = 2  # times the patience
FAR_S = 120.0  # a stream that is recorded had no keyframe for so long: its files have to be cut somewhere
TRIAL_S, TRIAL_PAUSE_S = 60.0, 600.0  # so long it is looked for recovery points, and not
NEAR_S = 60.0  # keyframes so close to each other need no others beside them


class StartPointCounters(Protocol):
    keyframes: int
    start_points: int


class StartPoints:
    """Of one session."""

    def __init__(self, now: float, counters: StartPointCounters):
        """`counters`: the stream's, over all sessions."""
        self._counters = counters
        self._began = counters.keyframes, counters.start_points
        self._patience = KNOWN_PATIENCE_S if counters.start_points else PATIENCE_S
        self._keyframes = self._points = 0
        self._keyframe_at = self._begun_at = now  # the newest keyframe, the newest picture that began a GOP
        self._trial_from = now
        self.wanted = NONE

    def observe(self, now: float, waited: float) -> int:
        """What is wanted now. `waited`: seconds without any picture that can be the first, 0: the stream is recorded."""
        points = self._counters.start_points - self._began[1]
        keyframes = self._counters.keyframes - self._began[0] - points
        if keyframes != self._keyframes:
            if not self._points or now - self._keyframe_at < NEAR_S:
                self.wanted = NONE
            self._keyframes, self._keyframe_at, self._begun_at = keyframes, now, now
        if points != self._points:
            self._points, self._begun_at = points, now
        if waited > 0:
            self._while_waiting(waited)
        else:
            self._while_recorded(now)
        return self.wanted

    def _while_waiting(self, waited: float) -> None:
        if waited > ANY_AFTER * self._patience:
            self.wanted = ANY
        elif waited > self._patience:
            self.wanted = max(self.wanted, RECOVERY)

    def _while_recorded(self, now: float) -> None:
        far = now - self._begun_at
        if far < FAR_S:
            self._trial_from = now
            return
        tried = (now - self._trial_from) % (TRIAL_S + TRIAL_PAUSE_S)
        self.wanted = max(self.wanted, RECOVERY) if tried < TRIAL_S else NONE
