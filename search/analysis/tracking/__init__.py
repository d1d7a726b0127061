"""Joins the detections of keyframes to tracks; a track is a sighting.

`Tracker` holds the tracks of one camera (`tracker.py`), `Track` is one of them (`tracks.py`). `association.py` decides
what belongs together, with the directions of traffic that `traffic_flow.py` has learned.
"""

from __future__ import annotations

from search.analysis.tracking.tracker import Tracker
from search.analysis.tracking.tracks import ENDED_STILL_MS, Track, TrackedDetection

__all__ = ["ENDED_STILL_MS", "Track", "TrackedDetection", "Tracker"]
