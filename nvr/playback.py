"""Playback: HLS over the segment files themselves, and clips assembled without re-encoding.

A playlist lists GOPs as byte ranges of the recorded files (RFC 8216: EXT-X-MAP, EXT-X-BYTERANGE,
EXT-X-PROGRAM-DATE-TIME, EXT-X-GAP); nothing is copied or remuxed for it.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import av

from core.clock import from_microseconds
from core.errors import NotFoundError
from nvr import fmp4
from nvr.reader import LocatedGop

MAX_HLS_US = 6 * 3600 * 1_000_000
GAP_US = 1_000_000


def playlist(gops: Sequence[LocatedGop], segment_ids: dict[Path, int], *, live: bool) -> str:
    """HLS playlist of GOPs in order. `segment_ids` gives each file its public name; `live` leaves it open."""
    longest = max((g.end_us - g.start_us for g in gops), default=2_000_000)
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:8",
        f"#EXT-X-TARGETDURATION:{-(-longest // 1_000_000) or 1}",
        "#EXT-X-INDEPENDENT-SEGMENTS",
    ]
    lines += ["#EXT-X-PLAYLIST-TYPE:" + ("EVENT" if live else "VOD")]
    current: Path | None = None
    previous_end: int | None = None
    for gop in gops:
        if previous_end is not None and gop.start_us - previous_end > GAP_US:
            lines += [
                "#EXT-X-DISCONTINUITY",
                _moment(previous_end),
                "#EXT-X-GAP",
                f"#EXTINF:{(gop.start_us - previous_end) / 1e6:.3f},",
                "gap",
            ]
            current = None
        name = f"segment/{segment_ids[gop.path]}"
        if gop.path != current:
            init_size = len(fmp4.read_init(gop.path))
            if previous_end is not None:
                lines.append("#EXT-X-DISCONTINUITY")
            lines += [f'#EXT-X-MAP:URI="{name}",BYTERANGE="{init_size}@0"', _moment(gop.start_us)]
            current = gop.path
        lines += [f"#EXTINF:{(gop.end_us - gop.start_us) / 1e6:.3f},", f"#EXT-X-BYTERANGE:{gop.size}@{gop.offset}", name]
        previous_end = gop.end_us
    if not live:
        lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"


def _moment(us: int) -> str:
    return f"#EXT-X-PROGRAM-DATE-TIME:{from_microseconds(us).isoformat(timespec='milliseconds').replace('+00:00', 'Z')}"


def write_clip(gops: Sequence[LocatedGop], target: Path) -> int:
    """Write GOPs as one standard MP4, samples bit for bit as recorded; returns the number of pictures.

    Where the picture's format changes in the range, the clip ends there. Raises NotFoundError where
    nothing is recorded.
    """
    if not gops:
        raise NotFoundError("nothing is recorded in this range")
    first_init = fmp4.read_init(gops[0].path)
    pictures = 0
    with av.open(
        str(target), "w", format="mp4", options={"movflags": "faststart", "video_track_timescale": str(fmp4.TIMESCALE)}
    ) as output:
        stream = None
        for gop in gops:
            init = fmp4.read_init(gop.path)
            if fmp4.codec_configuration(init) != fmp4.codec_configuration(first_init):
                break
            with av.open(io.BytesIO(init + _bytes(gop)), "r") as source:
                track = source.streams.video[0]
                if stream is None:
                    stream = output.add_stream_from_template(track)
                    stream.time_base = track.time_base
                start: int | None = None
                for packet in source.demux(track):
                    if packet.dts is None:
                        continue
                    start = packet.dts if start is None else start
                    shift = (gop.start_us - gops[0].start_us) * 9 // 100 - start
                    packet.pts = (packet.pts if packet.pts is not None else packet.dts) + shift
                    packet.dts += shift
                    packet.stream = stream
                    output.mux_one(packet)
                    pictures += 1
    return pictures


def _bytes(gop: LocatedGop) -> bytes:
    with gop.path.open("rb") as f:
        f.seek(gop.offset)
        return f.read(gop.size)
