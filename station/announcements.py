"""Cameras that say Hello are looked at at once, not in an hour."""

from __future__ import annotations

import asyncio
import logging

from cameras import discovery
from cameras.discovery import Found
from cameras.survey import Survey
from core.errors import MinwangError

log = logging.getLogger(__name__)

WAITING = 500  # a power cut in a village ends with all of its cameras saying Hello


async def follow(survey: Survey) -> None:
    """Listen until cancelled. A station that may not listen to the group does without."""
    heard: asyncio.Queue[Found] = asyncio.Queue(WAITING)
    dropped = 0

    def hear(word: str, device: Found) -> None:
        nonlocal dropped
        if word != "Hello" or not device.url:
            return
        try:
            heard.put_nowait(device)
        except asyncio.QueueFull:
            dropped += 1  # the hourly look finds it

    interfaces = await asyncio.to_thread(discovery.interfaces)
    try:
        async with discovery.announcements(interfaces, hear):
            while True:
                device = await heard.get()
                try:
                    await survey.keep([device])
                except MinwangError as e:
                    log.warning("%s said Hello: %s", device.address, e)
    except OSError as e:
        log.warning("announcements of cameras cannot be heard (%s); the hourly look finds them", e.strerror)
