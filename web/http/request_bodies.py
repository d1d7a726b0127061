"""What people send, within a budget of memory: JSON by the byte, files on disk until it is their turn to be drawn.

- JSON: all bodies that are being read have BUDGET bytes together, one person (or one source of strangers) OF_ONE of them.
- Files: PERSON_FILES at once a person, FILES in all, refused before anything is read; they come into unnamed files of the data
  folder, and TURNS of them at a time are read and drawn anew in a disposable process.
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

from core.errors import StorageError, TooManyError, UsageError
from core.executors import Executor, RunInThread
from nvr.playback import uploads
from nvr.playback.decode_pool import DecodePool
from web.http import connection_limits

LARGEST_JSON, LARGEST_PUBLIC = 1_000_000, 16_384  # bytes; of somebody signed in, of a stranger
BUDGET, OF_ONE = 64_000_000, 8_000_000
PERSON_FILES, FILES, TURNS = 2, 32, 1
CHUNK = 65_536


class Budget:
    """Bytes of bodies that are in memory, by person or source."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()
        self.total = 0

    async def read(self, request: web.Request, who: str, most: int) -> bytes:
        """A whole body. Raises UsageError, TooManyError, TooSlowError; HTTPRequestEntityTooLarge beyond `most` bytes."""
        content, size = bytearray(), 0
        try:
            async with connection_limits.deadline(connection_limits.BODY_SECONDS):
                async for chunk in request.content.iter_chunked(CHUNK):
                    size += len(chunk)
                    self._take(who, len(chunk))
                    if size > most:
                        raise web.HTTPRequestEntityTooLarge(max_size=most, actual_size=size)
                    content += chunk
            return bytes(content)
        except (web.RequestPayloadError, HttpProcessingError) as e:
            raise UsageError("the body is cut short, or its chunks are none") from e
        finally:
            self._give_back(who, size)

    def _take(self, who: str, size: int) -> None:
        self.total += size
        self.taken[who] += size
        if self.total > BUDGET or self.taken[who] > OF_ONE:
            raise TooManyError("too much is being sent to the station at this moment; try again in a moment")

    def _give_back(self, who: str, size: int) -> None:
        self.total -= size
        self.taken[who] -= size
        if not self.taken[who]:
            del self.taken[who]


class Uploads:
    """Pictures that people send, drawn anew: what is kept or looked at is never their file itself."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._pool = DecodePool(1, 15.0, uploads.limit_memory)
        self._turn = asyncio.Semaphore(TURNS)
        self._disk = Executor("uploads", 2).run
        self._open: Counter[int] = Counter()

    async def drawn(self, request: web.Request, user_id: int, most: int, largest: int, quality: int = 85) -> bytes:
        """The picture in the body (at most `most` bytes), as JPEG with a longer side of at most `largest` pixels.

        Raises UsageError for what is none, TooManyError where this person, or all together, send enough already,
        TooSlowError, StorageError where it cannot be put on disk.
        """
        with self._place(user_id):
            file = await self._disk(_unnamed, self._folder)
            try:
                await _spool(request, file, most, self._disk)
                async with self._turn:
                    return await self._pool.run(uploads.reencoded, await self._disk(_whole, file), largest, quality)
            finally:
                await self._disk(file.close)

    async def close(self) -> None:
        await self._pool.close()

    @contextmanager
    def _place(self, user_id: int) -> Iterator[None]:
        if self._open[user_id] >= PERSON_FILES:
            raise TooManyError(f"at most {PERSON_FILES} files are sent at once; wait until those before are through")
        if self._open.total() >= FILES:
            raise TooManyError("too many files are being sent to the station at this moment; try again in a minute")
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
        async with connection_limits.deadline(connection_limits.FILE_SECONDS):
            async for chunk in request.content.iter_chunked(CHUNK):
                size += len(chunk)
                if size > most:
                    raise UsageError(f"the file is larger than {most // 1_000_000} MB; take a smaller picture")
                await run(_append, file, chunk)
    except (web.RequestPayloadError, HttpProcessingError) as e:
        raise UsageError("the file is cut short, or its chunks are none") from e
    if not size:
        raise UsageError("there is no file in the request")


def _unnamed(folder: Path) -> IO[bytes]:
    """A file that is gone with the process, whatever happens to it."""
    try:
        return tempfile.TemporaryFile(dir=folder, buffering=0)
    except OSError as e:
        raise _not_kept(e) from e


def _append(file: IO[bytes], chunk: bytes) -> None:
    try:
        if file.write(chunk) != len(chunk):
            raise StorageError(
                "the file was not kept: the station's disk took a part of it; make room and send it again"
            )
    except OSError as e:
        raise _not_kept(e) from e


def _whole(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def _not_kept(e: OSError) -> StorageError:
    return StorageError(
        f"the file cannot be kept in the station's data folder ({e.strerror}); make room there and send it again"
    )
