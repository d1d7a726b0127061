"""What came of what a camera says that it sent: our receiver reports, and whether its sender reports agree (RFC 3550, 6.4)."""

from __future__ import annotations

from nvr.media import rtcp
from nvr.media.depacketizer import StreamCounters

STRAY_PACKETS = 16  # that a sender report may count more than came: on their way, or counted in another way


class Reception:
    """Of the pictures of one session."""

    def __init__(self, counters: StreamCounters):
        self._counters = counters
        self._reported = counters.lost_packets, counters.packets
        self._stated = 0  # packets, by the newest sender report
        self._had_come = counters.packets  # by then

    def agrees(self, sent: int) -> bool:
        """A sender report counts `sent` packets: False where some were sent since the last one that did not come."""
        more = (sent - self._stated) & 0xFFFFFFFF
        came = self._counters.packets - self._had_come
        self._stated, self._had_come = sent, self._counters.packets
        return more <= came + STRAY_PACKETS

    def report(self, ssrc: int, highest: int) -> bytes:
        """A receiver report about the source; `highest`: the newest sequence number."""
        lost, packets = self._counters.lost_packets - self._reported[0], self._counters.packets - self._reported[1]
        self._reported = self._counters.lost_packets, self._counters.packets
        share = 256 * lost // (lost + packets) if lost > 0 else 0
        return rtcp.receiver_report(ssrc, share, self._counters.lost_packets, highest)
