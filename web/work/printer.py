"""Renders pages to PDF: one at a time in a disposable process, cached by the digest of the page.

A page costs seconds of processor time (a subset of a CJK font). Requests for the same page share one file. A person who
asks for many different pages waits for their own pages and is refused beyond MAX_PAGES_PER_PERSON; all persons together
may have MAX_PAGES_IN_WORK pages, while the rest of the console keeps working.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections import Counter, OrderedDict
from functools import partial

from core.errors import DetectorError, ProtocolError, StorageError, TooManyError
from core.tasks import spawn
from nvr.playback.decode_pool import DecodePool
from reports import pdf

RENDER_TIMEOUT_S = 120.0
LOWER_PRIORITY = 10  # nice(2) of the printing process: requests and recording have priority
MAX_PAGES_IN_WORK, MAX_PAGES_PER_PERSON = 12, 2
MAX_CACHED_PAGES = 32


class Printer:
    """Renders and caches PDF files; MAX_CACHED_PAGES of them stay in memory."""

    def __init__(self) -> None:
        self._pool = DecodePool(1, RENDER_TIMEOUT_S, os.nice, (LOWER_PRIORITY,))
        self._kept: OrderedDict[str, asyncio.Task[bytes]] = OrderedDict()
        self._waiting: Counter[int] = Counter()

    async def pdf_of(self, html: str, user_id: int) -> bytes:
        """Return `html` as PDF.

        Raises TooManyError while MAX_PAGES_PER_PERSON pages of this person or MAX_PAGES_IN_WORK of all are in work,
        StorageError if printing fails.
        """
        key = hashlib.sha256(html.encode()).hexdigest()
        task = self._kept.get(key)
        if task is None:
            if self._waiting[user_id] >= MAX_PAGES_PER_PERSON or self._waiting.total() >= MAX_PAGES_IN_WORK:
                raise TooManyError(
                    "other pages are being printed; try again in a minute, or print the page from the browser"
                )
            task = self._kept[key] = spawn(self._made(html), "print")
            self._waiting[user_id] += 1
            task.add_done_callback(partial(self._through, user_id))
            task.add_done_callback(partial(self._forget_failure, key))
            self._make_room()
        else:
            self._kept.move_to_end(key)
        return await asyncio.shield(task)

    async def close(self) -> None:
        await self._pool.close()

    async def _made(self, html: str) -> bytes:
        try:
            return await self._pool.run(pdf.render_pdf, html)
        except (ProtocolError, DetectorError) as e:
            raise StorageError("the page could not be rendered to PDF; print it from the browser") from e

    def _through(self, user_id: int, _task: asyncio.Task[bytes]) -> None:
        self._waiting[user_id] -= 1
        if not self._waiting[user_id]:
            del self._waiting[user_id]

    def _make_room(self) -> None:
        for key in [k for k, t in self._kept.items() if t.done()][: max(0, len(self._kept) - MAX_CACHED_PAGES)]:
            del self._kept[key]

    def _forget_failure(self, key: str, task: asyncio.Task[bytes]) -> None:
        if (task.cancelled() or task.exception() is not None) and self._kept.get(key) is task:
            del self._kept[key]
