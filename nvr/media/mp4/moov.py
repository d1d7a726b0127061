"""Convert the track descriptions in ffmpeg's `moov` to `VideoFormat` and `AudioTrack`.

Box layouts: ISO/IEC 14496-12 and 14496-15, and QuickTime's `mov`.
"""

from __future__ import annotations

import struct

from core.errors import ProtocolError
from nvr.media.codec.parameter_sets import VideoFormat
from nvr.media.mp4.fmp4 import children, codec_configuration
from nvr.rtsp.sdp import AudioCodec, AudioTrack, VideoCodec

_G711 = {b"alaw": AudioCodec.PCMA, b"ulaw": AudioCodec.PCMU}


def video_format(moov: bytes) -> VideoFormat:
    """Return the video format. Raises ProtocolError where the video is neither H.264 nor H.265."""
    codec, record = codec_configuration(moov)
    if not codec:
        raise ProtocolError("the stream is neither H.264 nor H.265")
    return VideoFormat.from_sets(VideoCodec(codec), sets_of_record(codec, record))


def audio_track(moov: bytes) -> AudioTrack | None:
    """Return the audio track in the body of a `moov`; None where there is none that we record."""
    for kind, start, end in children(moov, 0, len(moov)):
        if kind == b"trak" and moov.find(b"soun", start, end) >= 0:
            return _audio_track(moov[start:end])
    return None


def _audio_track(trak: bytes) -> AudioTrack | None:
    # `entry` is the body of the first sample entry, after its size and type.
    entry, clock = trak.find(b"stsd") + 20, trak.find(b"mdhd") + 4
    if entry < 20 or clock < 4 or len(trak) < entry + 28:
        return None
    kind, channels = trak[entry - 4 : entry], int.from_bytes(trak[entry + 16 : entry + 18], "big")
    rate = int.from_bytes(trak[clock + 12 : clock + 16] if trak[clock] == 0 else trak[clock + 20 : clock + 24], "big")
    if kind in _G711:
        return AudioTrack(_G711[kind], -1, "", rate, channels)
    configuration = _specific_config(trak) if kind == b"mp4a" else b""
    return AudioTrack(AudioCodec.AAC, -1, "", rate, channels, configuration) if configuration else None


def _specific_config(trak: bytes) -> bytes:
    """Return the AudioSpecificConfig: descriptor 5 in 4 in 3 of `esds` (ISO/IEC 14496-1, 7.2.6); empty if not AAC."""
    at = trak.find(b"esds") + 8
    if at < 8:
        return b""
    try:
        at = _enter(trak, at, 3)[0] + 3
        at, _ = _enter(trak, at, 4)
        if trak[at] != 0x40:  # objectTypeIndication: audio ISO/IEC 14496-3
            return b""
        at, size = _enter(trak, at + 13, 5)
    except (IndexError, ValueError):
        return b""
    return trak[at : at + size] if 2 <= size <= 64 else b""


def _enter(data: bytes, at: int, tag: int) -> tuple[int, int]:
    """Return (begin, size) of the body of the descriptor that begins at `at`.

    Raises ValueError if it has another tag.
    """
    if data[at] != tag:
        raise ValueError("unexpected descriptor tag")
    size = 0
    for last in range(at + 1, at + 5):
        size = size << 7 | data[last] & 0x7F
        if not data[last] & 0x80:
            return last + 1, size
    return at + 5, size


def sets_of_record(codec: str, record: bytes) -> list[bytes]:
    """Return the parameter sets in an AVC or HEVC decoder configuration record.

    Raises ProtocolError if it is truncated.
    """
    try:
        sets = _avc_sets(record) if codec == VideoCodec.H264 else _hevc_sets(record)
    except (IndexError, struct.error) as e:
        raise ProtocolError("the stream's parameter sets are truncated") from e
    return sets


def _avc_sets(record: bytes) -> list[bytes]:
    sets: list[bytes] = []
    position = 5
    for mask in (31, 255):
        count = record[position] & mask
        position += 1
        for _ in range(count):
            position = _take_set(record, position, sets)
    return sets


def _hevc_sets(record: bytes) -> list[bytes]:
    sets: list[bytes] = []
    position = 23
    for _ in range(record[22]):
        count = int.from_bytes(record[position + 1 : position + 3], "big")
        position += 3
        for _ in range(count):
            position = _take_set(record, position, sets)
    return [s for s in sets if s and (s[0] >> 1) & 63 in (32, 33, 34)]


def _take_set(record: bytes, position: int, sets: list[bytes]) -> int:
    size = int.from_bytes(record[position : position + 2], "big")
    sets.append(record[position + 2 : position + 2 + size])
    return position + 2 + size
