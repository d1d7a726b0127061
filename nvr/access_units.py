"""From RTP packets to fragments of access units: H.264 (RFC 6184) and H.265 (RFC 7798).

Payloads are kept as the parts of the fragment's `mdat`, NAL units with 4-byte lengths. Parameter sets
are kept aside (they belong to the file's head), access unit delimiters are dropped. A picture that
lost a packet is dropped whole; a lost keyframe drops everything up to the next one.

`push` understands every packet. What most cameras send most of the time, nvr.bulk takes apart for many
cameras at once and hands over as whole pictures (`extend`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import accumulate
from operator import sub
from typing import cast

from core.errors import ProtocolError
from nvr.gather import Part, Pieces, joined
from nvr.parameter_sets import VideoFormat

CLOCK = 90_000
MAX_UNIT = 8_000_000  # bytes; a larger "picture" is an attack or garbage
MAX_REORDER = 8  # pictures by which decoding may run ahead of showing
MAX_JUMP = 10 * CLOCK  # a larger step of the timestamp is a break, not a pause
_LENGTH = b"\0\0\0\0"


@dataclass(slots=True)
class Counters:
    """What a stream has brought, counted since the recorder started."""

    packets: int = 0
    bytes: int = 0
    frames: int = 0
    keyframes: int = 0
    lost_packets: int = 0
    damaged_units: int = 0
    timestamp_jumps: int = 0


@dataclass(slots=True)
class Assembled:
    """A run of access units that becomes one fragment. Times in 90 kHz, counted on without wrapping."""

    video: VideoFormat
    time: int  # of the first picture, in the order of decoding
    durations: list[int]
    sizes: list[int]  # bytes of each picture
    offsets: list[int]  # shown minus decoded; empty: all 0
    parts: list[Part]  # the pictures' bytes, in order; `Pieces` are good until they are written
    key: bool  # begins with a keyframe
    broken: bool = False  # the timestamps jumped before it: no continuity with what went before


@dataclass(slots=True)
class _Pending:
    times: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)  # shown minus decoded
    sizes: list[int] = field(default_factory=list)
    key: bool = False
    video: VideoFormat | None = None


class UnitAssembler:
    """One track of one session. `emit` is called with each finished fragment."""

    def __init__(
        self,
        codec: str,
        sets: list[bytes],
        counters: Counters,
        emit: Callable[[Assembled], None],
    ):
        self._codec = codec
        self._emit = emit
        self._sets: dict[tuple[int, int], bytes] = {}
        self._video: VideoFormat | None = None  # of the GOP being received
        self._sets_changed = True
        for nal in sets:
            self._keep_set(nal)
        self.counters = counters
        self.next_seq = -1
        self.units = 0  # complete pictures in this session
        self._ts = -1  # RTP timestamp of the picture being received
        self._time = 0  # its place in the order of decoding, 90 kHz, unwrapped
        self._shown = 0  # when it is shown
        self._newest = 0  # the latest `_shown`
        self._finest = CLOCK  # smallest distance of two timestamps seen
        self._reordered = False  # B-frames were seen
        self._last_time = 0
        self._last_shown = -1
        self._step = CLOCK // 25
        self._pending = _Pending()
        self._parts: list[Part] = []  # of the fragment, in order
        self._unit_at = 0  # where in `_parts` the picture being received begins
        self._unit_bytes = 0
        self._nal_at = -1  # where its NAL unit being received begins; -1: between two
        self._nal_bytes = 0
        self._unit_key = False
        self._damaged = False
        self._suspect = False  # packets went missing before this picture: was its head among them?
        self._marker_seen = True
        self._wait_key = True
        self._broken = False

    def push(self, buffer: memoryview, start: int, end: int, seq: int, ts: int, marker: int) -> None:
        """One RTP payload, buffer[start:end]."""
        if seq != self.next_seq:
            self._sequence_break(seq)
        self.next_seq = (seq + 1) & 0xFFFF
        if ts != self._ts or self._marker_seen:
            self._begin(ts)
        if start < end:
            if self._codec == "h264":
                self._h264(buffer, start, end)
            else:
                self._h265(buffer, start, end)
        if marker:
            self._finish()

    @property
    def between_pictures(self) -> bool:
        """Nothing is half received, lost or waited for: the next packet begins a picture."""
        return (
            self._marker_seen
            and not self._wait_key
            and not self._damaged
            and self._nal_at < 0
            and self.next_seq >= 0
            and self._video is not None
            and not self._sets_changed
        )

    def knows_set(self, nal: bytes) -> bool:
        """The parameter set is the one in use."""
        return self._sets.get(self._set_key(nal)) == nal

    @property
    def rtp_time(self) -> int:
        """RTP timestamp of the newest picture."""
        return self._ts

    def extend(
        self, times: list[int], steps: list[int], sizes: list[int], key: bool, pieces: Pieces, packets: int, next_seq: int
    ) -> None:
        """Whole pictures in order: their RTP timestamps, each one's distance from the one before it, their sizes,
        whether the first is a keyframe (no other is), and their bytes. Only while `between_pictures`; no timestamp
        may jump."""
        if key:
            self._advance(times[0])
            self._unit_key = True
            self._start_gop(len(self._parts))
            self._append(sizes[0], key=True)
            times, steps, sizes = times[1:], steps[1:], sizes[1:]
        if times:
            if self._reordered or min(steps) <= 0:
                for ts, size in zip(times, sizes, strict=True):
                    self._advance(ts)
                    self._append(size, key=False)
            else:
                self._extend_in_order(times[-1], steps, sizes)
        self._parts.append(pieces)
        self.next_seq = next_seq
        self.counters.packets += packets

    def _extend_in_order(self, last_ts: int, steps: list[int], sizes: list[int]) -> None:
        """Take pictures whose timestamps grow."""
        placed = list(accumulate(steps, initial=self._shown))
        shown, before = placed[-1], placed[-2] if len(steps) > 1 else self._last_time
        del placed[0]
        pending = self._pending
        if not pending.times:
            pending.key, pending.video = False, self._video
        self._finest = min(self._finest, steps[-1])
        pending.times += placed
        pending.offsets += [0] * len(steps)
        pending.sizes += sizes
        self._ts, self._shown = last_ts, shown
        self._newest, self._time = max(self._newest, shown), shown
        self._step = min(max(shown - before, 1), CLOCK)
        self._last_time = shown
        self.units += len(steps)
        self.counters.frames += len(steps)

    def _h264(self, buffer: memoryview, start: int, end: int) -> None:
        kind = buffer[start] & 31
        if kind == 28 and end - start > 2:
            flags = buffer[start + 1]
            self._fragment(buffer, flags, bytes((buffer[start] & 0xE0 | flags & 31,)), start + 2, end)
        elif 0 < kind < 24:
            self._whole(buffer, start, end)
        elif kind == 24:
            self._aggregate(buffer, start + 1, end)
        else:
            self._damaged = True

    def _h265(self, buffer: memoryview, start: int, end: int) -> None:
        if end - start < 3:
            self._damaged = True
            return
        kind = (buffer[start] >> 1) & 63
        if kind == 49:
            flags = buffer[start + 2]
            self._fragment(buffer, flags, bytes((buffer[start] & 0x81 | (flags & 63) << 1, buffer[start + 1])), start + 3, end)
        elif kind < 48:
            self._whole(buffer, start, end)
        elif kind == 48:
            self._aggregate(buffer, start + 2, end)
        else:
            self._damaged = True

    def _fragment(self, buffer: memoryview, flags: int, header: bytes, start: int, end: int) -> None:
        if flags & 0x80:
            if self._nal_at >= 0:
                self._damaged = True
            self._open_nal(header)
        elif self._nal_at < 0:
            self._damaged = True
            return
        self._parts.append(bytes(buffer[start:end]))
        self._grow(end - start)
        if flags & 0x40:
            self._close_nal()

    def _whole(self, buffer: memoryview, start: int, end: int) -> None:
        if self._nal_at >= 0:
            self._damaged = True
        self._open_nal(bytes(buffer[start:end]))
        self._close_nal()

    def _open_nal(self, begin: bytes) -> None:
        self._nal_at = len(self._parts)
        self._nal_bytes = 0
        self._parts.append(_LENGTH)
        self._parts.append(begin)
        self._grow(len(begin))

    def _grow(self, size: int) -> None:
        self._nal_bytes += size
        if self._nal_bytes + self._unit_bytes > MAX_UNIT:
            raise ProtocolError(f"a picture of more than {MAX_UNIT} bytes")

    def _aggregate(self, buffer: memoryview, position: int, end: int) -> None:
        while position + 2 < end:
            size = buffer[position] << 8 | buffer[position + 1]
            if size == 0 or position + 2 + size > end:
                self._damaged = True
                return
            self._whole(buffer, position + 2, position + 2 + size)
            position += 2 + size

    def _close_nal(self) -> None:
        at, parts, size = self._nal_at, self._parts, self._nal_bytes
        self._nal_at = -1
        first = cast(bytes, parts[at + 1])  # a unit that is read packet by packet
        if self._codec == "h264":
            kind = first[0] & 31
            key, is_set, drop, picture, head = kind == 5, kind in (7, 8), kind in (9, 12), kind in (1, 2, 5), 1
        else:
            kind = (first[0] >> 1) & 63
            key, is_set, drop, picture, head = 16 <= kind <= 21, kind in (32, 33, 34), kind in (35, 38), kind < 32, 2
        if is_set:
            self._keep_set(joined(parts[at + 1 :]))
        if is_set or drop:
            del parts[at:]
            return
        parts[at] = size.to_bytes(4, "big")
        self._unit_bytes += size + 4
        if self._suspect and picture:
            # A picture's first slice says so in its first bit: then only other pictures were lost.
            self._suspect = False
            start = joined(parts[at + 1 : at + 3])
            self._damaged = self._damaged or (len(start) <= head or not start[head] & 0x80)
        if key:
            self._unit_key = True

    def _keep_set(self, nal: bytes) -> None:
        key = self._set_key(nal)
        if self._sets.get(key) != nal:
            self._sets[key] = nal
            self._sets_changed = True

    def _set_key(self, nal: bytes) -> tuple[int, int]:
        kind = nal[0] & 31 if self._codec == "h264" else (nal[0] >> 1) & 63
        # A second PPS with another id is kept beside the first; the id is the first bits of the body.
        return kind, nal[1] >> 4 if kind == 8 and len(nal) > 1 else 0

    def _sequence_break(self, seq: int) -> None:
        if self.next_seq < 0:
            return
        missing = (seq - self.next_seq) & 0xFFFF
        if missing < 0x8000:
            self.counters.lost_packets += missing
        # Packets are missing either from the open picture, or from the head of the one that comes.
        self._damaged = True

    def _begin(self, ts: int) -> None:
        """A packet with a new timestamp: the picture before it is over."""
        carried = self._damaged if self._marker_seen else False
        if not self._marker_seen:
            self._finish()
        self._advance(ts)
        self._damaged, self._suspect = False, carried
        self._marker_seen = False
        self._unit_key = False
        self._unit_at = len(self._parts)
        self._unit_bytes = 0

    def _advance(self, ts: int) -> None:
        """Place a picture: `_shown` is when it is shown, `_time` its place in the order of decoding.

        Both are the same until a timestamp goes back: then the camera sends B-frames, and decoding
        times step on evenly, a few pictures behind the newest time shown.
        """
        delta = ((ts - self._ts + 0x80000000) & 0xFFFFFFFF) - 0x80000000 if self._ts >= 0 else 0
        if abs(delta) > MAX_JUMP:
            self.counters.timestamp_jumps += 1
            self.flush()
            self._broken = self._wait_key = True
            self._time = self._shown = self._newest = max(self._newest, self._time) + self._step
        elif self._ts >= 0:
            self._shown += delta
            self._newest = max(self._newest, self._shown)
            self._reordered = self._reordered or delta < 0
            if delta:
                self._finest = min(self._finest, abs(delta))
            if self._reordered:
                self._time = max(self._time + self._finest, self._newest - MAX_REORDER * self._finest)
            else:
                self._time = max(self._time + 1, self._shown)
        self._ts = ts

    def _finish(self) -> None:
        """The open picture is complete (or has to be given up)."""
        self._marker_seen = True
        at, size = self._unit_at, self._unit_bytes
        if self._nal_at >= 0:
            self._damaged, self._nal_at = True, -1
        if self._damaged or self._suspect:
            self.counters.damaged_units += 1
            # A delta picture that we miss garbles a few pictures; a missing keyframe garbles the GOP.
            self._wait_key = self._wait_key or self._unit_key or size == 0
            del self._parts[at:]
            self._damaged = self._suspect = False
            return
        if size == 0:
            return
        if self._wait_key and not self._unit_key:
            del self._parts[at:]
            return
        if self._unit_key:
            self._start_gop(at)
        self._append(size, key=self._unit_key)

    def _append(self, size: int, *, key: bool) -> None:
        pending, time = self._pending, self._time
        if self._shown == self._last_shown:  # two pictures of one moment: the camera's clock stands
            self.counters.timestamp_jumps += 1
        self._last_shown = self._shown
        if not pending.times:
            pending.key, pending.video = key, self._video
        pending.times.append(time)
        pending.offsets.append(self._shown - time)
        pending.sizes.append(size)
        if time > self._last_time:
            self._step = min(time - self._last_time, CLOCK)
        self._last_time = time
        self.units += 1
        self.counters.frames += 1

    def _start_gop(self, at: int) -> None:
        self.counters.keyframes += 1
        self._wait_key = False
        if self._pending.times:
            unit = self._parts[at:]
            del self._parts[at:]
            self._flush_until(self._time)
            self._parts += unit
        if self._sets_changed:
            self._video = VideoFormat.from_sets(self._codec, list(self._sets.values()))
            self._sets_changed = False
        self._unit_at = 0

    def _flush_until(self, end: int) -> None:
        pending, video = self._pending, self._pending.video
        if not pending.times or video is None:
            return
        times = pending.times
        durations = list(map(sub, [*times[1:], max(end, times[-1] + 1)], times))
        if min(durations) <= 0:
            durations = [max(d, 1) for d in durations]
        offsets = pending.offsets if self._reordered else []
        fragment = Assembled(video, times[0], durations, pending.sizes, offsets, self._parts, pending.key, self._broken)
        self._broken = False
        self._parts = []
        self._unit_at = 0
        self._pending = _Pending()
        self._emit(fragment)

    def flush_ready(self) -> None:
        """Emit the pictures that are complete; the one being received stays. The last one's duration is
        taken to be that of the one before: the next fragment says its own time."""
        if not self._pending.times:
            return
        at = len(self._parts) if self._marker_seen else self._unit_at
        tail = self._parts[at:]
        del self._parts[at:]
        self._flush_until(self._last_time + self._step)
        self._parts = tail
        if self._nal_at >= 0:
            self._nal_at -= at

    def flush(self) -> None:
        """Emit what is complete and give up the picture being received."""
        self.flush_ready()
        self._parts = []
        self._unit_at, self._nal_at = 0, -1

    def unwrapped(self, ts: int) -> int:
        """Time of an RTP timestamp near the present one (for sender reports), 90 kHz."""
        return self._shown + ((ts - self._ts + 0x80000000) & 0xFFFFFFFF) - 0x80000000
