"""Cutting files, with a disk in memory and integers for time."""

from __future__ import annotations

import errno
import json
from itertools import pairwise

import pytest

from core.clock import SECOND as S
from nvr.archive.coverage.timeline import ClockStep
from nvr.archive.writing import file_names
from nvr.archive.writing.segment_writer import LiveTap
from nvr.media.samples import AudioRun
from nvr.playback.live import announcement
from nvr.rtsp.sdp import AudioCodec, AudioTrack
from nvr.tables import GapCause
from tests.nvr.camera_clock import ORIGIN_US, CameraClock
from tests.nvr.memory_recording import Recording, single


def test_files_are_cut_at_keyframes_and_touch() -> None:
    made = Recording(segment_seconds=4)
    made.feed_camera(CameraClock(seconds=30))
    made.sink.end_session()
    segments = made.archive.segments
    assert 6 <= len(segments) <= 9 and sum(s.frames for s in segments) == 750
    assert all(a.end_us == b.start_us for a, b in pairwise(segments))
    assert all(s.frames % 25 == 0 for s in segments)
    assert made.archive.gaps == [] and made.sink.timeline.short_holes == 0
    assert made.recorded == pytest.approx(30, abs=0.1)


def test_the_files_hold_what_was_given() -> None:
    made = Recording(segment_seconds=4)
    made.feed_camera(CameraClock(seconds=10))
    made.sink.end_session()
    files = made.volumes.disks[0].writer.files
    assert len(files) == len(made.archive.segments)
    for body, segment in zip(files.values(), made.archive.segments, strict=True):
        assert len(body) == segment.size and body[4:8] == b"ftyp" and body[-12:-8] == b"mfro"


def test_behind_a_hole_a_keyframe_begins_a_new_file() -> None:
    made = Recording(segment_seconds=60)
    until = made.pictures(50)
    made.pictures(50, until + 5 * S, time=7 * 90_000)
    made.sink.end_session()
    first, second = made.archive.segments
    (gap,) = made.archive.gaps
    assert (gap.start_us, gap.end_us) == (first.end_us, second.start_us) and gap.fillable
    assert gap.seconds == pytest.approx(5, abs=0.1)


def test_a_hole_within_a_gop_leaves_the_file_open() -> None:
    made = Recording(segment_seconds=60)
    made.pictures(30, gop=1000)
    for i in range(20):
        made.sink.write_fragment(single((30 + i) * 3600 + 3 * 90_000, key=False), ORIGIN_US + (30 + i) * 40_000 + 3 * S)
    made.sink.end_session()
    (segment,), (gap,) = made.archive.segments, made.archive.gaps
    assert segment.frames == 50 and not gap.fillable and gap.seconds == pytest.approx(3, abs=0.05)
    assert made.recorded + made.missing == pytest.approx(50 / 25 + 3, abs=0.1)


