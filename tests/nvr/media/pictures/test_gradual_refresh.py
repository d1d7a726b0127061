"""Pictures of streams with gradual refresh are decoded over the refresh, and complete (gradual_refresh)."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.codec.context import Flags

from core.errors import ProtocolError
from nvr.archive import reader
from nvr.archive.reader import Keyframe, LocatedGop, _newest_keyframes, _newest_of_all, _read_keyframes
from nvr.archive.segment_index import Segment
from nvr.media.codec.nal_units import recovery_count
from nvr.media.mp4 import fmp4, gop_index
from nvr.media.pictures import gradual_refresh
from nvr.playback.pictures import Picture, decode_bgr, decode_frame
from tests.nvr.camera_streams import Style, Unit, encode, packetise, sei, sets_of
from tests.nvr.fed_session import FedSession
from tests.nvr.media.pictures.test_start_points import GOP, recorded, refreshed

S = 1_000_000


def files_of(units: list[Unit], folder: Path, codec: str = "h264", seconds: float = 4.0) -> list[Path]:
    """Return files as a recorder writes them."""
    made = FedSession(codec)
    made.recording.sink._segment_seconds = made.recording.sink._first_segment_seconds = seconds
    made.play(packetise(units, codec, Style()))
    paths = [folder / f"{i}.mp4" for i in range(100)]
    kept = recorded(made)
    for path, file in zip(paths, kept, strict=False):
        path.write_bytes(file)
    return paths[: len(kept)]


def gops_of(paths: list[Path]) -> list[LocatedGop]:
    found, start = list[LocatedGop](), 0
    for path in paths:
        gops = gop_index.read(path)
        found += [
            LocatedGop(start + g.time_us, start + g.time_us + g.duration_us, path, g.offset, g.size, start)
            for g in gops
        ]
        start = found[-1].end_us
    return found


def pictures_of(paths: list[Path]) -> list[Picture]:
    """Decode everything from the first file on as one stream, correct after its first refresh."""
    samples, record = list[bytes](), b""
    for path in paths:
        _, record = fmp4.codec_configuration(fmp4.read_init(path))
        body = path.read_bytes()
        samples += [body[at : at + size] for _, at, size, _ in fmp4.samples(path, 0)]
    context: Any = av.CodecContext.create("h264", "r")
    context.extradata = record
    context.flags |= Flags.output_corrupt
    shown = [f for packet in [*map(av.Packet, samples), None] for f in context.decode(packet)]
    assert len(shown) == len(samples)
    return [np.asarray(f.to_ndarray(format="bgr24"), np.uint8) for f in shown]


def are_apart(frames: list[Keyframe]) -> bool:
    return all(a.complete_us < b.at_us for a, b in pairwise(frames))


@pytest.mark.parametrize(("more", "needed"), [("", 18), (":bframes=2:b-adapt=0", 20)])
def test_each_recovery_point_gives_a_whole_picture(more: str, needed: int, tmp_path: Path) -> None:
    """Bit for bit the output of a decoder that began long before. Non-reference pictures are not counted."""
    units = encode("h264", "320x192", 22 * 25, GOP, f"intra-refresh=1{more}")
    paths = files_of([sets_of(units[0], "h264") + units[1], *units[2:]], tmp_path)
    assert len(paths) >= 2
    gops, whole = gops_of(paths), pictures_of(paths)
    frames = _read_keyframes("c/main", gops, len(gops))
    assert (len(gops) - 2) // (2 if more else 1) <= len(frames) <= len(gops)  # the last may have too few after it
    assert are_apart(frames)  # with B-frames a refresh extends beyond the next point
    for frame in frames[1:]:  # pictures before the first refresh are complete in no decoder
        first = round(frame.at_us * 25 / S)
        assert gradual_refresh.pictures_needed(frame.data, "h264") == needed <= len(frame.following) <= 2 * GOP
        picture = decode_bgr(frame)
        assert any(np.array_equal(picture, w) for w in whole[first + needed : first + 2 * GOP])


def test_the_refresh_goes_on_in_the_next_file(tmp_path: Path) -> None:
    paths = files_of(refreshed(), tmp_path)
    gops = gops_of(paths)
    last = max(i for i, g in enumerate(gops) if g.path == paths[0])
    needed = 3 * GOP  # more than the rest of the file
    rest = gradual_refresh.read_refresh(
        [(paths[0], gops[last].offset), (paths[1], gops[last + 1].offset)], "h264", needed, 0
    )
    assert rest is not None and len(rest.pictures) == needed
    assert gradual_refresh.read_refresh([(paths[0], gops[last].offset)], "h264", needed, 0) is None  # not there yet


def test_the_newest_point_whose_refresh_is_not_complete_is_passed_over(tmp_path: Path) -> None:
    (path,) = files_of(refreshed(16), tmp_path, seconds=60.0)
    gops = gop_index.read(path)
    end = next(at for _, at, _, _ in fmp4.samples(path, gops[-1].offset)) + 10
    # A file that is being written.
    path.write_bytes(path.read_bytes()[: gops[-1].offset + (end - gops[-1].offset) // 2])
    found = _newest_of_all({"c/main": [(Segment("c/main", 1, 0, 0, open=True), path)]}, 0, 100 * S, 1)
    (frame,) = found["c/main"]
    assert frame.following and decode_bgr(frame).shape == (48, 64, 3)


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_pictures_that_nothing_announces(codec: str, tmp_path: Path) -> None:
    """H.264: an intra picture that is not IDR is complete alone. H.265: a refresh extends to the next one."""
    params = "bframes=1:b-adapt=0:open-gop=1" if codec == "h264" else "intra-refresh=1"
    units = [[n for n in u if n[:1] != b"\x06"] for u in encode(codec, "64x48", 26 * 25, GOP, params)]
    units = [sets_of(units[0], codec) + units[1], *units[2:]]
    gops = gops_of(files_of(units, tmp_path, codec, 60.0))
    frames = _read_keyframes("c/main", gops, len(gops))
    assert len(frames) >= 3
    for frame in frames:
        assert decode_bgr(frame).shape == (48, 64, 3)
        assert len(frame.following) == 0 if codec == "h264" else 0 < len(frame.following) <= GOP


def test_what_cannot_become_whole_is_unusable_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The encoder states a refresh longer than the limit: the work is bounded, and only that picture is unusable."""
    paths = files_of(refreshed(16), tmp_path, seconds=60.0)
    gops = gops_of(paths)
    with pytest.raises(ProtocolError, match="refresh"):
        gradual_refresh.read_refresh([(paths[0], gops[0].offset)] * 40, "h264", 10**6, 0)
    monkeypatch.setattr(gradual_refresh, "MAX_PICTURES", 1)
    frames = _read_keyframes("c/main", gops, len(gops))
    assert len(frames) == len(gops) and all(f.unusable and not f.following for f in frames)
    with pytest.raises(ProtocolError, match="refresh"):
        decode_frame(frames[0])


