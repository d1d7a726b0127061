"""Uploaded pictures."""

from __future__ import annotations

import asyncio
import io
import struct
import time
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import ConflictError, DetectorError, UsageError
from nvr.playback import uploads
from nvr.playback.decode_pool import DecodePool
from nvr.playback.transcode import Transcoders
from search.analysis.detectors.ultralytics_yolo import pack_of


def claimed(width: int, height: int) -> bytes:
    """Return a PNG of a few bytes whose header states this size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1_000_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def picture(kind: str, size: tuple[int, int] = (64, 48), mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, 0 if mode in "LP" else (0, 0, 200)).save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        claimed(24_000, 24_000),
        claimed(40_001, 1000),
        claimed(2**31 - 1, 2**31 - 1),
        claimed(4, 4),
        b"",
        b"GIF89a",
        b"\xff" * 5000,
        picture("GIF"),
        picture("TIFF"),
        claimed(1000, 1000)[:-30],
        b"\x89PNG" + bytes(100),
        bytes(uploads.MAX_BYTES + 1),
    ],
)
def test_what_is_no_picture_or_a_bomb_is_refused_before_it_is_unpacked(content: bytes) -> None:
    began = time.process_time()
    with pytest.raises(UsageError):
        uploads.decode_upload(content, 1600)
    assert time.process_time() - began < 0.2


@pytest.mark.parametrize(
    ("kind", "mode"), [("JPEG", "RGB"), ("PNG", "P"), ("WEBP", "RGB"), ("BMP", "RGB"), ("JPEG", "L")]
)
def test_pictures_are_read_and_made_smaller(kind: str, mode: str) -> None:
    found = uploads.decode_upload(picture(kind, (2000, 1000), mode), 1600)
    assert found.shape == (800, 1600, 3)
    with Image.open(io.BytesIO(uploads.reencode(picture(kind, (2000, 1000), mode), 1600))) as drawn:
        assert (drawn.format, drawn.size) == ("JPEG", (1600, 800))


def test_what_it_shows_is_blue_where_it_was() -> None:
    assert tuple(uploads.decode_upload(picture("PNG"), 1600)[0, 0]) == (200, 0, 0)  # BGR


def _take(size: int) -> int:
    return np.ones(size, np.uint8).nbytes


async def test_a_worker_gets_no_more_memory_than_a_picture_needs() -> None:
    pool = DecodePool(1, 10.0, uploads.limit_memory)
    try:
        assert await pool.run(_take, 300_000_000) == 300_000_000
        with pytest.raises(MemoryError):
            await pool.run(_take, uploads.DECODE_MEMORY_BYTES + 300_000_000)
    finally:
        await pool.close()


async def test_one_person_leaves_a_converter_for_others() -> None:
    async def nothing() -> AsyncIterator[str | bytes]:
        await asyncio.Event().wait()
        yield b""

    transcoders = Transcoders(2)
    try:
        first = transcoders.get_or_start("a/main", nothing(), 1)
        assert transcoders.get_or_start("a/main", nothing(), 2) is first  # they share it
        with pytest.raises(ConflictError, match="reserved for others"):
            transcoders.get_or_start("b/main", nothing(), 1)
        transcoders.get_or_start("b/main", nothing(), 2)
        with pytest.raises(ConflictError, match="already"):
            transcoders.get_or_start("c/main", nothing(), 3)
    finally:
        await transcoders.close()


def test_weights_are_loaded_only_with_their_makers_checksum(tmp_path: Path) -> None:
    file = tmp_path / "best.pt"
    file.write_bytes(b"cos\nsystem\n(S'touch ran'\ntR.")
    with pytest.raises(DetectorError, match="SHA-256"):
        pack_of(file, "AGPL-3.0", "0" * 64)
