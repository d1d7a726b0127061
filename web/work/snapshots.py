"""JPEGs of keyframes, decoded in the decode pool."""

from __future__ import annotations

import asyncio

from nvr.archive.reader import Keyframe
from nvr.playback.decode_pool import DecodePool
from nvr.playback.pictures import snapshot
from nvr.playback.watermark import Caption, marked_jpeg
from web.work.task_cache import TaskCache

MAX_SNAPSHOTS = 500


class Snapshots:
    """Each keyframe is decoded once however many clients request it; the newest MAX_SNAPSHOTS pictures are kept."""

    def __init__(self, pool: DecodePool):
        self._pool = pool
        self._decodes: TaskCache[tuple[str, int, int]] = TaskCache("snapshot", MAX_SNAPSHOTS)

    async def jpeg(self, frame: Keyframe, width: int) -> bytes:
        """Return `frame` as JPEG, `width` pixels wide. Raises ProtocolError if the keyframe cannot be decoded."""
        key = (frame.stream, frame.at_us, width)
        task = self._decodes.get(key) or self._decodes.start(key, self._pool.run(snapshot, frame, width))
        return await asyncio.shield(task)

    async def marked(self, frame: Keyframe, caption: Caption) -> bytes:
        """Return `frame` in full size with a watermark, as JPEG; not kept, because it names its viewer.

        Raises ProtocolError if it does not decode, StorageError if no font is installed.
        """
        return await self._pool.run(marked_jpeg, frame, caption)