def test_a_new_session_never_overlaps_the_old_one() -> None:
    made = Recording()
    until = made.pictures(50)
    made.sink.begin_session()
    made.pictures(50, until - S // 2)
    made.sink.end_session()
    first, second = made.archive.segments
    assert second.start_us == first.end_us


def test_a_run_that_may_be_late_waits_for_the_next_one() -> None:
    made = Recording()
    until = made.pictures(50)
    frames = made.sink.segment.frames if made.sink.segment else 0
    made.sink.write_fragment(
        single(50 * 3600, key=True), until + 3 * S
    )  # the camera's clock stopped, or the picture is late
    assert made.sink.segment is not None and made.sink.segment.frames == frames
    made.sink.write_fragment(single(51 * 3600, key=False), until + 3 * S + 40_000)
    made.sink.end_session()
    assert sum(s.frames for s in made.archive.segments) == 52
    assert [round(g.seconds) for g in made.archive.gaps] == [3]


def test_a_held_run_is_kept_when_the_session_ends() -> None:
    made = Recording()
    until = made.pictures(50)
    made.sink.write_fragment(single(50 * 3600, key=True), until + 3 * S)
    made.sink.end_session()
    assert sum(s.frames for s in made.archive.segments) == 51


def test_a_disk_that_falls_behind_ends_the_file_and_is_tried_again() -> None:
    made = Recording()
    until = made.pictures(50)
    made.volumes.disks[0].writer.refuses = True
    until = made.pictures(1, until, time=50 * 3600)
    assert [g.cause for g in made.archive.gaps] == ["disk_error"]
    made.volumes.disks[0].writer.refuses = False
    made.pictures(25, until, time=51 * 3600)
    assert made.archive.gaps[0].end_us is not None and made.sink.segment is not None


def test_a_disk_that_refuses_is_left_alone_for_a_while() -> None:
    made = Recording()
    until = made.pictures(50)
    segment = made.sink.segment
    assert segment is not None
    segment.file.error = OSError(errno.EIO, "Input/output error")
    segment.file.on_failed(segment.file.error)
    assert made.sink.segment is None and made.archive.gaps[0].start_us == ORIGIN_US + 50 * 40_000
    made.volumes.chosen = made.volumes.disks[0]
    until = made.pictures(25, until, time=50 * 3600)
    assert made.sink.segment is None  # no write is tried for ten seconds
    made.pictures(25, until + 10 * S, time=75 * 3600 + 10 * 90_000)
    assert made.sink.segment is not None and made.archive.gaps[0].cause == "disk_error"


def test_live_viewers_get_every_fragment() -> None:
    made, seen = Recording(), list[bytes]()
    tap: LiveTap = lambda run, segment, head: seen.append(head)  # noqa: E731
    made.sink.live = tap
    made.pictures(30)
    assert len(seen) == 30


def test_viewers_count_from_the_first_picture_over_all_files() -> None:
    made, starts = Recording(segment_seconds=2), list[float]()
    tap: LiveTap = lambda run, segment, head: starts.append(json.loads(announcement(segment)[0])["start"])  # noqa: E731
    made.sink.live = tap
    made.pictures(150)
    made.sink.begin_session()
    made.pictures(25, ORIGIN_US + 10 * S)
    assert starts[0] == 0 and starts == sorted(starts) and starts[-1] == pytest.approx(10, abs=0.1)


@pytest.mark.parametrize("by", [3600 * S, -3600 * S, 400 * 86_400 * S, -7 * S])
def test_the_next_file_begins_by_the_clock_that_was_set(by: int) -> None:
    made, told = Recording(segment_seconds=60), list[ClockStep]()
    made.sink._discipline.on_stepped = told.append
    until = made.pictures(60)
    made.sink.clock_stepped(by)
    assert made.sink.segment is not None  # its pictures stay in one file until the next keyframe
    made.pictures(50, until, time=60 * 3600)
    made.sink.end_session()
    first, second = made.archive.segments
    assert second.start_us == first.end_us + by
    assert told == [ClockStep("cam/main", 0, first.end_us, by, (first.start_us,))]
    assert made.archive.gaps == []  # no time passed


def test_a_stream_remembers_its_first_files_and_those_by_the_new_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_names, "MAX_REMEMBERED_NAMES", 3)
    made, told = Recording(segment_seconds=2), list[ClockStep]()
    made.sink._discipline.on_stepped = told.append
    until = made.pictures(500)
    filed = [s.start_us for s in made.archive.open]
    made.sink.clock_stepped(-3600 * S)
    made.pictures(200, until, time=500 * 3600)
    (step,) = told
    assert len(filed) > 6 and step.files == tuple(filed[:3]) and step.has_unlisted_files
    assert step.later_files == [s.start_us for s in made.archive.open[len(filed) :]][:3] and len(step.later_files) == 3


@pytest.mark.parametrize("by", [86_400 * S, -86_400 * S])
def test_a_clock_that_is_set_wrong_and_right_again_leaves_every_file_where_it_belongs(by: int) -> None:
    """The first step also moves what was named before it: the second step has to move that back."""
    made, told = Recording(segment_seconds=60), list[ClockStep]()
    made.sink._discipline.on_stepped = told.append
    until = made.pictures(50)
    made.sink.clock_stepped(by)
    until = made.pictures(50, until, time=60 * 3600)
    made.sink.clock_stepped(-by)
    made.pictures(50, until, time=120 * 3600)
    made.sink.end_session()
    places = [s.start_us for s in made.archive.segments]
    true = list(places)
    true[1] -= by
    for step in told:
        assert step.files is not None
        places = [p + step.by_us if p in step.files else p for p in places]
    assert places == pytest.approx(true, abs=1000)


