"""Work on untrusted pictures: whatever it does to its process, nobody else notices."""

from __future__ import annotations

import pytest

from core.errors import ProtocolError
from nvr.decode_pool import DecodePool


def crash() -> None:
    import os

    os.abort()


def hang() -> None:
    import time

    time.sleep(60)


def fine() -> int:
    return 42


async def test_a_picture_that_crashes_its_decoder_harms_nobody() -> None:
    pool = DecodePool(1, timeout=10.0)
    try:
        with pytest.raises(ProtocolError, match="crashed"):
            await pool.run(crash)
        assert await pool.run(fine) == 42
        with pytest.raises(ProtocolError, match="busy"):
            await pool.run(hang)
        assert await pool.run(fine) == 42
    finally:
        await pool.close()
