"""Packets of many cameras as NumPy columns: find the interleaved frames in the arena, and parse their headers.

Input are the regions of an arena, one per camera; `PacketColumns` has one row per video packet. The columns are
validated by nvr.media.batch.batch_validation and emitted by nvr.media.batch.batch_depacketizer.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from nvr.media.batch import nal_columns
from nvr.media.buffers.arena import HEADER_BYTES, Arena
from nvr.media.pictures.depacketizer import Depacketizer

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_MAX_FRAMES_PER_REGION = 1024  # interleaved frames per region; ordinary cameras fill a region with a few hundred
# Bytes of payload in an interleaved frame: an empty RTCP report has 8, a delimiter in its own packet 14.
_MIN_FRAME_BYTES = 8
_COLUMNS = (
    "at", "region", "following", "marker", "seq", "ts", "step", "fu", "starts", "ends", "nal", "h265", "skip", "code",
    "kept", "key_head",
)  # fmt: skip


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


class PacketColumns:
    """Columns with one row per packet; the packets of a region are adjacent and in order.

    `at` is the position of a packet's interleaved frame in the arena, `following` the position after it, and `region`
    the index of its region.
    """

    step: Ints  # difference to the timestamp of the previous packet; set by nvr.media.batch.batch_validation
    key_head: Bools  # begins the first slice of a keyframe; set by nvr.media.batch.batch_validation

    def __init__(self, arena: Arena, regions: list[Region]):
        self.arena = arena
        self.regions = regions
        self.bad = np.zeros(len(regions), bool)  # regions for the packet-by-packet path
        self.at, self.region = self._find()
        self.headers = arena.headers[self.at]
        size = (self.headers[:, 2].astype(np.int64) << 8) | self.headers[:, 3]
        self.following = self.at + 4 + size

    def _find(self) -> tuple[Ints, npt.NDArray[np.int16]]:
        """Return (position, region index) of every complete interleaved frame.

        The position of a frame depends on the length of the one before it. The regions therefore advance in lock step:
        the first frame of each, then the second of each, and so on.
        """
        words = self.arena.words
        position = np.array([r.begin for r in self.regions], np.int64)
        ends = np.array([r.end for r in self.regions], np.int64)
        active = np.arange(len(self.regions), dtype=np.int16)
        places, indices = list[Ints](), list[npt.NDArray[np.int16]]()
        while active.size:
            if len(places) == _MAX_FRAMES_PER_REGION:  # tiny frames: parse this camera alone, and charge it alone
                self.bad[active] = True
                break
            word = words[position].astype(np.int64)
            size = word & 0xFFFF
            following = position + size + 4
            framed = (word >> 24 == 0x24) & (size >= _MIN_FRAME_BYTES)
            whole = framed & (following <= ends)
            if not whole.all():
                # No `$` although enough data follows: framing is lost. Otherwise the frame continues in the next poll.
                self.bad[active[~framed & (position + HEADER_BYTES <= ends)]] = True
                active, position, ends, following = active[whole], position[whole], ends[whole], following[whole]
            places.append(position)
            indices.append(active)
            position = following
        place, region = np.concatenate(places), np.concatenate(indices)
        order = np.argsort(region, kind="stable")
        return place[order], region[order]

    def classify(self) -> None:
        """Keep the video packets; store the positions of the other frames."""
        regions, region, head = self.regions, self.region, self.headers
        channel = np.array([r.channel for r in regions], np.uint8)[region]
        kind = np.array([r.payload_type for r in regions], np.uint8)[region]
        on_channel = head[:, 1] == channel
        source = np.array([r.ssrc for r in regions], np.int64)[region]
        ssrc = np.ascontiguousarray(head[:, 12:16]).view(">u4")[:, 0]
        video = on_channel & (head[:, 4] == 0x80) & (head[:, 5] & 0x7F == kind) & (ssrc == source)
        self.bad[region[on_channel & ~video]] = True
        self.other_at, self.other_following = self.at[~video], self.following[~video]
        self.other_region = region[~video]
        self.newest_video = np.full(len(regions), -1)
        self.newest_video[region[video]] = self.at[video]  # for equal indices the last assignment wins
        self.at, self.region, self.following = self.at[video], region[video], self.following[video]
        self.headers = head[video]
        self._header_fields()

    def _header_fields(self) -> None:
        """Parse the RTP header, and the NAL unit or fragmentation unit header after it."""
        head, region = self.headers, self.region
        self.marker: Bools = head[:, 5] >= 0x80
        self.seq = (head[:, 6].astype(np.int64) << 8) | head[:, 7]
        self.ts = np.ascontiguousarray(head[:, 8:12]).view(">u4")[:, 0].astype(np.int64)
        self.h265 = h265 = np.array([r.h265 for r in self.regions], bool)[region]
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

    def keep(self, rows: Bools) -> None:
        """Drop all other rows."""
        if rows.all():
            return
        for name in _COLUMNS:
            setattr(self, name, getattr(self, name)[rows])
