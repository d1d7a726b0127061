"""The tracks of one camera, continued keyframe by keyframe.

A track that cannot be continued with certainty ends, and its object begins a new one: an object in two sightings costs
a second line in the answer, but two objects in one sighting mix their class, colours and picture.
"""

from __future__ import annotations

from collections.abc import Sequence

from search.analysis.tracking import learned_motion
from search.analysis.tracking.association import Association, associate
from search.analysis.tracking.motion import Motion
from search.analysis.tracking.similarity import SimilarityLevels
from search.analysis.tracking.tracks import Track, TrackedDetection, extend_track, point_of, start_track
from search.store import ids


class Tracker:
    """The tracks of one camera, and what it has learned of its traffic and of its vectors."""

    def __init__(self, camera: int, aspect: float = 16 / 9):
        self._camera = camera
        self.tracks: list[Track] = []
        self._motion = Motion(aspect)
        self._levels = SimilarityLevels()

    @property
    def aspect(self) -> float:
        """Width of the picture divided by its height."""
        return self._motion.aspect

    @aspect.setter
    def aspect(self, aspect: float) -> None:
        self._motion.aspect = aspect

    def learned_motion(self, at_ms: int) -> bytes:
        """Return the ground plane and the traffic that were learned until `at_ms`."""
        return learned_motion.pack(self._motion, at_ms)

    def restore_motion(self, content: bytes, at_ms: int) -> bool:
        """Continue with what `learned_motion` returned; return whether it is still usable at `at_ms`."""
        return learned_motion.restore(self._motion, content, at_ms)

    def update(self, at_ms: int, detections: Sequence[TrackedDetection]) -> list[Track]:
        """Assign the detections of a keyframe; return the track of each, in the same order."""
        self.tracks = [t for t in self.tracks if not t.has_ended(at_ms)]
        self._levels.learn(detections)
        self._motion.learn_places([d.whole for d in detections])
        result = associate(self.tracks, detections, at_ms, self._motion, self._levels)
        for index, join in (*result.joins.items(), *result.disputed.items()):
            point = point_of(at_ms, detections[index].whole)
            self._motion.learn_step(join.track.leading_class(), join.track.points[-1], point, join.margin)
        ended = {join.track.id for join in result.disputed.values()}
        self.tracks = [t for t in self.tracks if t.id not in ended]
        for track in self.tracks:
            track.missed += 1
        return [self._assign(at_ms, j, detection, result) for j, detection in enumerate(detections)]

    def _assign(self, at_ms: int, index: int, detection: TrackedDetection, result: Association) -> Track:
        join = result.joins.get(index)
        if join is None:
            track = start_track(ids.compose(at_ms, self._camera, min(index, ids.MAX_COUNT - 1)), at_ms, detection)
            self.tracks.append(track)
            return track
        extend_track(join.track, at_ms, detection)
        return join.track
