"""Revalidates open sockets: session, role, scope and village are checked again while a socket is open."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import WSMsgType, web
from sqlalchemy.exc import SQLAlchemyError

from cameras.tables import Camera
from core.accounts.second_factor.policy import must_enrol
from core.accounts.sessions import Identity
from core.errors import MinwangError
from web.framework.context import AnyContext
from web.http.cookies import cookie_of, device_of, session_cookie

log = logging.getLogger(__name__)

REVALIDATE_INTERVAL_S = 3.0
BATCH_S = 0.5  # messages within this time form one batch, which is checked once
HEARTBEAT_S = 20.0
SEND_TIMEOUT_S = 20.0  # a page that reads nothing for this long is disconnected
MAX_PINGS = 1000  # of one socket; programs that ping do so every few seconds and reconnect after the limit
CLOSE_TIMEOUT_S = 2.0  # for the page's close frame
# Close codes, of the range for applications (RFC 6455 7.4.2).
CLOSE_SIGNED_OUT, CLOSE_NOT_ALLOWED, CLOSE_OTHER_PURPOSE, CLOSE_UNATTENDED = 4401, 4403, 4409, 4410
CLOSE_SLICE_OVER = 4411  # a patrol officer's live picture, which goes on with a tap
CLOSE_TRY_AGAIN = 1013  # Try Again Later, of the IANA registry


class SessionLost(Exception):
    """The socket's session has ended, or may no longer use the socket. Carries the close code."""

    def __init__(self, code: int, reason: str):
        super().__init__(reason)
        self.code, self.reason = code, reason


@dataclass(slots=True)
class SocketSession:
    """The session of one open socket. `camera`: the camera whose picture the socket carries; empty: none."""

    context: AnyContext
    camera: str = ""
    _last: tuple[float, Identity] | None = None

    async def revalidate(self) -> Identity:
        """Return the account's present identity.

        Raises SessionLost if the session has ended, or its role or scope has changed. For a socket with a picture also
        if the purpose has changed or the camera is no longer in the account's villages.
        """
        c, began = self.context, self.context.identity
        token = cookie_of(c.request, session_cookie(c.services.settings.web))
        settings = c.services.settings
        now = await c.services.accounts.sessions.resolve(token, device=device_of(c.request, settings.web))
        if now is None or now.user_id != began.user_id:
            raise SessionLost(CLOSE_SIGNED_OUT, "the session has ended")
        if (now.role, now.villages, now.vendor) != (began.role, began.villages, began.vendor):
            raise SessionLost(CLOSE_NOT_ALLOWED, "the account was changed")
        if must_enrol(settings.accounts.second_factor, now):
            raise SessionLost(CLOSE_NOT_ALLOWED, "the account needs a second factor")
        if self.camera and now.purpose != began.purpose:
            raise SessionLost(CLOSE_OTHER_PURPOSE, "the purpose has changed; open the video again")
        if self.camera and not await self._sees_camera(now):
            raise SessionLost(CLOSE_NOT_ALLOWED, "this camera no longer belongs to the account")
        return now

    async def revalidate_for_batch(self) -> Identity:
        """As `revalidate`, but once per batch of messages (BATCH_S). Raises SessionLost."""
        now = asyncio.get_running_loop().time()
        if self._last is None or now - self._last[0] > BATCH_S:
            self._last = now, await self.revalidate()
        return self._last[1]

    async def _sees_camera(self, who: Identity) -> bool:
        async with self.context.services.database.reading() as session:
            camera = await session.get(Camera, self.camera)
        return camera is not None and not camera.retired and who.sees_village(camera.village)

    async def watch(self) -> None:
        """Revalidate every REVALIDATE_INTERVAL_S, forever. Raises SessionLost."""
        while True:
            await asyncio.sleep(REVALIDATE_INTERVAL_S)
            try:
                await self.revalidate()
            except (MinwangError, SQLAlchemyError) as e:
                # If the database cannot confirm the session, the socket closes; the page reconnects.
                raise SessionLost(CLOSE_TRY_AGAIN, "try again") from e


def send_only_socket(*, compress: bool = True) -> web.WebSocketResponse:
    """Return a WebSocket on which pages send nothing, or little; `until_left` must read it."""
    return web.WebSocketResponse(heartbeat=HEARTBEAT_S, compress=compress, max_msg_size=4096, autoping=False)


async def until_left(socket: web.WebSocketResponse, take: Callable[[str], bool] = lambda _: False) -> None:
    """Read the socket until the page leaves, sends what `take` refuses, or sends more than MAX_PINGS pings.

    Browsers send no pings. Each frame of a flood would cost time of the event loop.
    """
    pings = 0
    async for message in socket:
        if message.type is WSMsgType.PING and pings < MAX_PINGS:
            pings += 1
            await socket.pong(message.data)
        elif message.type is WSMsgType.TEXT and take(message.data):
            continue
        elif message.type is not WSMsgType.PONG:
            return


async def close(socket: web.WebSocketResponse, lost: SessionLost) -> None:
    """Close the socket with a code and a reason. A page that does not answer is dropped after CLOSE_TIMEOUT_S."""
    log.info("a socket is closed (%d): %s", lost.code, lost.reason)
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await socket.close(code=lost.code, message=lost.reason.encode())
    except TimeoutError:
        pass
