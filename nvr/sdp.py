"""The video track in an SDP answer (RFC 8866, RFC 6184, RFC 7798)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from urllib.parse import urljoin

from core.errors import ProtocolError

CODECS = {"H264": "h264", "H265": "h265", "HEVC": "h265"}


@dataclass(frozen=True, slots=True)
class VideoTrack:
    codec: str
    payload_type: int
    control: str  # absolute address for SETUP
    parameter_sets: list[bytes]
    fps: float | None


def video_track(sdp: str, base: str) -> VideoTrack:
    """The first video track that we can record. Raises ProtocolError where there is none."""
    sections = _sections(sdp)
    session_control = _attribute(sections[0], "control")
    aggregate = base if session_control in (None, "*") else _join(base, session_control or "")
    for section in sections[1:]:
        words = section[0][2:].split()
        if words[:1] != ["video"] or len(words) < 4:
            continue
        for payload_type in words[3:]:
            track = _track(section, payload_type, aggregate)
            if track:
                return track
    raise ProtocolError("the camera offers no H.264 or H.265 video")


def _track(section: list[str], payload_type: str, aggregate: str) -> VideoTrack | None:
    rtpmap = _attribute(section, "rtpmap", payload_type)
    codec = CODECS.get((rtpmap or "").partition("/")[0].upper())
    if codec is None:
        return None
    fmtp = _attribute(section, "fmtp", payload_type) or ""
    fields = {k.strip(): v for k, _, v in (p.partition("=") for p in fmtp.split(";"))}
    control = _attribute(section, "control")
    framerate = _attribute(section, "framerate")
    return VideoTrack(
        codec, int(payload_type), _join(aggregate, control) if control else aggregate, _sets(fields), _float(framerate)
    )


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
