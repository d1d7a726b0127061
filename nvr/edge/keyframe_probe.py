"""Reads one keyframe of a camera that is not recorded, over a short connection that the connection limiter allows.

Input is an address, output the first keyframe, as if it had been read from a file; the connection ends at once. The
caller owns the retries.
"""

from __future__ import annotations

import asyncio
import contextlib
from itertools import accumulate

from core.clock import Clock, to_microseconds
from core.errors import CameraUnreachable, StreamStalled
from core.network.connect_limiter import ConnectLimiter
from core.network.error_text import reason
from nvr.archive.reader import Keyframe
from nvr.media.buffers.iovec import joined
from nvr.media.pictures import gradual_refresh
from nvr.media.pictures.depacketizer import Depacketizer
from nvr.media.pictures.start_points import StartPointKind
from nvr.media.receiver.rtp_receiver import RtpReceiver, probe_of
from nvr.media.samples import FragmentSamples, StreamCounters
from nvr.rtsp.client import RtspSession, open_session
from nvr.rtsp.interleaved import packets

RECEIVE_BYTES = 65_536
MAX_BYTES = 24_000_000  # no camera needs more before its first keyframe
TEARDOWN_TIMEOUT_S = 0.5
RECOVERY_POINT_AFTER_S = (
    3.0  # after this long without a keyframe, a recovery point is accepted (nvr.media.pictures.gradual_refresh)
)
PAUSE_S = 0.5  # after this long without data, the received keyframe is complete


class KeyframeProbe:
    """Probes at most `at_once` cameras at a time.

    `answer`: seconds until the camera plays; `seconds`: for the whole probe.
    """

    def __init__(
        self,
        clock: Clock,
        budget: ConnectLimiter,
        *,
        max_concurrent: int = 128,
        answer_timeout_s: float = 6.0,
        timeout_s: float = 8.0,
    ):
        self._clock = clock
        self._budget = budget
        self._slots = asyncio.Semaphore(max_concurrent)
        self._answer_timeout_s, self._timeout_s = answer_timeout_s, timeout_s

    async def keyframe(self, stream: str, url: str, login: tuple[str, str] | None) -> Keyframe:
        """Return the first keyframe.

        Raises CameraError: CameraUnreachable if the camera does not answer in time, StreamStalled if no keyframe comes.
        """
        async with self._slots, self._budget.attempt(url):
            answered = False
            try:
                async with asyncio.timeout(self._timeout_s):
                    async with asyncio.timeout(self._answer_timeout_s):
                        session = await open_session(url, login)
                    answered = True
                    try:
                        return await self._first(session, stream)
                    finally:
                        await _tear_down(session)
            except TimeoutError as e:
                if answered:
                    raise StreamStalled(f"no keyframe within {self._timeout_s:g} s") from e
                raise CameraUnreachable(f"no answer within {self._answer_timeout_s:g} s") from e

    async def _first(self, session: RtspSession, stream: str) -> Keyframe:
        found: list[FragmentSamples] = []
        track, buffer, came = session.track, bytearray(session.initial_data), 0
        depacketizer = Depacketizer(track.codec, track.parameter_sets, StreamCounters(), found.append)
        receiver = RtpReceiver(depacketizer, track.payload_type, probe_of(track))
        began, picture = self._clock.monotonic(), _Picture()
        while True:
            if self._clock.monotonic() - began > RECOVERY_POINT_AFTER_S:
                depacketizer.set_start_points(StartPointKind.RECOVERY_POINT)
            for channel, packet in packets(buffer):
                if channel == session.rtp_channel and len(packet) >= 12:
                    receiver.process_packet(packet, memoryview(packet), 0, len(packet))
            depacketizer.flush_ready()
            for run in found:
                if picture.take(
                    _samples_of(run), run.video.codec, key=run.starts_with_keyframe, broken=run.discontinuity
                ):
                    at, video, rest = to_microseconds(self._clock.now()), run.video, tuple(picture.following)
                    return Keyframe(stream, at, video.codec, video.configuration(), picture.first, following=rest)
            found.clear()
            data = await _receive(session)
            if not data:  # what came is complete: the next picture is far off
                depacketizer.close_silent_picture()
                continue
            came += len(data)
            if came > MAX_BYTES:
                raise StreamStalled(f"no keyframe in {MAX_BYTES // 1_000_000} MB")
            buffer += data


def _samples_of(run: FragmentSamples) -> list[bytes]:
    data, ends = joined(run.parts), list(accumulate(run.sizes))
    return [data[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


class _Picture:
    """The picture at which decoding begins, and those after it until it is complete. Each sample is inspected once."""

    def __init__(self) -> None:
        self.first = b""
        self._refresh: gradual_refresh.DecoderRefresh | None = None
        self._count = 0  # pictures after the first one

    @property
    def following(self) -> list[bytes]:
        return self._refresh.pictures if self._refresh is not None else []

    def take(self, samples: list[bytes], codec: str, *, key: bool, broken: bool) -> bool:
        """Take the next samples (`key`: from a keyframe or recovery point on). Return whether the picture is complete.

        Raises ProtocolError.
        """
        if key and gradual_refresh.is_keyframe(samples[0], codec):
            self.first, self._refresh = samples[0], None
            return True
        if broken:
            self._refresh = None
        if key and self._refresh is None:
            needed, self._count = gradual_refresh.pictures_needed(samples[0], codec), 0
            self.first, samples = samples[0], samples[1:]
            # Where `needed` is None, nobody knows when the picture is complete.
            self._refresh = gradual_refresh.DecoderRefresh(codec, needed, 0) if needed is not None else None
        if self._refresh is None:
            return False
        for sample in samples:
            if self._refresh.is_whole:
                break
            self._count += 1
            self._refresh.add(self._count, sample)
        return self._refresh.is_whole


async def _receive(session: RtspSession) -> bytes:
    """Return received data; empty if nothing comes for PAUSE_S. Raises CameraUnreachable."""
    try:
        async with asyncio.timeout(PAUSE_S):
            data = await asyncio.get_running_loop().sock_recv(session.sock, RECEIVE_BYTES)
    except TimeoutError:
        return b""
    except OSError as e:
        raise CameraUnreachable(f"connection lost: {reason(e)}") from e
    if not data:
        raise CameraUnreachable("the camera closed the connection")
    return data


async def _tear_down(session: RtspSession) -> None:
    """Send TEARDOWN, because a camera has few sessions, and close the socket."""
    try:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(TEARDOWN_TIMEOUT_S):
                await asyncio.get_running_loop().sock_sendall(session.sock, session.request("TEARDOWN"))
    finally:
        session.sock.close()
