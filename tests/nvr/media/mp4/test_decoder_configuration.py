"""The decoder configuration records of our files equal those that ffmpeg's MP4 muxer writes for the same stream."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from core.errors import ProtocolError
from nvr.media.codec.parameter_sets import VideoFormat, read_h264_sps, read_h265_sps
from nvr.media.mp4.fmp4 import codec_configuration
from nvr.media.mp4.moov import sets_of_record
from nvr.rtsp.sdp import VideoCodec

HVCC_FIXED_BYTES = 22  # before the arrays of parameter sets, to which ffmpeg adds SEI
H264 = {  # pixel format: profile_idc, chroma_format_idc, bit depth
    "yuv420p": (100, 1, 8),
    "yuv420p10le": (110, 1, 10),
    "yuv422p": (122, 2, 8),
    "yuv422p10le": (122, 2, 10),
    "yuv444p": (244, 3, 8),
    "gray": (100, 0, 8),
}
H265 = {  # pixel format: chroma_format_idc, bit depth
    "yuv420p": (1, 8),
    "yuv420p10le": (1, 10),
    "yuv422p10le": (2, 10),
    "yuv444p12le": (3, 12),
    "gray10le": (0, 10),
}


def encoded(folder: Path, encoder: str, *options: str) -> bytes:
    """Return an MP4 file of two pictures, written by ffmpeg."""
    file = folder / "film.mp4"
    command = [
        "ffmpeg",
        "-y",
        "-loglevel",
        "error",
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=128x96:rate=5",
        "-frames:v",
        "2",
    ]
    subprocess.run([*command, "-c:v", encoder, *options, str(file)], check=True, capture_output=True)
    return file.read_bytes()


def video_of(file: bytes, codec: str) -> tuple[bytes, VideoFormat]:
    """Return ffmpeg's record, and our format of the same parameter sets."""
    found, record = codec_configuration(file)
    assert found == codec
    return record, VideoFormat.from_sets(VideoCodec(codec), sets_of_record(codec, record))


@pytest.mark.parametrize("pixels", H264)
def test_avcc_states_chroma_format_and_bit_depth(pixels: str, tmp_path: Path) -> None:
    profile, chroma, depth = H264[pixels]
    record, video = video_of(encoded(tmp_path, "libx264", "-pix_fmt", pixels), "h264")
    assert video.configuration() == record and record[1] == profile
    assert list(video.configuration()[-4:]) == [0xFC | chroma, 0xF8 | depth - 8, 0xF8 | depth - 8, 0]


def test_avcc_of_a_baseline_stream_has_no_extension(tmp_path: Path) -> None:
    record, video = video_of(encoded(tmp_path, "libx264", "-pix_fmt", "yuv420p", "-profile:v", "baseline"), "h264")
    assert video.configuration() == record and record[1] == 66


@pytest.mark.parametrize("pixels", H265)
def test_hvcc_states_chroma_format_and_bit_depth(pixels: str, tmp_path: Path) -> None:
    chroma, depth = H265[pixels]
    options = ("-pix_fmt", pixels, "-tag:v", "hvc1", "-x265-params", "log-level=none")
    record, video = video_of(encoded(tmp_path, "libx265", *options), "h265")
    ours = video.configuration()
    assert ours[:HVCC_FIXED_BYTES] == record[:HVCC_FIXED_BYTES]
    assert list(ours[16:19]) == [0xFC | chroma, 0xF8 | depth - 8, 0xF8 | depth - 8]
    assert set(sets_of_record("h265", ours)) == set(video.sets)


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_truncated_and_impossible_parameter_sets_are_refused(codec: str, tmp_path: Path) -> None:
    """Every prefix of an SPS, and every SPS with one byte changed, is parsed or refused."""
    encoder, pixels = ("libx264", "yuv422p10le") if codec == "h264" else ("libx265", "yuv420p10le")
    _, video = video_of(encoded(tmp_path, encoder, "-pix_fmt", pixels), codec)
    sps = video.sets[0] if codec == "h264" else video.sets[1]
    read = read_h264_sps if codec == "h264" else read_h265_sps
    changed = [bytes([*sps[:i], value, *sps[i + 1 :]]) for i in range(1, len(sps)) for value in (0, 255, sps[i] ^ 0x40)]
    for nal in (*(sps[:i] for i in range(1, len(sps))), *changed):
        try:
            found = read(nal)
        except ProtocolError:
            continue
        assert 0 <= found.chroma_format <= 3 and 8 <= found.luma_depth <= 15 and 8 <= found.chroma_depth <= 15
