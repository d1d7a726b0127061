"""Let other requests and event pulls of one camera share its web server.

Most cameras answer while an event pull is pending. Some answer nothing until the pull ends ("serial" cameras): their
pulls become short, and other requests wait for the gap between two pulls. A camera counts as serial for an hour, then
it is tested again. Requests come in as functions that send them; their replies come out unchanged. Times are monotonic
seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from cameras.onvif.connector import ConnectLimitReached
from cameras.onvif.soap import Node
from core.clock import Clock
from core.error_codes import ErrorCode
from core.errors import CameraUnreachable

SHORT_PULLS_AFTER_REQUEST_S = 30.0  # pulls stay short after another request; as long as a dome's lease (cameras.ptz)
SHORT_PULL_S = 2.0
LONGEST_PULL_S = 25.0
SERIAL_RETEST_S = 3600.0

Send = Callable[[], Awaitable[Node]]


class PullCoordination:
    """State that a client and its companion share about their camera."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.lock = asyncio.Lock()  # held during a pull
        self.refused = False  # the camera refused the credential
        self._last_request_at = float("-inf")  # when the last request other than a pull was sent
        self._transitions = 0  # incremented when a pull starts and when it ends: odd while a pull is pending
        self._is_suspect = False  # a request failed during a pull; if that pull is answered, the camera is serial
        self._serial_until = float("-inf")

    def pull_seconds(self, usual: float) -> float:
        """Return how long a pull may wait: short while somebody operates the camera, or if the camera is serial."""
        now = self._clock.monotonic()
        short = now - self._last_request_at < SHORT_PULLS_AFTER_REQUEST_S or now < self._serial_until
        return min(usual, SHORT_PULL_S) if short else usual

    def mark_serial(self) -> None:
        self._serial_until = self._clock.monotonic() + SERIAL_RETEST_S

    async def call(self, send: Send, slot_wait: Callable[[], float], *, is_read: bool) -> Node:
        """Send a request other than a pull.

        `slot_wait` returns how long it waited for a connection slot: that time says nothing about the camera.
        """
        self._last_request_at = began = self._clock.monotonic()
        if began < self._serial_until:
            return await self._call_between_pulls(send, is_read=is_read)
        transitions = self._transitions
        during_pull = transitions % 2 == 1
        try:
            answer = await send()
        except CameraUnreachable as e:
            if not during_pull or self._transitions != transitions or isinstance(e, ConnectLimitReached):
                raise
            self._is_suspect = True
            if not is_read:
                raise
            return await self._call_between_pulls(send, is_read=is_read)
        took = self._clock.monotonic() - began - slot_wait()
        if during_pull and self._transitions != transitions and took > SHORT_PULL_S:
            self.mark_serial()  # slow, and finished only after the pull had finished
        return answer

    async def _call_between_pulls(self, send: Send, *, is_read: bool) -> Node:
        """Send a request to a serial camera between two pulls.

        A read waits for the longest pull, a command for two short pulls only: a late command is worse than none. Raises
        CameraUnreachable when that wait expires.
        """
        try:
            async with asyncio.timeout(LONGEST_PULL_S if is_read else 2 * SHORT_PULL_S):
                await self.lock.acquire()
        except TimeoutError:
            raise CameraUnreachable(
                "the camera is busy with an event request and handles one request at a time; try again",
                ErrorCode.CAMERA_BUSY,
            ) from None
        try:
            return await send()
        finally:
            self.lock.release()

    async def pull(self, send: Send) -> Node:
        """Send a pull; the caller holds `lock`."""
        self._transitions += 1
        try:
            answer = await send()
            if self._is_suspect:
                self.mark_serial()
            return answer
        finally:
            self._transitions += 1
            self._is_suspect = False
