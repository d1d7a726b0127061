"""Limits on what any device on the cameras' network can bring in with Hello messages."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from cameras.discovery.ws_discovery import DiscoveredDevice
from core.clock import ManualClock
from station.roles.announcements import MAX_ADDRESSES, MAX_ADDRESSES_PER_HOST, RESURVEY_AFTER_S, HelloQueue


def hello(address: str, name: str = "") -> DiscoveredDevice:
    return DiscoveredDevice("u", address, f"http://{address}/x", name, "")


def test_a_host_brings_a_few_devices_an_hour(clock: ManualClock) -> None:
    queue = HelloQueue(clock)
    assert [queue.put(hello(f"10.0.0.1:{port}")) for port in range(100)].count(True) == MAX_ADDRESSES_PER_HOST
    assert queue.refused == 100 - MAX_ADDRESSES_PER_HOST
    assert queue.put(hello("10.0.0.2:80"))
    clock.advance(3601)
    assert not queue.put(hello("10.0.0.1:99"))  # its earlier Hellos still wait
    assert queue.put(hello("10.0.0.1:0")) and queue.refused == 1


def test_all_together_are_bounded(clock: ManualClock) -> None:
    queue = HelloQueue(clock)
    told = [queue.put(hello(f"10.{n >> 8}.{n & 255}.1:80")) for n in range(2600)]
    assert told.count(True) == MAX_ADDRESSES
    assert queue.refused == 2600 - MAX_ADDRESSES


async def test_an_allowed_address_does_not_fill_the_queue(clock: ManualClock, caplog: pytest.LogCaptureFixture) -> None:
    """Only its newest Hello waits; other devices are next after one of its."""
    queue = HelloQueue(clock)
    for n in range(5000):
        assert queue.put(hello("10.0.0.1:80", str(n)))
    assert queue.put(hello("10.0.0.2:80"))
    assert queue.repeated == 4999 and queue.refused == 0
    assert [(await queue.get()).name, (await queue.get()).address] == ["4999", "10.0.0.2:80"]
    assert not queue.put(hello("10.0.0.1:80")) and queue.repeated == 5000  # it was surveyed just now
    clock.advance(RESURVEY_AFTER_S)
    assert queue.put(hello("10.0.0.1:80"))
    clock.advance(3601)
    queue.put(hello("10.0.0.3:80"))
    assert "0 Hellos were refused and 5000 repeated others" in caplog.text


async def test_who_waits_for_a_word_gets_it(clock: ManualClock) -> None:
    queue = HelloQueue(clock)
    asyncio.get_running_loop().call_later(0.02, queue.put, replace(hello("10.0.0.1:80"), name="n"))
    async with asyncio.timeout(5):
        assert (await queue.get()).name == "n"
