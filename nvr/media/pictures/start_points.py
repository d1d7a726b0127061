"""Streams without keyframes (IDR, IRAP): decide when a picture of another kind may begin a recording.

Encoders with gradual refresh, or with intra pictures that are not IDR, send keyframes at most on connecting, or never.
A recovery point SEI (H.264 D.1.8, H.265 D.2.8) still states where decoding may begin. Where a stream has none of these
either, an intra picture, or a picture after repeated parameter sets, is the best available. The recorder first waits
for a keyframe and requests one; none of this applies if one arrives. Times are seconds of a monotonic clock.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Protocol

NO_IDR = "the stream has no keyframes (IDR): its files begin at recovery points"  # shown in its status
KEYFRAME_PATIENCE_S = 10.0  # time without a keyframe, although one was requested, before recovery points are used
KNOWN_KEYFRAME_PATIENCE_S = 3.0  # the same for a stream that used recovery points before
ANY_AFTER = 2  # multiple of the patience after which any start point is used
MAX_KEYFRAME_INTERVAL_S = 120.0  # a recorded stream without a keyframe for this long: its files must be cut somewhere
SEARCH_S, SEARCH_PAUSE_S = 60.0, 600.0  # duration of a search for recovery points, and pause between two searches
SHORT_KEYFRAME_INTERVAL_S = 60.0  # keyframes this close together need no other start points


class StartPointKind(IntEnum):
    """What may begin a recording besides keyframes; each kind includes the smaller ones."""

    NONE = 0
    RECOVERY_POINT = 1
    ANY = 2


class StartPointCounters(Protocol):
    keyframes: int
    start_points: int


class StartPoints:
    """Start points of one session."""

    def __init__(self, now: float, counters: StartPointCounters):
        """`counters` are the stream's, over all sessions."""
        self._counters = counters
        self._began = counters.keyframes, counters.start_points
        self._patience = KNOWN_KEYFRAME_PATIENCE_S if counters.start_points else KEYFRAME_PATIENCE_S
        self._keyframes = self._points = 0
        self._keyframe_at = self._gop_started_at = now  # time of the newest keyframe, and of the newest GOP start
        self._search_from = now
        self.wanted = StartPointKind.NONE

    def observe(self, now: float, waited: float) -> StartPointKind:
        """Return which start points are wanted now.

        `waited`: seconds without any picture that can be the first; 0: the stream is being recorded.
        """
        points = self._counters.start_points - self._began[1]
        keyframes = self._counters.keyframes - self._began[0] - points
        if keyframes != self._keyframes:
            if not self._points or now - self._keyframe_at < SHORT_KEYFRAME_INTERVAL_S:
                self.wanted = StartPointKind.NONE
            self._keyframes, self._keyframe_at, self._gop_started_at = keyframes, now, now
        if points != self._points:
            self._points, self._gop_started_at = points, now
        if waited > 0:
            self._while_waiting(waited)
        else:
            self._while_recorded(now)
        return self.wanted

    def _while_waiting(self, waited: float) -> None:
        if waited > ANY_AFTER * self._patience:
            self.wanted = StartPointKind.ANY
        elif waited > self._patience:
            self.wanted = max(self.wanted, StartPointKind.RECOVERY_POINT)

    def _while_recorded(self, now: float) -> None:
        far = now - self._gop_started_at
        if far < MAX_KEYFRAME_INTERVAL_S:
            self._search_from = now
            return
        tried = (now - self._search_from) % (SEARCH_S + SEARCH_PAUSE_S)
        self.wanted = max(self.wanted, StartPointKind.RECOVERY_POINT) if tried < SEARCH_S else StartPointKind.NONE
