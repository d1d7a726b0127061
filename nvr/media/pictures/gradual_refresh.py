"""Streams with gradual decoder refresh: find which pictures a decoder needs until its output is complete.

A picture at a recovery point is incomplete: the encoder refreshes the image region by region over the following
pictures, and states over how many (recovery_frame_cnt, H.264 D.2.8: reference pictures; recovery_poc_cnt, H.265 D.3.8).
Where it states nothing, a picture with only intra slices is complete by itself, and any other needs the pictures up to
the next such point: the refresh period.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import ProtocolError
from nvr.media.codec.nal_units import NalRole, is_intra_slice, is_key_type, is_sei, nal_type, recovery_count, role_of
from nvr.media.mp4 import fmp4

MAX_PICTURES = 300  # decoded to obtain one complete image
MAX_TIME = 12 * fmp4.TIMESCALE  # their total duration, 90 kHz
MAX_BYTES = 24_000_000  # their total size
MAX_UNITS = 4096  # NAL units of a picture that are parsed; the largest picture has fewer slices

GopLocation = tuple[Path, int]  # a file, and the offset in it where a GOP begins


def units(sample: bytes) -> Iterator[bytes]:
    """Yield the NAL units of a sample (4-byte lengths); omit a truncated one, and those after MAX_UNITS."""
    at = 0
    for _ in range(MAX_UNITS):
        if at + 5 > len(sample):
            return
        end = at + 4 + int.from_bytes(sample[at : at + 4], "big")
        if end > len(sample):
            return
        if end > at + 4:
            yield sample[at + 4 : end]
        at = end


def is_keyframe(sample: bytes, codec: str) -> bool:
    return any(
        role_of(nal, codec) is NalRole.SLICE and is_key_type(nal_type(nal, codec), codec) for nal in units(sample)
    )


def pictures_needed(sample: bytes, codec: str) -> int | None:
    """Return how many reference pictures after this one complete the image; None: all up to the next point."""
    for nal in units(sample):
        if is_sei(nal, codec) and (count := recovery_count(nal, codec)) is not None:
            return count
    return 0 if _is_intra(sample, codec) else None


@dataclass(slots=True)
class ReadAllowance:
    """Bytes that may still be read; negative if the last read exceeded it."""

    left: int


class DecoderRefresh:
    """Collects the pictures that a decoder needs after one recovery point.

    `needed` is the result of `pictures_needed`, `period` the time to the next such point in 90 kHz units.
    """

    def __init__(self, codec: str, needed: int | None, period: int):
        self._codec, self._needed, self._period = codec, needed, period
        self._size = 0
        self.pictures: list[bytes] = []
        self.duration = 0  # time from the recovery point to the last picture, 90 kHz
        self.is_whole = needed == 0

    def add(self, time: int, sample: bytes) -> None:
        """Add the next picture, `time` (90 kHz) after the point.

        Raises ProtocolError where the refresh exceeds the limits.
        """
        if self._needed is None and time >= self._period:
            self.is_whole = True
            return
        self.pictures.append(sample)
        self.duration, self._size = time, self._size + len(sample)
        if self._needed is not None:
            self._needed -= _is_reference(sample, self._codec)
        self.is_whole = self._needed == 0 or is_keyframe(sample, self._codec)
        if not self.is_whole and (len(self.pictures) >= MAX_PICTURES or self._size > MAX_BYTES or time > MAX_TIME):
            raise ProtocolError("the gradual refresh exceeds the limit (pictures, bytes or duration)")


def read_refresh(
    locations: Iterable[GopLocation],
    codec: str,
    needed: int | None,
    period: int,
    allowance: ReadAllowance | None = None,
) -> DecoderRefresh | None:
    """Return the refresh after the first sample of the first place; None where it is not complete (yet).

    Blocking. Bytes read are subtracted from the allowance. Raises OSError, and ProtocolError like `DecoderRefresh.add`.
    """
    return collect_refresh(_samples(locations, allowance or ReadAllowance(MAX_BYTES)), codec, needed, period)


def collect_refresh(
    samples: Iterable[tuple[int, bytes]], codec: str, needed: int | None, period: int
) -> DecoderRefresh | None:
    """Return the refresh of (time, sample) pairs, the first being the recovery point; None where it is incomplete."""
    refresh, begin = DecoderRefresh(codec, needed, period), -1
    for time, sample in samples:
        if begin < 0:
            begin = time
        else:
            refresh.add(time - begin, sample)
        if refresh.is_whole:
            return refresh
    return None


def _samples(locations: Iterable[GopLocation], allowance: ReadAllowance) -> Iterator[tuple[int, bytes]]:
    """Yield (time since the beginning of the first place, bytes) of the samples in all places."""
    before = 0
    for path, offset in locations:
        base, end = None, before
        with path.open("rb") as f:
            for time, at, size, duration in fmp4.samples(path, offset):
                base = time - before if base is None else base
                f.seek(at)
                allowance.left -= size
                yield time - base, f.read(size)
                end = time - base + duration
        before = end


def _is_reference(sample: bytes, codec: str) -> bool:
    """Return whether other pictures refer to this one: nal_ref_idc of an H.264 slice; always true for H.265."""
    slices = (nal for nal in units(sample) if role_of(nal, codec) is NalRole.SLICE)
    first = next(slices, None)
    return first is not None and (codec != "h264" or first[0] & 0x60 > 0)


def _is_intra(sample: bytes, codec: str) -> bool:
    """Return whether all slices of an H.264 picture are intra; False for H.265, which is not parsed."""
    if codec != "h264":
        return False
    try:
        return all(is_intra_slice(nal) for nal in units(sample) if role_of(nal, codec) is NalRole.SLICE)
    except ProtocolError:
        return False
