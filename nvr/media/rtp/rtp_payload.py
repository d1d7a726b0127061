"""Convert RTP payloads to NAL units.

Formats: H.264 (RFC 6184: single, STAP-A, STAP-B, FU-A, FU-B) and H.265 (RFC 7798: single, AP, FU).

It also corrects what cameras do beyond the standards: byte streams with start codes inside are split, units that no
decoder needs are skipped and counted, and a fragmented unit without an end mark ends where the next one begins.
"""

from __future__ import annotations

from core.errors import ProtocolError
from nvr.media.codec.nal_units import (
    MAX_SEI,
    START_CODE,
    NalRole,
    embedded_units,
    is_sei,
    is_valid_sei,
    role_of,
    role_of_type,
    split,
)
from nvr.rtsp.sdp import VideoCodec

MAX_VENDOR_UNIT_BYTES = 2_000_000  # bytes of a vendor-specific unit that is searched for a picture
MAX_PICTURE_BYTES = 8_000_000  # bytes; a larger NAL unit or picture is an attack or garbage
Unit = tuple[bytes, int]  # a NAL unit and the RTP timestamp of its first packet

_STAP_A, _STAP_B, _FU_A, _FU_B = 24, 25, 28, 29
_AP, _FU5 = 48, 49
_SMALL = (NalRole.SEI, NalRole.TRAILER, NalRole.FILLER)
_NO_UNITS: list[Unit] = []  # result of most packets; must not be modified