def test_a_clock_that_is_set_between_two_sessions() -> None:
    made = Recording()
    until = made.pictures(50)
    made.sink.end_session()
    made.sink.start_gap(GapCause.UNREACHABLE, "", until)
    made.sink.clock_stepped(-3600 * S)
    made.sink.begin_session()
    made.pictures(25, until + 4 * S)
    made.sink.end_session()
    first, second = made.archive.segments
    assert second.start_us == pytest.approx(first.end_us - 3600 * S + 4 * S, abs=50_000)


TRACK = AudioTrack(AudioCodec.PCMA, 8, "", 8000, 1)


def sound_times(made: Recording) -> list[int]:
    """Return the position of each run of audio in the files, in samples."""
    (body,) = made.volumes.disks[0].writer.files.values()
    found, at = [], bytes(body).find(b"\0\0\0\x10tfhd\0\x02\0\0\0\0\0\x02")
    while at >= 0:
        found.append(int.from_bytes(body[at + 28 : at + 36], "big"))
        at = bytes(body).find(b"\0\0\0\x10tfhd\0\x02\0\0\0\0\0\x02", at + 1)
    return found


def play(made: Recording, seconds: int, sound_rate: float = 1.0, report: int | None = None) -> None:
    made.sink.begin_session(TRACK)
    if report is not None:  # live555 sends it before the first audio packet
        made.sink.audio_sender_report(ORIGIN_US, report)
    for i in range(seconds * 25):
        at = ORIGIN_US + i * 40_000
        made.sink.write_fragment(single(i * 3600, key=i % 25 == 0), at)
        if i % 10 == 9:
            begin = int(3_000_000_000 + (i - 9) * 320 * sound_rate)
            made.sink.write_audio(AudioRun(begin, [4], [int(3200 * sound_rate)], bytearray(b"sound"[:4])), TRACK, at)


@pytest.mark.parametrize("report", [None, 0, 4_000_000_000])
def test_sound_lies_beside_the_pictures_that_came_with_it(report: int | None) -> None:
    made = Recording(segment_seconds=60)
    play(made, 20, report=report)
    times = sound_times(made)
    assert len(times) == 50
    assert all(abs(t - i * 3200) < 800 for i, t in enumerate(times))  # a tenth of a second


@pytest.mark.parametrize("rate", [0.8, 1.2])
def test_sound_of_a_clock_that_runs_wrong(rate: float) -> None:
    made = Recording(segment_seconds=120)
    play(made, 60, sound_rate=rate)
    assert all(abs(t - i * 3200) < 8000 for i, t in enumerate(sound_times(made)))


def test_sender_reports_of_both_tracks_move_sound_by_a_little_only() -> None:
    for lead, moved in ((0.3, 2400), (7.0, 0)):
        made = Recording(segment_seconds=60)
        play(made, 4)
        made.sink.sender_report(ORIGIN_US, 0, ORIGIN_US)
        made.sink.audio_sender_report(ORIGIN_US + int(lead * 1e6), 3_000_000_000)
        made.sink.write_audio(AudioRun(3_000_000_000 + 32_000, [4], [3200], bytearray(4)), TRACK, ORIGIN_US + 4_400_000)
        assert sound_times(made)[-1] - 32_000 == pytest.approx(moved, abs=400)


@pytest.mark.parametrize("known", [True, False])
def test_a_loss_explains_the_hole_in_which_it_happened_and_no_later_silence(known: bool) -> None:
    """A lost packet that cost no time, five seconds of silence in the same file, then a loss that did cost time."""
    made = Recording(segment_seconds=600)

    def play(count: int, first: int, later: int, lost: dict[int, int]) -> None:
        for i in range(count):
            run = single((first + i) * 3600 + later * 90_000, key=(first + i) % 25 == 0)
            run.losses = {0: lost[i]} if i in lost else {} if known else None
            made.counters.lost_packets += lost.get(i, 0)
            made.sink.write_fragment(run, ORIGIN_US + (first + i) * 40_000 + later * S)

    play(50, 0, 0, {20: 3})
    play(50, 50, 5, {30: 1})
    play(50, 100, 11, {0: 9})
    play(50, 150, 20, {})
    assert [(g.cause, round(g.seconds)) for g in made.archive.gaps] == [
        ("no_packets", 5),
        ("packet_loss", 6),
        ("no_packets", 9),
    ]