def test_how_long_a_refresh_takes() -> None:
    assert recovery_count(b"\x06\x06\x01\xc0\x80", "h264") == 0
    assert recovery_count(b"\x06\x05\x03abc\x06\x02\x04\x40\x80", "h264") == 33  # ue(v): 00000 100010
    assert recovery_count(b"\x4e\x01\x06\x02\x04\x40\x80", "h265") == 17  # se(v): 33 is 17
    assert recovery_count(sei("h264", 300), "h264") is None and recovery_count(b"\x06\x06\x01\x00\x80", "h264") is None


def test_what_nobody_states_is_bounded_as_well_and_complete_only_with_the_next_point() -> None:
    delta = b"\x00\x00\x00\x02\x41\xe0"
    with pytest.raises(ProtocolError, match="refresh"):
        gradual_refresh.collect_refresh(((i, delta) for i in range(100_000)), "h264", None, 10**6)
    with pytest.raises(ProtocolError, match="refresh"):
        gradual_refresh.collect_refresh([(0, delta), (13 * 90_000, delta)], "h264", None, 14 * 90_000)
    samples = [(i * 3600, delta) for i in range(4)]
    assert gradual_refresh.collect_refresh(samples[:3], "h264", None, 10_800) is None  # cut off
    found = gradual_refresh.collect_refresh(samples, "h264", None, 10_800)
    assert found is not None and len(found.pictures) == 2 and found.duration == 7200


def test_a_recovery_point_at_every_picture_costs_no_more_than_the_video(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = b"\x06\x06\x02\x04\x40\x80"  # 33 pictures
    units = [[point, *(n for n in u if n[0] & 31 != 6)] for u in refreshed(16)]
    gops = gops_of(files_of(units, tmp_path, seconds=60.0))
    assert len(gops) > 100
    oldest, newest = _read_keyframes("c/main", gops, 12), _newest_keyframes("c/main", gops, 3)
    for frames in (oldest, newest):
        assert are_apart(frames) and {len(f.following) for f in frames} == {33}
    assert 3 <= len(oldest) <= 12 and oldest[0].at_us == gops[0].start_us
    assert newest and gops[-1].end_us - newest[-1].complete_us < 2 * S
    apart = _read_keyframes("c/main", gops, 100, step_us=2 * S)
    assert len(apart) > 1 and all(b.at_us - a.at_us >= 2 * S for a, b in pairwise(apart))
    monkeypatch.setattr(reader, "MAX_READ_BYTES", sum(map(len, oldest[0].following)))
    assert len(_read_keyframes("c/main", gops, 12)) == len(_newest_keyframes("c/main", gops, 12)) == 1


def test_of_a_picture_of_tiny_units_few_are_looked_at() -> None:
    tiny = b"\x00\x00\x00\x01\x0a" * 100_000
    assert sum(1 for _ in gradual_refresh.units(tiny)) == gradual_refresh.MAX_UNITS
