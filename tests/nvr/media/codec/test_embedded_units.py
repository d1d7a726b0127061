"""A start code inside a vendor's NAL unit: a picture after it is recorded, the vendor's own bytes are not."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.nvr.camera_streams import (
    STEP,
    Packet,
    assemble,
    encode,
    fragments,
    is_key,
    numbered,
    sample,
    samples,
    sets_of,
    slices_of,
    vendor_unit,
)

KIND = {"h264": 30, "h265": 55}


def header(codec: str) -> bytes:
    return (bytes([0x60 | KIND[codec]]) if codec == "h264" else bytes([KIND[codec] << 1, 1])) + b"vendor's"


@pytest.mark.parametrize("codec", ["h264", "h265"])
@pytest.mark.parametrize("which", ["keys", "all"])
@pytest.mark.parametrize("size", [200, 60_000])
@pytest.mark.parametrize("markers", [True, False])
@pytest.mark.parametrize("slices", [1, 3])
def test_a_picture_behind_a_vendor_unit_is_recorded(
    codec: str, which: str, size: int, markers: bool, slices: int
) -> None:
    units = encode(codec, params="" if slices == 1 else "slices=4", count=30, gop=10)
    packets, count = [], 0
    for i, unit in enumerate(units):
        joined = which == "all" or is_key(unit, codec)
        kept = [n for n in unit if n in sets_of(unit, codec) or n in slices_of(unit, codec)]
        nals = [header(codec) + b"".join(b"\0\0\0\1" + n for n in kept)] if joined else kept
        count += joined
        payloads = [p for n in nals for p in (fragments(n, codec, size) if len(n) > size else [n])]
        packets += [Packet(p, 1000 + i * STEP, markers and p is payloads[-1]) for p in payloads]
    runs, counters = assemble(numbered(packets), codec)
    wanted = [b"".join(len(n).to_bytes(4, "big") + n for n in slices_of(u, codec)) for u in units]
    assert samples(runs) == wanted
    assert counters.damaged_units == 0 and counters.skipped_units == count


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_a_picture_of_which_the_rest_comes_on_its_own(codec: str) -> None:
    """The first slice follows the vendor's unit, the others have packets of their own."""
    units = encode(codec, params="slices=4", count=20)
    packets = []
    for i, unit in enumerate(units):
        first, *others = slices_of(unit, codec)
        nals = [header(codec) + b"\0\0\1".join([b"", *sets_of(unit, codec), first]), *others]
        packets += [Packet(n, 1000 + i * STEP, n is nals[-1]) for n in nals]
    assert samples(assemble(numbered(packets), codec)[0]) == [
        b"".join(len(n).to_bytes(4, "big") + n for n in slices_of(u, codec)) for u in units
    ]


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(["h264", "h265"]), st.booleans(), st.booleans())
def test_a_vendors_own_bytes_are_never_a_picture(rng: random.Random, codec: str, alone: bool, copies: bool) -> None:
    """Before, between and after the slices, or with their own timestamp; also copies of other pictures."""
    units = encode(codec, params="slices=4")
    packets = []
    for i, unit in enumerate(units):
        nals = list(unit)
        for _ in range(rng.randrange(3)):
            fake = vendor_unit(codec, KIND[codec], rng.randrange(2, 200))
            if copies:
                fake = header(codec) + b"\0\0\1" + rng.choice(slices_of(rng.choice(units), codec))
            if alone:
                packets.append(Packet(vendor_unit(codec, KIND[codec], 60), 1000 + i * STEP - 700, rng.random() < 0.5))
            else:
                nals.insert(rng.randrange(len(nals)), fake)
        packets += [Packet(n, 1000 + i * STEP, n is nals[-1]) for n in nals]
    runs, counters = assemble(numbered(packets), codec, every=rng.randrange(1, 20))
    assert samples(runs) == [sample(u, codec) for u in units]
    assert counters.damaged_units == 0
