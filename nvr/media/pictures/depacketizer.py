"""Convert RTP packets to fragments of access units: H.264 and H.265.

    payloads ─ rtp_payload ─▶ NAL units ─ picture_builder ─▶ pictures ─ fragment_builder ─▶ `FragmentSamples`

Payloads become the parts of the fragment's `mdat`: NAL units with 4-byte lengths. Parameter sets are stored separately
(nvr.media.codec.parameter_set_store) because they belong to the file's head; access unit delimiters are dropped. A
picture that lost a packet is dropped whole; a lost keyframe drops everything up to the next keyframe.

`push` handles every packet. For the ordinary data of most cameras, nvr.media.batch.batch_depacketizer parses the
packets of many cameras together and passes complete pictures to `extend`.
"""

from __future__ import annotations

from collections.abc import Callable

from core.errors import ProtocolError
from core.units import MEDIA_CLOCK
from nvr.media.buffers.iovec import IoVec
from nvr.media.codec.parameter_set_store import ParameterSetStore
from nvr.media.pictures.fragment_builder import FragmentBuilder
from nvr.media.pictures.picture_builder import Picture, PictureBuilder
from nvr.media.pictures.picture_times import MAX_REORDER
from nvr.media.pictures.start_points import StartPointKind
from nvr.media.rtp.rtp_payload import PayloadParser
from nvr.media.rtp.sequence_numbers import DUPLICATE, UNKNOWN_LOSS, SequenceTracker
from nvr.media.samples import FragmentSamples, StreamCounters
from nvr.rtsp.sdp import VideoCodec

# A picture counts as complete after more than this many flushes without data …
SILENT_FLUSHES = 1  # … if its newest packet has the marker
UNMARKED_FLUSHES = 2  # … if its newest packet has no marker
MAX_KEYFRAMES_WITHOUT_PARAMETER_SETS = 3  # keyframes in a row whose parameter sets were never received
NO_KEYFRAME_YET_TEXT = "pictures arrive, but no keyframe yet"


