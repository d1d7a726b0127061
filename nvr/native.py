"""The native engine: one tick empties every camera's socket and parses what came.

A session is set up in asyncio (nvr.rtsp); from then on its socket belongs to the Ticker, which
reads all sockets of the worker into one reused buffer five times a second. Wake-ups, not parsing,
are what recording costs (docs/design/recorder.md).
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

from core.clock import Clock, to_microseconds
from core.errors import CameraUnreachable, MinwangError, ProtocolError, StreamStalled
from nvr.access_units import Counters, UnitAssembler
from nvr.rtsp import RtspSession, open_session
from nvr.segments import SegmentSink

if TYPE_CHECKING:
    from nvr.recorder import StreamSpec

log = logging.getLogger(__name__)

TICK = 0.2
CHUNK = 512 * 1024
MAX_LEFTOVER = 65_536 + 4
NTP_EPOCH = 2_208_988_800
_RTP = struct.Struct(">cBHBBHI")  # $, channel, length, V P X CC, M PT, sequence, timestamp
_RECEIVER_REPORT_SECONDS = 8.0


class NativeSession:
    """A playing camera between two ticks."""

    def __init__(
        self,
        rtsp: RtspSession,
        sink: SegmentSink,
        counters: Counters,
        fragment_seconds: float,
        stall_seconds: float,
        now: float,
    ):
        self._rtsp = rtsp
        self._sink = sink
        self._counters = counters
        self._arrival_us = 0
        self._leftover = rtsp.early
        self._assembler = UnitAssembler(rtsp.track.codec, rtsp.track.parameter_sets, counters, self._emit, fragment_seconds)
        self._stall = stall_seconds
        self._units = 0
        self._last_picture = now
        self._keepalive_due = now + rtsp.timeout / 2
        self._report_due = now + _RECEIVER_REPORT_SECONDS
        self._payload_type = rtsp.track.payload_type
        self._channel = rtsp.rtp_channel
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def _emit(self, run: object) -> None:
        self._sink.fragment(run, self._arrival_us)  # type: ignore[arg-type]

    def tick(self, buffer: bytearray, view: memoryview, now: float, arrival_us: int) -> None:
        """Read all there is, parse it, watch for a stall. Raises CameraError."""
        self._arrival_us = arrival_us
        sock = self._rtsp.sock
        while True:
            kept = len(self._leftover)
            view[:kept] = self._leftover
            try:
                size = sock.recv_into(view[kept:])
            except BlockingIOError:
                break
            except OSError as e:
                raise CameraUnreachable(f"connection lost: {e.strerror or type(e).__name__}") from e
            if size == 0:
                raise CameraUnreachable("the camera closed the connection")
            self._counters.bytes += size
            end = kept + size
            used = self._parse(buffer, view, end)
            self._leftover = bytes(view[used:end])
            if len(self._leftover) > MAX_LEFTOVER:
                raise ProtocolError("the camera sends bytes that are no media")
            if end < len(view):
                break
        self._watch(now)

    def _parse(self, buffer: bytearray, view: memoryview, end: int) -> int:
        """Take every whole interleaved frame in buffer[:end]; returns the bytes used."""
        position, packets = 0, 0
        unpack, push, channel = _RTP.unpack_from, self._assembler.push, self._channel
        payload_type = self._payload_type
        while position + 12 <= end:
            mark, on, length, first, second, seq, ts = unpack(buffer, position)
            if mark != b"$":
                found = self._foreign(buffer, position, end)
                if found < 0:
                    break
                position = found
                continue
            following = position + 4 + length
            if following > end:
                if length == 0 or on > 15:  # not a frame: we are out of step
                    position += 1
                    continue
                break
            if on == channel and second & 0x7F == payload_type and length >= 12:
                packets += 1
                if first == 0x80:
                    push(view, position + 16, following, seq, ts, second & 0x80)
                else:
                    start, stop = payload_bounds(buffer, position + 4, following)
                    push(view, start, stop, seq, ts, second & 0x80)
            elif on == channel + 1 and second == 200 and length >= 20:
                self._sender_report(buffer, position + 4)
            position = following
        self._counters.packets += packets
        return position

    def _foreign(self, buffer: bytearray, position: int, end: int) -> int:
        """Skip an RTSP reply, or resynchronise; -1 where more bytes are needed."""
        if buffer[position] == 0x52 and buffer.startswith(b"RTSP/", position):
            head = buffer.find(b"\r\n\r\n", position, end)
            if head < 0:
                return -1
            text = bytes(buffer[position:head]).lower()
            at = text.find(b"content-length:")
            length = text[at + 15 :].split(b"\r\n", 1)[0].strip() if at >= 0 else b"0"
            if text[9:12] == b"401":
                self._answer_challenge(bytes(buffer[position:head]))
            return min(end, head + 4 + (int(length) if length.isdigit() else 0))
        pattern = b"$" + bytes((self._channel,))
        found = buffer.find(pattern, position + 1, end)
        return found if found >= 0 else end - 1

    def _answer_challenge(self, head: bytes) -> None:
        """A keep-alive was refused because the nonce grew old: the next one carries the new nonce."""
        lines = head.decode("utf-8", "replace").split("\r\n")
        offers = [v.strip() for k, _, v in (line.partition(":") for line in lines) if k.strip().lower() == "www-authenticate"]
        if self._rtsp.auth.challenge(offers):
            self._send(self._rtsp.request(self._rtsp.keepalive))

    def _sender_report(self, buffer: bytearray, at: int) -> None:
        seconds, fraction, ts = struct.unpack_from(">III", buffer, at + 8)
        if seconds:
            camera_us = (seconds - NTP_EPOCH) * 1_000_000 + (fraction * 1_000_000 >> 32)
            self._sink.sender_report(camera_us, self._assembler.unwrapped(ts), self._arrival_us)

    def _watch(self, now: float) -> None:
        if self._assembler.units != self._units:
            self._units = self._assembler.units
            self._last_picture = now
        elif now - self._last_picture > self._stall:
            raise StreamStalled(f"no complete picture for {self._stall:g} s")
        if now >= self._keepalive_due:
            self._keepalive_due = now + self._rtsp.timeout / 2
            self._send(self._rtsp.request(self._rtsp.keepalive))
        if now >= self._report_due:
            self._report_due = now + _RECEIVER_REPORT_SECONDS
            self._send(self._receiver_report())

    def _receiver_report(self) -> bytes:
        report = struct.pack(">BBHI", 0x80, 201, 1, 0x4D57)
        return struct.pack(">cBH", b"$", self._channel + 1, len(report)) + report

    def _send(self, data: bytes) -> None:
        try:
            self._rtsp.sock.send(data)
        except (BlockingIOError, OSError):
            log.debug("a keep-alive could not be sent; the watchdog decides")

    def close(self) -> None:
        """Store what is complete, say goodbye, release the socket."""
        self._assembler.flush()
        self._send(self._rtsp.request("TEARDOWN"))
        self._rtsp.sock.close()


def payload_bounds(buffer: bytearray, start: int, end: int) -> tuple[int, int]:
    """Where the payload of an RTP packet lies: behind CSRCs and extension, before the padding."""
    first = buffer[start]
    at = start + 12 + 4 * (first & 15)
    if first & 0x10 and at + 4 <= end:
        at += 4 + 4 * (buffer[at + 2] << 8 | buffer[at + 3])
    if first & 0x20:
        end -= buffer[end - 1]
    return at, max(at, end)


class Ticker:
    """Runs all native sessions of a worker."""

    def __init__(self, clock: Clock, after_tick: Callable[[], None]):
        self._clock = clock
        self._after_tick = after_tick
        self._sessions: set[NativeSession] = set()
        self._buffer = bytearray(CHUNK)

    def add(self, session: NativeSession) -> None:
        self._sessions.add(session)

    def remove(self, session: NativeSession) -> None:
        self._sessions.discard(session)

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        view = memoryview(self._buffer)
        while True:
            now, arrival_us = loop.time(), to_microseconds(self._clock.now())
            for session in list(self._sessions):
                try:
                    session.tick(self._buffer, view, now, arrival_us)
                except MinwangError as e:
                    self._end(session, e)
                except Exception as e:
                    log.exception("a stream broke the parser")
                    self._end(session, ProtocolError(f"the stream broke the parser: {type(e).__name__}"))
            self._after_tick()
            due = max(due + TICK, loop.time())
            await asyncio.sleep(due - loop.time())

    def _end(self, session: NativeSession, error: BaseException) -> None:
        self._sessions.discard(session)
        if not session.done.done():
            session.done.set_exception(error)


class NativeEngine:
    """Records one stream until it fails or the task is cancelled."""

    name = "native"

    def __init__(self, ticker: Ticker, fragment_seconds: float, stall_seconds: float):
        self._ticker = ticker
        self._fragment_seconds = fragment_seconds
        self._stall_seconds = stall_seconds

    async def record(self, spec: StreamSpec, sink: SegmentSink, counters: Counters, connected: Callable[[], None]) -> None:
        """Raises CameraError when the stream ends, for whatever reason."""
        rtsp = await open_session(spec.url, spec.login)
        connected()
        sink.begin_session()
        session = NativeSession(
            rtsp, sink, counters, self._fragment_seconds, self._stall_seconds, asyncio.get_running_loop().time()
        )
        self._ticker.add(session)
        try:
            await session.done
        finally:
            self._ticker.remove(session)
            session.close()
            sink.end_session()
