"""Depacketize the RTP data that many cameras sent since the last poll in one batch, with NumPy.

Parsing RTP packets one by one in Python costs three times as much CPU as everything else in a recorder. The data of
many cameras therefore lies in one arena; this module gathers the packet headers into columns and validates them with
column comparisons. It copies no payload: pictures are slices of the arena, described by a table from which the kernel
writes them (nvr.media.buffers.iovec), and the length of each NAL unit overwrites the RTP header in front of it. An
arena is reused when all its pictures are written (`ArenaPool`).

The batch path handles only the ordinary case: plain RTP headers of one source, no loss, single NAL units and fragmented
ones (RFC 6184 FU-A, RFC 7798 FU), known parameter sets, and whole pictures that end with the marker and in which only
the first slice is flagged as first. A camera that sent anything else is left untouched for the packet-by-packet path
(nvr.media.pictures.depacketizer), which handles every case.

    arena ─ packet_columns ─▶ columns ─ batch_validation ─▶ whole pictures ─ depacketize ─▶ `Depacketizer.extend`
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nvr.media.batch import nal_columns
from nvr.media.batch.batch_validation import validate
from nvr.media.batch.packet_columns import Ints, PacketColumns, Region
from nvr.media.buffers.arena import Arena
from nvr.media.buffers.iovec import IoVec, IoVecTable
from nvr.media.cpu_time import cpu_time
from nvr.media.work_budget import lockstep_shares


def depacketize(arena: Arena, regions: list[Region]) -> None:
    """Pass the complete pictures of each region to its depacketizer.

    Sets `used`, `other_frames`, `skipped_ranges` and `cpu_seconds` of each region. `used` is -1 where nothing was
    processed because the region needs the packet-by-packet path. Bytes from `used` on belong to an incomplete picture,
    except the frames in `skipped_ranges`. Only video waits for more data: audio and BYE packets are available at once,
    also where pictures are rare or have ended.
    """
    began = cpu_time()
    packets = PacketColumns(arena, regions)
    frames = np.bincount(packets.region, minlength=len(regions))
    found = cpu_time()
    packets.classify()
    validate(packets)
    _emit(packets)
    # Frames are found in lock step: a region with more frames than the others pays alone for its additional steps.
    costs = lockstep_shares(frames) * (found - began) + frames / max(1, frames.sum()) * (cpu_time() - found)
    for region, cost in zip(regions, costs.tolist(), strict=True):
        region.cpu_seconds = cost


def _emit(packets: PacketColumns) -> None:
    """Set `used` of every region, and pass its pictures and the positions of its other frames on."""
    for i, region in enumerate(packets.regions):
        region.used = -1 if packets.bad[i] else region.begin
    if len(packets.at):
        for i in np.flatnonzero((packets.code == nal_columns.SKIPPED) & packets.ends).tolist():
            packets.regions[packets.region[i]].depacketizer.counters.skipped_units += 1
        _emit_pictures(packets)
    _assign_other_frames(packets)


def _assign_other_frames(packets: PacketColumns) -> None:
    """Assign the non-video frames to their regions, including those after the last complete picture.

    Only a half received picture stays unread.
    """
    newest_video = packets.newest_video.tolist()
    columns = (packets.other_at.tolist(), packets.other_following.tolist(), packets.other_region.tolist())
    for at, following, index in zip(*columns, strict=True):
        region = packets.regions[index]
        if region.used < 0:
            continue
        region.other_frames.append(at)
        if newest_video[index] >= region.used:
            if at >= region.used:
                region.skipped_ranges.append((at, following))
        else:
            region.used = max(region.used, following)


def _emit_pictures(packets: PacketColumns) -> None:
    """Describe the kept payloads by an `IoVec` table, and pass each region's pictures to its depacketizer."""
    payload = packets.following - packets.at - packets.skip
    header = np.where(packets.fu & packets.starts, np.where(packets.h265, 2, 1), 0)
    _write_lengths(packets, payload + header)
    # A packet's slice begins at the length written before the NAL unit, or at the packet's payload.
    begin = packets.at + np.where(packets.starts, np.where(packets.fu, 13, 12), packets.skip)
    share = np.where(packets.kept, packets.following - begin, 0)
    picture_at = np.flatnonzero(np.concatenate(([True], packets.marker[:-1])))
    sizes = np.add.reduceat(share, picture_at)
    keys = np.logical_or.reduceat(packets.code == nal_columns.KEY_SLICE, picture_at)
    picture_region = packets.region[picture_at]
    indices, first_picture = np.unique(picture_region, return_index=True)
    edges = [*first_picture.tolist(), len(picture_at)]
    kept = np.flatnonzero(packets.kept)
    table = np.empty((len(kept), 2), np.uint64)
    table[:, 0], table[:, 1] = begin[kept] + packets.arena.base, share[kept]
    columns = _Columns(
        table, np.searchsorted(kept, [*picture_at, len(packets.at)]).tolist(),
        [*picture_at.tolist(), len(packets.at)], packets.seq[np.append(picture_at[1:], len(packets.at)) - 1].tolist(),
        packets.following[np.append(picture_at[1:], len(packets.at)) - 1].tolist(),
        packets.ts[picture_at].tolist(), packets.step[picture_at].tolist(), sizes.tolist(), keys.tolist(),
    )  # fmt: skip
    for i, index in enumerate(indices.tolist()):
        columns.emit(packets.arena, packets.regions[index], edges[i], edges[i + 1])


def _write_lengths(packets: PacketColumns, sizes: Ints) -> None:
    """Write the length (and rebuilt header) of each NAL unit over the RTP header before its first payload byte."""
    data = packets.arena.bytes
    at = np.flatnonzero(packets.starts)
    lengths = np.add.reduceat(sizes, at)
    fu, position = packets.fu[at], packets.at[at]
    # The FU indicator and the type in the FU header give the NAL unit header (RFC 6184 5.8, RFC 7798 4.4.3).
    indicator, nal, h265 = data[position + 16], packets.nal[at], packets.h265[at]
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
