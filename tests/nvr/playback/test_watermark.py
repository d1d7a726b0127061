"""The watermark of pictures that leave the station: readable on any background, in Chinese, over the whole picture."""

from __future__ import annotations

import asyncio
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.errors import StorageError
from nvr.archive.reader import ArchiveReader, Keyframe
from nvr.media.mp4 import fmp4
from nvr.playback import watermark
from nvr.playback.pictures import Picture, decode_bgr
from nvr.playback.watermark import Caption, marked_jpeg, watermarked
from tests.nvr.segment_files import BEGIN_US, street_pictures, write_segment

CAPTION = Caption(
    ("2026-11-30 09:03:04 +0800  wj-01 王家村口", "西店派出所  李明 (li)"), "李明 (li) 2026-11-30 09:03:04"
)


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_text_is_readable_on_bright_and_dark(grey: int) -> None:
    plain = np.full((720, 1280, 3), grey, np.uint8)
    bottom = watermarked(plain, CAPTION)[640:].astype(int)
    assert (bottom >= 250).mean() > 0.01 and (bottom <= 5).mean() > 0.01, "white text with a black outline"


def test_the_name_lies_over_the_whole_picture() -> None:
    plain = np.full((720, 1280, 3), 120, np.uint8)
    changed = np.abs(watermarked(plain, CAPTION).astype(int) - 120).max(axis=2) > 3
    tiles = changed[:640].reshape(2, 320, 4, 320).any(axis=(1, 3))
    assert tiles.all(), "in each of eight parts"
    assert not changed[:640].mean() > 0.2, "and hides little of it"


@pytest.mark.parametrize("size", [(90, 160), (180, 320), (1080, 1920), (1520, 2688)])
def test_lines_fit_the_picture(size: tuple[int, int]) -> None:
    text = watermark._text_size((size[1], size[0]), CAPTION.lines)
    widest = max(watermark.font(text).getlength(line) for line in CAPTION.lines)
    assert widest <= size[1] or text == watermark.MIN_TEXT_PX
    assert watermarked(np.zeros((*size, 3), np.uint8), CAPTION).shape == (*size, 3)


def test_the_font_draws_chinese_and_not_boxes() -> None:
    drawn = {c: bytes(watermark.font(40).getmask(c)) for c in "王家村口西店派出所李明骨"}
    assert len(set(drawn.values())) == len(drawn), "every character has its own shape"
    assert bytes(watermark.font(40).getmask("\U0010fffd")) not in drawn.values()


def test_without_a_font_there_is_no_picture(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(watermark, "FONT_FOLDERS", (tmp_path,))
    watermark.font_file.cache_clear()
    watermark.font.cache_clear()
    try:
        with pytest.raises(StorageError, match="fonts-noto-cjk"):
            watermarked(np.zeros((90, 160, 3), np.uint8), CAPTION)
    finally:
        watermark.font_file.cache_clear()


def test_the_picture_keeps_its_size(tmp_path: Path) -> None:
    clip = street_pictures(size=(320, 180))
    gop = write_segment(tmp_path, BEGIN_US, clip)[0]
    codec, record = fmp4.codec_configuration(fmp4.read_init(gop.path))
    fragment = next(fmp4.scan(gop.path, gop.offset))
    data = gop.path.read_bytes()[fragment.data_offset : fragment.data_offset + fragment.first_size]
    jpeg = marked_jpeg(Keyframe("cam/main", BEGIN_US, codec, record, data), CAPTION)
    assert cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR).shape == (180, 320, 3)


class OneFile(ArchiveReader):
    """A reader of one segment file, without a database."""

    def __init__(self, gops: list) -> None:  # type: ignore[type-arg]
        self._gops = gops
        self._run = asyncio.to_thread

    async def gops(self, stream: str, start_us: int, end_us: int, limit: int = 5000) -> list:  # type: ignore[type-arg]
        return [g for g in self._gops if g.end_us > start_us and g.start_us < end_us][:limit]


async def test_a_recorded_moment_is_the_picture_of_that_moment(tmp_path: Path) -> None:
    """Ten pictures a second: every moment gives the picture that began last, not its GOP's keyframe."""
    gops = await asyncio.to_thread(write_segment, tmp_path, BEGIN_US, street_pictures(size=(320, 180)))
    reader = OneFile(gops)
    found: list[Picture] = []
    for tenth in (0, 3, 9, 10, 14):
        frame = await reader.picture_at("cam/main", BEGIN_US + tenth * 100_000 + 40_000)
        assert frame is not None and frame.complete_us == BEGIN_US + tenth * 100_000
        found.append(await asyncio.to_thread(decode_bgr, frame))
    import av

    with av.open(str(gops[0].path)) as container:
        truth = [f.to_ndarray(format="bgr24") for f in container.decode(video=0)]
    for picture, tenth in zip(found, (0, 3, 9, 10, 14), strict=True):
        differences = [float(np.abs(picture.astype(int) - t).mean()) for t in truth]
        assert int(np.argmin(differences)) == tenth and min(differences) < 0.5
