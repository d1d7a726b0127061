"""Parameter sets by id: every file decodes on its own, whatever the camera changes and how often."""

from __future__ import annotations

import base64
import itertools
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ProtocolError
from nvr.media.codec.parameter_set_store import ParameterSetStore
from nvr.media.pictures.depacketizer import Depacketizer
from nvr.media.samples import FragmentSamples, StreamCounters
from nvr.rtsp import sdp
from nvr.rtsp.sdp import VideoCodec
from tests.nvr.camera_streams import (
    Packet,
    Style,
    Unit,
    assemble,
    cut_files,
    encode,
    encoder_hashes,
    ffmpeg_hashes,
    packetise,
    samples,
    sets_of,
    slices_of,
)

VARIANTS = {  # size, encoder options, picture source
    "h264": {
        "day": ("128x96", "", "testsrc2"),
        "night": ("128x96", "cabac=1:8x8dct=0:ref=2", "testsrc"),
        "cavlc": ("128x96", "cabac=0", "smptebars"),
        "cabac": ("128x96", "cabac=1:8x8dct=1", "testsrc2"),
        "small": ("96x64", "", "testsrc2"),
        "other_ids": ("160x96", "sps-id=1:cabac=1", "testsrc2"),
        "same_size_other_ids": ("128x96", "sps-id=3:cabac=1:ref=2", "testsrc"),
    },
    "h265": {
        "day": ("128x96", "", "testsrc2"),
        "night": ("128x96", "sao=0:amp=1:rect=1", "testsrc"),
        "small": ("96x64", "", "testsrc2"),
    },
}
SEQUENCES = [
    ("h264", ["day", "night", "day", "night"]),
    ("h264", ["cavlc", "cabac", "cavlc"]),
    ("h264", ["day", "small", "other_ids", "same_size_other_ids", "other_ids", "day"]),
    ("h265", ["day", "night", "day", "small", "night"]),
]


def variant(codec: str, name: str) -> list[Unit]:
    size, params, source = VARIANTS[codec][name]
    return encode(codec, size, params=params, source=source)


@cache
def wanted(codec: str, name: str) -> tuple[list[str], str]:
    """What ffmpeg decodes of a variant alone, and no error message."""
    return encoder_hashes(variant(codec, name), codec), ""


def sets(name: str) -> list[bytes]:
    return sets_of(variant("h264", name)[0], "h264")


def recorded(
    parts: list[list[Unit]], codec: str, described: list[bytes] | None = None
) -> tuple[list[FragmentSamples], StreamCounters]:
    units = [unit for part in parts for unit in part]
    return assemble(packetise(units, codec, Style()), codec, described)


@pytest.mark.parametrize(("codec", "names"), SEQUENCES)
def test_every_file_decodes_on_its_own_after_any_change(codec: str, names: list[str]) -> None:
    parts = [variant(codec, name) for name in names]
    runs, counters = recorded(parts, codec)
    made = cut_files(runs)
    assert len(made) == len(names) and counters.damaged_units == counters.skipped_units == 0
    for file, name in zip(made, names, strict=True):
        assert ffmpeg_hashes(file) == wanted(codec, name)


def test_two_sets_that_take_turns_without_being_sent_again() -> None:
    """Day and night sets have their own ids and are known from the start: only the slices say which one is used."""
    first, second = variant("h264", "day"), variant("h264", "same_size_other_ids")
    bare = [[[n for n in unit if n not in sets_of(unit, "h264")] for unit in part] for part in (first, second)]
    parts = [bare[i % 2] for i in range(3)]
    runs, _ = recorded(parts, "h264", [*sets_of(first[0], "h264"), *sets_of(second[0], "h264")])
    made = cut_files(runs)
    assert len(made) == 3
    names = ["day", "same_size_other_ids"]
    assert [ffmpeg_hashes(file) for file in made] == [wanted("h264", names[i % 2]) for i in range(3)]


def test_a_picture_parameter_set_that_changes_inside_a_gop() -> None:
    """The file's head cannot contain it: it goes into the sample, and the next keyframe restores the original set."""
    first, second = variant("h264", "cavlc"), variant("h264", "cavlc")
    changed = sets("cabac")[1]
    units = [list(unit) for unit in (*first, *second)]
    units[2].insert(0, changed)
    runs, counters = assemble(packetise(units, "h264", Style()), "h264")
    found = samples(runs)
    assert found[2].startswith(len(changed).to_bytes(4, "big") + changed)
    assert not any(changed in s for i, s in enumerate(found) if i != 2)
    own = sets_of(first[0], "h264")
    assert all(s in found[5] for s in own) and counters.frames == len(units)
    assert len(cut_files(runs)) == 1


