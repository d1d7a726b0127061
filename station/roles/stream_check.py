"""Checks whether a camera's RTSP server accepts a login, within the station's connection limit."""

from __future__ import annotations

from core.clock import Clock
from core.network.connect_limiter import ConnectLimiter
from core.settings import Settings
from nvr.rtsp.client import check_credential


class StreamCheck:
    """Calls `check_credential` within the limit on connection attempts."""

    def __init__(self, settings: Settings, clock: Clock):
        self._budget = ConnectLimiter.of_station(settings, clock)

    async def __call__(self, url: str, login: tuple[str, str]) -> None:
        """Play a stream and leave at once.

        Raises CameraRefused if the login is refused, otherwise the errors of nvr.rtsp.client.open_session.
        """
        async with self._budget.attempt(url):
            await check_credential(url, login)
