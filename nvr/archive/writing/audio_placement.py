"""Placement of a stream's audio relative to its video: both are placed by arrival time and RTCP sender reports."""

from __future__ import annotations

from core.units import us_to_media
from nvr.archive.writing.open_segment import OpenSegmentFile
from nvr.clock.wall_clock import WallClock
from nvr.media.mp4.fmp4 import TIMESCALE
from nvr.media.samples import AudioRun
from nvr.rtsp.sdp import AudioTrack

MAX_SHIFT_TICKS = 6 * TIMESCALE // 10  # 90 kHz; sender reports may shift audio against video by at most this


class AudioPlacement:
    """Placement for one stream; `pictures` is the clock of its video."""

    def __init__(self, pictures: WallClock):
        self._pictures = pictures
        self._clock = WallClock()
        self.track: AudioTrack | None = None

    def begin_session(self, track: AudioTrack | None) -> None:
        """Start a new connection: times start over."""
        self._clock.restart()
        self.track = track

    def report(self, camera_us: int, sound_time: int | None) -> None:
        """Take a sender report: the camera's clock read `camera_us` at `sound_time`, in units of the sampling rate."""
        if self.track is not None and sound_time is not None:
            self._clock.report(camera_us, sound_time * TIMESCALE // self.track.rate)

    def place(self, run: AudioRun, track: AudioTrack, arrival_us: int, segment: OpenSegmentFile | None) -> int | None:
        """Return when the run begins in the file, in units of the sampling rate; None if it belongs to no file.

        The durations of the run may change.
        """
        rate, length = track.rate, sum(run.durations)
        ticks = length * TIMESCALE // rate
        # The arrival time belongs to the end of the run: it is placed like a picture that follows the run.
        placed, (lasts, _) = self._clock.place(run.time * TIMESCALE // rate, [ticks, 1], arrival_us)
        if segment is None or segment.sound is not track or not segment.fragments:
            return None
        if lasts != ticks:
            run.durations = [max(1, d * lasts // max(1, ticks)) for d in run.durations]
        return max(segment.sound_end, (placed + self._lead() - segment.base) * rate // TIMESCALE)

    def _lead(self) -> int:
        """Return how much later than it arrived the audio was captured, by both tracks' sender reports (90 kHz)."""
        pictures, sound = self._pictures.offset_us, self._clock.offset_us
        if pictures is None or sound is None:
            return 0
        lead = us_to_media(sound - pictures - self._pictures.correction_us)
        return lead if abs(lead) <= MAX_SHIFT_TICKS else 0
