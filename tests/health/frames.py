"""Keyframes of generated streets in the archive's format."""

from __future__ import annotations

from cameras.virtual import scene
from cameras.virtual.clip import Frame, LoopClip, encode
from nvr.archive.reader import Keyframe
from nvr.media.codec.parameter_sets import VideoFormat
from nvr.rtsp.sdp import VideoCodec

TOWN = """
town: t
villages: [{code: v, name: v}]
cameras: [{id: cam, name: c, village: v, streams: {main: {url: "rtsp://127.0.0.1/x"}}}]
"""


def keyframes(clip: LoopClip, step_seconds: float = 2.0) -> list[Keyframe]:
    """Return the clip's keyframes in the archive's format."""
    configuration = VideoFormat.from_sets(VideoCodec(clip.codec), clip.parameter_sets).configuration()
    frames = []
    for i, index in enumerate(clip.keyframes):
        nals: dict[int, bytearray] = {}
        for raw in clip.packet_slices(index, 0, 0):
            payload = bytes(raw[16:])
            kind = payload[0] & 31
            if kind == 28:
                if payload[1] & 0x80:
                    nals[len(nals)] = bytearray([payload[0] & 0xE0 | payload[1] & 31])
                nals[len(nals) - 1] += payload[2:]
            elif kind == 5:
                nals[len(nals)] = bytearray(payload)
        data = b"".join(len(n).to_bytes(4, "big") + bytes(n) for n in nals.values())
        frames.append(Keyframe("cam/main", int(i * step_seconds * 1e6), clip.codec, configuration, data))
    return frames


def coded(pictures: list[Frame]) -> list[Keyframe]:
    return keyframes(encode(pictures, fps=1, gop=1, crf=23))


def street(count: int = 8, seed: int = 4) -> list[Frame]:
    view = scene.Street(seed, (640, 360))
    return [view.frame(i / 40, i) for i in range(count)]
