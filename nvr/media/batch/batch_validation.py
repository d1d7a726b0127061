"""Validate a batch of packets: which regions contain only the ordinary case that batch_depacketizer handles.

A region with anything else is marked in `PacketColumns.bad` and left to the packet-by-packet path. Afterwards the
columns contain only the whole pictures of the good regions.
"""

from __future__ import annotations

import itertools

import numpy as np

from core.errors import ProtocolError
from nvr.media.batch import nal_columns
from nvr.media.batch.packet_columns import Bools, Ints, PacketColumns
from nvr.media.codec.nal_units import START_CODE, is_valid_sei, slice_pps_id
from nvr.media.pictures.picture_times import MAX_JUMP

_MAX_SINGLE_CHECKS = 128  # packets per region that are inspected one by one in Python
_MAX_START_CODES = 64  # start codes per region outside slices
_MAX_SCANNED_BYTES = 262_144  # bytes of all regions together that one batch searches for start codes inside slices
_MAX_DELIMITER = 4  # bytes; a longer delimiter contains something else
_scan_start = itertools.count()  # rotates which region the search begins with


def validate(packets: PacketColumns) -> None:
    """Mark the regions that contain anything out of the ordinary, and cut off unfinished pictures."""
    region, count = packets.region, len(packets.region)
    first = np.ones(count, bool)
    first[1:] = region[1:] != region[:-1]
    before = np.arange(count) - 1
    expected = (packets.seq[before] + 1) & 0xFFFF
    previous_ts = packets.ts[before]
    ended, marked = packets.ends[before], packets.marker[before]
    where = np.flatnonzero(first)
    depacketizers = [packets.regions[i].depacketizer for i in region[where].tolist()]
    expected[where] = [d.next_seq for d in depacketizers]
    previous_ts[where] = [d.rtp_time for d in depacketizers]
    ended[where] = marked[where] = True
    packets.step = step = ((packets.ts - previous_ts + 0x80000000) & 0xFFFFFFFF) - 0x80000000
    picture: Ints = np.cumsum(marked, dtype=np.int64)  # number of the picture, counted across all regions
    odd = (
        packets.odd
        | (packets.seq != expected)
        | (packets.starts != ended)  # a NAL unit begins where the one before it ended
        | (~packets.starts & (packets.nal != packets.nal[before]))  # and all its fragments say the same type
        | ((step != 0) != marked)  # a picture begins where the one before it ended
        | (packets.marker & ~packets.ends)
        | (packets.following <= packets.at + packets.skip)
        | (np.abs(step) > MAX_JUMP)
    )
    _validate_slices(packets, odd, picture)
    _validate_small_units(packets, odd)
    packets.bad[region[odd]] = True
    _drop_unfinished(packets)
    _validate_contents(packets)
    _search_start_codes(packets, next(_scan_start) * 7)
    packets.keep(~packets.bad[packets.region])


def _validate_slices(packets: PacketColumns, odd: Bools, picture: Ints) -> None:
    """Require that each picture has a slice, and that its first slice, and no other, is flagged as first."""
    slices = np.flatnonzero(
        packets.starts & ((packets.code == nal_columns.SLICE) | (packets.code == nal_columns.KEY_SLICE))
    )
    of, key = picture[slices], packets.code[slices] == nal_columns.KEY_SLICE
    at = 17 + packets.h265[slices] + packets.fu[slices]
    first = packets.headers[slices, at] >= 0x80
    opens = np.ones(len(slices), bool)
    opens[1:] = of[1:] != of[:-1]
    same_kind = opens.copy()
    same_kind[1:] |= key[1:] == key[:-1]
    odd[slices] |= (first != opens) | ~same_kind | (packets.following[slices] <= packets.at[slices] + at)
    packets.key_head = np.zeros(len(packets.at), bool)
    packets.key_head[slices[opens & key]] = True
    ends = np.flatnonzero(packets.marker)
    odd[ends] |= np.bincount(of, minlength=int(picture[-1]) + 1 if len(picture) else 1)[picture[ends]] == 0


def _validate_small_units(packets: PacketColumns, odd: Bools) -> None:
    """Require that delimiters and SEI contain nothing else."""
    small = np.flatnonzero(
        (packets.code == nal_columns.SEI) | (packets.code == nal_columns.SET) | (packets.code == nal_columns.DROPPED)
    )
    code, size = packets.code[small], packets.following[small] - packets.at[small] - 16
    filler = (packets.nal[small] == 12) | (packets.nal[small] == 38)
    odd[small] |= packets.fu[small] & ~filler & (code != nal_columns.SEI)
    odd[small] |= (code == nal_columns.DROPPED) & ~filler & (size > _MAX_DELIMITER)


