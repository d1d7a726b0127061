"""How much anybody on the cameras' network may bring in by saying Hello."""

from __future__ import annotations

from core.clock import ManualClock
from station.announcements import MAX_ADDRESSES, MAX_ADDRESSES_HOST, HelloLimit


def test_a_host_brings_a_few_devices_an_hour(clock: ManualClock) -> None:
    limit = HelloLimit(clock)
    assert [limit.allows(f"10.0.0.1:{port}") for port in range(100)].count(True) == MAX_ADDRESSES_HOST
    assert limit.allows("10.0.0.1:0")  # one that is known says it as often as it likes
    assert limit.allows("10.0.0.2:80")
    clock.advance(3601)
    assert limit.allows("10.0.0.1:99")


def test_all_together_are_bounded(clock: ManualClock) -> None:
    limit = HelloLimit(clock)
    told = [limit.allows(f"10.{n >> 8}.{n & 255}.1:80") for n in range(2600)]
    assert told.count(True) == MAX_ADDRESSES
    assert limit.refused == 2600 - MAX_ADDRESSES
