"""Video encoder settings, as media1 and media2 write them and as real cameras misspell them.

An XML element comes in; codec, size, rates and keyframe distance come out, None where the camera states none.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from cameras.onvif.soap import Node
from core.numbers import parse_whole_number

MAX_CODEC_CHARS = 10  # size of the column Stream.codec
TOLERANCE = 0.02  # cameras round rates
_CODECS = {"HEVC": "H265", "AVC": "H264", "MJPEG": "JPEG"}
_GOP_PATHS = ("H264/GovLength", "H265/GovLength", "Extension/H265/GovLength")


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """Video encoder settings; `bitrate` in bits per second, `gop` in pictures.

    None: not reported, or not to be changed.
    """

    codec: str | None = None
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    bitrate: int | None = None
    gop: int | None = None

    def differs(self, wanted: EncoderSettings) -> list[str]:
        """Return the names of fields that differ from `wanted` by more than 2 %."""
        found = []
        for name in _NAMES:
            mine, theirs = getattr(self, name), getattr(wanted, name)
            if theirs is None or mine == theirs:
                continue
            if mine is None or isinstance(theirs, str) or abs(mine - theirs) > TOLERANCE * theirs:
                found.append(name)
        return found

    def merged_with(self, wanted: EncoderSettings) -> EncoderSettings:
        """Return these settings with every value that `wanted` states."""
        return replace(self, **{n: v for n in _NAMES if (v := getattr(wanted, n)) is not None})


_NAMES = tuple(f.name for f in fields(EncoderSettings))


def read(encoder: Node) -> EncoderSettings:
    """Return the settings of a VideoEncoderConfiguration element of either media service."""
    limit = encoder.number("RateControl/BitrateLimit")  # kilobits per second
    return EncoderSettings(
        codec=_codec(encoder.text("Encoding")),
        width=_whole(encoder, "Resolution/Width"),
        height=_whole(encoder, "Resolution/Height"),
        fps=encoder.number("RateControl/FrameRateLimit") or None,  # 0 means no limit
        bitrate=round(limit * 1000) if limit and 0 < limit < 2e6 else None,  # must fit a 32-bit column
        gop=_gop(encoder),
    )


def encoding_element(encoder: Node, codec: str | None) -> str:
    """Return the text of the Encoding element that sets `codec`: the camera's own spelling where it has one."""
    reported = encoder.text("Encoding")
    return reported if reported and _codec(reported) == codec else codec or "H264"


def _codec(text: str | None) -> str | None:
    """Normalise 'H.265', 'hevc' and the like to H264, H265, JPEG …"""
    plain = (text or "").upper().replace(".", "").replace("-", "")[:MAX_CODEC_CHARS]
    return _CODECS.get(plain, plain) or None


def _gop(encoder: Node) -> int | None:
    """Return the keyframe distance: an element in media1, an attribute in media2."""
    for path in _GOP_PATHS:
        if (length := _whole(encoder, path)) is not None:
            return length
    return parse_whole_number(encoder.attribute("GovLength") or "", 9)


def _whole(node: Node, path: str) -> int | None:
    number = node.number(path)
    return int(number) if number is not None and abs(number) < 1e9 else None
