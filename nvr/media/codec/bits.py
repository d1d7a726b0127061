"""Bit reader for an RBSP: fixed-width fields and Exp-Golomb codes (ITU-T H.264 7.2 and 9.1, the same in H.265)."""

from __future__ import annotations

from core.errors import ProtocolError


def unescaped(data: bytes) -> bytes:
    """Return the data without emulation prevention bytes (00 00 03 becomes 00 00)."""
    return data.replace(b"\x00\x00\x03", b"\x00\x00")


class BitReader:
    """Reads the bits of a NAL unit after its first `skip` bytes.

    Every method raises ProtocolError at the end of the data.
    """

    def __init__(self, nal: bytes, skip: int):
        data = unescaped(nal[skip:])
        self._value = int.from_bytes(data, "big")
        self._left = len(data) * 8

    def read(self, count: int) -> int:
        """Return an unsigned number of `count` bits."""
        if count > self._left:
            raise ProtocolError("a parameter set or slice header is truncated")
        self._left -= count
        return (self._value >> self._left) & ((1 << count) - 1)

    def unsigned(self) -> int:
        """Return an unsigned Exp-Golomb code, ue(v)."""
        zeros = 0
        while not self.read(1):
            zeros += 1
            if zeros > 31:
                raise ProtocolError("a parameter set or slice header is damaged")
        return (1 << zeros) - 1 + self.read(zeros)

    def signed(self) -> int:
        """Return a signed Exp-Golomb code, se(v)."""
        value = self.unsigned()
        return (value + 1) // 2 if value & 1 else -(value // 2)