def _validate_contents(packets: PacketColumns) -> None:
    """Check parameter sets, SEI and the PPS ids of keyframes; they are few enough to be inspected one by one."""
    view = packets.arena.view
    sets = np.flatnonzero((packets.code == nal_columns.SET) & ~packets.bad[packets.region])
    singles = np.concatenate((sets, _long_sei(packets), np.flatnonzero(packets.key_head)))
    packets.bad |= np.bincount(packets.region[singles], minlength=len(packets.regions)) > _MAX_SINGLE_CHECKS
    for i in sets[~packets.bad[packets.region[sets]]].tolist():
        region = packets.regions[packets.region[i]]
        if not region.depacketizer.is_known_parameter_set(bytes(view[packets.at[i] + 16 : packets.following[i]])):
            packets.bad[packets.region[i]] = True
    for i in _long_sei(packets).tolist():
        nal = _unit(packets, i)
        if START_CODE in nal or not is_valid_sei(nal, "h265" if packets.h265[i] else "h264"):
            packets.bad[packets.region[i]] = True
    for i in np.flatnonzero(packets.key_head & ~packets.bad[packets.region]).tolist():
        if _pps_of(packets, i) != packets.regions[packets.region[i]].depacketizer.pps_id:
            packets.bad[packets.region[i]] = True


def _search_start_codes(packets: PacketColumns, turn: int) -> None:
    """Search slices for Annex B start codes, within a byte limit per batch.

    A camera that sends byte streams normally shows it in its first pictures, which take the packet-by-packet path.
    A camera that begins later is found after a while, because `turn` rotates the first region; with few cameras it
    is found at once.
    """
    count, left = len(packets.regions), _MAX_SCANNED_BYTES
    for k in range(count):
        i = (turn + k) % count
        left -= packets.regions[i].end - packets.regions[i].begin
        if left < 0 and k:
            return
        packets.bad[i] |= _has_start_code(packets, i)


def _has_start_code(packets: PacketColumns, i: int) -> bool:
    region = packets.regions[i]
    rows, left = None, _MAX_START_CODES
    found = packets.arena.buffer.find(START_CODE, region.begin, region.end)
    while found >= 0 and left:
        rows = np.flatnonzero(packets.region == i) if rows is None else rows
        row = (
            rows[np.searchsorted(packets.at[rows], found, "right") - 1]
            if len(rows) and found > packets.at[rows[0]]
            else -1
        )
        inside = row >= 0 and packets.at[row] + packets.skip[row] <= found <= packets.following[row] - 3
        if inside and packets.code[row] in (nal_columns.SLICE, nal_columns.KEY_SLICE):
            return True
        # Start codes inside RTP headers do not count: with an SSRC of 1 every header contains one.
        left -= row < 0 or found >= packets.at[row] + 16
        found = packets.arena.buffer.find(START_CODE, found + 1, region.end)
    return bool(found >= 0)


def _long_sei(packets: PacketColumns) -> Ints:
    """Return the rows of SEI that are not simply one message with a one-byte size."""
    sei = np.flatnonzero((packets.code == nal_columns.SEI) & packets.starts & ~packets.bad[packets.region])
    if not len(sei):
        return sei
    at, following = packets.at[sei] + 17 + packets.h265[sei], packets.following[sei]
    kind, size = packets.arena.bytes[at].astype(np.int64), packets.arena.bytes[at + 1].astype(np.int64)
    plain = (
        ~packets.fu[sei]
        & (kind < 255)
        & (size < 255)
        & (at + 3 + size == following)
        & (packets.arena.bytes[following - 1] == 0x80)
    )
    long: Ints = sei[~plain]
    return long


def _unit(packets: PacketColumns, i: int, most: int = 1 << 30) -> bytes:
    """Return the received part of the NAL unit that begins with packet i: header, up to `most` bytes per packet."""
    # Only the type in the header matters here.
    header = bytes((int(packets.nal[i]) << 1, 1) if packets.h265[i] else (int(packets.nal[i]),))
    skip = 0 if packets.fu[i] else len(header)
    pieces = [header]
    while True:
        begin = int(packets.at[i] + packets.skip[i]) + skip
        pieces.append(bytes(packets.arena.view[begin : min(int(packets.following[i]), begin + most)]))
        if packets.ends[i] or i + 1 == len(packets.at) or most < 1 << 30:
            return b"".join(pieces)
        i += 1


def _pps_of(packets: PacketColumns, i: int) -> int:
    """Return the PPS id of the slice that begins with packet i; -1 where its header is truncated."""
    try:
        return slice_pps_id(_unit(packets, i, 32), "h265" if packets.h265[i] else "h264")
    except ProtocolError:
        return -1


def _drop_unfinished(packets: PacketColumns) -> None:
    """Keep only the packets up to the last marker of each good region."""
    region, count = packets.region, len(packets.region)
    last_marker = np.full(len(packets.regions), -1)
    marked = np.flatnonzero(packets.marker)
    last_marker[region[marked]] = marked  # for equal indices the last assignment wins
    packets.keep(~packets.bad[region] & (np.arange(count) <= last_marker[region]))
