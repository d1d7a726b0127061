"""A keyframe is lost during a session: the undecodable time is shown as a gap at once, and counted afterwards."""

from __future__ import annotations

import pytest

from tests.nvr.camera_streams import Style, encode, packetise
from tests.nvr.fed_session import FedSession


def test_a_lost_keyframe_opens_a_gap_before_the_next_one_comes() -> None:
    """Keyframes 8 s apart; the second one loses a packet."""
    units = encode("h264", "64x48", 450, 200)
    packets = packetise(units, "h264", Style())
    keyframe = 1000 + 200 * 3600
    lost = next(p for p in packets if p.ts == keyframe and p.payload[0] & 31 == 28)
    made = FedSession()
    made.play([p for p in packets if p is not lost and p.ts < 1000 + 300 * 3600])
    (gap,) = made.recording.archive.gaps
    assert gap.cause == "packet_loss" and gap.end_us is None
    made.play([p for p in packets if p.ts >= 1000 + 300 * 3600])
    made.session.close()
    made.recording.sink.end_session()
    assert [g.cause for g in made.recording.archive.gaps] == ["packet_loss"]
    assert gap.seconds == pytest.approx(8, abs=0.1)
    first, second = made.recording.archive.segments
    assert (first.frames, second.frames) == (200, 50)
    assert (gap.start_us, gap.end_us) == (first.end_us, second.start_us)
