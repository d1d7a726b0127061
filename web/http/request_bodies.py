"""Reads request bodies within a memory budget: JSON into memory, files to disk until their turn to be re-encoded.

- JSON: all bodies being read share BUDGET_BYTES bytes; one person (or one anonymous address) gets at most
  BUDGET_BYTES_PER_PERSON of them.
- Files: at most MAX_UPLOADS_PER_PERSON at once per person and MAX_UPLOADS in all; more are refused before anything is
  read. Files are written to unnamed files in the data folder; PARALLEL_REENCODES of them at a time are read and
  re-encoded in a disposable process.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from core.error_codes import ErrorCode
from core.errors import FileTooLargeError, StorageError, TooManyError, UsageError
from core.executors import Executor, RunInThread
from nvr.playback import uploads
from nvr.playback.decode_pool import DecodePool
from web.http import connection_limits

MAX_JSON_BYTES, MAX_ANONYMOUS_JSON_BYTES = 1_000_000, 16_384  # bytes; signed in, anonymous
BUDGET_BYTES, BUDGET_BYTES_PER_PERSON = 64_000_000, 8_000_000
MAX_UPLOADS_PER_PERSON, MAX_UPLOADS, PARALLEL_REENCODES = 2, 32, 1
MAX_PHOTO_BYTES, MAX_PHOTO_PIXELS = 8_000_000, 1600  # of a photo: bytes as sent, longest side as kept
CHUNK_BYTES = 65_536


class BodyBudget:
    """Counts the bytes of bodies in memory, by person or address."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()
        self.total = 0

    async def read(self, request: web.Request, who: str, most: int) -> bytes:
        """Return a whole body.

        Raises UsageError, TooManyError, TooSlowError; HTTPRequestEntityTooLarge beyond `most` bytes.
        """
        content, size = bytearray(), 0
        try:
            async with connection_limits.deadline(connection_limits.BODY_TIMEOUT_S):
                async for chunk in request.content.iter_chunked(CHUNK_BYTES):
                    size += len(chunk)
                    self._take(who, len(chunk))
                    if size > most:
                        raise web.HTTPRequestEntityTooLarge(max_size=most, actual_size=size)
                    content += chunk
            return bytes(content)
        except (web.RequestPayloadError, HttpProcessingError) as e:
            raise UsageError("the body is incomplete or not validly chunked", ErrorCode.BODY_INCOMPLETE) from e
        finally:
            self._give_back(who, size)

    def _take(self, who: str, size: int) -> None:
        self.total += size
        self.taken[who] += size
        if self.total > BUDGET_BYTES or self.taken[who] > BUDGET_BYTES_PER_PERSON:
            raise TooManyError(
                "the station is receiving too much data; try again in a moment", ErrorCode.RECEIVING_BUSY
            )

    def _give_back(self, who: str, size: int) -> None:
        self.total -= size
        self.taken[who] -= size
        if not self.taken[who]:
            del self.taken[who]


class Uploads:
    """Re-encodes uploaded pictures. The station keeps and analyses the re-encoded picture, never the uploaded file."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._pool = DecodePool(1, 15.0, uploads.limit_memory)
        self._turn = asyncio.Semaphore(PARALLEL_REENCODES)
        self._disk = Executor("uploads", 2).run
        self._open: Counter[int] = Counter()

    async def reencode(self, request: web.Request, user_id: int, most: int, largest: int, quality: int = 85) -> bytes:
        """Return the picture in the body (at most `most` bytes) as JPEG; its longer side is at most `largest` pixels.

        Raises UsageError if the body is not a picture, FileTooLargeError, TooManyError if this person or all together
        upload too many files already, TooSlowError, and StorageError if it cannot be written to disk.
        """
        with self._hold_upload(user_id):
            file = await self._disk(_unnamed_file, self._folder)
            try:
                await _spool(request, file, most, self._disk)
                async with self._turn:
                    return await self._pool.run(uploads.reencode, await self._disk(_read_all, file), largest, quality)
            finally:
                await self._disk(file.close)

    async def close(self) -> None:
        await self._pool.close()

    @contextmanager
    def _hold_upload(self, user_id: int) -> Iterator[None]:
        if self._open[user_id] >= MAX_UPLOADS_PER_PERSON:
            raise TooManyError(
                f"at most {MAX_UPLOADS_PER_PERSON} files may be uploaded at once; wait until the others are finished",
                ErrorCode.TOO_MANY_UPLOADS,
                limit=MAX_UPLOADS_PER_PERSON,
            )
        if self._open.total() >= MAX_UPLOADS:
            raise TooManyError("the station is receiving too many files; try again in a minute", ErrorCode.UPLOADS_BUSY)
        self._open[user_id] += 1
        try:
            yield
        finally:
            self._open[user_id] -= 1
            if not self._open[user_id]:
                del self._open[user_id]


async def _spool(request: web.Request, file: IO[bytes], most: int, run: RunInThread) -> None:
    size = 0
    try:
        async with connection_limits.deadline(connection_limits.FILE_TIMEOUT_S):
            async for chunk in request.content.iter_chunked(CHUNK_BYTES):
                size += len(chunk)
                if size > most:
                    raise FileTooLargeError(
                        f"the file is larger than {most // 1_000_000} MB; take a smaller picture",
                        ErrorCode.FILE_TOO_LARGE,
                        limit_mb=most // 1_000_000,
                    )
                await run(_append, file, chunk)
    except (web.RequestPayloadError, HttpProcessingError) as e:
        raise UsageError("the file is incomplete or not validly chunked", ErrorCode.BODY_INCOMPLETE) from e
    if not size:
        raise UsageError("the request contains no file", ErrorCode.FILE_MISSING)


def _unnamed_file(folder: Path) -> IO[bytes]:
    """Return an unnamed file: it disappears with the process, however it ends. Raises StorageError."""
    try:
        return tempfile.TemporaryFile(dir=folder, buffering=0)
    except OSError as e:
        raise _write_error(e) from e


def _append(file: IO[bytes], chunk: bytes) -> None:
    try:
        if file.write(chunk) != len(chunk):
            raise StorageError(
                "the file could not be stored: the disk is full; free space and send it again", ErrorCode.DISK_FULL
            )
    except OSError as e:
        raise _write_error(e) from e


def _read_all(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def _write_error(e: OSError) -> StorageError:
    return StorageError(
        f"the file cannot be written to the data folder ({e.strerror}); free space there and send it again",
        ErrorCode.FILE_NOT_STORED,
    )
