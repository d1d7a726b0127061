"""RTCP packets of a recorded stream: parse the camera's reports, build ours (RFC 3550, 6.4 and 6.6)."""

from __future__ import annotations

import struct

from nvr.rtsp.message_text import Buffer
from nvr.rtsp.sdp import KeyframeRequest

NTP_EPOCH = 2_208_988_800  # seconds from 1900 to 1970
FIRST, LAST = 192, 223  # packet types; as RTP they would be payload types 64 to 95 (RFC 5761, 4)
MIN_PACKET_BYTES = 8  # minimum bytes of a packet
MAX_COMPOUND = 32  # packets of one compound packet that are parsed
SENDER_REPORT, BYE, PAYLOAD_FEEDBACK = 200, 203, 206
PLI, FIR = 1, 4  # RFC 4585, 6.3.1; RFC 5104, 4.3.1
OWN_SSRC = 0x4D574E47


def ntp_us(seconds: int, fraction: int) -> int:
    """Return µs since 1970 of an NTP timestamp (RFC 3550, 4)."""
    return (seconds - NTP_EPOCH) * 1_000_000 + (fraction * 1_000_000 >> 32)


def sender_report(buffer: Buffer, at: int) -> tuple[int, int]:
    """Return (the camera's wall time in µs UTC, RTP timestamp) of a sender report; 0 where it states no time."""
    seconds, fraction, ts = struct.unpack_from(">III", buffer, at + 8)
    return ntp_us(seconds, fraction) if seconds else 0, ts


def bye_sources(buffer: Buffer, at: int, end: int) -> set[int]:
    """Return the SSRCs listed in the BYE packet buffer[at:end]."""
    count = buffer[at] & 31
    return {int.from_bytes(buffer[k : k + 4], "big") for k in range(at + 4, min(at + 4 + 4 * count, end - 3), 4)}


def receiver_report(ssrc: int, share_lost: int, lost: int, highest: int) -> bytes:
    """Return a receiver report with one block about a source.

    `share_lost` is the share lost since the last report (of 256), `lost` the total, `highest` the highest sequence
    number.
    """
    block = struct.pack(">IIIIII", ssrc, min(share_lost, 255) << 24 | min(lost, 0x7FFFFF), highest, 0, 0, 0)
    return struct.pack(">BBHI", 0x81, 201, 7, OWN_SSRC) + block


def keyframe_request(kind: KeyframeRequest, ssrc: int, number: int) -> bytes:
    """Return a keyframe request.

    `number` is the 8-bit sequence number of a full intra request; each request needs another one.
    """
    if kind == KeyframeRequest.PLI:
        return struct.pack(">BBHII", 0x80 | PLI, PAYLOAD_FEEDBACK, 2, OWN_SSRC, ssrc)
    return struct.pack(">BBHIIII", 0x80 | FIR, PAYLOAD_FEEDBACK, 4, OWN_SSRC, 0, ssrc, number << 24)
