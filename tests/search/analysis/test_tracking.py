from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.analysis.colours import Floats
from search.analysis.detectors.base import Detection
from search.analysis.embedders import Vector
from search.analysis.gop_size_gate import GopSizeGate
from search.analysis.motion_gate import MAX_BUSY_SHARE, MotionGate
from search.analysis.tracking import Track, TrackedDetection, Tracker
from search.query.sightings import sighting_of
from search.store import ids
from search.store.rows import unpack_path
from search.vocabulary import Cls, Colour, Direction, Speed

START = 1_780_000_000_000


def vector(seed: int, noise: float = 0.0, again: int = 0) -> Vector:
    values = np.random.default_rng(seed).standard_normal(256) + noise * np.random.default_rng(
        1000 + again
    ).standard_normal(256)
    return np.asarray(values / np.linalg.norm(values), np.float32)


def detection(
    x: float, y: float, who: int, *, h: float = 0.2, cls: int = Cls.person, again: int = 0, upper: Colour = Colour.red
) -> TrackedDetection:
    sums: Floats = np.zeros(len(Colour))
    sums[upper] = 1.0
    return TrackedDetection(
        Detection(cls, 0.8, x - 0.03, y - h, 0.06, h), vector(who, 0.5, again), "pack@1", sums, sums, quality=0.5
    )


def test_person_crossing_the_street_is_one_sighting() -> None:
    tracker = Tracker(7)
    seen = {tracker.update(START + 2000 * i, [detection(0.1 + 0.08 * i, 0.6, 1, again=i)])[0].id for i in range(10)}
    (track,) = tracker.tracks
    assert seen == {track.id} == {ids.compose(START, 7, 0)}
    row = sighting_of(track, 1, 2)
    assert (row.detections, row.end_ms - row.start_ms, row.direction, row.upper) == (
        10,
        18_000,
        Direction.right,
        Colour.red,
    )
    assert (
        row.speed == Speed.slow
        and len(unpack_path(row.start_ms, row.path)) == 10
        and bin(row.cells & 2**64 - 1).count("1") >= 5
    )


def test_two_people_passing_each_other_keep_their_tracks() -> None:
    tracker = Tracker(1)
    for i in range(12):
        seen = [detection(0.1 + 0.07 * i, 0.6, 1, again=i), detection(0.9 - 0.07 * i, 0.62, 2, again=50 + i)]
        tracks = tracker.update(START + 1000 * i, seen if i % 2 else seen[::-1])
        first = tracks if i % 2 else tracks[::-1]
        assert [t.id & 511 for t in first] == [1, 0], i  # in the first picture the second person was first in the list
    assert len(tracker.tracks) == 2


def test_another_person_at_the_same_place_is_another_track() -> None:
    tracker = Tracker(1)
    tracker.update(START, [detection(0.5, 0.6, 1)])
    tracker.update(START + 2000, [detection(0.5, 0.6, 2, again=7)])
    assert len(tracker.tracks) == 2


def test_moving_track_ends_sooner_than_a_still_one() -> None:
    tracker = Tracker(1)
    walks = tracker.update(START, [detection(0.2, 0.6, 1)])[0]
    tracker.update(START + 2000, [detection(0.3, 0.6, 1)])
    assert tracker.update(START + 20_000, [detection(0.4, 0.6, 1)])[0].id != walks.id
    parked = [
        tracker.update(START + 60_000 + 30_000 * i, [detection(0.7, 0.9, 9, cls=Cls.vehicle)])[0].id for i in range(5)
    ]
    assert len(set(parked)) == 1


def test_moving_two_wheeler_is_a_rider() -> None:
    moving, parked = Tracker(1), Tracker(2)
    for i in range(4):
        moving.update(START + 2000 * i, [detection(0.1 + 0.2 * i, 0.6, 1, cls=Cls.two_wheeler)])
        parked.update(START + 2000 * i, [detection(0.5, 0.6, 1, cls=Cls.two_wheeler)])
    assert moving.tracks[0].cls == Cls.rider and parked.tracks[0].cls == Cls.two_wheeler


def test_class_from_an_attribute_pack_outweighs_the_detector() -> None:
    tracker = Tracker(1)
    one = detection(0.5, 0.6, 1, cls=Cls.vehicle)
    one.cls = int(Cls.van)
    assert tracker.update(START, [one])[0].cls == Cls.van


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.lists(
            st.tuples(st.floats(0, 1), st.floats(0, 1), st.integers(0, 5), st.sampled_from(list(Cls))), max_size=8
        ),
        max_size=12,
    )
)
def test_each_detection_gets_its_own_track(frames: list[list[tuple[float, float, int, int]]]) -> None:
    tracker, ever = Tracker(1), dict[int, Track]()
    for i, frame in enumerate(frames):
        tracks = tracker.update(START + 2000 * i, [detection(x, y, who, cls=cls, again=i) for x, y, who, cls in frame])
        assert len(tracks) == len(frame) == len({t.id for t in tracks})
        ever |= {t.id: t for t in tracks}
    assert sum(t.detections for t in ever.values()) == sum(map(len, frames))
    assert all(sighting_of(t, 1, 1).score > 0 for t in ever.values())


def test_motion_gate_detects_motion_and_learns_busy_pixels() -> None:
    rng, gate = np.random.default_rng(1), MotionGate()
    base = rng.integers(60, 180, (90, 160)).astype(np.float64)

    def picture(walker: float | None, clock: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
        frame = base + rng.normal(0, 2, base.shape)
        frame[2:8, 4:40] = clock % 2 * 200  # on-screen seconds
        if walker is not None:
            frame[40:60, int(walker * 160) : int(walker * 160) + 8] = 250
        return np.clip(frame, 0, 255).astype(np.uint8)

    for i in range(60):
        gate.detect_motion(picture(None, i))
    assert gate.busy[4, 10] > MAX_BUSY_SHARE  # the gate has learned the clock
    quiet = sum(bool(gate.detect_motion(picture(None, i))) for i in range(40))
    assert quiet <= 1
    seen = gate.detect_motion(picture(0.5, 1))
    assert seen and seen[0][0] == pytest.approx(0.5, abs=0.03) and seen[0][3] == pytest.approx(60 / 90, abs=0.05)
    assert gate.detect_motion(np.full((90, 160), 255, np.uint8)) is None  # the light changed: motion is unknown


def test_gop_size_gate_skips_quiet_gops_and_turns_off_at_constant_bit_rate() -> None:
    rng, variable, constant = np.random.default_rng(1), GopSizeGate(), GopSizeGate()
    passed = missed = 0
    for i in range(600):
        event = i % 4 == 0
        share = float(rng.normal(1.5 if event else 0.4, 0.25))
        if i > 200 and variable.is_quiet(share):
            passed, missed = passed + 1, missed + event
        else:
            variable.learn(share, event=event)
        constant.learn(float(rng.normal(3.0, 0.1)), event=event)
    assert constant.limit == 0 and not constant.is_quiet(2.9)
    assert passed > 180 and missed <= 3
    assert not variable.is_quiet(0.0)  # the GOP's size is unknown
