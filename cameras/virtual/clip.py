"""Clips: encoded pictures in a loop, packetised to RTP once and shared by every stream that plays them.

All RTP packets of one pass through the loop are stored in one buffer, already framed for TCP-interleaved RTSP. For each
further pass only sequence numbers and timestamps are rewritten, in bulk. Sending a picture is then one slice of memory,
whatever the number of cameras.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.video.stream import VideoStream

from core.units import MEDIA_CLOCK

MTU_PAYLOAD = 1400
CLOCK_RATE = MEDIA_CLOCK
_SSRC = 0x4D574E47
_CACHED_PASSES = 4
Frame = npt.NDArray[np.uint8]


class LoopClip:
    """A loop of access units of one codec.

    `units` are lists of NAL units without start codes; the first unit must be a keyframe. Raises ValueError if it is
    not.
    """

    def __init__(self, codec: str, fps: float, units: list[list[bytes]]):
        self.codec = codec  # 'h264' or 'h265'
        self.fps = fps
        self.frames = len(units)
        self.keyframes = [i for i, unit in enumerate(units) if any(self._is_key(n) for n in unit)]
        if not self.keyframes or self.keyframes[0] != 0:
            raise ValueError("a clip must begin with a keyframe")
        self.units = units
        self.parameter_sets = [n for n in units[0] if self._is_parameter_set(n)]
        self._ticks_per_frame = round(CLOCK_RATE / fps)
        self._build(units)
        self._passes: OrderedDict[tuple[int, int, int], memoryview] = OrderedDict()

    def _is_key(self, nal: bytes) -> bool:
        return nal[0] & 31 == 5 if self.codec == "h264" else 16 <= (nal[0] >> 1) & 63 <= 21

    def _is_parameter_set(self, nal: bytes) -> bool:
        return nal[0] & 31 in (7, 8) if self.codec == "h264" else (nal[0] >> 1) & 63 in (32, 33, 34)

    def _build(self, units: list[list[bytes]]) -> None:
        packets: list[bytes] = []
        self.first_packet = [0]
        frame_of: list[int] = []
        for i, unit in enumerate(units):
            payloads = [p for nal in unit for p in packetise(nal, self.codec)]
            for k, payload in enumerate(payloads):
                marker = 0x80 if k == len(payloads) - 1 else 0
                header = struct.pack(">BBHII", 0x80, 96 | marker, 0, 0, _SSRC)
                packets.append(struct.pack(">cBH", b"$", 0, 12 + len(payload)) + header + payload)
                frame_of.append(i)
            self.first_packet.append(len(packets))
        self.packets = len(packets)
        self.offsets = np.concatenate([[0], np.cumsum([len(p) for p in packets])]).astype(np.int64)
        self._template = np.frombuffer(b"".join(packets), dtype=np.uint8)
        self._frame_of = np.array(frame_of, dtype=np.int64)

    def snapshot(self) -> bytes:
        """Return the first picture as JPEG."""
        codec = av.CodecContext.create("h264" if self.codec == "h264" else "hevc", "r")
        data = b"".join(b"\x00\x00\x00\x01" + nal for nal in self.units[0])
        picture = [*codec.decode(av.Packet(data)), *codec.decode(None)][0]
        _, jpeg = cv2.imencode(".jpg", picture.to_ndarray(format="bgr24"))
        return jpeg.tobytes()

    def timestamp(self, index: int) -> int:
        """Return the RTP timestamp (90 kHz, 32 bit) of picture `index`, counted through all passes."""
        return (index * self._ticks_per_frame) & 0xFFFFFFFF

    def interleaved(self, index: int, count: int, seq_shift: int = 0, ts_shift: int = 0) -> memoryview:
        """Return the bytes of up to `count` pictures from `index` on, limited to one pass of the loop."""
        number, frame = divmod(index, self.frames)
        stop = min(frame + count, self.frames)
        buffer = self._pass(number, seq_shift, ts_shift)
        return buffer[self.offsets[self.first_packet[frame]] : self.offsets[self.first_packet[stop]]]

    def packet_slices(self, index: int, seq_shift: int, ts_shift: int) -> list[memoryview]:
        """Return the single packets of one picture (for cameras that lose packets)."""
        number, frame = divmod(index, self.frames)
        buffer = self._pass(number, seq_shift, ts_shift)
        span = range(self.first_packet[frame], self.first_packet[frame + 1])
        return [buffer[self.offsets[p] : self.offsets[p + 1]] for p in span]

    def sequence(self, index: int) -> int:
        """Return the sequence number of the first packet of picture `index`."""
        number, frame = divmod(index, self.frames)
        return (number * self.packets + self.first_packet[frame]) & 0xFFFF

    def _pass(self, number: int, seq_shift: int, ts_shift: int) -> memoryview:
        key = (number, seq_shift, ts_shift)
        found = self._passes.get(key)
        if found is not None:
            return found
        data = self._template.copy()
        seq = (np.arange(self.packets, dtype=np.int64) + number * self.packets + seq_shift) & 0xFFFF
        ts = ((self._frame_of + number * self.frames) * self._ticks_per_frame + ts_shift) & 0xFFFFFFFF
        start = self.offsets[:-1] + 4
        for value, at, width in ((seq, 2, 2), (ts, 4, 4)):
            for byte in range(width):
                data[start + at + byte] = (value >> (8 * (width - 1 - byte))) & 0xFF
        while len(self._passes) >= _CACHED_PASSES:
            self._passes.popitem(last=False)
        self._passes[key] = found = memoryview(data.tobytes())
        return found


def packetise(nal: bytes, codec: str) -> list[bytes]:
    """Return the RTP payloads of one NAL unit; larger ones as FU-A (RFC 6184, 5.8) or FU (RFC 7798, 4.4.3)."""
    if len(nal) <= MTU_PAYLOAD:
        return [nal]
    if codec == "h264":
        header, start = bytes([nal[0] & 0xE0 | 28]), 1
        kind = nal[0] & 31
    else:
        header, start = bytes([nal[0] & 0x81 | 49 << 1, nal[1]]), 2
        kind = (nal[0] >> 1) & 63
    room = MTU_PAYLOAD - len(header) - 1
    pieces = [nal[i : i + room] for i in range(start, len(nal), room)]
    flags = [kind] * len(pieces)
    flags[0] |= 0x80
    flags[-1] |= 0x40
    return [header + bytes([flag]) + piece for flag, piece in zip(flags, pieces, strict=True)]


def split_annexb(data: bytes) -> list[bytes]:
    """Return the NAL units of an Annex B byte stream."""
    pieces = data.replace(b"\x00\x00\x00\x01", b"\x00\x00\x01").split(b"\x00\x00\x01")
    return [p for p in pieces if p]


def encode(
    frames: Iterable[Frame],
    *,
    codec: str = "h264",
    fps: float = 12.5,
    gop: int = 25,
    bitrate: int | None = None,
    crf: int = 27,
) -> LoopClip:
    """Encode BGR pictures (H×W×3, uint8, all of one size) to a clip without B-frames.

    Raises ValueError without pictures.
    """
    encoder = ClipEncoder(codec, fps, gop, bitrate, crf)
    for picture in frames:
        encoder.add(picture)
    return LoopClip(codec, fps, encoder.units())


class ClipEncoder:
    """Encodes pictures one by one, so that they need not all be in memory. A keyframe comes every `gop` pictures."""

    def __init__(self, codec: str, fps: float, gop: int, bitrate: int | None = None, crf: int = 27):
        self._settings = codec, fps, gop, bitrate, crf
        self._container = av.open("/dev/null", "w", format="h264" if codec == "h264" else "hevc")
        self._stream: VideoStream | None = None
        self._units: list[list[bytes]] = []

    def add(self, picture: Frame) -> None:
        """Encode a BGR picture (H×W×3, uint8); all must have one size."""
        if self._stream is None:
            self._stream = _encoder(self._container, *self._settings, picture.shape)
        frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
        self._units += [split_annexb(bytes(p)) for p in self._stream.encode(frame)]

    def units(self) -> list[list[bytes]]:
        """Finish, and return the NAL units of each picture. Raises ValueError without pictures."""
        if self._stream is None:
            raise ValueError("no pictures to encode")
        self._units += [split_annexb(bytes(p)) for p in self._stream.encode(None)]
        self._container.close()
        return self._units


def _encoder(
    container: av.container.OutputContainer,
    codec: str,
    fps: float,
    gop: int,
    bitrate: int | None,
    crf: int,
    shape: tuple[int, ...],
) -> VideoStream:
    rate = f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes=0:repeat-headers=1"
    if codec == "h264":
        options = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": rate + ":threads=1"}
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1000), options=options)
    else:
        options = {"preset": "ultrafast", "tune": "zerolatency", "x265-params": rate + ":pools=1:log-level=none"}
        stream = container.add_stream("libx265", rate=Fraction(fps).limit_denominator(1000), options=options)
    stream.height, stream.width = shape[0], shape[1]
    stream.pix_fmt = "yuv420p"
    stream.codec_context.gop_size = gop
    if bitrate:
        stream.bit_rate = bitrate
        stream.codec_context.options = {**options, "maxrate": str(bitrate), "bufsize": str(bitrate)}
    else:
        stream.codec_context.options = {**options, "crf": str(crf)}
    return stream


def read_frames(path: str, size: tuple[int, int], fps: float, seconds: float) -> Iterator[Frame]:
    """Decode a video file, resampled to `fps` and `size` (width, height); yield at most `seconds` of pictures."""
    count, due = 0, 0.0
    with av.open(path) as container:
        source = container.streams.video[0]
        step = float(source.average_rate or fps) / fps
        for i, frame in enumerate(container.decode(source)):
            while i + 1e-6 >= due and count < seconds * fps:
                due += step
                count += 1
                yield np.asarray(frame.reformat(*size, format="bgr24").to_ndarray(), np.uint8)
            if count >= seconds * fps:
                return
