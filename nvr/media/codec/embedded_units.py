"""Examine what follows a start code inside a vendor-specific NAL unit.

It is either a picture that a packetizer appended to the unit, or raw vendor data that only looks like a start code and
a slice. The picture builder therefore holds such units back until the surrounding packets show whether the picture
arrives separately. This module checks that the units fit the stream by more than their type.
"""

from __future__ import annotations

from core.errors import ProtocolError
from nvr.media.codec.nal_units import (
    NalRole,
    frame_num_of,
    is_first_slice,
    is_key_type,
    nal_type,
    role_of,
    slice_pps_id,
    slice_type,
)
from nvr.media.codec.parameter_set_store import ParameterSetStore


def is_plausible_picture(units: list[bytes], codec: str, store: ParameterSetStore, newest: bytes) -> bool:
    """Return whether the units are one picture of the stream, or its beginning.

    `newest` is the first slice of the previous picture; empty: none.
    """
    sets = [n for n in units if role_of(n, codec) is NalRole.PARAMETER_SET]
    slices = [n for n in units if role_of(n, codec) is NalRole.SLICE]
    if not slices or not is_first_slice(slices[0], codec) or any(is_first_slice(n, codec) for n in slices[1:]):
        return False
    probe = store.copy()
    if any(probe.add(n) is None for n in sets):
        return False
    try:
        if len({(nal_type(n, codec), slice_pps_id(n, codec)) for n in slices}) != 1:
            return False
        found = probe.format(slice_pps_id(slices[0], codec))
        if found is None:
            return False
        return bool(sets) or _may_follow(slices[0], newest, codec, probe)
    except ProtocolError:
        return False


def _may_follow(nal: bytes, newest: bytes, codec: str, store: ParameterSetStore) -> bool:
    """Return whether, by its header fields, the slice may follow the previous picture. Raises ProtocolError."""
    if codec == "h265":
        if not newest or slice_pps_id(nal, codec) != slice_pps_id(newest, codec) or nal[1] != newest[1]:
            return False
        return nal[0] == newest[0] or (
            is_key_type(nal_type(newest, codec), codec) and not is_key_type(nal_type(nal, codec), codec)
        )
    frame_num, bits = _frame_num(nal, store)
    if is_key_type(nal_type(nal, codec), codec):
        return frame_num == 0
    if not newest:
        return False
    return (frame_num - _frame_num(newest, store)[0]) % (1 << bits) <= 1


def _frame_num(nal: bytes, store: ParameterSetStore) -> tuple[int, int]:
    """Return (frame_num, its width in bits) of an H.264 slice (7.3.3). Raises ProtocolError."""
    if slice_type(nal) > 9:
        raise ProtocolError("invalid slice type")
    sps = store.h264_sps(slice_pps_id(nal, "h264"))
    if sps is None:
        raise ProtocolError("unknown parameter set")
    return frame_num_of(nal, sps.frame_num_bits, sps.separate_planes)[0], sps.frame_num_bits
