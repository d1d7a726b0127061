"""Parse an SDP into the tracks that can be recorded: RFC 8866, RFC 6184, RFC 7798, RFC 3640, RFC 3551."""

from __future__ import annotations

import base64
import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from core.errors import ProtocolError
from core.numbers import parse_whole_number

AU_HEADERS = {13: 16, 6: 8}  # bits of an AU header by bits of its size field: AAC-hbr, AAC-lbr (RFC 3640, 3.3)
MAX_SDP = 16_384  # characters; cameras send 500 to 2,000
MAX_FORMATS = 64  # of all media; RTP has 128 payload types, cameras offer one per medium
STATIC_AUDIO = {"0": "PCMU/8000", "8": "PCMA/8000"}  # payload types that need no rtpmap (RFC 3551)


class VideoCodec(StrEnum):
    H264 = "h264"
    H265 = "h265"


class AudioCodec(StrEnum):
    AAC = "aac"
    PCMA = "pcma"  # G.711 A-law
    PCMU = "pcmu"  # G.711 µ-law


class KeyframeRequest(StrEnum):
    """RTCP messages that request a keyframe."""

    PLI = "pli"  # picture loss indication, RFC 4585
    FIR = "fir"  # full intra request, RFC 5104


CODECS = {"H264": VideoCodec.H264, "H265": VideoCodec.H265, "HEVC": VideoCodec.H265}
G711 = {"PCMU": AudioCodec.PCMU, "PCMA": AudioCodec.PCMA}
_FEEDBACK = {KeyframeRequest.PLI: "nack pli", KeyframeRequest.FIR: "ccm fir"}  # in `a=rtcp-fb`


@dataclass(slots=True)
class _Section:
    """One medium (the first section: the session) and its attributes by name."""

    media: list[str]  # words of its m= line: kind, port, transport, formats
    attributes: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VideoTrack:
    """A video track as the SDP describes it."""

    codec: VideoCodec
    payload_type: int
    control: str  # absolute address for SETUP
    parameter_sets: list[bytes]
    fps: float | None
    clock_rate: int = 90_000  # as stated by the camera; RFC 6184 and RFC 7798 allow no other
    feedback: frozenset[KeyframeRequest] = frozenset()  # supported keyframe requests


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """An audio track as the SDP describes it."""

    codec: AudioCodec
    payload_type: int
    control: str
    rate: int  # RTP clock rate and sample rate, Hz
    channels: int
    configuration: bytes = b""  # AudioSpecificConfig of AAC
    size_bits: int = 13  # of the size field in an AU header (RFC 3640): 13 of 16, or 6 of 8

    @property
    def header_bytes(self) -> int:
        """Bytes of an AU header."""
        return AU_HEADERS[self.size_bits] // 8


def video_track(sdp: str, base: str) -> VideoTrack:
    """Return the first video track that we can record. Raises ProtocolError where there is none."""
    sections = _sections(sdp)
    aggregate = _aggregate(sections, base)
    for section, payload_type in _offers(sections, "video"):
        name, _, stated = (_attribute(section, "rtpmap", payload_type) or "").partition("/")
        codec = CODECS.get(name.strip().upper()) if name.strip() else _codec_of(_fields(section, payload_type))
        if codec is None:
            continue
        framerate = _float(_attribute(section, "framerate"))
        sets = _sets(_fields(section, payload_type))
        feedback = _feedback(section, payload_type)
        return VideoTrack(
            codec, int(payload_type), _control(section, aggregate), sets, framerate, _clock_rate(stated), feedback
        )
    raise ProtocolError("the camera offers no H.264 or H.265 video")


def _codec_of(fields: dict[str, str]) -> VideoCodec | None:
    """Return the codec by its format parameters, for SDP without rtpmap (RFC 6184 8.1, RFC 7798 7.1)."""
    if "sprop-vps" in fields:
        return VideoCodec.H265
    return VideoCodec.H264 if {"packetization-mode", "sprop-parameter-sets"} & fields.keys() else None


