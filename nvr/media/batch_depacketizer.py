"""Depacketize the RTP data that many cameras sent since the last poll in one batch, with NumPy.

Parsing RTP packets one by one in Python costs three times as much CPU as everything else in a recorder. The data of
many cameras therefore lies in one arena; this module gathers the packet headers into columns and validates them with
column comparisons. It copies no payload: pictures are slices of the arena, described by a table from which the kernel
writes them (nvr.media.iovec), and the length of each NAL unit overwrites the RTP header in front of it. An arena is
reused when all its pictures are written (`ArenaPool`).

The batch path handles only the ordinary case: plain RTP headers of one source, no loss, single NAL units and fragmented
ones (RFC 6184 FU-A, RFC 7798 FU), known parameter sets, and whole pictures that end with the marker and in which only
the first slice is flagged as first. A camera that sent anything else is left untouched for the packet-by-packet path
(nvr.media.depacketizer), which handles every case.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from core.errors import ProtocolError
from nvr.media import nal_columns
from nvr.media.arena import HEADER_BYTES, Arena
from nvr.media.cpu_time import cpu_time
from nvr.media.depacketizer import Depacketizer
from nvr.media.iovec import IoVec, IoVecTable
from nvr.media.nal_units import START_CODE, is_valid_sei, slice_pps_id
from nvr.media.picture_times import MAX_JUMP
from nvr.media.work_budget import lockstep_shares

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_MAX_FRAMES_PER_REGION = 1024  # interleaved frames per region; ordinary cameras fill a region with a few hundred
_MAX_SINGLE_CHECKS = 128  # packets per region that are inspected one by one in Python
_MAX_START_CODES = 64  # start codes per region outside slices
_MIN_FRAME_BYTES = (
    8  # bytes of payload in an interleaved frame: an empty RTCP report; a delimiter in its own packet has 14
)
_MAX_SCANNED_BYTES = 262_144  # bytes of all regions together that one batch searches for start codes inside slices
_scan_start = itertools.count()  # rotates which region the search begins with
_MAX_DELIMITER = 4  # bytes; a longer delimiter contains something else
_COLUMNS = (
    "at",
    "lane",
    "following",
    "marker",
    "seq",
    "ts",
    "step",
    "fu",
    "starts",
    "ends",
    "nal",
    "h265",
    "skip",
    "code",
    "kept",
    "key_head",
)


@dataclass(slots=True)
class Region:
    """One camera's data in the arena, and the description of its video track."""

    depacketizer: Depacketizer
    begin: int
    end: int
    channel: int
    payload_type: int
    h265: bool
    ssrc: int
    cpu_seconds: float = 0.0  # set by `depacketize`: CPU time, this camera's share of the batch
    used: int = 0  # set by `depacketize`: position of the first unprocessed byte
    other_frames: list[int] = field(default_factory=list)  # positions of frames on other channels: audio, RTCP
    skipped_ranges: list[tuple[int, int]] = field(default_factory=list)  # (begin, end) of those of them after `used`

    def unread(self, view: memoryview) -> bytes:
        """Return the bytes to process again with the next data: the incomplete picture and the incomplete frame."""
        if not self.skipped_ranges:
            return bytes(view[self.used : self.end])
        begins = [self.used, *(following for _, following in self.skipped_ranges)]
        ends = [*(at for at, _ in self.skipped_ranges), self.end]
        return b"".join(view[begin:end] for begin, end in zip(begins, ends, strict=True))


def depacketize(arena: Arena, regions: list[Region]) -> None:
    """Pass the complete pictures of each region to its depacketizer; set `used`, `other_frames`, `skipped_ranges` and `cpu_seconds`.

    `used` is -1 where nothing was processed because the region needs the packet-by-packet path. Bytes from `used` on
    belong to an incomplete picture, except the frames in `skipped_ranges`. Only video waits for more data: audio and BYE
    packets are delivered at once, also where pictures are rare or have ended.
    """
    began = cpu_time()
    packets = _Packets(arena, regions)
    frames = np.bincount(packets.region, minlength=len(regions))
    found = cpu_time()
    packets.classify()
    packets.validate()
    packets.emit()
    # Frames are found in lock step: a region with more frames than the others pays alone for its additional steps.
    costs = lockstep_shares(frames) * (found - began) + frames / max(1, frames.sum()) * (cpu_time() - found)
    for region, cost in zip(regions, costs.tolist(), strict=True):
        region.cpu_seconds = cost


