"""Units of time, and identifiers with a format."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from core.ids import StreamId
from core.units import MEDIA_CLOCK, media_to_us, us_to_media, us_to_media_up

instants = st.integers(-(10**18), 10**18)


@given(instants)
def test_conversions_round_as_they_say(value: int) -> None:
    ticks = Fraction(value * MEDIA_CLOCK, 1_000_000)
    assert us_to_media(value) <= ticks < us_to_media(value) + 1
    assert us_to_media_up(value) - 1 < ticks <= us_to_media_up(value)
    us = Fraction(value * 1_000_000, MEDIA_CLOCK)
    assert media_to_us(value) <= us < media_to_us(value) + 1


def test_a_stream_s_id_names_its_camera_and_kind() -> None:
    stream = StreamId("xd-0017/main")
    assert (stream.camera, stream.kind, f"{stream}") == ("xd-0017", "main", "xd-0017/main")
