"""Collect complete pictures into fragments and give them their times.

Pictures go in one by one (`append`) or as a run of the batch depacketizer (`extend`); `flush` passes the collected ones
to `emit` as `FragmentSamples`. A fragment never contains pictures of two GOPs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from operator import sub

from nvr.media.buffers.iovec import IoVec, Part
from nvr.media.codec.parameter_sets import VideoFormat
from nvr.media.pictures.picture_times import PictureTimes
from nvr.media.samples import FragmentSamples, StreamCounters


@dataclass(slots=True)
class _Pending:
    times: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)  # presentation minus decoding time
    sizes: list[int] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    key: bool = False
    video: VideoFormat | None = None
    losses: dict[int, int] = field(default_factory=dict)


class FragmentBuilder:
    """Fragments of one video track of one session."""

    def __init__(self, counters: StreamCounters, emit: Callable[[FragmentSamples], None], clock_rate: int):
        self.times = PictureTimes(clock_rate)
        self.pictures = 0  # complete pictures of this session
        self.lost = 0  # packets lost since the newest picture that was kept
        self.video: VideoFormat | None = None  # of the GOP being received
        self._counters = counters
        self._emit = emit
        self._pending = _Pending()
        self._discontinuity = False
        self._restarted = False  # another source took over: its first keyframe begins a new file

    def restart(self) -> None:
        """Start over for another source with unrelated timestamps."""
        self.times.restart()
        self._restarted = True

    def advance(self, ts: int) -> None:
        """Begin a picture with this RTP timestamp, whether it is kept or not."""
        if not self.times.advance(ts):
            self._counters.timestamp_jumps += 1

    def start_gop(self, video: VideoFormat | None) -> None:
        self._counters.keyframes += 1
        self.flush(self.times.time)
        if video != self.video:
            self.times.relearn()
        self._discontinuity, self._restarted = self._discontinuity or self._restarted, False
        self.video = video

    def append(self, parts: list[Part], size: int, *, key: bool) -> None:
        """Append the picture that began with the last `advance`; `size` is its size in bytes."""
        self._pending.parts += parts
        self._append(size, key=key)

    def _append(self, size: int, *, key: bool) -> None:
        pending, times = self._pending, self.times
        if not pending.times:
            pending.key, pending.video = key, self.video
        pending.times.append(times.time)
        pending.offsets.append(times.shown - times.time)
        pending.sizes.append(size)
        if self.lost:  # the loss lies in the gap before this picture
            pending.losses[len(pending.times) - 1], self.lost = self.lost, 0
        self._counters.timestamp_jumps += times.commit()
        self.pictures += 1
        self._counters.frames += 1

    def extend(self, times: list[int], steps: list[int], sizes: list[int], pieces: IoVec, *, key: bool) -> None:
        """Append pictures in order; see `Depacketizer.extend`."""
        if key:
            self.advance(times[0])
            self.start_gop(self.video)
            self._append(sizes[0], key=True)
            times, steps, sizes = times[1:], steps[1:], sizes[1:]
        if times:
            if self.times.reordered or min(steps) <= 0:
                for ts, size in zip(times, sizes, strict=True):
                    self.advance(ts)
                    self._append(size, key=False)
            else:
                self._extend_in_order(times[-1], steps, sizes)
        self._pending.parts.append(pieces)

    def _extend_in_order(self, last_ts: int, steps: list[int], sizes: list[int]) -> None:
        """Append pictures whose timestamps increase."""
        pending = self._pending
        if not pending.times:
            pending.key, pending.video = False, self.video
        if self.lost:
            pending.losses[len(pending.times)], self.lost = self.lost, 0
        pending.times += self.times.in_order(last_ts, steps)
        pending.offsets += [0] * len(steps)
        pending.sizes += sizes
        self.pictures += len(steps)
        self._counters.frames += len(steps)

    def flush(self, end: int) -> None:
        """Emit the collected pictures as one fragment; `end` is the end time of the last one."""
        pending, video = self._pending, self._pending.video
        if not pending.times or video is None:
            return
        times = pending.times
        durations = list(map(sub, [*times[1:], max(end, times[-1] + 1)], times))
        if min(durations) <= 0:
            durations = [max(d, 1) for d in durations]
        offsets = pending.offsets if self.times.reordered else []
        fragment = FragmentSamples(
            video, times[0], durations, pending.sizes, offsets, pending.parts, pending.key, self._discontinuity,
            pending.losses,
        )  # fmt: skip
        self._discontinuity = False
        self._pending = _Pending()
        self._emit(fragment)
