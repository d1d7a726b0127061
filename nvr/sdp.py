"""The tracks in an SDP answer that we can record: RFC 8866, RFC 6184, RFC 7798, RFC 3640, RFC 3551."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urljoin

from core.errors import ProtocolError

CODECS = {"H264": "h264", "H265": "h265", "HEVC": "h265"}
G711 = {"PCMU": "pcmu", "PCMA": "pcma"}
STATIC_AUDIO = {"0": "PCMU/8000", "8": "PCMA/8000"}  # payload types that need no rtpmap (RFC 3551)


@dataclass(frozen=True, slots=True)
class VideoTrack:
    codec: str
    payload_type: int
    control: str  # absolute address for SETUP
    parameter_sets: list[bytes]
    fps: float | None


@dataclass(frozen=True, slots=True)
class AudioTrack:
    codec: str  # 'aac', 'pcma' or 'pcmu'
    payload_type: int
    control: str
    rate: int  # RTP clock and samples a second
    channels: int
    configuration: bytes = b""  # AudioSpecificConfig of AAC
    size_bits: int = 13  # of an AU header (RFC 3640)
    index_bits: int = 3


def video_track(sdp: str, base: str) -> VideoTrack:
    """The first video track that we can record. Raises ProtocolError where there is none."""
    sections = _sections(sdp)
    aggregate = _aggregate(sections, base)
    for section, payload_type in _offers(sections, "video"):
        codec = CODECS.get((_attribute(section, "rtpmap", payload_type) or "").partition("/")[0].upper())
        if codec is None:
            continue
        framerate = _float(_attribute(section, "framerate"))
        sets = _sets(_fields(section, payload_type))
        return VideoTrack(codec, int(payload_type), _control(section, aggregate), sets, framerate)
    raise ProtocolError("the camera offers no H.264 or H.265 video")


def audio_track(sdp: str, base: str) -> AudioTrack | None:
    """The first audio track that we can record: AAC (mpeg4-generic) or G.711."""
    sections = _sections(sdp)
    aggregate = _aggregate(sections, base)
    for section, payload_type in _offers(sections, "audio"):
        rtpmap = _attribute(section, "rtpmap", payload_type) or STATIC_AUDIO.get(payload_type, "")
        name, _, rest = rtpmap.partition("/")
        rate, _, channels = rest.partition("/")
        if not rate.isdigit() or not 1000 <= int(rate) <= 192_000:
            continue
        count = int(channels) if channels in ("1", "2") else 1
        control = _control(section, aggregate)
        if name.upper() in G711:
            return AudioTrack(G711[name.upper()], int(payload_type), control, int(rate), count)
        if name.lower() == "mpeg4-generic":
            track = _aac(_fields(section, payload_type), int(payload_type), control, int(rate), count)
            if track is not None:
                return track
    return None


def _aac(fields: dict[str, str], payload_type: int, control: str, rate: int, channels: int) -> AudioTrack | None:
    try:
        configuration = bytes.fromhex(fields.get("config", ""))
        size, index = int(fields.get("sizelength", "13")), int(fields.get("indexlength", "3"))
    except ValueError:
        return None
    if not 2 <= len(configuration) <= 64 or not 0 < size <= 16 or not 0 <= index <= 16:
        return None
    return AudioTrack("aac", payload_type, control, rate, channels, configuration, size, index)


def _aggregate(sections: list[list[str]], base: str) -> str:
    control = _attribute(sections[0], "control")
    return base if control in (None, "*") else _join(base, control or "")


def _control(section: list[str], aggregate: str) -> str:
    control = _attribute(section, "control")
    return _join(aggregate, control) if control else aggregate


def _offers(sections: list[list[str]], kind: str) -> Iterator[tuple[list[str], str]]:
    """(section, payload type) of each format offered for a kind of media."""
    for section in sections[1:]:
        words = section[0][2:].split()
        if words[:1] == [kind]:
            yield from ((section, word) for word in words[3:] if word.isdigit() and int(word) < 128)


def _fields(section: list[str], payload_type: str) -> dict[str, str]:
    fmtp = _attribute(section, "fmtp", payload_type) or ""
    return {k.strip().lower(): v.strip() for k, _, v in (p.partition("=") for p in fmtp.split(";"))}


def _sections(sdp: str) -> list[list[str]]:
    sections: list[list[str]] = [[]]
    for line in sdp.replace("\r", "\n").split("\n"):
        if line.startswith("m="):
            sections.append([])
        if line:
            sections[-1].append(line)
    return sections


def _attribute(section: list[str], name: str, payload_type: str | None = None) -> str | None:
    prefix = f"a={name}:" + (f"{payload_type} " if payload_type else "")
    return next((line[len(prefix) :].strip() for line in section if line.startswith(prefix)), None)


def _join(base: str, control: str) -> str:
    """RFC 2326 C.1.1 as cameras practise it: absolute, or appended to the base after a slash."""
    if "://" in control:
        return control
    return (
        urljoin("http:" + base.partition(":")[2], control).replace("http", "rtsp", 1)
        if control.startswith("/")
        else base.rstrip("/") + "/" + control
    )


def _sets(fields: dict[str, str]) -> list[bytes]:
    names = ("sprop-parameter-sets", "sprop-vps", "sprop-sps", "sprop-pps")
    texts = [t for name in names for t in fields.get(name, "").split(",") if t]
    try:
        return [b for b in (base64.b64decode(t + "=" * (-len(t) % 4)) for t in texts) if b]
    except binascii.Error:
        return []  # they come in-band as well


def _float(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