def _clock_rate(stated: str) -> int:
    digits = stated.partition("/")[0].strip()
    rate = _number(digits)
    return rate if rate >= 1000 else 90_000


def audio_track(sdp: str, base: str) -> AudioTrack | None:
    """Return the first audio track that we can record: AAC (mpeg4-generic) or G.711."""
    sections = _sections(sdp)
    aggregate = _aggregate(sections, base)
    for section, payload_type in _offers(sections, "audio"):
        name, rate, count = _audio_format(section, payload_type)
        if not 1000 <= rate <= 192_000:
            continue
        control = _control(section, aggregate)
        if name.upper() in G711:
            return AudioTrack(G711[name.upper()], int(payload_type), control, rate, count)
        if name.lower() == "mpeg4-generic":
            track = _aac(_fields(section, payload_type, "config"), int(payload_type), control, rate, count)
            if track is not None:
                return track
    return None


def missing_audio_reason(sdp: str) -> str:
    """Return why `audio_track` finds no track, as text for a person."""
    names = [_audio_format(section, payload_type)[0] for section, payload_type in _offers(_sections(sdp), "audio")]
    if not names:
        return "the camera offers no audio"
    known = [n for n in names if n.lower() == "mpeg4-generic"]
    return (
        "its AAC has no usable configuration"
        if known
        else f"{', '.join(names)[:40] or 'its format'} cannot be recorded"
    )


def _audio_format(section: _Section, payload_type: str) -> tuple[str, int, int]:
    """Return (name, clock rate, channels); rate 0 where it is not stated."""
    rtpmap = _attribute(section, "rtpmap", payload_type) or STATIC_AUDIO.get(payload_type, "")
    name, _, rest = rtpmap.partition("/")
    rate, _, channels = rest.partition("/")
    rate, channels = rate.strip(), channels.strip()
    if not rate and payload_type in STATIC_AUDIO:  # static payload types have a fixed rate
        rate = STATIC_AUDIO[payload_type].partition("/")[2]
    return name.strip(), _number(rate), int(channels) if channels in ("1", "2") else 1


def _aac(fields: dict[str, str], payload_type: int, control: str, rate: int, channels: int) -> AudioTrack | None:
    try:
        configuration = bytes.fromhex(fields.get("config", "").lower().removeprefix("0x"))
        size = int(fields.get("sizelength", "6" if fields.get("mode", "").lower() == "aac-lbr" else "13"))
        header = size + int(fields["indexlength"]) if "indexlength" in fields else AU_HEADERS.get(size)
    except ValueError:
        return None
    if not 2 <= len(configuration) <= 64 or header is None or AU_HEADERS.get(size) != header:
        return None
    return AudioTrack(AudioCodec.AAC, payload_type, control, rate, channels, configuration, size)


def _feedback(section: _Section, payload_type: str) -> frozenset[KeyframeRequest]:
    """Return the keyframe requests that `a=rtcp-fb` offers for this payload type or for all ('*')."""
    words = [_values(section, "rtcp-fb", wanted) for wanted in (payload_type, "*")]
    offers = {" ".join(value.lower().split()[:2]) for values in words for value in values}
    return frozenset(request for request, offer in _FEEDBACK.items() if offer in offers)


def aggregate_control(sdp: str, base: str) -> str:
    """Return the address of the whole presentation, for PLAY, TEARDOWN and keep-alive (RFC 2326, C.1.1)."""
    return _aggregate(_sections(sdp), base)


def _aggregate(sections: list[_Section], base: str) -> str:
    return _join(base, _attribute(sections[0], "control") or "*")


def _control(section: _Section, aggregate: str) -> str:
    return _join(aggregate, _attribute(section, "control") or "*")


def _offers(sections: list[_Section], kind: str) -> Iterator[tuple[_Section, str]]:
    """Yield (section, payload type) of each format offered for a kind of media."""
    for section in sections[1:]:
        if section.media[:1] == [kind]:
            yield from ((section, word) for word in section.media[3:] if word == "0" or 0 < _number(word) < 128)


