"""Time-lapse: keyframes of a long range as fragmented MP4 that a browser plays as it comes (MSE).

Each chosen keyframe is a fragment of its own, whose media time is its distance from the range's start divided by the
speed: gaps keep their (shortened) duration, and a position in the video is a time of day. A picture lasts until the
next one, or until the recording breaks off. Nothing is decoded. The range is read in stretches, so that memory does not
grow with it.

A player has one decoder: footage in another codec than the first picture's ends the video. A `free` box at its end says
where that footage begins (`end_box`), and the player asks for another time-lapse from there on.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

from core.clock import SECOND
from core.units import MEDIA_CLOCK
from nvr.archive.reader import ArchiveReader, LocatedGop
from nvr.media.mp4 import fmp4
from nvr.media.pictures import gradual_refresh

MIN_SPEED, MAX_SPEED = 60, 600
PICTURES_PER_SECOND = 10  # of the time-lapse, at most
STRETCH_US = 1_800 * SECOND
MAX_GOPS = 5_000  # of a stretch
JOINT_US = SECOND  # a shorter hole between two GOPs is no gap
SHORTEST = MEDIA_CLOCK // 50  # of a picture in the video: what is recorded for a moment only is seen all the same


@dataclass(slots=True)
class _Picture:
    """A keyframe that is shown, and until when footage follows it without a gap (µs UTC)."""

    gop: LocatedGop
    until_us: int


class TimeLapse:
    """The time-lapse of a stream between two times (µs UTC)."""

    def __init__(self, reader: ArchiveReader, stream: str, start_us: int, end_us: int, speed: int):
        self._reader, self._stream, self._speed = reader, stream, speed
        self._start, self._end = start_us, end_us
        self._step = SECOND * speed // PICTURES_PER_SECOND  # of recorded time between two pictures
        self._next_us, self._number = start_us, 0
        self._init = b""  # that the following fragments belong to
        self.codec = ""  # h264, h265; empty: nothing was found yet
        self.codecs = ""  # RFC 6381, of the first picture
        self.shown_until_us = start_us  # how far the fragments that were read reach
        self.other_codec_us: int | None = None  # where footage in another codec begins, which ended the video

    async def parts(self) -> AsyncIterator[Iterator[bytes]]:
        """Yield a blocking iterator of init segments and fragments for each stretch that has pictures."""
        position, last = self._start, None
        while position < self._end:
            until = min(position + STRETCH_US, self._end)
            gops = await self._reader.gops(self._stream, position, until, MAX_GOPS)
            pictures = self._pictures(gops, last)
            last = pictures.pop() if pictures else None  # how long it lasts is known with the next stretch
            if pictures:
                yield self._fragments(pictures)
            if self.other_codec_us is not None:
                return
            position = until
        if last is not None:
            yield self._fragments([last])

    def _pictures(self, gops: Sequence[LocatedGop], last: _Picture | None) -> list[_Picture]:
        """Return the last picture of the stretch before and those of this one, at least a step apart."""
        found = [last] if last is not None else []
        for gop in gops:
            joined = bool(found) and gop.start_us <= found[-1].until_us + JOINT_US
            # The GOP in which the range begins is shown from there on: its footage is no gap.
            if gop.start_us < self._end and max(gop.start_us, self._start) >= self._next_us:
                if joined:
                    found[-1].until_us = gop.start_us
                self._next_us = max(gop.start_us, self._start) + self._step
                found.append(_Picture(gop, gop.end_us))
            elif joined:
                found[-1].until_us = max(found[-1].until_us, gop.end_us)
        return found

    def _fragments(self, pictures: Sequence[_Picture]) -> Iterator[bytes]:
        """Yield a fragment for each picture, up to the first in another codec than the time-lapse's first."""
        for shown in pictures:
            gop = shown.gop
            try:
                init = fmp4.without_audio(fmp4.read_init(gop.path))
                codec, _ = fmp4.codec_configuration(init)
                fragment = next(fmp4.scan(gop.path, gop.offset), None)
                if fragment is None or not codec:
                    continue
                if codec != (self.codec or codec):
                    self.other_codec_us = max(gop.start_us, self._start)
                    yield end_box(self.other_codec_us - self._start)
                    return
                with gop.path.open("rb") as f:
                    f.seek(fragment.data_offset)
                    picture = f.read(fragment.first_size)
            except OSError:  # removed meanwhile, or its disk cannot read it: there is no picture
                continue
            if not gradual_refresh.is_keyframe(picture, codec):
                continue
            if init != self._init:
                self._init, self.codec = init, codec
                self.codecs = self.codecs or fmp4.codec_string(init)
                yield init
            self._number += 1
            begin = max(gop.start_us, self._start)
            time = (begin - self._start) * MEDIA_CLOCK // (self._speed * SECOND)
            lasts = max(SHORTEST, (shown.until_us - begin) * MEDIA_CLOCK // (self._speed * SECOND))
            self.shown_until_us = shown.until_us
            yield fmp4.moof(self._number, time, [lasts], [len(picture)], True) + picture


def end_box(after_us: int) -> bytes:
    """Return the box of 16 bytes that ends a time-lapse early: `free`, with the recorded time since its start (µs)."""
    return struct.pack(">I4sQ", 16, b"free", after_us)
