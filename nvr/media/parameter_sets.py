"""H.264 and H.265 parameter sets: picture size from the SPS, and decoder configuration records.

Bit layouts: ITU-T H.264 7.3.2.1, H.265 7.3.2.2; records: ISO/IEC 14496-15 5.3.3 and 8.3.3.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from core.errors import ProtocolError
from nvr.media.bits import BitReader
from nvr.media.nal_units import nal_type

_HIGH_PROFILES = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135}


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """A codec with its parameter sets (VPS first for H.265, then SPS, PPS) and picture size in pixels."""

    codec: str  # 'h264' or 'h265'
    sets: tuple[bytes, ...]
    width: int
    height: int

    @classmethod
    def from_sets(cls, codec: str, sets: list[bytes]) -> VideoFormat:
        """Return the format of these sets in any order. Raises ProtocolError where a set is missing or unreadable."""
        ordered = sorted(sets, key=lambda n: nal_type(n, codec))
        wanted = [7, 8] if codec == "h264" else [32, 33, 34]
        if sorted({nal_type(n, codec) for n in ordered}) != wanted:
            raise ProtocolError("the stream's parameter sets are incomplete")
        sps = next(n for n in ordered if nal_type(n, codec) == wanted[-2])
        found = read_h264_sps(sps) if codec == "h264" else read_h265_sps(sps)
        if not (16 <= found.width <= 16384 and 16 <= found.height <= 16384):
            raise ProtocolError(f"the stream states a picture of {found.width}×{found.height}")
        return cls(codec, tuple(ordered), found.width, found.height)

    def configuration(self) -> bytes:
        """Return the AVCDecoderConfigurationRecord or HEVCDecoderConfigurationRecord, with 4-byte NAL lengths."""
        return _avcc(self.sets) if self.codec == "h264" else _hvcc(self.sets)


def _avcc(sets: tuple[bytes, ...]) -> bytes:
    sps = [n for n in sets if n[0] & 31 == 7]
    pps = [n for n in sets if n[0] & 31 == 8]
    record = bytes([1, *sps[0][1:4], 0xFF, 0xE0 | len(sps)])
    record += b"".join(struct.pack(">H", len(n)) + n for n in sps)
    record += bytes([len(pps)]) + b"".join(struct.pack(">H", len(n)) + n for n in pps)
    if sps[0][1] in (100, 110, 122, 144):
        chroma, luma_depth, chroma_depth = _h264_depths(sps[0])
        record += bytes([0xFC | chroma, 0xF8 | luma_depth, 0xF8 | chroma_depth, 0])
    return record


def _h264_depths(sps: bytes) -> tuple[int, int, int]:
    bits = BitReader(sps, 4)
    bits.unsigned()
    chroma = bits.unsigned()
    if chroma == 3:
        bits.read(1)
    return chroma, bits.unsigned(), bits.unsigned()


def _hvcc(sets: tuple[bytes, ...]) -> bytes:
    sps = next(n for n in sets if (n[0] >> 1) & 63 == 33).replace(b"\x00\x00\x03", b"\x00\x00")
    layers = (sps[2] >> 1) & 7
    record = (
        bytes([1])
        + sps[3:15]
        + struct.pack(">HBBBBHB", 0xF000, 0xFC, 0xFC | 1, 0xF8, 0xF8, 0, (layers + 1) << 3 | 4 | 3)
    )
    arrays = [[n for n in sets if (n[0] >> 1) & 63 == kind] for kind in (32, 33, 34)]
    record += bytes([len(arrays)])
    for kind, nals in zip((32, 33, 34), arrays, strict=True):
        record += bytes([0x80 | kind]) + struct.pack(">H", len(nals))
        record += b"".join(struct.pack(">H", len(n)) + n for n in nals)
    return record


@dataclass(frozen=True, slots=True)
class H264Sps:
    """The fields of an H.264 SPS that the recorder needs; sizes in pixels."""

    id: int
    width: int
    height: int
    frame_num_bits: int
    separate_planes: bool
    frames_only: bool  # frame_mbs_only_flag: no picture is a single field


def read_h264_sps(sps: bytes) -> H264Sps:
    """Parse an SPS. Raises ProtocolError where it is damaged."""
    bits = BitReader(sps, 4)
    number = bits.unsigned()
    chroma, separate = _h264_chroma(bits, sps[1])
    frame_num_bits = bits.unsigned() + 4
    _skip_picture_order(bits)
    bits.unsigned()  # max_num_ref_frames
    bits.read(1)
    width = (bits.unsigned() + 1) * 16
    height_units = bits.unsigned() + 1
    frames_only = bits.read(1)
    height = height_units * 16 * (2 - frames_only)
    if not frames_only:
        bits.read(1)
    bits.read(1)
    if bits.read(1):
        left, right, top, bottom = (bits.unsigned() for _ in range(4))
        width -= (left + right) * (1 if chroma in (0, 3) else 2)
        height -= (top + bottom) * (2 if chroma == 1 else 1) * (2 - frames_only)
    return H264Sps(number, width, height, frame_num_bits, separate, bool(frames_only))


def _h264_chroma(bits: BitReader, profile: int) -> tuple[int, bool]:
    """Return (chroma_format_idc, separate_colour_plane_flag); reads up to and including the scaling lists."""
    chroma, separate = 1, False
    if profile in _HIGH_PROFILES:
        chroma = bits.unsigned()
        if chroma == 3:
            separate = bool(bits.read(1))
        bits.unsigned()
        bits.unsigned()
        bits.read(1)
        if bits.read(1):
            _skip_scaling_lists(bits, 8 if chroma != 3 else 12)
    return chroma, separate


def _skip_picture_order(bits: BitReader) -> None:
    order = bits.unsigned()
    if order == 0:
        bits.unsigned()
    elif order == 1:
        bits.read(1)
        bits.signed()
        bits.signed()
        for _ in range(min(bits.unsigned(), 255)):
            bits.signed()


def _skip_scaling_lists(bits: BitReader, lists: int) -> None:
    for i in range(lists):
        if not bits.read(1):
            continue
        last = following = 8
        for _ in range(16 if i < 6 else 64):
            if following:
                following = (last + bits.signed()) % 256
            last = following or last


@dataclass(frozen=True, slots=True)
class H265Sps:
    """The fields of an H.265 SPS that the recorder needs; sizes in pixels."""

    id: int
    vps: int  # id of its VPS
    width: int
    height: int


def read_h265_sps(sps: bytes) -> H265Sps:
    """Parse an SPS. Raises ProtocolError where it is damaged."""
    bits = BitReader(sps, 2)
    vps = bits.read(4)
    layers = bits.read(3)
    bits.read(1)
    bits.read(88)  # general profile, tier, constraints
    bits.read(8)  # general level
    present = [(bits.read(1), bits.read(1)) for _ in range(layers)]
    if layers:
        bits.read(2 * (8 - layers))
    for profile, level in present:
        bits.read(88 * profile + 8 * level)
    number = bits.unsigned()
    chroma = bits.unsigned()
    if chroma == 3:
        bits.read(1)
    width, height = bits.unsigned(), bits.unsigned()
    if bits.read(1):
        left, right, top, bottom = (bits.unsigned() for _ in range(4))
        width -= (left + right) * (2 if chroma in (1, 2) else 1)
        height -= (top + bottom) * (2 if chroma == 1 else 1)
    return H265Sps(number, vps, width, height)
