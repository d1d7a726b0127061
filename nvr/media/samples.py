"""What a recording consists of: fragments of samples, and the counters of a stream."""

from __future__ import annotations

from dataclasses import dataclass

from nvr.media.buffers.iovec import Part
from nvr.media.codec.parameter_sets import VideoFormat


@dataclass(slots=True)
class StreamCounters:
    """Counters of a stream since the recorder started."""

    packets: int = 0
    bytes: int = 0
    frames: int = 0
    keyframes: int = 0  # pictures that began a GOP …
    start_points: int = 0  # … and how many of them are not keyframes (nvr.media.pictures.start_points)
    lost_packets: int = 0
    damaged_units: int = 0
    timestamp_jumps: int = 0
    foreign_packets: int = 0  # ignored: another SSRC, payload type or channel
    skipped_units: int = 0  # NAL units that are invalid or that no decoder needs
    held_back: int = 0  # reads postponed because the stream exceeds its CPU share (nvr.media.work_budget)
    duplicate_packets: int = 0  # dropped: received before, or too late
    unordered_packets: int = 0  # received while the sequence numbers are ignored (nvr.media.rtp.sequence_numbers)


@dataclass(slots=True)
class FragmentSamples:
    """Consecutive access units that become one fragment. Times are in 90 kHz units, unwrapped."""

    video: VideoFormat
    time: int  # decoding time of the first picture
    durations: list[int]
    sizes: list[int]  # bytes of each picture
    offsets: list[int]  # composition offsets: presentation minus decoding time; empty: all 0
    parts: list[Part]  # the pictures' bytes, in order; an `IoVec` is valid until it is written
    starts_with_keyframe: bool
    discontinuity: bool = False  # the timestamps jumped before it: not continuous with the previous fragment
    losses: dict[int, int] | None = None  # packets lost before picture i; None: the engine does not know


@dataclass(slots=True)
class AudioRun:
    """Consecutive audio samples.

    `time` is unwrapped, in units of the track's rate; sizes in bytes, durations in samples.
    """

    time: int
    sizes: list[int]
    durations: list[int]
    data: bytearray
