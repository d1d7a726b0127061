"""Arbitrary slice order (H.264 Baseline, ASO): the timestamp delimits pictures, and one picture is one sample."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvr.media.codec.nal_units import NalRole, role_of
from tests.nvr.camera_streams import STEP, Packet, Unit, assemble, encode, numbered, sample, samples, sets_of, slices_of


def shuffled(rng: random.Random, count: int = 12) -> list[Unit]:
    units = []
    for unit in encode("h264", count=count, params="slices=4"):
        slices = slices_of(unit, "h264")
        rng.shuffle(slices)
        units.append([n for n in unit if role_of(n, "h264") is not NalRole.SLICE] + slices)
    return units


def packets_of(units: list[Unit], markers: str) -> list[Packet]:
    found = []
    for i, unit in enumerate(units):
        found += [Packet(n, 1000 + i * STEP, markers == "slice" or (markers == "last" and n is unit[-1])) for n in unit]
    return numbered(found)


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(["last", "slice", "never"]), st.integers(1, 30))
def test_slices_in_any_order_make_one_sample_a_picture(rng: random.Random, markers: str, every: int) -> None:
    units = shuffled(rng)
    runs, counters = assemble(packets_of(units, markers), "h264", every=every)
    assert samples(runs) == [sample(u, "h264") for u in units]
    assert counters.damaged_units == counters.timestamp_jumps == 0


@pytest.mark.parametrize("gone", range(4))
def test_a_picture_that_lost_a_slice_is_no_sample_in_any_order(gone: int) -> None:
    units = shuffled(random.Random(7))
    packets = packets_of(units, "last")
    victim = slices_of(units[7], "h264")[gone]
    runs, counters = assemble([p for p in packets if p.payload is not victim], "h264")
    wanted = [sample(u, "h264") for i, u in enumerate(units) if i != 7]
    assert [s for s in samples(runs) if s not in wanted] == [] and counters.damaged_units >= 1
    assert len(samples(runs)) >= len(wanted) - 1 and counters.lost_packets == 1


def test_a_picture_without_its_first_slice_is_no_sample() -> None:
    """No packet is missing: the camera never sent the first slice."""
    units = encode("h264", params="slices=4")
    bare = [u if i != 6 else [n for n in u if n is not slices_of(u, "h264")[0]] for i, u in enumerate(units)]
    runs, counters = assemble(packets_of(bare, "last"), "h264")
    assert samples(runs) == [sample(u, "h264") for i, u in enumerate(units) if i != 6]
    assert counters.damaged_units == 1 and sets_of(units[0], "h264")


def test_a_damaged_slice_behind_a_picture_that_ended_takes_nothing_of_it() -> None:
    """It says that it continues a picture, and the marker said that the picture before it had ended."""
    units = encode("h264")
    packets = packets_of(units, "last")
    at = packets.index(next(p for p in packets if p.payload is slices_of(units[6], "h264")[0]))
    packets[at] = replace(packets[at], payload=packets[at].payload[:1] + b"\0" + packets[at].payload[2:])
    for every in (1, 3, 100):
        runs, counters = assemble(packets, "h264", every=every)
        assert samples(runs) == [sample(u, "h264") for i, u in enumerate(units) if i != 6]
        assert counters.damaged_units == 1
