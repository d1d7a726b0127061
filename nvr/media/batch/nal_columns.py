"""Lookup tables of NAL unit types and RTP payload forms, for the packet columns of batch_depacketizer."""

from __future__ import annotations

import numpy as np

from nvr.media.codec.nal_units import NalRole, is_key_type, role_of_type

# The roles of NalRole as plain integers: NumPy would widen a column of 8 bits to 64 bits to compare it with an IntEnum.
SLICE, KEY_SLICE, SET, SEI, DROPPED, TRAILER, SKIPPED, ODD = range(1, 9)
KEPT = np.array([code in (SLICE, KEY_SLICE, SEI, TRAILER) for code in range(9)])
_CODE_OF = {
    NalRole.SLICE: SLICE,
    NalRole.PARAMETER_SET: SET,
    NalRole.SEI: SEI,
    NalRole.TRAILER: TRAILER,
    NalRole.DELIMITER: DROPPED,
    NalRole.FILLER: DROPPED,
    NalRole.SKIP: SKIPPED,
    NalRole.PARTITION: ODD,
}
NAL, FRAGMENT = 1, 2  # forms of a payload; 0: another form (aggregates), or invalid


def _code(kind: int, codec: str) -> int:
    if (codec == "h264" and kind in (0, *range(24, 30))) or (codec == "h265" and kind == 40):
        # H.264 type 0 may be the head of a byte stream, 24 to 29 are payload forms; an H.265 suffix SEI must be parsed.
        return ODD
    return KEY_SLICE if is_key_type(kind, codec) else _CODE_OF[role_of_type(kind, codec)]


def _form(kind: int, codec: str) -> int:
    if kind == (28 if codec == "h264" else 49):
        return FRAGMENT
    return 0 if (0 if codec == "h264" else -1) == kind or kind in (range(24, 30) if codec == "h264" else (48,)) else NAL


# Index: NAL unit type, + 64 for H.265.
CODES = np.array([_code(k % 32, "h264") for k in range(64)] + [_code(k, "h265") for k in range(64)], np.uint8)
FORMS = np.array([_form(k % 32, "h264") for k in range(64)] + [_form(k, "h265") for k in range(64)], np.uint8)
