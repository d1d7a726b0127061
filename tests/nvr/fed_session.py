"""A native session without a camera: the test feeds it bytes poll by poll, and it records into memory."""

from __future__ import annotations

import asyncio
import mmap
from dataclasses import dataclass, field
from typing import Any, cast

from core.clock import ManualClock
from core.errors import MinwangError
from core.network.authenticator import Authenticator
from nvr.media.buffers.arena import Arena, ArenaPool
from nvr.recorder.native_session import NativeSession
from nvr.recorder.poll_loop import PollLoop
from nvr.rtsp.camera_socket import TICK_SECONDS, ReadSchedule
from nvr.rtsp.client import RtspSession
from nvr.rtsp.sdp import AudioTrack, VideoCodec, VideoTrack
from tests.nvr.camera_clock import ORIGIN_US
from tests.nvr.camera_streams import Packet
from tests.nvr.memory_recording import Recording

ARENA = Arena(mmap.mmap(-1, 4 << 20))


class Outgoing:
    """The sending half of a socket, with a large buffer."""

    sent: bytearray

    def send(self, data: bytes) -> int:
        self.sent += data
        return len(data)

    def setsockopt(self, *_: Any) -> None: ...

    def getsockopt(self, *_: Any) -> int:
        return 8_000_000

    def close(self) -> None: ...


@dataclass
class FakeSocket(Outgoing):
    """The bytes that the camera sent and received."""

    incoming: bytearray = field(default_factory=bytearray)
    sent: bytearray = field(default_factory=bytearray)

    def recv_into(self, view: memoryview) -> int:
        if not self.incoming:
            raise BlockingIOError
        size = min(len(view), len(self.incoming))
        view[:size] = self.incoming[:size]
        del self.incoming[:size]
        return size


def written(pool: ArenaPool, arenas: list[Arena]) -> None:
    """Release the arenas, in place of the writers."""
    pool.hold(arenas)
    pool.release(arenas)


class FedSession:
    """One session of a stream.

    Several sessions can share one `recording` and, as the engine does, one `memory`. `batch`: a poll loop reads the
    session, and nvr.media.batch.batch_depacketizer handles whole pictures; otherwise it is read packet by packet.
    """

    def __init__(
        self,
        codec: str = "h264",
        recording: Recording | None = None,
        *,
        began: float = 0.0,
        stall: float = 5.0,
        audio: AudioTrack | None = None,
        batch: bool = False,
        **more: Any,
    ):
        self.recording = recording or Recording(segment_seconds=3600)
        self.wire = FakeSocket()
        self.now = began
        track = VideoTrack(VideoCodec(codec), 96, "rtsp://h/t", [], None)
        rtsp = RtspSession(cast(Any, self.wire), "rtsp://h/", track, "1", 60, "OPTIONS", 0, b"", Authenticator(None), 1)
        rtsp.audio = audio
        if audio is not None:
            rtsp.audio_channel, rtsp.audio_rtcp_channel = 2, 3
        self.poll_loop = PollLoop(ManualClock(), written) if batch else None
        loop = asyncio.new_event_loop()
        try:
            self.session = loop.run_until_complete(self._make(rtsp, stall, more))
        finally:
            loop.close()
        self.session.socket.reading = ReadSchedule.EVERY_POLL
        if self.poll_loop is not None:
            self.poll_loop.add(self.session)

    async def _make(self, rtsp: RtspSession, stall: float, more: dict[str, Any]) -> NativeSession:
        sink, counters = self.recording.sink, self.recording.counters
        sink.begin_session(rtsp.audio)
        return NativeSession(rtsp, sink, counters, stall_seconds=stall, fragment_ticks=1, now=self.now, **more)

    def poll(self, data: bytes = b"") -> None:
        """Let `data` arrive by the next poll. Raises CameraError if the session ends."""
        self.wire.incoming += data
        self.now += TICK_SECONDS
        tick_us = ORIGIN_US + round(self.now * 1_000_000)
        if self.poll_loop is not None:
            self.poll_loop.tick(self.now, tick_us)
            if self.session.done.done() and (error := self.session.done.exception()) is not None:
                raise error
            return
        self.session.tick_us = tick_us
        end = self.session.receive(ARENA.view, 0, 1 << 20)
        self.session.parse(ARENA, 0, end)
        self.session.finish_tick(self.now)

    def play(self, packets: list[Packet], seconds: float = 0.0) -> None:
        """Let packets arrive at their timestamps, the first one now, then silence until `seconds` have passed."""
        until, began, first = self.now + seconds, self.now, packets[0].ts if packets else 0
        at = 0
        while at < len(packets) or self.now < until - TICK_SECONDS / 2:
            data = bytearray()
            while at < len(packets) and (packets[at].ts - first) / 90_000 <= self.now - began + 1e-6:
                data += packets[at].framed()
                at += 1
            self.poll(bytes(data))

    def seconds_until_end(self, seconds: float) -> float | None:
        """Return after how many seconds of silence the session ends; None if it continues."""
        began = self.now
        while self.now - began < seconds:
            try:
                self.poll()
            except MinwangError:
                return self.now - began
        return None
