"""Renders pages to PDF: one at a time in a disposable process, cached by the digest of the page.

A page costs seconds of processor time (a subset of a CJK font). Requests for the same page share one file. A person who
asks for many different pages waits for their own pages and is refused beyond MAX_PAGES_PER_PERSON; all persons together
may have MAX_PAGES_IN_WORK pages, while the rest of the console keeps working.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections import Counter
from functools import partial

from core.error_codes import ErrorCode
from core.errors import DetectorError, ProtocolError, StorageError, TooManyError
from nvr.playback.decode_pool import DecodePool
from reports import pdf
from web.work.task_cache import TaskCache

RENDER_TIMEOUT_S = 120.0
LOWER_PRIORITY = 19  # nice(2) of the printing process: requests and recording have priority
MAX_PAGES_IN_WORK, MAX_PAGES_PER_PERSON = 12, 2
MAX_CACHED_PAGES = 32


class Printer:
    """Renders and caches PDF files; MAX_CACHED_PAGES of them stay in memory."""

    def __init__(self) -> None:
        self._pool = DecodePool(1, RENDER_TIMEOUT_S, os.nice, (LOWER_PRIORITY,))
        self._pages: TaskCache[str] = TaskCache("print", MAX_CACHED_PAGES)
        self._in_work: Counter[int] = Counter()

    async def pdf_of(self, html: str, user_id: int) -> bytes:
        """Return `html` as PDF.

        Raises TooManyError while MAX_PAGES_PER_PERSON pages of this person or MAX_PAGES_IN_WORK of all are in work,
        StorageError if printing fails.
        """
        key = hashlib.sha256(html.encode()).hexdigest()
        task = self._pages.get(key)
        if task is None:
            if self._in_work[user_id] >= MAX_PAGES_PER_PERSON or self._in_work.total() >= MAX_PAGES_IN_WORK:
                raise TooManyError(
                    "other pages are being printed; try again in a minute, or print the page from the browser",
                    ErrorCode.PRINTER_BUSY,
                )
            task = self._pages.start(key, self._render(html))
            self._in_work[user_id] += 1
            task.add_done_callback(partial(self._finish, user_id))
        return await asyncio.shield(task)

    async def close(self) -> None:
        await self._pool.close()

    async def _render(self, html: str) -> bytes:
        try:
            return await self._pool.run(pdf.render_pdf, html)
        except (ProtocolError, DetectorError) as e:
            raise StorageError(
                "the page could not be rendered to PDF; print it from the browser", ErrorCode.PDF_FAILED
            ) from e

    def _finish(self, user_id: int, _task: asyncio.Task[bytes]) -> None:
        self._in_work[user_id] -= 1
        if not self._in_work[user_id]:
            del self._in_work[user_id]