SDP = (
    "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    "a=fmtp:96 packetization-mode=1;sprop-parameter-sets={}\r\n"
)


def encoded(*nals: bytes) -> str:
    return ",".join(base64.b64encode(n).decode() for n in nals)


CODE = b"\0\0\0\1"


def sprop(form: str) -> str:
    own = sets("day")
    return {
        "sps_only": encoded(own[0]) + ",",
        "none": "",
        "another_camera": encoded(*sets("small")),
        "other_ids": encoded(*sets("other_ids")),
        "start_codes": encoded(CODE + own[0], CODE + own[1]),
        "both_in_one": encoded(CODE + CODE.join(own)),
        "broken": "Z0IAH5W4!!,###",
        "one_broken": "###," + encoded(*own),
        "a_slice": encoded(slices_of(variant("h264", "day")[0], "h264")[0]),
        "noise": encoded(b"\x67\xff\xff", b"\x68", b"\x00", b"\xff" * 40, b"\x67" + bytes(60)),
    }[form]


FORMS = ["sps_only", "none", "another_camera", "other_ids", "start_codes", "broken", "a_slice", "noise"]


@pytest.mark.parametrize("form", FORMS)
def test_what_the_sdp_says_is_used_or_ignored(form: str) -> None:
    track = sdp.video_track(SDP.format(sprop(form)), "rtsp://h/")
    part = variant("h264", "day")
    runs, counters = recorded([part], "h264", track.parameter_sets)
    (file,) = cut_files(runs)
    assert ffmpeg_hashes(file) == wanted("h264", "day")
    assert (runs[0].video.width, runs[0].video.height) == (128, 96) and counters.damaged_units == 0


@pytest.mark.parametrize("form", ["start_codes", "both_in_one", "one_broken"])
def test_sets_of_the_sdp_are_enough(form: str) -> None:
    track = sdp.video_track(SDP.format(sprop(form)), "rtsp://h/")
    part = variant("h264", "day")
    bare = [[n for n in unit if n not in sets("day")] for unit in part]
    (file,) = cut_files(recorded([bare], "h264", track.parameter_sets)[0])
    assert ffmpeg_hashes(file) == wanted("h264", "day")


def test_a_keyframe_without_its_sets_waits_for_the_next() -> None:
    part = variant("h264", "day")
    bare = [[n for n in unit if n not in sets("day") or i >= 5] for i, unit in enumerate(part)]
    runs, counters = recorded([bare], "h264")
    assert counters.frames == len(part) - 5 and counters.damaged_units == 1
    assert ffmpeg_hashes(cut_files(runs)[0]) == (encoder_hashes(part[5:], "h264"), "")


def test_a_stream_that_lacks_its_sets_says_so() -> None:
    depacketizer = Depacketizer(VideoCodec.H264, [], StreamCounters(), lambda _: None)
    assert "no keyframe" in depacketizer.missing_reason
    bare = [[n for n in unit if n not in sets("day")] for unit in variant("h264", "day")]
    packets = packetise(bare * 2, "h264", Style())

    def feed(packets: list[Packet]) -> None:
        for p in packets:
            depacketizer.push(memoryview(p.payload), 0, len(p.payload), p.seq, p.ts, p.marker)

    feed(packets[: len(packets) // 4])
    assert (
        "parameter sets" in depacketizer.missing_reason
        and depacketizer.waits_for_keyframe
        and depacketizer.counters.frames == 0
    )
    with pytest.raises(ProtocolError, match="parameter sets"):
        feed(packets[len(packets) // 4 :])


@given(st.lists(st.binary(max_size=80), max_size=6), st.permutations(range(4)))
def test_noise_between_the_sets_changes_nothing(noise: list[bytes], order: list[int]) -> None:
    own = [*sets("day"), *sets("same_size_other_ids")]
    store = ParameterSetStore(VideoCodec.H264, noise)
    for nal, rubbish in itertools.zip_longest((own[i] for i in order), noise):
        for one in (nal, rubbish and b"\x06" + rubbish):
            if one:
                store.add(one)
    formats = [store.format(i) for i in (0, 3)]
    assert all(f is not None and f.width == 128 for f in formats)
    assert [f.sets[0] for f in formats if f] == [own[0], own[2]]