class PayloadParser:
    """Parser of one track. Payloads must be in order; `interrupt` says that packets are missing before the next one."""

    def __init__(self, codec: VideoCodec):
        self._codec = codec
        self._h265 = codec == "h265"
        self.skipped = 0  # NAL units skipped since the caller last reset it
        self.embedded_units: list[Unit] = []  # possible units found inside skipped ones
        self.sends_byte_stream = False  # units were sent as a byte stream: a unit of any type may contain slices
        self.has_start_codes = False  # … also after a slice
        self.marks_ends = False  # the camera sets the end bit of fragments
        # Type and timestamp of an incomplete unit found by the last payload.
        self.incomplete_unit: tuple[int, int] | None = None
        self._kind = -1  # type of the unit being received in fragments; -1: none
        self._ts = 0
        self._parts: list[bytes] = []
        self._size = 0
        self._discard = False
        self._limit = 0  # bytes of the unit being received in fragments
        # How to recognise a fragment: mask and type in the payload's first byte, and offset of its flags.
        self._mask, self._fragment_type, self._flags_at = (0x7E, _FU5 << 1, 2) if codec == "h265" else (31, _FU_A, 1)

    @property
    def kind(self) -> int:
        """Type of the NAL unit being received in fragments; -1: none."""
        return self._kind

    def interrupt(self) -> tuple[int, int] | None:
        """Discard the half received unit; return its NAL unit type and timestamp, None where there was none."""
        kind, self._kind = self._kind, -1
        self._parts = []
        return (kind, self._ts) if kind >= 0 else None

    def parse(self, buffer: memoryview, start: int, end: int, ts: int) -> list[Unit]:
        """Return the NAL units that are complete with this payload, buffer[start:end] with start < end."""
        self.incomplete_unit = None
        if self._kind >= 0 and buffer[start] & self._mask == self._fragment_type:
            body = start + self._flags_at + 1
            # Most packets are a middle fragment: no start or end bit.
            if body < end and not buffer[body - 1] & 0xC0 and self._size + end - body <= self._limit:
                self._size += end - body
                self._parts.append(bytes(buffer[body:end]))
                return _NO_UNITS
        if self._h265:
            return self._parse_h265(buffer, start, end, ts)
        kind = buffer[start] & 31
        if kind in (_FU_A, _FU_B):
            body = start + (2 if kind == _FU_A else 4)
            if end <= body:
                return self._damaged_payload()
            flags = buffer[start + 1]
            return self._fragment(bytes((buffer[start] & 0xE0 | flags & 31,)), flags & 31, flags, buffer[body:end], ts)
        if kind in (_STAP_A, _STAP_B):
            return self._ended() + self._aggregate(buffer, start + (1 if kind == _STAP_A else 3), end, ts)
        return self._ended() + self._whole(bytes(buffer[start:end]), ts)

    def _parse_h265(self, buffer: memoryview, start: int, end: int, ts: int) -> list[Unit]:
        kind = (buffer[start] >> 1) & 63
        if kind == _FU5:
            if end - start < 4:
                return self._damaged_payload()
            flags = buffer[start + 2]
            header = bytes((buffer[start] & 0x81 | (flags & 63) << 1, buffer[start + 1]))
            return self._fragment(header, flags & 63, flags, buffer[start + 3 : end], ts)
        if kind == _AP:
            return self._ended() + self._aggregate(buffer, start + 2, end, ts)
        return self._ended() + self._whole(bytes(buffer[start:end]), ts)

    def _damaged_payload(self) -> list[Unit]:
        self.skipped += 1
        return []

    def _fragment(self, header: bytes, kind: int, flags: int, body: memoryview, ts: int) -> list[Unit]:
        units = list[Unit]()
        if flags & 0x80:
            units = self._ended()
            self._kind, self._ts, self._parts, self._size = kind, ts, [header], 0
            role = role_of_type(kind, self._codec)
            self._discard = False
            self._limit = (
                MAX_VENDOR_UNIT_BYTES
                if role is NalRole.SKIP and kind
                else MAX_SEI
                if role in _SMALL
                else MAX_PICTURE_BYTES
            )
        elif self._kind < 0:
            self.incomplete_unit = kind, ts
            return []
        self._grow(body)
        if flags & 0x40:
            self.marks_ends = True
            units += self.finish()
        return units

    def _grow(self, body: memoryview) -> None:
        self._size += len(body)
        if self._discard:
            return
        if self._size > self._limit == MAX_SEI and START_CODE in b"".join(self._parts):
            self._limit = MAX_PICTURE_BYTES  # a byte stream that begins with an SEI: its picture follows
        if self._size <= self._limit:
            self._parts.append(bytes(body))
        elif self._limit == MAX_PICTURE_BYTES:
            raise ProtocolError(f"the camera sends a NAL unit of more than {MAX_PICTURE_BYTES} bytes")
        else:
            self._discard, self._parts, self._limit = True, [], 0

    def _ended(self) -> list[Unit]:
        """Another unit begins: return the one being received as complete, unless this camera sets end bits."""
        if self._kind < 0:
            return []
        if self.marks_ends:
            self.incomplete_unit = self.interrupt()
            return []
        return self.finish()

    def finish(self) -> list[Unit]:
        """Return the unit being received in fragments, which is complete."""
        if self._kind < 0:
            return []
        discarded, nal, self._kind = self._discard, b"".join(self._parts), -1
        self._parts, self._discard = [], False
        if discarded:
            self.skipped += 1
            return []
        return self._whole(nal, self._ts)

    def _whole(self, nal: bytes, ts: int) -> list[Unit]:
        if START_CODE not in nal:
            return [(nal, ts)] if self._is_wanted(nal) else []
        pieces = split(nal, self._codec)
        if len(pieces) == 1 and role_of(pieces[0], self._codec) is NalRole.SKIP:
            self.embedded_units += [(piece, ts) for piece in embedded_units(nal, self._codec)]
        self.sends_byte_stream |= len(pieces) > 1
        self.has_start_codes |= len(pieces) > 1 and role_of(pieces[0], self._codec) is NalRole.SLICE
        return [(piece, ts) for piece in pieces if self._is_wanted(piece)]

    def _is_wanted(self, nal: bytes) -> bool:
        role = role_of(nal, self._codec)
        wanted = role is not NalRole.SKIP and (not is_sei(nal, self._codec) or is_valid_sei(nal, self._codec))
        self.skipped += not wanted
        return wanted

    def _aggregate(self, buffer: memoryview, at: int, end: int, ts: int) -> list[Unit]:
        units = list[Unit]()
        while at + 2 < end:
            size = buffer[at] << 8 | buffer[at + 1]
            if size == 0 or at + 2 + size > end:
                if any(buffer[at:end]):  # zeros are padding
                    self.incomplete_unit = 1, ts  # the rest may have contained slices
                    self.skipped += 1
                break
            units += self._whole(bytes(buffer[at + 2 : at + 2 + size]), ts)
            at += 2 + size
        return units
