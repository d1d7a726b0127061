"""JPEGs of keyframes, decoded in the decode pool."""

from __future__ import annotations

import asyncio

from cameras.tables import Camera
from nvr.archive.reader import Keyframe
from nvr.playback.decode_pool import DecodePool
from nvr.playback.pictures import snapshot
from nvr.playback.watermark import Caption, marked_jpeg
from web.work.task_cache import TaskCache

MAX_SNAPSHOTS = 500
Masks = tuple[tuple[tuple[float, float], ...], ...]  # nvr.playback.pictures.Masks, as a part of a key


class Snapshots:
    """Each keyframe is decoded once however many clients request it; the newest MAX_SNAPSHOTS pictures are kept."""

    def __init__(self, pool: DecodePool):
        self._pool = pool
        self._decodes: TaskCache[tuple[str, int, int, Masks]] = TaskCache("snapshot", MAX_SNAPSHOTS)

    async def jpeg(self, frame: Keyframe, width: int, masks: Masks = ()) -> bytes:
        """Return `frame` as JPEG, `width` pixels wide, with the privacy masks filled.

        Raises ProtocolError if the keyframe cannot be decoded.
        """
        key = (frame.stream, frame.at_us, width, masks)
        task = self._decodes.get(key) or self._decodes.start(key, self._pool.run(snapshot, frame, width, masks))
        return await asyncio.shield(task)

    async def marked(self, frame: Keyframe, caption: Caption, masks: Masks = ()) -> bytes:
        """Return `frame` in full size with a watermark, as JPEG; not kept, because it names its viewer.

        Raises ProtocolError if it does not decode, StorageError if no font is installed.
        """
        return await self._pool.run(marked_jpeg, frame, caption, masks)


def masks_of(camera: Camera) -> Masks:
    """Return the camera's privacy masks, also where the camera itself applies them: black on black does no harm."""
    return tuple(tuple((x, y) for x, y in polygon) for polygon in camera.profile.get("masks") or [])
