"""Pictures that ffmpeg read during its analysis are recorded at their capture time, not at their output time."""

from __future__ import annotations

from nvr.recorder.ffmpeg_start import MAX_HELD_US, StartBuffer
from tests.nvr.camera_clock import ORIGIN_US
from tests.nvr.memory_recording import single

S = 1_000_000


def test_a_burst_is_spread_back_from_its_newest_picture() -> None:
    start = StartBuffer()
    for i in range(6):  # 2.4 s of pictures within a few milliseconds
        assert start.take(single(i * 36_000, key=i == 0), ORIGIN_US + i * 1000) == []
    given = start.take(single(6 * 36_000, key=False), ORIGIN_US + 5000 + 400_000)
    assert [at for _, at in given] == [ORIGIN_US + 405_000 - i * 400_000 for i in range(6, -1, -1)]
    assert start.is_live
    assert len(start.take(single(7 * 36_000, key=False), ORIGIN_US + 805_000)) == 1


def test_pictures_that_come_in_time_wait_for_the_second_only() -> None:
    start = StartBuffer()
    assert start.take(single(0, key=True), ORIGIN_US) == []
    given = start.take(single(36_000, key=False), ORIGIN_US + 400_000)
    assert [at for _, at in given] == [ORIGIN_US, ORIGIN_US + 400_000]


def test_nothing_waits_for_ever() -> None:
    start = StartBuffer()
    start.take(single(0, key=True), ORIGIN_US)
    assert len(start.take(single(36_000_000, key=False), ORIGIN_US + MAX_HELD_US + 1)) == 2
    start = StartBuffer()
    start.take(single(0, key=True), ORIGIN_US)
    assert len(start.release()) == 1 and start.release() == []
