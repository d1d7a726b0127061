"""Build MP4 boxes (ISO/IEC 14496-12 4.2), and the header of a movie fragment with one run of samples."""

from __future__ import annotations

import struct

_MOOF_HEAD = struct.Struct(">I4sI4sIII4sI4sIII4sIQI4sIIi")


def box(kind: bytes, *payload: bytes) -> bytes:
    body = b"".join(payload)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full_box(kind: bytes, version: int, flags: int, *payload: bytes) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *payload)


def moof_head(sequence: int, track: int, time: int, run_flags: int, samples: int, entry_bytes: int) -> bytes:
    """Return the `moof` of one track up to the table of its `trun`.

    The table must follow: `samples` entries of `entry_bytes` bytes with the fields that `run_flags` (version and flags
    of the `trun`) state. `time` is the media time of the first sample; the samples follow the header of the `mdat`.
    """
    trun = 20 + entry_bytes * samples
    traf = 8 + 16 + 20 + trun
    size = 8 + 16 + traf
    return _MOOF_HEAD.pack(
        size, b"moof",
        16, b"mfhd", 0, sequence,
        traf, b"traf",
        16, b"tfhd", 0x020000, track,
        20, b"tfdt", 0x01000000, time,
        trun, b"trun", run_flags, samples, size + 8,
    )  # fmt: skip
