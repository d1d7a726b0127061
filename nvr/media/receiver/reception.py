"""Reception statistics: receiver reports, and comparison with the camera's sender reports (RFC 3550, 6.4)."""

from __future__ import annotations

from nvr.media.rtp import rtcp
from nvr.media.samples import StreamCounters

STRAY_PACKETS = 16  # a sender report may count this many more than received: in transit, or counted differently


class ReceptionStatistics:
    """Reception statistics of the video track of one session."""

    def __init__(self, counters: StreamCounters):
        self._counters = counters
        self._reported = counters.lost_packets, counters.packets
        self._stated = 0  # packets sent, by the newest sender report
        self._had_come = counters.packets  # packets received by then

    def matches_sender_report(self, sent: int) -> bool:
        """Process a sender report that counts `sent` packets.

        Return False where some packets sent since the last report were not received.
        """
        more = (sent - self._stated) & 0xFFFFFFFF
        came = self._counters.packets - self._had_come
        self._stated, self._had_come = sent, self._counters.packets
        return more <= came + STRAY_PACKETS

    def receiver_report(self, ssrc: int, highest: int) -> bytes:
        """Return a receiver report about the source; `highest` is the newest sequence number."""
        lost, packets = self._counters.lost_packets - self._reported[0], self._counters.packets - self._reported[1]
        self._reported = self._counters.lost_packets, self._counters.packets
        share = 256 * lost // (lost + packets) if lost > 0 else 0
        return rtcp.receiver_report(ssrc, share, self._counters.lost_packets, highest)
