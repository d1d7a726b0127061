"""Store a stream's parameter sets by id, and build the format that a keyframe's slice header activates.

Sets come from the SDP and in-band; a later set replaces an earlier one. When an SPS changes, the PPS that were received
before are left out of the format unless a slice uses them. Ids are Exp-Golomb codes (H.264 7.3.2.1 and 7.3.2.2, H.265
7.3.2.1 to 7.3.2.3): a PPS refers to its SPS, an H.265 SPS to its VPS, and a slice to its PPS.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import ProtocolError
from nvr.media.codec.bits import BitReader
from nvr.media.codec.nal_units import NalRole, nal_type, role_of, split
from nvr.media.codec.parameter_sets import H264Sps, VideoFormat, check_size, read_h264_sps, read_h265_sps
from nvr.rtsp.sdp import VideoCodec

MAX_SET = 16_384  # bytes; anything longer is not a parameter set
MAX_PICTURE_PARAMETER_SETS = 128  # an avcC counts them in one byte; no camera uses more than a few


@dataclass(frozen=True, slots=True)
class _Set:
    nal: bytes
    kind: str  # 'vps', 'sps' or 'pps'
    id: int
    refers_to: int = -1  # id of the SPS (of a PPS) or of the VPS (of an H.265 SPS)
    h264: H264Sps | None = None


def _identify(nal: bytes, codec: VideoCodec) -> _Set:
    """Parse a parameter set. Raises ProtocolError where it is not a usable one."""
    if role_of(nal, codec) is not NalRole.PARAMETER_SET or len(nal) > MAX_SET:
        raise ProtocolError("not a parameter set")
    kind = nal_type(nal, codec)
    if kind in (8, 34):
        bits = BitReader(nal[:32], 1 if codec == "h264" else 2)
        return _checked(_Set(nal, "pps", bits.unsigned(), bits.unsigned()), 256 if codec == "h264" else 64)
    if kind == 32:
        return _Set(nal, "vps", BitReader(nal[:8], 2).read(4))
    if codec == "h264":
        h264 = read_h264_sps(nal)
        check_size(h264.width, h264.height)
        return _checked(_Set(nal, "sps", h264.id, -1, h264), 32)
    h265 = read_h265_sps(nal)
    check_size(h265.width, h265.height)
    return _checked(_Set(nal, "sps", h265.id, h265.vps), 32)


def _checked(made: _Set, ids: int) -> _Set:
    if made.id >= ids or made.refers_to >= 32:
        raise ProtocolError("a parameter set has an invalid id")
    return made


class ParameterSetStore:
    """Parameter sets of one stream. `version` counts the changes of content."""

    def __init__(self, codec: VideoCodec, described: list[bytes]):
        """`described` are the sets from the SDP; anything that is not a parameter set is ignored."""
        self._codec = codec
        self._sets: dict[tuple[str, int], _Set] = {}
        self._known: set[bytes] = set()
        self._stale: set[int] = set()  # ids of PPS received before their SPS changed
        self.version = 0
        for text in described:
            for nal in split(text, codec):
                self.add(nal)

    def add(self, nal: bytes) -> bool | None:
        """Add a set; return True where it is new or changed, False where it is known, None where it is invalid."""
        nal = nal.rstrip(b"\0")
        if nal in self._known:
            return False
        try:
            found = _identify(nal, self._codec)
        except ProtocolError:
            return None
        key = found.kind, found.id
        if found.kind == "pps" and key not in self._sets and self._count("pps") >= MAX_PICTURE_PARAMETER_SETS:
            return None
        if found.kind == "sps":
            self._stale |= {s.id for s in self._sets.values() if s.kind == "pps" and s.refers_to == found.id}
        elif found.kind == "pps":
            self._stale.discard(found.id)
        self._sets[key] = found
        self._known = {s.nal for s in self._sets.values()}
        self.version += 1
        return True

    def copy(self) -> ParameterSetStore:
        made = ParameterSetStore(self._codec, [])
        made._sets, made._known, made._stale, made.version = (
            dict(self._sets),
            set(self._known),
            set(self._stale),
            self.version,
        )
        return made

    def _count(self, kind: str) -> int:
        return sum(k == kind for k, _ in self._sets)

    def knows(self, nal: bytes) -> bool:
        """Return whether the set is in force, unchanged."""
        return nal in self._known or nal.rstrip(b"\0") in self._known

    def format(self, pps_id: int) -> VideoFormat | None:
        """Return the format of a keyframe whose slices use this PPS; None while a required set is missing."""
        sps = self._sps(pps_id)
        if sps is None:
            return None
        sets = [sps.nal]
        if self._codec == "h265":
            vps = self._sets.get(("vps", sps.refers_to))
            if vps is None:
                return None
            sets.insert(0, vps.nal)
        found = (s for s in self._sets.values() if s.kind == "pps" and s.refers_to == sps.id)
        pps = sorted((s.id, s.nal) for s in found if s.id == pps_id or s.id not in self._stale)
        return VideoFormat.from_sets(self._codec, sets + [nal for _, nal in pps])

    def _sps(self, pps_id: int) -> _Set | None:
        pps = self._sets.get(("pps", pps_id))
        return self._sets.get(("sps", pps.refers_to)) if pps else None

    def h264_sps(self, pps_id: int) -> H264Sps | None:
        """Return the SPS of an H.264 slice with this PPS; None while it is missing."""
        sps = self._sps(pps_id)
        return sps.h264 if sps else None