class _Packets:
    """Columns with one row per packet; the packets of a region are adjacent and in order."""

    def __init__(self, arena: Arena, regions: list[Region]):
        self._arena = arena
        self._regions = regions
        self._bad = np.zeros(len(regions), bool)  # regions for the packet-by-packet path
        self.at, self.region = self._find()
        self.headers = arena.headers[self.at]
        size = (self.headers[:, 2].astype(np.int64) << 8) | self.headers[:, 3]
        self.following = self.at + 4 + size

    def _find(self) -> tuple[Ints, npt.NDArray[np.int16]]:
        """Return (position, region index) of every complete interleaved frame.

        The position of a frame depends on the length of the one before it. The regions therefore advance in lock step:
        the first frame of each, then the second of each, and so on.
        """
        words = self._arena.words
        position = np.array([r.begin for r in self._regions], np.int64)
        ends = np.array([r.end for r in self._regions], np.int64)
        active = np.arange(len(self._regions), dtype=np.int16)
        places, lanes = list[Ints](), list[npt.NDArray[np.int16]]()
        while active.size:
            if len(places) == _MAX_FRAMES_PER_REGION:  # tiny frames: parse this camera alone, and charge it alone
                self._bad[active] = True
                break
            word = words[position].astype(np.int64)
            size = word & 0xFFFF
            following = position + size + 4
            framed = (word >> 24 == 0x24) & (size >= _MIN_FRAME_BYTES)
            whole = framed & (following <= ends)
            if not whole.all():
                # No `$` although enough data follows: framing is lost. Otherwise the frame continues in the next poll.
                self._bad[active[~framed & (position + HEADER_BYTES <= ends)]] = True
                active, position, ends, following = active[whole], position[whole], ends[whole], following[whole]
            places.append(position)
            lanes.append(active)
            position = following
        place, lane = np.concatenate(places), np.concatenate(lanes)
        order = np.argsort(lane, kind="stable")
        return place[order], lane[order]

    def classify(self) -> None:
        """Keep the video packets; store the positions of the other frames."""
        regions, lane, head = self._regions, self.region, self.headers
        channel = np.array([r.channel for r in regions], np.uint8)[lane]
        kind = np.array([r.payload_type for r in regions], np.uint8)[lane]
        on_channel = head[:, 1] == channel
        source = np.array([r.ssrc for r in regions], np.int64)[lane]
        ssrc = np.ascontiguousarray(head[:, 12:16]).view(">u4")[:, 0]
        video = on_channel & (head[:, 4] == 0x80) & (head[:, 5] & 0x7F == kind) & (ssrc == source)
        self._bad[lane[on_channel & ~video]] = True
        self._others_at, self._others_following, self._others_region = (
            self.at[~video],
            self.following[~video],
            lane[~video],
        )
        self._newest_video = np.full(len(regions), -1)
        self._newest_video[lane[video]] = self.at[video]  # for equal indices the last assignment wins
        self.at, self.region, self.following, self.headers = (
            self.at[video],
            lane[video],
            self.following[video],
            head[video],
        )
        self._header_fields()

    def _header_fields(self) -> None:
        head, lane = self.headers, self.region
        self.marker: Bools = head[:, 5] >= 0x80
        self.seq = (head[:, 6].astype(np.int64) << 8) | head[:, 7]
        self.ts = np.ascontiguousarray(head[:, 8:12]).view(">u4")[:, 0].astype(np.int64)
        self.h265 = h265 = np.array([r.h265 for r in self._regions], bool)[lane]
        table = h265.astype(np.int64) << 6
        first, second = head[:, 16], head[:, 17]
        indicator = np.where(h265, first >> 1 & 63, first & 31)
        flags = np.where(h265, head[:, 18], second)
        form = nal_columns.FORMS[table + indicator]
        self.fu: Bools = form == nal_columns.FRAGMENT
        single = form == nal_columns.NAL
        self.starts: Bools = single | (self.fu & (flags >= 0x80))
        self.ends: Bools = single | (self.fu & (flags & 0x40 != 0))
        self.nal = np.where(self.fu, np.where(h265, flags & 63, flags & 31), indicator)
        self.code = code = nal_columns.CODES[table + self.nal]
        # forbidden_zero_bit; H.265: nuh_layer_id other than 0, nuh_temporal_id_plus1 of 0.
        other_layer = h265 & ((first & 1 != 0) | (second & 0xF8 != 0) | (second & 7 == 0))
        self.odd: Bools = (form == 0) | (code == nal_columns.ODD) | (first >= 0x80) | other_layer
        self.skip = np.where(self.fu, np.where(h265, 19, 18), 16)
        self.kept: Bools = nal_columns.KEPT[code]

    def validate(self) -> None:
        """Mark the regions that contain anything out of the ordinary, and cut off unfinished pictures."""
        lane, count = self.region, len(self.region)
        first = np.ones(count, bool)
        first[1:] = lane[1:] != lane[:-1]
        before = np.arange(count) - 1
        expected = (self.seq[before] + 1) & 0xFFFF
        previous_ts = self.ts[before]
        ended, marked = self.ends[before], self.marker[before]
        where = np.flatnonzero(first)
        depacketizers = [self._regions[i].depacketizer for i in lane[where].tolist()]
        expected[where] = [a.next_seq for a in depacketizers]
        previous_ts[where] = [a.rtp_time for a in depacketizers]
        ended[where] = marked[where] = True
        self.step = step = ((self.ts - previous_ts + 0x80000000) & 0xFFFFFFFF) - 0x80000000
        picture: Ints = np.cumsum(marked, dtype=np.int64)  # number of the picture, counted across all regions
        odd = (
            self.odd
            | (self.seq != expected)
            | (self.starts != ended)  # a NAL unit begins where the one before it ended
            | ((step != 0) != marked)  # a picture begins where the one before it ended
            | (self.marker & ~self.ends)
            | (self.following <= self.at + self.skip)
            | (np.abs(step) > MAX_JUMP)
        )
        self._validate_slices(odd, picture)
        self._validate_small_units(odd)
        self._bad[lane[odd]] = True
        self._drop_unfinished()
        self._validate_contents()
        self._search_start_codes(next(_scan_start) * 7)
        self._keep(~self._bad[self.region])

    def _validate_slices(self, odd: Bools, picture: Ints) -> None:
        """Require that each picture has a slice, and that its first slice, and no other, is flagged as first."""
        slices = np.flatnonzero(self.starts & ((self.code == nal_columns.SLICE) | (self.code == nal_columns.KEY_SLICE)))
        of, key = picture[slices], self.code[slices] == nal_columns.KEY_SLICE
        at = 17 + self.h265[slices] + self.fu[slices]
        first = self.headers[slices, at] >= 0x80
        opens = np.ones(len(slices), bool)
        opens[1:] = of[1:] != of[:-1]
        same_kind = opens.copy()
        same_kind[1:] |= key[1:] == key[:-1]
        odd[slices] |= (first != opens) | ~same_kind | (self.following[slices] <= self.at[slices] + at)
        self.key_head: Bools = np.zeros(len(self.at), bool)
        self.key_head[slices[opens & key]] = True
        ends = np.flatnonzero(self.marker)
        odd[ends] |= np.bincount(of, minlength=int(picture[-1]) + 1 if len(picture) else 1)[picture[ends]] == 0

    def _validate_small_units(self, odd: Bools) -> None:
        """Require that delimiters and SEI contain nothing else."""
        small = np.flatnonzero(
            (self.code == nal_columns.SEI) | (self.code == nal_columns.SET) | (self.code == nal_columns.DROPPED)
        )
        code, size = self.code[small], self.following[small] - self.at[small] - 16
        filler = (self.nal[small] == 12) | (self.nal[small] == 38)
        odd[small] |= self.fu[small] & ~filler & (code != nal_columns.SEI)
        odd[small] |= (code == nal_columns.DROPPED) & ~filler & (size > _MAX_DELIMITER)

    def _validate_contents(self) -> None:
        """Check parameter sets, SEI and the PPS ids of keyframes; they are few enough to be inspected one by one."""
        view = self._arena.view
        sets = np.flatnonzero((self.code == nal_columns.SET) & ~self._bad[self.region])
        looks = np.concatenate((sets, self._long_sei(), np.flatnonzero(self.key_head)))
        self._bad |= np.bincount(self.region[looks], minlength=len(self._regions)) > _MAX_SINGLE_CHECKS
        for i in sets[~self._bad[self.region[sets]]].tolist():
            region = self._regions[self.region[i]]
            if not region.depacketizer.is_known_parameter_set(bytes(view[self.at[i] + 16 : self.following[i]])):
                self._bad[self.region[i]] = True
        for i in self._long_sei().tolist():
            nal = self._unit(i)
            if START_CODE in nal or not is_valid_sei(nal, "h265" if self.h265[i] else "h264"):
                self._bad[self.region[i]] = True
        for i in np.flatnonzero(self.key_head & ~self._bad[self.region]).tolist():
            if self._pps_of(i) != self._regions[self.region[i]].depacketizer.pps_id:
                self._bad[self.region[i]] = True

    def _search_start_codes(self, turn: int) -> None:
        """Search slices for Annex B start codes, within a byte limit per batch.

        A camera that sends byte streams normally shows it in its first pictures, which take the packet-by-packet path.
        A camera that begins later is found after a while, because `turn` rotates the first region; with few cameras it
        is found at once.
        """
        count, left = len(self._regions), _MAX_SCANNED_BYTES
        for k in range(count):
            i = (turn + k) % count
            left -= self._regions[i].end - self._regions[i].begin
            if left < 0 and k:
                return
            self._bad[i] |= self._has_start_code(i)

    def _has_start_code(self, i: int) -> bool:
        region = self._regions[i]
        rows, left = None, _MAX_START_CODES
        found = self._arena.buffer.find(START_CODE, region.begin, region.end)
        while found >= 0 and left:
            rows = np.flatnonzero(self.region == i) if rows is None else rows
            row = (
                rows[np.searchsorted(self.at[rows], found, "right") - 1]
                if len(rows) and found > self.at[rows[0]]
                else -1
            )
            inside = row >= 0 and self.at[row] + self.skip[row] <= found <= self.following[row] - 3
            if inside and self.code[row] in (nal_columns.SLICE, nal_columns.KEY_SLICE):
                return True
            # Start codes inside RTP headers do not count: with an SSRC of 1 every header contains one.
            left -= row < 0 or found >= self.at[row] + 16
            found = self._arena.buffer.find(START_CODE, found + 1, region.end)
        return bool(found >= 0)

    def _long_sei(self) -> Ints:
        """Return the rows of SEI that are not simply one message with a one-byte size."""
        sei = np.flatnonzero((self.code == nal_columns.SEI) & self.starts & ~self._bad[self.region])
        if not len(sei):
            return sei
        at, following = self.at[sei] + 17 + self.h265[sei], self.following[sei]
        kind, size = self._arena.bytes[at].astype(np.int64), self._arena.bytes[at + 1].astype(np.int64)
        plain = (
            ~self.fu[sei]
            & (kind < 255)
            & (size < 255)
            & (at + 3 + size == following)
            & (self._arena.bytes[following - 1] == 0x80)
        )
        long: Ints = sei[~plain]
        return long

    def _unit(self, i: int, most: int = 1 << 30) -> bytes:
        """Return the received part of the NAL unit that begins with packet i: header, up to `most` bytes per packet."""
        # Only the type in the header matters here.
        header = bytes((int(self.nal[i]) << 1, 1) if self.h265[i] else (int(self.nal[i]),))
        skip = 0 if self.fu[i] else len(header)
        pieces = [header]
        while True:
            begin = int(self.at[i] + self.skip[i]) + skip
            pieces.append(bytes(self._arena.view[begin : min(int(self.following[i]), begin + most)]))
            if self.ends[i] or i + 1 == len(self.at) or most < 1 << 30:
                return b"".join(pieces)
            i += 1

    def _pps_of(self, i: int) -> int:
        """Return the PPS id of the slice that begins with packet i; -1 where its header is truncated."""
        try:
            return slice_pps_id(self._unit(i, 32), "h265" if self.h265[i] else "h264")
        except ProtocolError:
            return -1

    def _drop_unfinished(self) -> None:
        """Keep only the packets up to the last marker of each good region."""
        lane, count = self.region, len(self.region)
        last_marker = np.full(len(self._regions), -1)
        marked = np.flatnonzero(self.marker)
        last_marker[lane[marked]] = marked  # for equal indices the last assignment wins
        self._keep(~self._bad[lane] & (np.arange(count) <= last_marker[lane]))

    def _keep(self, rows: Bools) -> None:
        if rows.all():
            return
        for name in _COLUMNS:
            setattr(self, name, getattr(self, name)[rows])

    def emit(self) -> None:
        """Set `used` of every region, and pass its pictures and the positions of its other frames on."""
        for i, region in enumerate(self._regions):
            region.used = -1 if self._bad[i] else region.begin
        if len(self.at):
            for i in np.flatnonzero((self.code == nal_columns.SKIPPED) & self.ends).tolist():
                self._regions[self.region[i]].depacketizer.counters.skipped_units += 1
            self._emit_pictures()
        self._assign_others()

    def _assign_others(self) -> None:
        """Assign the non-video frames to their regions, including those after the last complete picture.

        Only a half received picture stays unread.
        """
        newest_video = self._newest_video.tolist()
        columns = (self._others_at.tolist(), self._others_following.tolist(), self._others_region.tolist())
        for at, following, lane in zip(*columns, strict=True):
            region = self._regions[lane]
            if region.used < 0:
                continue
            region.other_frames.append(at)
            if newest_video[lane] >= region.used:
                if at >= region.used:
                    region.skipped_ranges.append((at, following))
            else:
                region.used = max(region.used, following)

    def _emit_pictures(self) -> None:
        payload = self.following - self.at - self.skip
        header = np.where(self.fu & self.starts, np.where(self.h265, 2, 1), 0)
        self._write_lengths(payload + header)
        # A packet's slice begins at the length written before the NAL unit, or at the packet's payload.
        begin = self.at + np.where(self.starts, np.where(self.fu, 13, 12), self.skip)
        share = np.where(self.kept, self.following - begin, 0)
        picture_at = np.flatnonzero(np.concatenate(([True], self.marker[:-1])))
        sizes = np.add.reduceat(share, picture_at)
        keys = np.logical_or.reduceat(self.code == nal_columns.KEY_SLICE, picture_at)
        picture_lane = self.region[picture_at]
        lanes, first_picture = np.unique(picture_lane, return_index=True)
        edges = [*first_picture.tolist(), len(picture_at)]
        kept = np.flatnonzero(self.kept)
        table = np.empty((len(kept), 2), np.uint64)
        table[:, 0], table[:, 1] = begin[kept] + self._arena.base, share[kept]
        columns = _Columns(
            table, np.searchsorted(kept, [*picture_at, len(self.at)]).tolist(),
            [*picture_at.tolist(), len(self.at)], self.seq[np.append(picture_at[1:], len(self.at)) - 1].tolist(),
            self.following[np.append(picture_at[1:], len(self.at)) - 1].tolist(),
            self.ts[picture_at].tolist(), self.step[picture_at].tolist(), sizes.tolist(), keys.tolist(),
        )  # fmt: skip
        for i, lane in enumerate(lanes.tolist()):
            columns.emit(self._arena, self._regions[lane], edges[i], edges[i + 1])

    def _write_lengths(self, sizes: Ints) -> None:
        """Write the length (and rebuilt header) of each NAL unit over the RTP header before its first payload byte."""
        data = self._arena.bytes
        at = np.flatnonzero(self.starts)
        lengths = np.add.reduceat(sizes, at)
        fu, position = self.fu[at], self.at[at]
        # The FU indicator and the type in the FU header give the NAL unit header (RFC 6184 5.8, RFC 7798 4.4.3).
        indicator, nal, h265 = data[position + 16], self.nal[at], self.h265[at]
        second = data[position + 17]
        old, new = fu & ~h265, fu & h265
        data[position[old] + 17] = indicator[old] & 0xE0 | nal[old].astype(np.uint8)
        data[position[new] + 17] = indicator[new] & 0x81 | nal[new].astype(np.uint8) << 1
        data[position[new] + 18] = second[new]
        target = position + np.where(fu, 13, 12)
        for byte in range(4):
            data[target + byte] = lengths >> (24 - 8 * byte) & 0xFF


