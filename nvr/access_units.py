"""From RTP packets to fragments of access units: H.264 (RFC 6184) and H.265 (RFC 7798).

Payloads go straight into the fragment's `mdat` bytes, NAL units with 4-byte lengths. Parameter sets
are kept aside (they belong to the file's head), access unit delimiters are dropped. A picture that
lost a packet is dropped whole; a lost keyframe drops everything up to the next one.

This is the hot path: per packet a handful of integer operations and one slice copy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from core.errors import ProtocolError
from nvr.fmp4 import Sample
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
    time: int
    samples: list[Sample]
    data: bytearray
    key: bool
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

    __slots__ = (
        "_broken",
        "_codec",
        "_damaged",
        "_data",
        "_emit",
        "_finest",
        "_last_time",
        "_limit",
        "_marker_seen",
        "_nal_start",
        "_newest",
        "_pending",
        "_reordered",
        "_sets",
        "_sets_changed",
        "_shown",
        "_step",
        "_suspect",
        "_time",
        "_ts",
        "_unit_key",
        "_unit_start",
        "_video",
        "_wait_key",
        "counters",
        "next_seq",
        "units",
    )  # fmt: skip

    def __init__(
        self, codec: str, sets: list[bytes], counters: Counters, emit: Callable[[Assembled], None], fragment_seconds: float
    ):
        self._codec = codec
        self._emit = emit
        self._limit = int(fragment_seconds * CLOCK)
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
        self._step = CLOCK // 25
        self._pending = _Pending()
        self._data = bytearray()
        self._unit_start = 0
        self._nal_start = -1
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

    def _h264(self, buffer: memoryview, start: int, end: int) -> None:
        kind = buffer[start] & 31
        if kind == 28 and end - start > 2:
            self._fragment(buffer, buffer[start + 1], bytes((buffer[start] & 0xE0 | buffer[start + 1] & 31,)), start + 2, end)
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
        data = self._data
        if flags & 0x80:
            if self._nal_start >= 0:
                self._damaged = True
            self._nal_start = len(data)
            data += _LENGTH
            data += header
        elif self._nal_start < 0:
            self._damaged = True
            return
        data += buffer[start:end]
        if flags & 0x40:
            self._close_nal()

    def _whole(self, buffer: memoryview, start: int, end: int) -> None:
        if self._nal_start >= 0:
            self._damaged = True
        self._nal_start = len(self._data)
        self._data += _LENGTH
        self._data += buffer[start:end]
        self._close_nal()

    def _aggregate(self, buffer: memoryview, position: int, end: int) -> None:
        while position + 2 < end:
            size = buffer[position] << 8 | buffer[position + 1]
            if size == 0 or position + 2 + size > end:
                self._damaged = True
                return
            self._whole(buffer, position + 2, position + 2 + size)
            position += 2 + size

    def _close_nal(self) -> None:
        start, data = self._nal_start, self._data
        self._nal_start = -1
        size = len(data) - start - 4
        if self._codec == "h264":
            kind = data[start + 4] & 31
            key, is_set, drop, picture, head = kind == 5, kind in (7, 8), kind in (9, 12), kind in (1, 2, 5), 1
        else:
            kind = (data[start + 4] >> 1) & 63
            key, is_set, drop, picture, head = 16 <= kind <= 21, kind in (32, 33, 34), kind in (35, 38), kind < 32, 2
        if is_set:
            self._keep_set(bytes(data[start + 4 :]))
        if is_set or drop:
            del data[start:]
            return
        data[start : start + 4] = size.to_bytes(4, "big")
        if self._suspect and picture:
            # A picture's first slice says so in its first bit: then only other pictures were lost.
            self._suspect = False
            self._damaged = self._damaged or (size <= head or not data[start + 4 + head] & 0x80)
        if key:
            self._unit_key = True
        if len(data) - self._unit_start > MAX_UNIT:
            raise ProtocolError(f"a picture of more than {MAX_UNIT} bytes")

    def _keep_set(self, nal: bytes) -> None:
        kind = nal[0] & 31 if self._codec == "h264" else (nal[0] >> 1) & 63
        # A second PPS with another id is kept beside the first; the id is the first bits of the body.
        identifier = nal[1] >> 4 if kind == 8 and len(nal) > 1 else 0
        if self._sets.get((kind, identifier)) != nal:
            self._sets[(kind, identifier)] = nal
            self._sets_changed = True

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
        self._unit_start = len(self._data)
        times = self._pending.times
        if times and self._time - times[0] >= self._limit:
            self._flush_until(self._time)

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
        data, start = self._data, self._unit_start
        size = len(data) - start
        if self._nal_start >= 0:
            self._damaged, self._nal_start = True, -1
        if self._damaged or self._suspect:
            self.counters.damaged_units += 1
            # A delta picture that we miss garbles a few pictures; a missing keyframe garbles the GOP.
            self._wait_key = self._wait_key or self._unit_key or size == 0
            del data[start:]
            self._damaged = self._suspect = False
            return
        if size == 0:
            return
        if self._wait_key and not self._unit_key:
            del data[start:]
            return
        if self._unit_key:
            self._start_gop(start)
        pending = self._pending
        if not pending.times:
            pending.key, pending.video = self._unit_key, self._video
        pending.times.append(self._time)
        pending.offsets.append(self._shown - self._time)
        pending.sizes.append(size)
        if self._time > self._last_time:
            self._step = min(self._time - self._last_time, CLOCK)
        self._last_time = self._time
        self.units += 1
        self.counters.frames += 1

    def _start_gop(self, start: int) -> None:
        self.counters.keyframes += 1
        self._wait_key = False
        if self._pending.times:
            unit = self._data[start:]
            del self._data[start:]
            self._flush_until(self._time)
            self._data += unit
        if self._sets_changed:
            self._video = VideoFormat.from_sets(self._codec, list(self._sets.values()))
            self._sets_changed = False
        self._unit_start = 0

    def _flush_until(self, end: int) -> None:
        pending, video = self._pending, self._pending.video
        if not pending.times or video is None:
            return
        ends = [*pending.times[1:], max(end, pending.times[-1] + 1)]
        samples = [
            Sample(size, max(1, stop - start), pending.key and i == 0, offset)
            for i, (size, start, stop, offset) in enumerate(
                zip(pending.sizes, pending.times, ends, pending.offsets, strict=True)
            )
        ]
        fragment = Assembled(video, pending.times[0], samples, self._data, pending.key, self._broken)
        self._broken = False
        self._data = bytearray()
        self._unit_start = 0
        self._pending = _Pending()
        self._emit(fragment)

    def flush(self) -> None:
        """Emit what is complete; the last picture lasts as long as the one before it."""
        del self._data[self._unit_start if not self._marker_seen else len(self._data) :]
        self._flush_until(self._last_time + self._step)

    def unwrapped(self, ts: int) -> int:
        """Time of an RTP timestamp near the present one (for sender reports), 90 kHz."""
        return self._shown + ((ts - self._ts + 0x80000000) & 0xFFFFFFFF) - 0x80000000
