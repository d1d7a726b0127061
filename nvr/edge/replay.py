"""Reads a range of a camera's own recording over RTSP (ONVIF Streaming Specification, section 6).

The camera sends as fast as the reader reads, so the reader sets the pace. An RTP header extension (0xABAC) carries the
true time of a picture, by the camera's clock. A hole in the recording shows as a jump of that time: alone, or together
with the RTP time (then the usual distance between pictures, or the extension's D bit, reveals it). A replay has no end
mark: it is over when no pictures come, even if sender reports and keep-alive answers still come.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import statistics
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from core.clock import SECOND, Clock
from core.errors import CameraUnreachable
from core.network.error_text import reason
from core.units import media_to_us
from nvr.media.pictures.depacketizer import Depacketizer
from nvr.media.receiver.rtp_receiver import RtpReceiver, probe_of
from nvr.media.rtp.rtcp import ntp_us
from nvr.media.samples import FragmentSamples, StreamCounters
from nvr.rtsp.client import RtspSession
from nvr.rtsp.interleaved import packets

log = logging.getLogger(__name__)

RECEIVE_BYTES = 16_384
FRAGMENT_BYTES = 65_536  # bytes that make a fragment, unless a keyframe comes earlier
PICTURE_TIMEOUT_S = 6.0  # without pictures: the end of a replay
MAX_PICTURE_BYTES = 4_000_000  # bytes; a picture of this size may be in transit for longer than that
PAUSE_S = 0.5  # after this long without data, complete pictures may be stored
JUMP_US = 300_000  # largest difference between the extension's time and RTP time
MIN_BREAK_US = 1_000_000  # between two pictures, if they usually follow each other faster
INTERVAL_SAMPLES = 16  # pictures from which the usual distance is learned
_EXTENSION = 0xABAC
_CLEAN_POINT, _DISCONTINUITY = 0x80, 0x20  # bits C and D of the extension

OnRun = Callable[[FragmentSamples, int], bool]


class ReplayReader:
    """One replay.

    `take` gets runs of pictures with the time of their first picture in µs UTC by the camera's clock, and returns
    whether it wants more. `cut` is called at breaks in the recording.
    """

    def __init__(self, session: RtspSession, on_run: OnRun, on_break: Callable[[], None], clock: Clock):
        self._session = session
        self._on_run = on_run
        self._on_break = on_break
        self._clock = clock
        self._buffer = bytearray()
        # RTP timestamp of the newest picture, and when the camera took it, µs.
        self._reference: tuple[int, int] | None = None
        self._steps: deque[int] = deque(maxlen=INTERVAL_SAMPLES)  # between the newest pictures, µs
        self._is_coarse = True  # so far, the camera has sent whole seconds only
        self._wanted = True
        self.counters = StreamCounters()
        track = session.track
        self._depacketizer = Depacketizer(
            track.codec, track.parameter_sets, self.counters, self._emit, track.clock_rate
        )
        self._receiver = RtpReceiver(self._depacketizer, track.payload_type, probe_of(track))

    async def read(self, bits_per_second: float, may_continue: Callable[[], bool]) -> bool:
        """Read to the end. Return False if `may_continue` stopped it. Raises CameraError."""
        session, clock = self._session, self._clock
        # The kernel must not read ahead of the pace: the camera's uplink has already carried what the kernel holds.
        session.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * RECEIVE_BYTES)
        self._buffer += session.initial_data
        self._parse()
        kept = due = clock.monotonic()
        picture_timeout = _PictureTimeout(clock.monotonic(), MAX_PICTURE_BYTES * 8 / bits_per_second)
        flushed = 0
        while self._wanted and not picture_timeout.is_over(clock.monotonic()):
            if not may_continue():
                return False
            await clock.sleep(max(0.0, due - clock.monotonic()))
            data = await self._receive()
            if data == b"":
                break
            now = clock.monotonic()
            if data:
                due = max(due, now - 1.0) + len(data) * 8 / bits_per_second
                self._buffer += data
                self.counters.bytes += len(data)
                self._parse()
            if data is None or self.counters.bytes - flushed >= FRAGMENT_BYTES:
                flushed = self.counters.bytes
                self._depacketizer.flush_ready()
            picture_timeout.update(now, self.counters.packets, self.counters.frames)
            if now - kept > session.timeout / 2:
                kept = now
                await self._send(session.request(session.keepalive))
        self._depacketizer.flush()
        return True

    async def _receive(self) -> bytes | None:
        """Return received data; empty at the end of the connection, None if nothing comes for PAUSE_S."""
        try:
            async with asyncio.timeout(PAUSE_S):
                return await asyncio.get_running_loop().sock_recv(self._session.sock, RECEIVE_BYTES)
        except TimeoutError:
            return None
        except OSError as e:
            raise CameraUnreachable(f"connection lost: {reason(e)}") from e

    async def _send(self, data: bytes) -> None:
        try:
            async with asyncio.timeout(PAUSE_S):
                await asyncio.get_running_loop().sock_sendall(self._session.sock, data)
        except (TimeoutError, OSError):
            log.debug("a keep-alive could not be sent")

    def _emit(self, run: FragmentSamples) -> None:
        if self._wanted and self._reference is not None:
            ts, taken = self._reference
            self._wanted = self._on_run(run, taken + media_to_us(run.time - self._depacketizer.unwrapped(ts)))

    def _parse(self) -> None:
        for channel, packet in packets(self._buffer):
            if channel == self._session.rtp_channel and len(packet) >= 12:
                self._packet(packet)
            if not self._wanted:
                break

    def _packet(self, packet: bytes) -> None:
        told, ts = _extension(packet), int.from_bytes(packet[4:8], "big")
        if told is not None and packet[1] & 0x7F == self._session.track.payload_type:
            taken, flags = told
            self._is_coarse = self._is_coarse and taken % SECOND == 0
            if self._is_coarse and self._reference is not None:
                taken = self._within_second(taken, self._expected(*self._reference, ts))
            if self._reference is not None and self._is_break(*self._reference, ts, taken, flags):
                self._depacketizer.flush()
                self._on_break()
            self._reference = ts, taken
        self._receiver.process_packet(packet, memoryview(packet), 0, len(packet))

    @staticmethod
    def _within_second(told: int, expected: int) -> int:
        """Return the time within the second that the camera sent: where RTP time puts it, if that is near."""
        near = told - JUMP_US <= expected <= told + SECOND + JUMP_US
        return min(max(expected, told), told + SECOND - 1) if near else told

    def _is_break(self, before: int, was: int, ts: int, taken: int, flags: int) -> bool:
        """Return whether something is missing in the camera's recording before this packet."""
        if abs(taken - self._expected(before, was, ts)) > JUMP_US + (SECOND if self._is_coarse else 0):
            return True
        if ts == before:
            return False
        step, usual = abs(taken - was), statistics.median(self._steps) if self._steps else 0
        if flags & _DISCONTINUITY and step > max(JUMP_US, 1.5 * usual):
            return True
        known = len(self._steps) >= 3 or flags & _CLEAN_POINT
        if known and step > max(MIN_BREAK_US, 4 * usual):
            return True
        self._steps.append(step)
        return False

    def _expected(self, before: int, taken: int, ts: int) -> int:
        """Return when a picture with this RTP timestamp was taken, if the recording has no break since `before`."""
        return (
            taken
            + (((ts - before + 0x80000000) & 0xFFFFFFFF) - 0x80000000) * 1_000_000 // self._session.track.clock_rate
        )

    def close(self) -> None:
        self._session.sock.close()


