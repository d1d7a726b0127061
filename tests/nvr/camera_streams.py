"""Coded pictures, and the different ways in which cameras packetise the same pictures into RTP.

Bytes and integers only.
"""

from __future__ import annotations

import re
import struct
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache

from nvr.media.buffers import iovec
from nvr.media.codec.nal_units import NalRole, is_key_type, nal_type, role_of
from nvr.media.mp4 import fmp4
from nvr.media.pictures.depacketizer import Depacketizer
from nvr.media.samples import FragmentSamples, StreamCounters
from nvr.rtsp.sdp import VideoCodec

STEP = 3600  # 25 pictures a second at 90 kHz
Unit = list[bytes]  # NAL units of a picture, parameter sets first


@cache
def encode(
    codec: str, size: str = "128x96", count: int = 12, gop: int = 5, params: str = "", source: str = "testsrc2"
) -> list[Unit]:
    """Return pictures encoded by x264 or x265, one list of NAL units each.

    Parameter sets precede every keyframe; access unit delimiters are removed.
    """
    library = "libx264" if codec == "h264" else "libx265"
    fixed = f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes=0:aud=1:repeat-headers=1"
    fixed += "" if codec == "h264" else ":log-level=none:pools=1"
    option = "-x264-params" if codec == "h264" else "-x265-params"
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-f",
        "lavfi",
        "-i",
        f"{source}=s={size}:r=25:d={count / 25}",
        "-an",
        "-pix_fmt",
        "yuv420p",
        "-c:v",
        library,
        "-preset",
        "ultrafast",
        option,
        fixed + (f":{params}" if params else ""),
        "-f",
        "h264" if codec == "h264" else "hevc",
        "-",
    ]
    data = subprocess.run(command, check=True, capture_output=True).stdout
    units: list[Unit] = []
    for piece in re.split(b"\0\0\0\1|\0\0\1", data)[1:]:
        nal = piece.rstrip(b"\0")
        if role_of(nal, codec) is NalRole.DELIMITER:
            units.append([])
        else:
            units[-1].append(nal)
    assert len(units) == count
    return units


def sample(unit: Unit, codec: str) -> bytes:
    """Return the sample that a file stores for a picture: length-prefixed NAL units without parameter sets."""
    kept = [
        n
        for n in unit
        if role_of(n, codec) not in (NalRole.PARAMETER_SET, NalRole.SKIP, NalRole.DELIMITER, NalRole.FILLER)
    ]
    return b"".join(len(n).to_bytes(4, "big") + n for n in kept)


def sets_of(unit: Unit, codec: str) -> list[bytes]:
    return [n for n in unit if role_of(n, codec) is NalRole.PARAMETER_SET]


def slices_of(unit: Unit, codec: str) -> list[bytes]:
    return [n for n in unit if role_of(n, codec) is NalRole.SLICE]


def slices_in(data: bytes, codec: str) -> bytes:
    """Return a sample without its SEI."""
    found, at = [], 0
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        found += [data[at:end]] * (role_of(data[at + 4 : end], codec) is NalRole.SLICE)
        at = end
    return b"".join(found)


def is_key(unit: Unit, codec: str) -> bool:
    return any(is_key_type(nal_type(n, codec), codec) for n in slices_of(unit, codec))


def delimiter(codec: str) -> bytes:
    return b"\x09\xf0" if codec == "h264" else b"\x46\x01\x50"


