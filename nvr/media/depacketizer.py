"""Convert RTP packets to fragments of access units: H.264 and H.265.

    payloads ─ rtp_payload ─▶ NAL units ─ picture_builder ─▶ pictures ─ Depacketizer ─▶ `FragmentSamples`

Payloads become the parts of the fragment's `mdat`: NAL units with 4-byte lengths. Parameter sets are stored separately
(nvr.media.parameter_set_store) because they belong to the file's head; access unit delimiters are dropped. A picture
that lost a packet is dropped whole; a lost keyframe drops everything up to the next keyframe.

`push` handles every packet. For the ordinary data of most cameras, nvr.media.batch_depacketizer parses the packets of
many cameras together and passes complete pictures to `extend`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from operator import sub

from core.errors import ProtocolError
from core.units import MEDIA_CLOCK
from nvr.media.iovec import IoVec, Part
from nvr.media.packet_numbers import BEFORE, UNKNOWN, PacketNumbers
from nvr.media.parameter_set_store import ParameterSetStore
from nvr.media.parameter_sets import VideoFormat
from nvr.media.picture_builder import Picture, PictureBuilder
from nvr.media.picture_times import MAX_REORDER, PictureTimes
from nvr.media.rtp_payload import PayloadParser

# A picture counts as complete after more than this many flushes without data …
SILENT_FLUSHES = 1  # … if its newest packet has the marker
MAX_KEYS_WITHOUT_SETS = 3  # keyframes in a row whose parameter sets were never received
UNMARKED_FLUSHES = 2  # … if its newest packet has no marker


@dataclass(slots=True)
class StreamCounters:
    """Counters of a stream since the recorder started."""

    packets: int = 0
    bytes: int = 0
    frames: int = 0
    keyframes: int = 0  # pictures that began a GOP …
    start_points: int = 0  # … and how many of them are not keyframes (nvr.media.start_points)
    lost_packets: int = 0
    damaged_units: int = 0
    timestamp_jumps: int = 0
    foreign_packets: int = 0  # ignored: another SSRC, payload type or channel
    skipped_units: int = 0  # NAL units that are invalid or that no decoder needs
    held_back: int = 0  # reads postponed because the stream exceeds its CPU share (nvr.media.work_budget)
    duplicate_packets: int = 0  # dropped: received before, or too late
    unordered_packets: int = 0  # received while the camera's sequence numbers are ignored (nvr.media.packet_numbers)


@dataclass(slots=True)
class FragmentSamples:
    """Consecutive access units that become one fragment. Times are in 90 kHz units, unwrapped."""

    video: VideoFormat
    time: int  # decoding time of the first picture
    durations: list[int]
    sizes: list[int]  # bytes of each picture
    offsets: list[int]  # composition offsets: presentation minus decoding time; empty: all 0
    parts: list[Part]  # the pictures' bytes, in order; an `IoVec` is valid until it is written
    key: bool  # begins with a keyframe
    broken: bool = False  # the timestamps jumped before it: not continuous with the previous fragment
    losses: dict[int, int] | None = None  # packets lost before picture i; None: the engine does not know


@dataclass(slots=True)
class _Pending:
    times: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)  # presentation minus decoding time
    sizes: list[int] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    key: bool = False
    video: VideoFormat | None = None
    losses: dict[int, int] = field(default_factory=dict)


class Depacketizer:
    """Depacketizer of one video track of one session. It calls `emit` with each finished fragment."""

    def __init__(
        self,
        codec: str,
        sets: list[bytes],
        counters: StreamCounters,
        emit: Callable[[FragmentSamples], None],
        clock_rate: int = MEDIA_CLOCK,
    ):
        self._emit = emit
        self._depacketizer = PayloadParser(codec)
        self._builder = PictureBuilder(codec, ParameterSetStore(codec, sets), self._picture)
        self.counters = counters
        self.times = PictureTimes(clock_rate)
        self.next_seq = -1
        self.units = 0  # complete pictures in this session
        self._unusable = 0  # pictures of which slices were received, but which were dropped
        self._keys_without_sets = 0  # keyframes in a row
        self._video: VideoFormat | None = None  # of the GOP being received
        self._pending = _Pending()
        self._numbers = PacketNumbers()
        self._newest_ts = -1  # RTP timestamp of the newest packet passed to `push`
        self._silent = 0  # flushes since the newest packet
        self._ready = False  # cached result of `between_pictures`; any call other than `extend` resets it
        self._wait_key = True
        self._broken = False
        self._lost = 0  # packets lost since the newest picture that was kept
        self._restarted = False  # another source took over: its first keyframe begins a new file

    # packets

    def push(self, buffer: memoryview, start: int, end: int, seq: int, ts: int, marker: int) -> None:
        """Process one RTP payload, buffer[start:end]."""
        if seq != self.next_seq:
            if not self._follows(seq, ts):
                return
        elif self._numbers.pending:
            self._numbers.in_order()
        self.next_seq, self._newest_ts = (seq + 1) & 0xFFFF, ts
        self._silent, self._ready = 0, False
        depacketizer, builder = self._depacketizer, self._builder
        if start < end:
            for nal, of in depacketizer.take(buffer, start, end, ts):
                builder.unit(nal, of)
            if depacketizer.orphan is not None:
                builder.orphan(*depacketizer.orphan, unknown=depacketizer.joins_units)
        if depacketizer.hidden:
            found, depacketizer.hidden = depacketizer.hidden, []
            builder.doubt(found)
        if marker:
            builder.mark(ts, inside_unit=depacketizer.kind >= 0)
            self._count_skipped()

    def _count_skipped(self) -> None:
        depacketizer, builder = self._depacketizer, self._builder
        if depacketizer.skipped or builder.skipped:
            self.counters.skipped_units += depacketizer.skipped + builder.skipped
            depacketizer.skipped = builder.skipped = 0

    def skip_number(self, seq: int, payload_type: int = -1) -> None:
        """Record that a packet of another payload type used this sequence number under our SSRC."""
        if self.next_seq >= 0:
            self._numbers.note_foreign(seq, payload_type, self.next_seq)
            self._ready = False

    def _follows(self, seq: int, ts: int) -> bool:
        """Handle an unexpected sequence number: count the missing packets; return False for a duplicate packet."""
        if self.next_seq < 0:
            return True
        missing = self._numbers.judge(self.next_seq, seq, newer=self._is_newest(ts))
        self.counters.unordered_packets += self._numbers.ignored
        if missing == BEFORE:
            self.counters.duplicate_packets += 1
            return False
        if missing == UNKNOWN:
            self._interrupt(0)
        elif missing:
            self.counters.lost_packets += missing
            self._interrupt(missing)
        return True

    def _is_newest(self, ts: int) -> bool:
        """Return whether the timestamp is later than all others, with B-frames by more than the reorder depth."""
        reach = MAX_REORDER * self.times.interval if self.times.reordered else 0
        came = [t for t in (self._newest_ts, self.times.ts) if t >= 0]
        return all(reach < ((ts - t) & 0xFFFFFFFF) < 0x80000000 for t in came)

    def _interrupt(self, missing: int) -> None:
        """Record that `missing` packets are missing here; 0: the numbering is discontinuous, the count unknown."""
        piece = self._depacketizer.interrupt()
        if piece is not None:
            self._builder.orphan(*piece, unknown=self._depacketizer.joins_units)
        self._builder.interrupt(missing)

    def restart_sequence(self, *, same_pictures: bool) -> None:
        """Start over for another source (another SSRC) with unrelated sequence numbers and timestamps.

        With `same_pictures` its pictures continue the previous ones; otherwise the stream waits for a keyframe.
        """
        self._ready = False
        self._depacketizer.interrupt()
        self._builder.restart()
        self._numbers.restart()
        self.next_seq = -1
        self.times.restart()
        self._restarted = True
        self._wait_key = self._wait_key or not same_pictures

    # pictures

    def _picture(self, picture: Picture) -> None:
        """Process a picture that is complete or damaged."""
        self._advance(picture.ts)
        self._lost += picture.lost
        if picture.key and not picture.damaged:
            self._note_sets(picture)
        if picture.damaged or (picture.key and picture.video is None):
            self.counters.damaged_units += 1
            # A missing delta picture corrupts a few pictures; a missing keyframe corrupts the whole GOP.
            self._wait_key = self._wait_key or picture.key
        elif picture.slices and (picture.key or not self._wait_key):
            if picture.key:
                self.counters.start_points += picture.start
                self._start_gop(picture.video)
            self._pending.parts += picture.parts
            self._append(picture.size, key=picture.key)
            return
        self._unusable += picture.slices > 0

    def _note_sets(self, picture: Picture) -> None:
        self._keys_without_sets = 0 if picture.video is not None else self._keys_without_sets + 1
        if self._keys_without_sets == MAX_KEYS_WITHOUT_SETS:  # reconnecting yields a new SDP, or the other engine
            raise ProtocolError(self.waits_for)

    def _advance(self, ts: int) -> None:
        if not self.times.advance(ts):
            self.counters.timestamp_jumps += 1

    def _start_gop(self, video: VideoFormat | None) -> None:
        self.counters.keyframes += 1
        self._wait_key = False
        self._flush_until(self.times.time)
        if video != self._video:
            self.times.relearn()
        self._broken, self._restarted = self._broken or self._restarted, False
        self._video = video

    def _append(self, size: int, *, key: bool) -> None:
        pending, times = self._pending, self.times
        if not pending.times:
            pending.key, pending.video = key, self._video
        pending.times.append(times.time)
        pending.offsets.append(times.shown - times.time)
        pending.sizes.append(size)
        self._note_loss(pending)
        self.counters.timestamp_jumps += times.keep()
        self.units += 1
        self.counters.frames += 1

    def _note_loss(self, pending: _Pending) -> None:
        """Attribute the packets lost since the previous picture to the gap before the newest one."""
        if self._lost:
            pending.losses[len(pending.times) - 1] = self._lost
            self._lost = 0

    # fragments

    def _flush_until(self, end: int) -> None:
        pending, video = self._pending, self._pending.video
        if not pending.times or video is None:
            return
        times = pending.times
        durations = list(map(sub, [*times[1:], max(end, times[-1] + 1)], times))
        if min(durations) <= 0:
            durations = [max(d, 1) for d in durations]
        offsets = pending.offsets if self.times.reordered else []
        fragment = FragmentSamples(
            video, times[0], durations, pending.sizes, offsets, pending.parts, pending.key, self._broken, pending.losses
        )
        self._broken = False
        self._pending = _Pending()
        self._emit(fragment)

    def flush_ready(self, *, waiting: bool = False) -> None:
        """Emit the complete pictures; the one being received stays.

        The duration of the last picture is assumed to equal that of the previous one; the next fragment states its own
        time. `waiting`: part of the next packet was received, so the stream is not silent.
        """
        self._silent = 0 if waiting else self._silent + 1
        self._count_skipped()
        if self._builder.markers.trusted:
            self._close_marked()
        elif self._silent > (SILENT_FLUSHES if self._is_marked else UNMARKED_FLUSHES):
            self.settle()
        self._flush_until(self.times.end)

    def settle(self) -> None:
        """After a period without data, treat the received picture as complete unless a NAL unit is half received."""
        self._end_unit()
        if self._is_between_units:
            self._builder.close()

    def _end_unit(self) -> None:
        """Treat the received part of a NAL unit as complete if the camera does not mark the ends of its NAL units."""
        if not self._depacketizer.marks_ends:
            for nal, ts in self._depacketizer.finish():
                self._builder.unit(nal, ts)
            self._count_skipped()

    def flush(self) -> None:
        """Emit the complete pictures; discard the one being received unless it appears to be complete."""
        self._end_unit()
        if self._is_between_units and (self._is_marked or not self._builder.markers.trusted):
            self._builder.close()
        self._builder.give_up()
        self._depacketizer.interrupt()
        self._count_skipped()
        self._flush_until(self.times.end)

    @property
    def _is_between_units(self) -> bool:
        return self._depacketizer.kind < 0 and not self._builder.lost

    # whole pictures from nvr.media.batch_depacketizer

    @property
    def between_pictures(self) -> bool:
        """True if the next packet begins a picture that nvr.media.batch_depacketizer can handle.

        Nothing may be half received, lost, awaited or out of the ordinary.
        """
        if self._ready:
            return True
        builder = self._builder
        self._ready = (
            builder.is_idle
            and builder.markers.trusted
            and not self._wait_key
            and self._numbers.is_plain
            and self._depacketizer.kind < 0
            and not builder.start_points
            and not self._depacketizer.has_start_codes
            and self.next_seq >= 0
            and self._video is not None
            and builder.sets_version == builder.sets.version
        )
        return self._ready

    def accept(self, start_points: int) -> None:
        """Set which pictures may begin a recording besides keyframes (nvr.media.start_points)."""
        if start_points != self._builder.start_points:
            self._builder.start_points, self._ready = start_points, False

    @property
    def ignores_numbers(self) -> bool:
        """True while the sequence numbers are ignored; packet loss is then unknown."""
        return self._numbers.ignored

    @property
    def seen(self) -> int:
        """Number of pictures of which slices were received in this session, whether they were kept or not."""
        return self.units + self._unusable

    @property
    def waits_for_keyframe(self) -> bool:
        return self._wait_key

    @property
    def keyframe_was_lost(self) -> bool:
        """True while waiting for a keyframe because packets of the previous one are missing."""
        return self._wait_key and self.units > 0 and self._lost > 0 and not self._keys_without_sets

    @property
    def waits_for(self) -> str:
        """Why no picture can be recorded although pictures arrive."""
        if self._keys_without_sets:
            return "keyframes arrive, and neither the stream nor the SDP has the parameter sets that they name"
        if self.keyframe_was_lost:
            return "packets of a keyframe were lost, and the pictures up to the next one cannot be decoded without it"
        return "pictures arrive, and no keyframe among them yet"

    def is_aligned(self) -> bool:
        """Close the picture if the newest packet has the marker.

        Return whether nvr.media.batch_depacketizer may continue with the next packet.
        """
        if self._builder.markers.trusted:
            self._close_marked()
        return self.between_pictures

    @property
    def _is_marked(self) -> bool:
        picture = self._builder.open
        return picture is not None and picture.marked

    def _close_marked(self) -> None:
        if self._is_marked and self._is_between_units:
            self._builder.close(more=True)

    def knows_set(self, nal: bytes) -> bool:
        """Return whether this parameter set is in force, unchanged."""
        return self._builder.sets.knows(nal)

    @property
    def pps_id(self) -> int:
        """PPS id of the newest keyframe."""
        return self._builder.pps_id

    @property
    def rtp_time(self) -> int:
        """RTP timestamp of the newest picture."""
        return self.times.ts

    def extend(
        self,
        times: list[int],
        steps: list[int],
        sizes: list[int],
        key: bool,
        pieces: IoVec,
        packets: int,
        next_seq: int,
    ) -> None:
        """Append complete pictures in order. Only valid while `between_pictures`; no timestamp may jump.

        `times` are their RTP timestamps, `steps` the difference of each to the previous one, `sizes` their sizes in
        bytes, `key` whether the first is a keyframe (no other is), and `pieces` their bytes. `packets` is the number of
        packets, `next_seq` the sequence number expected after them.
        """
        if key:
            self._advance(times[0])
            self._start_gop(self._video)
            self._append(sizes[0], key=True)
            times, steps, sizes = times[1:], steps[1:], sizes[1:]
        if times:
            if self.times.reordered or min(steps) <= 0:
                for ts, size in zip(times, sizes, strict=True):
                    self._advance(ts)
                    self._append(size, key=False)
            else:
                self._extend_in_order(times[-1], steps, sizes)
        self._pending.parts.append(pieces)
        self.next_seq = next_seq
        self._silent = self._numbers.strange = 0
        self.counters.packets += packets

    def _extend_in_order(self, last_ts: int, steps: list[int], sizes: list[int]) -> None:
        """Append pictures whose timestamps increase."""
        pending = self._pending
        if not pending.times:
            pending.key, pending.video = False, self._video
        if self._lost:
            pending.losses[len(pending.times)], self._lost = self._lost, 0
        pending.times += self.times.in_order(last_ts, steps)
        pending.offsets += [0] * len(steps)
        pending.sizes += sizes
        self.units += len(steps)
        self.counters.frames += len(steps)

    def unwrapped(self, ts: int) -> int:
        """Return the time of an RTP timestamp near the current one in 90 kHz units, for sender reports."""
        return self.times.unwrapped(ts)
