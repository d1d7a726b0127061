"""NAL unit types and forms of RTP payloads as tables for columns of many cameras' packets (nvr.media.batch_depacketizer).

The numbers say the same as nvr.media.nal_units.NalRole.
"""

from __future__ import annotations

import numpy as np

from nvr.media.nal_units import NalRole, is_key_type, role_of_type

# What a NAL unit is here: the same as nvr.media.nal_units.NalRole, as numbers for columns.
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
NAL, FRAGMENT = 1, 2  # forms of a payload; 0: another (aggregates), or none


def _code(kind: int, codec: str) -> int:
    if (codec == "h264" and kind in (0, *range(24, 30))) or (codec == "h265" and kind == 40):
        return ODD  # might be the head of a byte stream; forms of payloads; a suffix SEI has to be looked into
    return KEY_SLICE if is_key_type(kind, codec) else _CODE_OF[role_of_type(kind, codec)]


def _form(kind: int, codec: str) -> int:
    if kind == (28 if codec == "h264" else 49):
        return FRAGMENT
    return 0 if (0 if codec == "h264" else -1) == kind or kind in (range(24, 30) if codec == "h264" else (48,)) else NAL


# [64 × is it H.265 + NAL unit type]
CODES = np.array([_code(k % 32, "h264") for k in range(64)] + [_code(k, "h265") for k in range(64)], np.uint8)
FORMS = np.array([_form(k % 32, "h264") for k in range(64)] + [_form(k, "h265") for k in range(64)], np.uint8)