@dataclass(slots=True)
class _PictureTimeout:
    """Detects that no picture has come for too long. Times in seconds (monotonic)."""

    picture_at: float
    longest_picture: float  # seconds that a large picture is in transit at the pace of reading
    packet_at: float = 0.0
    _packets: int = 0
    _pictures: int = 0

    def update(self, now: float, packets: int, pictures: int) -> None:
        """Take the counts so far, of the video track only."""
        if packets != self._packets:
            self.packet_at, self._packets = now, packets
        if pictures != self._pictures:
            self.picture_at, self._pictures = now, pictures

    def is_over(self, now: float) -> bool:
        quiet = now - self.picture_at
        return quiet >= PICTURE_TIMEOUT_S and (
            now - self.packet_at >= PICTURE_TIMEOUT_S or quiet >= PICTURE_TIMEOUT_S + self.longest_picture
        )


def _extension(packet: bytes) -> tuple[int, int] | None:
    """Parse the replay extension. Return (µs UTC by the camera's clock, flags); None if the packet has none."""
    at = 12 + 4 * (packet[0] & 15)
    if not packet[0] & 0x10 or len(packet) < at + 16:
        return None
    kind, words, seconds, fraction = struct.unpack_from(">HHII", packet, at)
    if kind != _EXTENSION or words < 3:
        return None
    return ntp_us(seconds, fraction), packet[at + 12]
