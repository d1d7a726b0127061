"""H.264 and H.265 parameter sets: the fields of an SPS, and decoder configuration records.

Bit layouts: ITU-T H.264 7.3.2.1, H.265 7.3.2.2; records: ISO/IEC 14496-15 5.3.3 and 8.3.3.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from core.errors import ProtocolError
from nvr.media.codec.bits import BitReader, unescaped
from nvr.media.codec.nal_units import nal_type
from nvr.rtsp.sdp import VideoCodec

# Profiles whose SPS states chroma format, bit depths and scaling lists (H.264 7.3.2.1.1).
_HIGH_PROFILES = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135}
_PROFILES_WITHOUT_EXTENSION = {66, 77, 88}  # an avcC of any other profile has the extension (14496-15 5.3.3.1.2)
MIN_SIDE, MAX_SIDE = 16, 16384  # of a picture, pixels
MAX_DEPTH = 15  # bits of a sample; a record has three bits for the part above 8


@dataclass(frozen=True, slots=True)
class H264Sps:
    """The fields of an H.264 SPS that the recorder needs; sizes in pixels."""

    id: int
    width: int
    height: int
    frame_num_bits: int
    separate_planes: bool
    frames_only: bool  # frame_mbs_only_flag: no picture is a single field
    chroma_format: int  # chroma_format_idc: 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4
    luma_depth: int  # bits of a sample
    chroma_depth: int


@dataclass(frozen=True, slots=True)
class H265Sps:
    """The fields of an H.265 SPS that the recorder needs; sizes in pixels."""

    id: int
    vps: int  # id of its VPS
    width: int
    height: int
    layers: int  # temporal sub-layers
    temporal_nesting: bool  # sps_temporal_id_nesting_flag
    chroma_format: int
    luma_depth: int
    chroma_depth: int


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """A codec with its parameter sets (VPS first for H.265, then SPS, PPS) and picture size in pixels."""

    codec: VideoCodec
    sets: tuple[bytes, ...]
    width: int
    height: int

    @classmethod
    def from_sets(cls, codec: VideoCodec, sets: list[bytes]) -> VideoFormat:
        """Return the format of these sets in any order. Raises ProtocolError where a set is missing or unreadable."""
        ordered = sorted(sets, key=lambda n: nal_type(n, codec))
        wanted = [7, 8] if codec == "h264" else [32, 33, 34]
        if sorted({nal_type(n, codec) for n in ordered}) != wanted:
            raise ProtocolError("the stream's parameter sets are incomplete")
        sps = next(n for n in ordered if nal_type(n, codec) == wanted[-2])
        found = read_h264_sps(sps) if codec == "h264" else read_h265_sps(sps)
        check_size(found.width, found.height)
        return cls(codec, tuple(ordered), found.width, found.height)

    def configuration(self) -> bytes:
        """Return the AVCDecoderConfigurationRecord or HEVCDecoderConfigurationRecord, with 4-byte NAL lengths."""
        return _avcc(self.sets) if self.codec == "h264" else _hvcc(self.sets)


def check_size(width: int, height: int) -> None:
    """Raise ProtocolError where pictures of this size are not recorded."""
    if not (MIN_SIDE <= width <= MAX_SIDE and MIN_SIDE <= height <= MAX_SIDE):
        raise ProtocolError(f"unsupported picture size {width}×{height} ({MIN_SIDE} to {MAX_SIDE})")


def _avcc(sets: tuple[bytes, ...]) -> bytes:
    """Return the AVCDecoderConfigurationRecord (14496-15 5.3.3.1.2)."""
    sps = [n for n in sets if n[0] & 31 == 7]
    pps = [n for n in sets if n[0] & 31 == 8]
    record = bytes([1, *sps[0][1:4], 0xFF, 0xE0 | len(sps)])
    record += b"".join(struct.pack(">H", len(n)) + n for n in sps)
    record += bytes([len(pps)]) + b"".join(struct.pack(">H", len(n)) + n for n in pps)
    if sps[0][1] not in _PROFILES_WITHOUT_EXTENSION:
        found = read_h264_sps(sps[0])
        record += bytes([0xFC | found.chroma_format, 0xF8 | found.luma_depth - 8, 0xF8 | found.chroma_depth - 8, 0])
    return record


def _hvcc(sets: tuple[bytes, ...]) -> bytes:
    """Return the HEVCDecoderConfigurationRecord (14496-15 8.3.3.1.2).

    min_spatial_segmentation_idc, parallelismType and avgFrameRate are 0: unknown.
    """
    sps = next(n for n in sets if (n[0] >> 1) & 63 == 33)
    found = read_h265_sps(sps)
    record = (
        bytes([1])
        + unescaped(sps)[3:15]  # general profile, compatibility, constraints and level
        + struct.pack(
            ">HBBBBHB", 0xF000, 0xFC, 0xFC | found.chroma_format, 0xF8 | found.luma_depth - 8,
            0xF8 | found.chroma_depth - 8, 0, found.layers << 3 | found.temporal_nesting << 2 | 3,
        )
    )  # fmt: skip
    arrays = [[n for n in sets if (n[0] >> 1) & 63 == kind] for kind in (32, 33, 34)]
    record += bytes([len(arrays)])
    for kind, nals in zip((32, 33, 34), arrays, strict=True):
        record += bytes([0x80 | kind]) + struct.pack(">H", len(nals))
        record += b"".join(struct.pack(">H", len(n)) + n for n in nals)
    return record


def read_h264_sps(sps: bytes) -> H264Sps:
    """Parse an SPS. Raises ProtocolError where it is damaged."""
    bits = BitReader(sps, 4)
    number = bits.unsigned()
    chroma, separate, luma_depth, chroma_depth = _h264_chroma(bits, sps[1])
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
    return H264Sps(number, width, height, frame_num_bits, separate, bool(frames_only), chroma, luma_depth, chroma_depth)


def _h264_chroma(bits: BitReader, profile: int) -> tuple[int, bool, int, int]:
    """Return (chroma_format_idc, separate_colour_plane_flag, bit depth of luma, bit depth of chroma).

    Reads up to and including the scaling lists.
    """
    if profile not in _HIGH_PROFILES:
        return 1, False, 8, 8
    chroma = _chroma_format(bits)
    separate = bool(bits.read(1)) if chroma == 3 else False
    luma_depth, chroma_depth = _depth(bits), _depth(bits)
    bits.read(1)  # qpprime_y_zero_transform_bypass_flag
    if bits.read(1):
        _skip_scaling_lists(bits, 8 if chroma != 3 else 12)
    return chroma, separate, luma_depth, chroma_depth


def _chroma_format(bits: BitReader) -> int:
    if (chroma := bits.unsigned()) > 3:
        raise ProtocolError("a parameter set has an invalid chroma format")
    return chroma


def _depth(bits: BitReader) -> int:
    if (depth := bits.unsigned() + 8) > MAX_DEPTH:
        raise ProtocolError(f"a parameter set has an unsupported bit depth of {depth}")
    return depth


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


def read_h265_sps(sps: bytes) -> H265Sps:
    """Parse an SPS. Raises ProtocolError where it is damaged."""
    bits = BitReader(sps, 2)
    vps = bits.read(4)
    layers = bits.read(3)  # sps_max_sub_layers_minus1
    nesting = bool(bits.read(1))
    bits.read(88)  # general profile, tier, constraints
    bits.read(8)  # general level
    present = [(bits.read(1), bits.read(1)) for _ in range(layers)]
    if layers:
        bits.read(2 * (8 - layers))
    for profile, level in present:
        bits.read(88 * profile + 8 * level)
    number = bits.unsigned()
    chroma = _chroma_format(bits)
    if chroma == 3:
        bits.read(1)
    width, height = bits.unsigned(), bits.unsigned()
    if bits.read(1):
        left, right, top, bottom = (bits.unsigned() for _ in range(4))
        width -= (left + right) * (2 if chroma in (1, 2) else 1)
        height -= (top + bottom) * (2 if chroma == 1 else 1)
    luma_depth, chroma_depth = _depth(bits), _depth(bits)
    return H265Sps(number, vps, width, height, layers + 1, nesting, chroma, luma_depth, chroma_depth)