@dataclass(slots=True)
class _Columns:
    """Slices of payload, and pictures as Python lists."""

    table: IoVecTable  # addresses and lengths of the slices
    slice_at: list[int]  # first slice of each picture; one more at the end
    packet_at: list[int]  # first packet of each picture; one more at the end
    seq: list[int]  # sequence number of the last packet of each picture
    stop: list[int]  # end position of the last packet of each picture
    ts: list[int]
    steps: list[int]  # difference to the timestamp of the previous picture
    sizes: list[int]
    keys: list[bool]

    def emit(self, arena: Arena, region: Region, first: int, last: int) -> None:
        """Pass pictures first … last-1 of a region to its depacketizer, in runs that each begin at a keyframe."""
        start = first
        while start < last:
            stop = last
            if True in self.keys[start + 1 : last]:
                stop = self.keys.index(True, start + 1, last)
            pieces = IoVec(arena.view, arena.base, self.table[self.slice_at[start] : self.slice_at[stop]])
            region.depacketizer.extend(
                self.ts[start:stop], self.steps[start:stop], self.sizes[start:stop], self.keys[start], pieces,
                self.packet_at[stop] - self.packet_at[start], (self.seq[stop - 1] + 1) & 0xFFFF,
            )  # fmt: skip
            start = stop
        region.used = self.stop[last - 1]
