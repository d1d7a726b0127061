"""NAL units of H.264 and H.265: role of each type, embedded start codes, and the first fields of a slice header.

All functions are pure functions of bytes. Types: ITU-T H.264 table 7-1, H.265 table 7-1. Types that are unspecified,
reserved, of an extension layer or vendor-specific are SKIP: decoders ignore them, and so does the recorder.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto
from itertools import islice

from core.errors import ProtocolError
from nvr.media.codec.bits import BitReader, unescaped

START_CODE = b"\0\0\1"
MAX_SEI = 16_384  # bytes; a larger SEI is not needed for decoding and is skipped
RECOVERY_POINT = 6  # SEI payload type
HEADER_SIZE = {"h264": 1, "h265": 2}
MAX_UNITS_PER_PAYLOAD = 1024  # NAL units sent as one
MAX_MESSAGES = 64  # messages in one SEI; encoders write a handful
_TYPE_BYTES, _SIZE_BYTES = 4, MAX_SEI // 255 + 1  # bytes of 255 in a valid message's type and size; more is invalid
_MAX_FALSE_CODES = 16  # start codes that may be examined inside one SEI …
_MAX_START_CODE_CHECKS = 128  # … and inside one sent unit; beyond that, the first start code ends an SEI


class NalRole(Enum):
    """Role of a NAL unit for the recorder."""

    SLICE = auto()
    PARTITION = auto()  # H.264 data partitions B and C: belong to the preceding slice
    PARAMETER_SET = auto()
    SEI = auto()  # belongs to the following slices
    TRAILER = auto()  # suffix SEI, end of sequence, end of stream: belongs to the preceding slices
    DELIMITER = auto()
    FILLER = auto()
    SKIP = auto()


def _table(size: int, **types: tuple[int, ...]) -> tuple[NalRole, ...]:
    roles = [NalRole.SKIP] * size
    for name, numbers in types.items():
        for number in numbers:
            roles[number] = NalRole[name.upper()]
    return tuple(roles)


_ROLES = {
    "h264": _table(
        32,
        slice=(1, 2, 5),
        partition=(3, 4),
        parameter_set=(7, 8),
        sei=(6,),
        trailer=(10, 11),
        delimiter=(9,),
        filler=(12,),
    ),
    "h265": _table(
        64,
        slice=(*range(10), *range(16, 22)),
        parameter_set=(32, 33, 34),
        sei=(39,),
        trailer=(36, 37, 40),
        delimiter=(35,),
        filler=(38,),
    ),
}


def nal_type(nal: bytes | memoryview, codec: str) -> int:
    return nal[0] & 31 if codec == "h264" else (nal[0] >> 1) & 63


def role_of(nal: bytes, codec: str) -> NalRole:
    """Return the role of a NAL unit with at least one byte."""
    header = HEADER_SIZE[codec]
    if len(nal) < header or nal[0] & 0x80:  # forbidden_zero_bit
        return NalRole.SKIP
    # nuh_layer_id other than 0; nuh_temporal_id_plus1 of 0 (H.265 7.4.2.2)
    if codec == "h265" and (nal[0] & 1 or nal[1] & 0xF8 or not nal[1] & 7):
        return NalRole.SKIP
    role = _ROLES[codec][nal_type(nal, codec)]
    return NalRole.SKIP if role is NalRole.SLICE and len(nal) <= header else role


def role_of_type(kind: int, codec: str) -> NalRole:
    """Return the role of a NAL unit type alone."""
    return _ROLES[codec][kind]


def is_key_type(kind: int, codec: str) -> bool:
    """Return whether slices of this type form a picture at which decoding can begin (IDR; H.265: BLA, IDR and CRA)."""
    return kind == 5 if codec == "h264" else 16 <= kind <= 21


def is_first_slice(nal: bytes, codec: str) -> bool:
    """Return whether a slice begins a picture.

    H.264: first_mb_in_slice is 0 (Exp-Golomb: one bit 1); H.265: first_slice_segment_in_pic_flag.
    """
    return bool(nal[HEADER_SIZE[codec]] & 0x80)


def embedded_units(nal: bytes, codec: str) -> list[bytes]:
    """Return the NAL units after the first start code inside a unit that is skipped (see `embedded_units`)."""
    at = nal.find(START_CODE)
    return (
        [p for p in split(nal[at + len(START_CODE) :], codec) if role_of(p, codec) is not NalRole.SKIP]
        if at >= 0
        else []
    )


def split(nal: bytes, codec: str) -> list[bytes]:
    """Return the NAL units that were sent as one unit: cut at start codes, without trailing zeros.

    An encoder never emits a start code inside a NAL unit (emulation prevention), so a start code means that the
    packetizer was given a byte stream (Annex B). SEI and vendor-specific units may contain raw bytes that look like a
    start code: those are not cut.
    """
    if START_CODE not in nal:
        return [nal]
    pieces, at, looks = list[bytes](), 0, iter(range(_MAX_START_CODE_CHECKS))
    while at < len(nal) and len(pieces) < MAX_UNITS_PER_PAYLOAD:  # no camera's picture has more; ignore the rest
        end = _end_of_unit(nal, at, codec, looks)
        piece = nal[at:end].rstrip(b"\0")
        if piece:
            pieces.append(piece)
        at = end + len(START_CODE)
    return pieces


def _end_of_unit(nal: bytes, at: int, codec: str, looks: Iterator[int]) -> int:
    """Return the end of the unit that begins at `at`: the index of a start code, or of the end of the data."""
    end = nal.find(START_CODE, at)
    if end < 0:
        return len(nal)
    role = role_of(nal[at : at + 4], codec)
    if not nal[at:end].strip(b"\0"):
        return end
    if role is NalRole.SKIP and at == 0:
        return len(nal)
    return _end_of_sei(nal, at, end, codec, looks) if role is NalRole.SEI else end


def _end_of_sei(nal: bytes, at: int, end: int, codec: str, looks: Iterator[int]) -> int:
    """Return the index of the start code after the last message; start codes inside a message are its payload."""
    begin, message, count = at + HEADER_SIZE[codec], 0, 0
    for _ in islice(looks, _MAX_FALSE_CODES):
        if end - at > MAX_SEI:  # too large, so it is skipped anyway
            return end
        missing, message, count = _missing_sei_bytes(unescaped(nal[begin:end]), message, count)
        if missing <= 0 or missing > len(nal) - end:  # complete, or the stated size is invalid
            return end
        end = nal.find(START_CODE, end + max(missing, len(START_CODE)))
        if end < 0:
            return len(nal)
    return end


def _missing_sei_bytes(data: bytes, at: int = 0, count: int = 0) -> tuple[int, int, int]:
    """Check the messages of an SEI, starting with message number `count`, which begins at `at`.

    Return (number of bytes that the messages state beyond the end of the data, position of the first incomplete
    message, its number). The number of bytes is 0 where all messages are complete, -1 where there are more than
    MAX_MESSAGES.
    """
    last = len(data.rstrip(b"\0")) - 1
    while at < last or (at == last and data[at] != 0x80):
        if count == MAX_MESSAGES:
            return -1, at, count
        _, behind = _read_sei_number(data, at, _TYPE_BYTES)  # payloadType
        size, behind = _read_sei_number(data, behind, _SIZE_BYTES)
        if behind > last + 1:
            return 1, at, count
        if behind + size > len(data):
            return behind + size - len(data), at, count
        at, count = behind + size, count + 1
    return 0, at, count


def has_recovery_point(nal: bytes, codec: str) -> bool:
    """Return whether an SEI states that decoding may begin here (payload type 6: H.264 D.1.8, H.265 D.2.8)."""
    return _recovery_point(nal, codec) is not None


def recovery_count(nal: bytes, codec: str) -> int | None:
    """Return the number of pictures after which the image at an SEI's recovery point is complete.

    This is recovery_frame_cnt (H.264) or recovery_poc_cnt (H.265); None where the SEI has no recovery point.
    """
    payload = _recovery_point(nal, codec)
    if payload is None:
        return None
    try:
        bits = BitReader(payload, 0)
        return bits.unsigned() if codec == "h264" else abs(bits.signed())
    except ProtocolError:
        return None


def _recovery_point(nal: bytes, codec: str) -> bytes | None:
    """Return the payload of the recovery point message without emulation prevention; None where there is none."""
    data, at = unescaped(nal[HEADER_SIZE[codec] :]), 0
    for _ in range(MAX_MESSAGES):
        if at + 2 >= len(data):
            return None
        kind, at = _read_sei_number(data, at, _TYPE_BYTES)
        size, at = _read_sei_number(data, at, _SIZE_BYTES)
        if kind == RECOVERY_POINT:
            return data[at : at + size] if at + size <= len(data) else None
        at += size
    return None


def is_intra_slice(nal: bytes) -> bool:
    """Return whether an H.264 slice is an I slice (slice_type, 7.4.3). Raises ProtocolError."""
    return slice_type(nal) % 5 == 2


def slice_type(nal: bytes) -> int:
    """Return the slice_type of an H.264 slice. Raises ProtocolError."""
    bits = BitReader(nal[:16], 1)
    bits.unsigned()  # first_mb_in_slice
    return bits.unsigned()


def _read_sei_number(data: bytes, at: int, most: int) -> tuple[int, int]:
    """Return (value, end position) of a payloadType or payloadSize: bytes of 255 and a last byte, summed (7.3.2.3.1).

    The end position is after the end of the data where there are more than `most` bytes of 255, or the number is
    truncated.
    """
    value, stop = 0, min(len(data), at + most + 1)
    while at < stop and data[at] == 255:
        value, at = value + 255, at + 1
    return (value + data[at], at + 1) if at < stop else (0, len(data) + 1)


def is_sei(nal: bytes, codec: str) -> bool:
    return nal_type(nal, codec) in ((6,) if codec == "h264" else (39, 40))


def is_valid_sei(nal: bytes, codec: str) -> bool:
    """Return whether the SEI is not oversized and contains its messages completely (H.264 7.3.2.3.1)."""
    return len(nal) <= MAX_SEI and _missing_sei_bytes(unescaped(nal[HEADER_SIZE[codec] :]))[0] == 0


def slice_pps_id(nal: bytes, codec: str) -> int:
    """Return pic_parameter_set_id of a slice. Raises ProtocolError if the header is truncated.

    H.264 7.3.3; H.265 7.3.6.1 (first slice segments only: others have an address before it).
    """
    bits = BitReader(nal[: 32 + HEADER_SIZE[codec]], HEADER_SIZE[codec])
    if codec == "h264":
        bits.unsigned()  # first_mb_in_slice
        bits.unsigned()  # slice_type
        return bits.unsigned()
    bits.read(1)
    if 16 <= nal_type(nal, codec) <= 23:
        bits.read(1)  # no_output_of_prior_pics_flag
    return bits.unsigned()


def first_macroblock(nal: bytes) -> int:
    """Return first_mb_in_slice of an H.264 slice. Raises ProtocolError."""
    return BitReader(nal[:16], 1).unsigned()


def frame_num_of(nal: bytes, frame_num_bits: int, separate_planes: bool) -> tuple[int, BitReader]:
    """Return (frame_num, reader positioned after it) of an H.264 slice (7.3.3). Raises ProtocolError."""
    bits = BitReader(nal[:48], 1)
    for _ in range(3):
        bits.unsigned()
    if separate_planes:
        bits.read(2)
    return bits.read(frame_num_bits), bits


def field_of(nal: bytes, frame_num_bits: int, separate_planes: bool) -> tuple[int, int] | None:
    """Return (frame_num, bottom_field_flag) of an H.264 field slice; None for a frame. Raises ProtocolError.

    Only for streams whose SPS allows fields (frame_mbs_only_flag 0).
    """
    frame_num, bits = frame_num_of(nal, frame_num_bits, separate_planes)
    return (frame_num, bits.read(1)) if bits.read(1) else None