def _fields(section: _Section, payload_type: str, needed: str = "") -> dict[str, str]:
    """Return the format parameters of a payload type.

    Some cameras write them under another payload type. Then use those with a payload type that the section does not
    offer, or (with `needed`) the first that contain the needed parameter.
    """
    own = _values(section, "fmtp", payload_type)
    offered = section.media[3:]
    lines = [v.split(None, 1) for v in _values(section, "fmtp")]
    foreign = [line[1] for line in lines if len(line) == 2 and line[0] not in offered]
    others = [line[1] for line in lines if len(line) == 2] if needed else []
    found = [_pairs(text) for text in (*own, *foreign, *others)]
    return next((f for f in found if f.get(needed)), {}) if needed else next(iter(found), {})


def _pairs(fmtp: str) -> dict[str, str]:
    return {k.strip().lower(): v.strip().strip('"') for k, _, v in (p.partition("=") for p in fmtp.split(";"))}


def _sections(sdp: str) -> list[_Section]:
    """Parse the lines of an SDP into sections.

    Raises ProtocolError for an oversized SDP: later work is proportional to the number of formats times attributes.
    """
    if len(sdp) > MAX_SDP:
        raise ProtocolError(f"the camera describes its streams in {len(sdp)} characters; the limit is {MAX_SDP}")
    sections = [_Section([])]
    for line in sdp.replace("\r", "\n").split("\n"):
        line = line.strip()
        if line[:2] in ("m=", "M="):
            kind, *rest = line[2:].split() or [""]
            sections.append(_Section([kind.lower(), *rest]))
        key, _, value = line.partition(":")
        if (key := key.strip().lower()).startswith("a="):
            sections[-1].attributes.setdefault(key[2:], []).append(value)
    formats = sum(len(s.media[3:]) for s in sections)
    if formats > MAX_FORMATS:
        raise ProtocolError(f"the camera offers {formats} formats; the limit is {MAX_FORMATS}")
    return sections


def _attribute(section: _Section, name: str, payload_type: str | None = None) -> str | None:
    return next(iter(_values(section, name, payload_type)), None)


def _values(section: _Section, name: str, payload_type: str | None = None) -> list[str]:
    """Return the values of an attribute in order; with a payload type, only its own, without the payload type."""
    found = []
    for value in section.attributes.get(name, ()):
        first, *rest = (value.split(None, 1) or [""]) if payload_type is not None else ("", value)
        if payload_type is None or first == payload_type:
            found.append("".join(rest).strip())
    return found


def _join(base: str, control: str) -> str:
    """Resolve a control address like RFC 2326 C.1.1 as cameras implement it.

    `*` or nothing is the base itself; a relative address is appended to the whole base (including its query) after a
    slash; `?…` replaces the base's query; `/…` is a path of the host.
    """
    if control in ("", "*"):
        return base
    if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*://", control):
        return control
    if control.startswith("?"):
        return base.partition("?")[0] + control
    if control.startswith("/"):
        scheme, _, rest = base.partition("://")
        return f"{scheme}://{re.split('[/?]', rest, maxsplit=1)[0]}{control}"
    return base.rstrip("/") + "/" + control


def base_of(headers: dict[str, str], url: str) -> str:
    """Return the base of relative addresses in the SDP: Content-Base, Content-Location or the request's address."""
    told = headers.get("content-base") or headers.get("content-location") or ""
    told = told.strip().strip('<>"')
    if "://" in told:
        return told
    return _join(url, told) if told.startswith("/") else url


def _sets(fields: dict[str, str]) -> list[bytes]:
    names = ("sprop-parameter-sets", "sprop-vps", "sprop-sps", "sprop-pps")
    texts = [t for name in names for t in fields.get(name, "").split(",") if t]
    sets = []
    for text in texts:
        with contextlib.suppress(ValueError):  # the sets are usually sent in-band as well
            sets.append(base64.b64decode(text + "=" * (-len(text) % 4)))
    return [s for s in sets if s]


def _number(text: str) -> int:
    """Parse up to 7 ASCII digits; return 0 for anything else."""
    return parse_whole_number(text, 7) or 0


def _float(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