class Depacketizer:
    """Depacketizer of one video track of one session. It calls `emit` with each finished fragment."""

    def __init__(
        self,
        codec: VideoCodec,
        sets: list[bytes],
        counters: StreamCounters,
        emit: Callable[[FragmentSamples], None],
        clock_rate: int = MEDIA_CLOCK,
    ):
        self._parser = PayloadParser(codec)
        self._builder = PictureBuilder(codec, ParameterSetStore(codec, sets), self._handle_picture)
        self._fragments = FragmentBuilder(counters, emit, clock_rate)
        self.counters = counters
        self.times = self._fragments.times
        self.next_seq = -1
        self._unusable = 0  # pictures of which slices were received, but which were dropped
        self._keyframes_without_sets = 0  # keyframes in a row
        self._numbers = SequenceTracker()
        self._newest_ts = -1  # RTP timestamp of the newest packet passed to `push`
        self._silent = 0  # flushes since the newest packet
        self._ready = False  # cached result of `between_pictures`; any call other than `extend` resets it
        self._wait_key = True

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
        parser, builder = self._parser, self._builder
        if start < end:
            for nal, of in parser.parse(buffer, start, end, ts):
                builder.unit(nal, of)
            if parser.incomplete_unit is not None:
                builder.record_incomplete_unit(*parser.incomplete_unit, unknown=parser.sends_byte_stream)
        if parser.embedded_units:
            found, parser.embedded_units = parser.embedded_units, []
            builder.hold_doubtful(found)
        if marker:
            builder.record_marker(ts, inside_unit=parser.kind >= 0)
            self._count_skipped()

    def _count_skipped(self) -> None:
        parser, builder = self._parser, self._builder
        if parser.skipped or builder.skipped:
            self.counters.skipped_units += parser.skipped + builder.skipped
            parser.skipped = builder.skipped = 0

    def record_foreign_number(self, seq: int, payload_type: int = -1) -> None:
        """Record that a packet of another payload type used this sequence number under our SSRC."""
        if self.next_seq >= 0:
            self._numbers.record_foreign(seq, payload_type, self.next_seq)
            self._ready = False

    def _follows(self, seq: int, ts: int) -> bool:
        """Handle an unexpected sequence number: count the missing packets; return False for a duplicate packet."""
        if self.next_seq < 0:
            return True
        missing = self._numbers.count_missing(self.next_seq, seq, newer=self._is_newest(ts))
        self.counters.unordered_packets += self._numbers.ignored
        if missing == DUPLICATE:
            self.counters.duplicate_packets += 1
            return False
        if missing == UNKNOWN_LOSS:
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
        piece = self._parser.interrupt()
        if piece is not None:
            self._builder.record_incomplete_unit(*piece, unknown=self._parser.sends_byte_stream)
        self._builder.interrupt(missing)

    def restart_sequence(self, *, same_pictures: bool) -> None:
        """Start over for another source (another SSRC) with unrelated sequence numbers and timestamps.

        With `same_pictures` its pictures continue the previous ones; otherwise the stream waits for a keyframe.
        """
        self._ready = False
        self._parser.interrupt()
        self._builder.restart()
        self._numbers.restart()
        self.next_seq = -1
        self._fragments.restart()
        self._wait_key = self._wait_key or not same_pictures

    # pictures

    def _handle_picture(self, picture: Picture) -> None:
        """Process a picture that is complete or damaged."""
        fragments = self._fragments
        fragments.advance(picture.ts)
        fragments.lost += picture.lost
        if picture.key and not picture.damaged:
            self._check_parameter_sets(picture)
        if picture.damaged or (picture.key and picture.video is None):
            self.counters.damaged_units += 1
            # A missing delta picture corrupts a few pictures; a missing keyframe corrupts the whole GOP.
            self._wait_key = self._wait_key or picture.key
        elif picture.slices and (picture.key or not self._wait_key):
            if picture.key:
                self.counters.start_points += picture.start
                self._wait_key = False
                fragments.start_gop(picture.video)
            fragments.append(picture.parts, picture.size, key=picture.key)
            return
        self._unusable += picture.slices > 0

    def _check_parameter_sets(self, picture: Picture) -> None:
        self._keyframes_without_sets = 0 if picture.video is not None else self._keyframes_without_sets + 1
        if self._keyframes_without_sets == MAX_KEYFRAMES_WITHOUT_PARAMETER_SETS:
            raise ProtocolError(self.missing_reason)  # reconnecting yields a new SDP, or the other engine

    # fragments

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
            self.close_silent_picture()
        self._fragments.flush(self.times.end)

    def close_silent_picture(self) -> None:
        """After a period without data, treat the received picture as complete unless a NAL unit is half received."""
        self._end_unit()
        if self._is_between_units:
            self._builder.close()

    def _end_unit(self) -> None:
        """Treat the received part of a NAL unit as complete if the camera does not mark the ends of its NAL units."""
        if not self._parser.marks_ends:
            for nal, ts in self._parser.finish():
                self._builder.unit(nal, ts)
            self._count_skipped()

    def flush(self) -> None:
        """Emit the complete pictures; discard the one being received unless it appears to be complete."""
        self._end_unit()
        if self._is_between_units and (self._is_marked or not self._builder.markers.trusted):
            self._builder.close()
        self._builder.give_up()
        self._parser.interrupt()
        self._count_skipped()
        self._fragments.flush(self.times.end)

    @property
    def _is_between_units(self) -> bool:
        return self._parser.kind < 0 and not self._builder.packets_missing

    # whole pictures from nvr.media.batch.batch_depacketizer

    @property
    def between_pictures(self) -> bool:
        """True if the next packet begins a picture that nvr.media.batch.batch_depacketizer can handle.

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
            and self._parser.kind < 0
            and not builder.start_points
            and not self._parser.has_start_codes
            and self.next_seq >= 0
            and self._fragments.video is not None
            and builder.sets_version == builder.sets.version
        )
        return self._ready

    def set_start_points(self, start_points: StartPointKind) -> None:
        """Set which pictures may begin a recording besides keyframes (nvr.media.pictures.start_points)."""
        if start_points != self._builder.start_points:
            self._builder.start_points, self._ready = start_points, False

    @property
    def ignores_numbers(self) -> bool:
        """True while the sequence numbers are ignored; packet loss is then unknown."""
        return self._numbers.ignored

    @property
    def complete_pictures(self) -> int:
        """Number of complete pictures in this session."""
        return self._fragments.pictures

    @property
    def pictures_received(self) -> int:
        """Number of pictures of which slices were received in this session, whether they were kept or not."""
        return self.complete_pictures + self._unusable

    @property
    def waits_for_keyframe(self) -> bool:
        return self._wait_key

    @property
    def keyframe_was_lost(self) -> bool:
        """True while waiting for a keyframe because packets of the previous one are missing."""
        lost = self._wait_key and self.complete_pictures > 0 and self._fragments.lost > 0
        return lost and not self._keyframes_without_sets

    @property
    def missing_reason(self) -> str:
        """Why no picture can be recorded although pictures arrive."""
        if self._keyframes_without_sets:
            return "keyframes arrive, but their parameter sets are neither in the stream nor in the SDP"
        if self.keyframe_was_lost:
            return "packets of a keyframe were lost; pictures up to the next keyframe cannot be decoded"
        return NO_KEYFRAME_YET_TEXT

    def is_aligned(self) -> bool:
        """Close the picture if the newest packet has the marker.

        Return whether nvr.media.batch.batch_depacketizer may continue with the next packet.
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

    def is_known_parameter_set(self, nal: bytes) -> bool:
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
        self._fragments.extend(times, steps, sizes, pieces, key=key)
        self.next_seq = next_seq
        self._silent = self._numbers.unexpected_in_a_row = 0
        self.counters.packets += packets

    def unwrapped(self, ts: int) -> int:
        """Return the time of an RTP timestamp near the current one in 90 kHz units, for sender reports."""
        return self.times.unwrapped(ts)
