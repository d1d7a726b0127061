"""Streams without keyframes are recorded from recovery points, after waiting for a keyframe."""

from __future__ import annotations

import pytest

from nvr.media.codec.nal_units import has_recovery_point
from nvr.media.mp4 import fmp4
from nvr.media.pictures.start_points import (
    KEYFRAME_PATIENCE_S,
    MAX_KEYFRAME_INTERVAL_S,
    SEARCH_PAUSE_S,
    SEARCH_S,
    StartPointKind,
    StartPoints,
)
from nvr.media.samples import StreamCounters
from tests.nvr.camera_streams import Style, Unit, encode, encoder_hashes, ffmpeg_hashes, packetise, sei, sets_of
from tests.nvr.fed_session import FedSession

GOP = 25


def refreshed(seconds: int = 22, first: int = 1) -> list[Unit]:
    """Pictures of an encoder with gradual refresh, one cycle a second, without the first one, its only IDR."""
    units = encode("h264", "64x48", (seconds + 1) * 25, GOP, "intra-refresh=1")
    return [sets_of(units[0], "h264") + units[first], *units[first + 1 :]]


def recorded(made: FedSession) -> list[bytes]:
    made.session.close()
    made.recording.sink.end_session()
    return [bytes(f) for f in made.recording.volumes.disks[0].writer.files.values()]


def test_a_stream_with_recovery_points_only_is_recorded_and_decodes() -> None:
    units = refreshed()
    made = FedSession()
    made.recording.sink._segment_seconds = made.recording.sink._first_segment_seconds = 4.0
    made.play(packetise(units, "h264", Style()))
    files = recorded(made)
    counters = made.recording.counters
    assert counters.start_points == counters.keyframes > 5 and counters.damaged_units == 0
    assert len(files) >= 2  # cut at recovery points
    total = sum(s.frames for s in made.recording.archive.segments)
    assert total >= (22 - KEYFRAME_PATIENCE_S - 2) * 25
    assert [g.cause for g in made.recording.archive.gaps] == ["no_keyframe"] or made.recording.archive.gaps == []
    wanted = encoder_hashes(units[-total:], "h264")
    for number, file in enumerate(files):
        pictures, complaint = ffmpeg_hashes(file)
        assert complaint == ""
        frames = made.recording.archive.segments[number].frames
        assert frames - GOP <= len(pictures) <= frames  # pictures before the end of the refresh are not output
    pictures, _ = ffmpeg_hashes(files[-1])
    assert pictures[-GOP:] == wanted[-GOP:]


def test_a_keyframe_that_comes_in_time_changes_nothing() -> None:
    """The camera answers the keyframe request within the patience; the stream has recovery points as well."""
    units = refreshed(8)
    asked = encode("h264", "64x48", 75, GOP, "intra-refresh=1")
    made = FedSession()
    made.play(packetise([*units, *asked], "h264", Style()))
    made.session.close()
    made.recording.sink.end_session()
    counters = made.recording.counters
    assert counters.start_points == 0 and counters.keyframes == 1 and counters.frames == 75


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_intra_pictures_and_repeated_sets_are_the_last_resort(codec: str) -> None:
    """H.264: unannounced intra pictures that are not IDR. H.265: a refresh announced only by repeated sets."""
    params = "bframes=1:b-adapt=0:open-gop=1" if codec == "h264" else "intra-refresh=1"
    units = [[n for n in u if n[:1] != b"\x06"] for u in encode(codec, "64x48", 26 * 25, GOP, params)]
    units = [sets_of(units[0], codec) + units[1], *units[2:]]
    made = FedSession(codec)
    made.play(packetise(units, codec, Style()))
    (file,) = recorded(made)
    counters = made.recording.counters
    assert counters.start_points == counters.keyframes >= 3 and counters.frames >= 4 * 25
    pictures, _ = ffmpeg_hashes(file)
    assert counters.frames - 2 <= len(pictures) <= counters.frames


def test_the_next_session_of_such_a_stream_begins_sooner() -> None:
    packets = packetise(refreshed(14), "h264", Style())
    first = FedSession()
    first.play(packets)
    second = FedSession(recording=first.recording, began=first.now)
    before = first.recording.counters.frames
    second.play(packets)
    assert second.recording.counters.frames - before >= before + 6 * 25


def test_a_file_of_a_stream_whose_only_keyframe_is_its_first_is_cut_all_the_same() -> None:
    """With integers for time: after two minutes recovery points are searched for a minute, then not for ten."""
    counters = StreamCounters()
    watch = StartPoints(0.0, counters)
    counters.keyframes = 1
    found = [watch.observe(float(t), 0.0) for t in range(1, 1000)]
    assert found[int(MAX_KEYFRAME_INTERVAL_S) - 2] == StartPointKind.NONE
    assert sum(found[: int(MAX_KEYFRAME_INTERVAL_S + SEARCH_S + 5)]) == pytest.approx(SEARCH_S, abs=2)
    assert (
        sum(
            found[
                int(MAX_KEYFRAME_INTERVAL_S + SEARCH_S) : int(MAX_KEYFRAME_INTERVAL_S + SEARCH_S + SEARCH_PAUSE_S) - 5
            ]
        )
        <= 2
    )
    counters.keyframes, counters.start_points = 2, 1
    watch.wanted = StartPointKind.RECOVERY_POINT
    for t in range(1000, 1400):
        counters.keyframes += t % 2 == 0
        counters.start_points += t % 2 == 0
        assert watch.observe(float(t), 0.0) == StartPointKind.RECOVERY_POINT
    counters.keyframes += 1
    watch.observe(1500.0, 0.0)
    counters.keyframes += 1
    assert watch.observe(1510.0, 0.0) == StartPointKind.NONE  # it has keyframes now


def test_patience_grows_to_any_picture() -> None:
    watch = StartPoints(0.0, StreamCounters())
    assert [
        watch.observe(t, t)
        for t in (1.0, KEYFRAME_PATIENCE_S, KEYFRAME_PATIENCE_S + 0.1, 2 * KEYFRAME_PATIENCE_S + 0.1)
    ] == [
        StartPointKind.NONE,
        StartPointKind.NONE,
        StartPointKind.RECOVERY_POINT,
        StartPointKind.ANY,
    ]


def test_recovery_points_are_found_among_other_messages() -> None:
    point = b"\x06\x06\x02\x3c\x40\x80"
    assert has_recovery_point(point, "h264")
    assert has_recovery_point(b"\x06\x05\x03abc\x06\x02\x3c\x40\x80", "h264")
    assert not has_recovery_point(sei("h264", 300), "h264") and not has_recovery_point(b"\x06\x06", "h264")
    assert not has_recovery_point(b"\x06\x06\xff\xff\xff", "h264") and not has_recovery_point(b"\x06", "h264")
    assert has_recovery_point(b"\x4e\x01\x06\x02\x3c\x40\x80", "h265")


def test_a_sample_that_begins_a_file_is_marked_as_such() -> None:
    made = FedSession()
    made.play(packetise(refreshed(14), "h264", Style()))
    (file,) = recorded(made)
    at = file.find(b"moof") - 4
    parsed = fmp4.parse_moof(file[at : at + int.from_bytes(file[at : at + 4], "big")])
    assert parsed is not None and parsed[1][0].key
