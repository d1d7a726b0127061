"""Clips over changes of format, gaps and damage: every readable picture, and a report of what cannot be read."""

from __future__ import annotations

import errno
import itertools
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import ConflictError, NotFoundError, StorageError
from nvr.playback import clip, mp4_writer
from nvr.rtsp.sdp import AudioCodec, AudioTrack
from tests.nvr.segment_files import BEGIN_US, PCMA, street_pictures, write_segment

SECOND = 1_000_000
SMALL, LARGE, TALL = (64, 48), (96, 64), (48, 80)
PCMU = AudioTrack(AudioCodec.PCMU, 0, "", 8000, 1)


def decoded(path: Path) -> dict[str, Any]:
    """Return the pictures that ffmpeg decodes, with sizes and times; an error of the decoder fails the test."""
    done = subprocess.run(
        [
            "ffprobe",
            "-v",
            "error",
            "-select_streams",
            "v",
            "-show_entries",
            "frame=width,height,pts_time",
            "-of",
            "json",
            str(path),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    frames = json.loads(done.stdout)["frames"]
    return {
        "count": len(frames), "times": [float(f["pts_time"]) for f in frames],
        "sizes": [s for s, _ in itertools.groupby((f["width"], f["height"]) for f in frames)],
    }  # fmt: skip


def made(folder: Path, *films: tuple[int, str, tuple[int, int], AudioTrack | None]) -> list[Any]:
    """Return the GOPs of files that begin at the given seconds."""
    return [
        g
        for at, codec, size, sound in films
        for g in write_segment(folder, BEGIN_US + at * SECOND, street_pictures(codec, size), sound=sound)
    ]


def test_a_change_of_size_loses_no_picture(tmp_path: Path) -> None:
    gops = made(
        tmp_path, (0, "h264", SMALL, None), (2, "h264", LARGE, None), (4, "h264", SMALL, None), (30, "h264", TALL, None)
    )
    part = clip.plan(gops)
    mp4_writer.write(part, tmp_path / "clip.mp4")
    found = decoded(tmp_path / "clip.mp4")
    assert (part.pictures, found["count"], found["sizes"]) == (80, 80, [SMALL, LARGE, SMALL, TALL])
    # The gap of 24 s keeps its duration.
    assert found["times"] == pytest.approx([t + i / 10 for t in (0, 2, 4, 30) for i in range(20)], abs=0.002)
    assert part.formats == ["h264 64x48", "h264 96x64", "h264 48x80"] and part.unreadable == []
    assert part.end_us == gops[-1].end_us


def test_another_codec_begins_another_file(tmp_path: Path) -> None:
    gops = made(
        tmp_path, (0, "h264", SMALL, None), (2, "h265", SMALL, None), (4, "h265", LARGE, None), (6, "h264", LARGE, None)
    )
    found = clip.plan_files(gops)
    names = mp4_writer.output_paths(tmp_path / "clip.mp4", len(found))
    assert [n.name for n in names] == ["clip.mp4", "clip-2.mp4", "clip-3.mp4"]
    for part, name in zip(found, names, strict=True):
        mp4_writer.write(part, name)
        assert decoded(name)["count"] == part.pictures
    assert [p.pictures for p in found] == [20, 40, 20]
    assert [(p.start_us - BEGIN_US, p.end_us - BEGIN_US) for p in found] == [
        (0, 2 * SECOND),
        (2 * SECOND, 6 * SECOND),
        (6 * SECOND, 8 * SECOND),
    ]
    with pytest.raises(ConflictError, match="3 files"):
        clip.plan(gops)


def test_sound_that_comes_later_is_taken_and_other_sound_is_another_file(tmp_path: Path) -> None:
    gops = made(
        tmp_path, (0, "h264", SMALL, None), (2, "h264", SMALL, PCMA), (4, "h264", SMALL, None), (6, "h264", SMALL, PCMU)
    )
    first, second = clip.plan_files(gops)
    assert [sum(p.tracks[2].sizes) for p in (first, second)] == [8000, 8000]
    assert (first.pictures, second.pictures) == (60, 20)
    assert first.tracks[2].times[0] == 2 * 8000  # at its original position
    mp4_writer.write(first, tmp_path / "clip.mp4")
    assert decoded(tmp_path / "clip.mp4")["count"] == 60


FORMATS = st.lists(
    st.tuples(st.sampled_from(["h264", "h265"]), st.sampled_from([SMALL, LARGE]), st.sampled_from([None, PCMA])),
    min_size=1, max_size=6,
)  # fmt: skip


@given(FORMATS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
def test_whatever_changes_every_picture_is_in_one_of_the_files(tmp_path: Path, formats: list[Any]) -> None:
    gops = made(tmp_path, *((2 * i, *f) for i, f in enumerate(formats)))
    found = clip.plan_files(gops)
    assert sum(p.pictures for p in found) == 20 * len(formats)
    assert len(found) == len(list(itertools.groupby(codec for codec, _, _ in formats)))
    for part in found:
        video = part.tracks[1]
        assert sum(n for _, n, _ in video.chunks) == part.pictures and video.times == sorted(video.times)
        assert {d for _, _, d in video.chunks} == set(range(1, len(video.descriptions) + 1))


DAMAGES = ["moof", "size", "track", "cut", "head", "gone", "mdat"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_cannot_be_read_is_told_and_the_rest_is_kept(tmp_path: Path, damage: str) -> None:
    gops = made(tmp_path, (0, "h264", SMALL, None), (2, "h264", SMALL, None), (4, "h264", SMALL, None))
    path, gop = gops[3].path, gops[3]  # the second GOP of the second file
    data = bytearray(path.read_bytes())
    if damage == "moof":
        data[gop.offset + 8 : gop.offset + 64] = bytes(56)
    elif damage == "size":
        data[gop.offset : gop.offset + 4] = b"\xff\xff\xff\x00"
    elif damage == "mdat":
        at = data.index(b"mdat", gop.offset)
        data[at : at + 4] = b"junk"
    elif damage == "track":
        at = data.index(b"tfhd", gop.offset)
        data[at + 8 : at + 12] = b"\0\0\0\7"
    elif damage == "cut":
        del data[gop.offset + 20 :]
    elif damage == "head":
        data[:64] = bytes(64)
    path.write_bytes(data)
    if damage == "gone":
        path.unlink()
    part = clip.plan(gops)
    whole = damage in ("head", "gone")
    assert part.pictures == (40 if whole else 50)
    (lost,) = part.unreadable
    assert (lost.start_us, lost.end_us) == (gops[2].start_us if whole else gop.start_us, gop.end_us)
    mp4_writer.write(part, tmp_path / "clip.mp4")
    assert decoded(tmp_path / "clip.mp4")["count"] == part.pictures


def test_nothing_that_can_be_read_is_an_error_that_names_the_files(tmp_path: Path) -> None:
    gops = made(tmp_path, *((at, "h264", SMALL, None) for at in range(0, 14, 2)))
    for gop in gops:
        gop.path.write_bytes(bytes(5000))
    with pytest.raises(StorageError, match=rf"exists but cannot be read: {gops[0].path}, .* and 2 more; run"):
        clip.plan_files(gops)
    with pytest.raises(NotFoundError):
        clip.plan_files([])


def test_a_disk_that_takes_a_part_of_each_write_gives_the_same_clip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = clip.plan(made(tmp_path, (0, "h264", SMALL, None)))
    mp4_writer.write(part, tmp_path / "whole.mp4")
    write = os.write

    def copy_file_range(*_: object) -> int:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:100]))
    monkeypatch.setattr(os, "copy_file_range", copy_file_range)
    mp4_writer.write(part, tmp_path / "parts.mp4")
    assert (tmp_path / "parts.mp4").read_bytes() == (tmp_path / "whole.mp4").read_bytes()


def test_a_disk_that_is_full_at_the_end_leaves_no_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = clip.plan(made(tmp_path, (0, "h264", SMALL, None)))

    def fsync(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="No space"):
        mp4_writer.write(part, tmp_path / "clip.mp4")
    assert not list(tmp_path.glob("clip*"))