def sei(codec: str, size: int = 20, stated: int | None = None) -> bytes:
    """Return an SEI with `size` bytes of user data; `stated` is the size in its header."""
    stated = size if stated is None else stated
    return (
        (b"\x06" if codec == "h264" else b"\x4e\x01")
        + b"\x05"
        + b"\xff" * (stated // 255)
        + bytes([stated % 255])
        + b"\x41" * size
        + b"\x80"
    )


def vendor_unit(codec: str, kind: int, size: int = 40) -> bytes:
    """Return a NAL unit of an unknown type, with bytes that look like a start code and a slice."""
    header = bytes([0x60 | kind]) if codec == "h264" else bytes([kind << 1, 1])
    return header + b"\0\0\1" + (b"\x65" if codec == "h264" else b"\x26\x01") + b"\x88" * size


@dataclass(frozen=True, slots=True)
class Packet:
    """One RTP packet; `numbered` assigns `seq`."""

    payload: bytes
    ts: int
    marker: bool = False
    seq: int = 0
    ssrc: int = 0x1111
    payload_type: int = 96
    channel: int = 0

    def framed(self) -> bytes:
        head = struct.pack(
            ">BBHII",
            0x80,
            self.payload_type | (0x80 if self.marker else 0),
            self.seq & 0xFFFF,
            self.ts & 0xFFFFFFFF,
            self.ssrc,
        )
        return struct.pack(">cBH", b"$", self.channel, len(head) + len(self.payload)) + head + self.payload


def numbered(packets: Iterable[Packet], first: int = 65_000) -> list[Packet]:
    return [replace(p, seq=(first + i) & 0xFFFF) for i, p in enumerate(packets)]


def fragments(nal: bytes, codec: str, size: int) -> list[bytes]:
    """Return FU-A (H.264) or FU (H.265) payloads."""
    header = 1 if codec == "h264" else 2
    body = nal[header:]
    kind = nal_type(nal, codec)
    found = []
    for at in range(0, len(body), size):
        flags = (0x80 if at == 0 else 0) | (0x40 if at + size >= len(body) else 0) | kind
        start = (
            bytes([nal[0] & 0xE0 | 28, flags]) if codec == "h264" else bytes([nal[0] & 0x81 | 49 << 1, nal[1], flags])
        )
        found.append(start + body[at : at + size])
    return found


def aggregate(nals: list[bytes], codec: str) -> bytes:
    """Return a STAP-A (H.264) or AP (H.265) payload."""
    return (b"\x78" if codec == "h264" else b"\x60\x01") + b"".join(len(n).to_bytes(2, "big") + n for n in nals)


@dataclass(slots=True)
class Style:
    """How a camera packetises."""

    markers: str = "last"  # last, slice, never, sets, every
    delimiters: bool = False
    sei: int = 0  # bytes of an SEI before each picture; 0: none
    join: str = ""  # NAL units joined by start codes: '' none, 'sets' parameter sets with the slices, 'all'
    leading: bytes = b""  # before each joined unit
    aggregate: bool = False
    size: int = 300  # bytes per fragment
    vendor: tuple[int, ...] = ()  # types of NAL units between the slices
    stamp: str = "picture"  # 'sets_before': parameter sets and SEI have the timestamp of the picture before
    ends: bool = True  # set the end bit of the last fragment
    trailing: int = 0  # bytes of an SEI after each picture, which then carries the marker; 0: none


def packetise(units: list[Unit], codec: str, style: Style, first_ts: int = 1000) -> list[Packet]:
    """Return all packets of the pictures, numbered."""
    found: list[Packet] = []
    for number, unit in enumerate(units):
        found += _picture(unit, codec, style, first_ts + number * STEP)
    return numbered(found)


def _picture(unit: Unit, codec: str, style: Style, ts: int) -> Iterator[Packet]:
    nals = [delimiter(codec)] * style.delimiters + sets_of(unit, codec)
    nals += [sei(codec, style.sei)] * bool(style.sei)
    head, slices = nals, [n for n in unit if n not in nals]
    vendors = [vendor_unit(codec, kind) for kind in style.vendor]
    body = [n for s in slices for n in ([*vendors, s] if role_of(s, codec) is NalRole.SLICE else [s])]
    if style.join == "all" or (style.join == "sets" and len(head) > 0):
        head, body = [], [style.leading + b"\0\0\0\1".join([*head, *body])]
    early = ts - STEP if style.stamp == "sets_before" else ts
    if style.aggregate and len(head) > 1:
        yield Packet(aggregate(head, codec), early, style.markers in ("sets", "every"))
        head = []
    if style.trailing:
        body = [*body, sei(codec, style.trailing)]
    for nal in head:
        yield from _packets(nal, codec, style, early, style.markers in ("sets", "every"))
    for nal in body:
        yield from _packets(
            nal, codec, style, ts, style.markers in ("slice", "every") or (style.markers != "never" and nal is body[-1])
        )


def _packets(nal: bytes, codec: str, style: Style, ts: int, marker: bool) -> list[Packet]:
    payloads = [nal] if len(nal) <= style.size + 2 else fragments(nal, codec, style.size)
    if not style.ends and len(payloads) > 1:
        at = 1 if codec == "h264" else 2
        payloads = [p[:at] + bytes([p[at] & 0xBF]) + p[at + 1 :] for p in payloads]
    return [Packet(p, ts, style.markers == "every" or (marker and p is payloads[-1])) for p in payloads]


def assemble(
    packets: list[Packet], codec: str, sets: list[bytes] | None = None, every: int = 7
) -> tuple[list[FragmentSamples], StreamCounters]:
    """Run the packets through the packet-by-packet depacketizer, flushed at intervals as a poll loop does."""
    runs: list[FragmentSamples] = []
    counters = StreamCounters()
    depacketizer = Depacketizer(VideoCodec(codec), sets or [], counters, runs.append)
    for i, p in enumerate(packets):
        view = memoryview(p.payload)
        depacketizer.push(view, 0, len(view), p.seq, p.ts & 0xFFFFFFFF, 0x80 if p.marker else 0)
        if i % every == 0:
            depacketizer.flush_ready()
    depacketizer.flush()
    return runs, counters


def samples(runs: list[FragmentSamples]) -> list[bytes]:
    """Return the samples of all fragments, in order."""
    found = []
    for run in runs:
        data, at = iovec.joined(run.parts), 0
        for size in run.sizes:
            found.append(data[at : at + size])
            at += size
        assert at == len(data)
    return found


def cut_files(runs: list[FragmentSamples]) -> list[bytes]:
    """Return files as the recorder cuts them: at keyframes where the format changes."""
    made: list[tuple[FragmentSamples, bytes]] = []
    for i, run in enumerate(runs):
        if not made or run.discontinuity or (run.starts_with_keyframe and run.video != made[-1][0].video):
            made.append((run, fmp4.init_segment(run.video)))
        first, data = made[-1]
        data += fmp4.moof(
            i + 1, run.time - first.time, run.durations, run.sizes, run.starts_with_keyframe, run.offsets
        ) + iovec.joined(run.parts)
        made[-1] = (first, data)
    return [data for _, data in made]


def ffmpeg_hashes(file: bytes) -> tuple[list[str], str]:
    """Return (hash of each picture that ffmpeg decodes from a file, its error output)."""
    command = ["ffmpeg", "-v", "error", "-i", "pipe:0", "-fps_mode", "passthrough", "-f", "framemd5", "-"]
    done = subprocess.run(command, input=file, capture_output=True, check=False)
    lines = [line for line in done.stdout.decode().splitlines() if line and not line.startswith("#")]
    return [line.rpartition(",")[2].strip() for line in lines], done.stderr.decode()


def encoder_hashes(units: list[Unit], codec: str) -> list[str]:
    """Return the hash of each picture as ffmpeg decodes the encoder's own stream."""
    data = b"".join(b"\0\0\0\1" + n for unit in units for n in unit)
    form = "h264" if codec == "h264" else "hevc"
    command = ["ffmpeg", "-v", "error", "-f", form, "-i", "pipe:0", "-fps_mode", "passthrough", "-f", "framemd5", "-"]
    out = subprocess.run(command, input=data, capture_output=True, check=True).stdout.decode()
    return [line.rpartition(",")[2].strip() for line in out.splitlines() if line and not line.startswith("#")]
