"""Pictures judged against the camera's history: faults are found, healthy pictures are not flagged."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from bench.parts import sights
from bench.parts.sights import Camera, TownWeather
from health.picture import measurement
from health.picture.comparison import AcceptedHistory
from health.picture.judgement import judge, judge_against_anchors
from health.picture.measurement import Measurement
from health.picture.precedence import PICTURE_FINDINGS
from tests.conftest import FOOTAGE
from tests.health import simulated_views, synthetic_faults
from tests.health.simulated_views import Guests, Place, Weather

DAYS = 2.5


def _place(kind: str) -> Place:
    rng = np.random.default_rng(11)
    if kind == "drawn":
        return Place("drawn", simulated_views.drawn(5), rng)
    file = FOOTAGE / kind
    if not file.is_file():
        pytest.skip(f"real footage is not here: {file} is missing")
    return Place("filmed", simulated_views.filmed(file, 6), rng)


@pytest.fixture(scope="module", params=["drawn", "vtest_480x360.avi"])
def camera(request: pytest.FixtureRequest) -> Camera:
    """Return a camera that was inspected every hour for some days."""
    made = Camera(_place(request.param), 3, lorries=False)
    sky = TownWeather(np.random.default_rng(5))
    for i in range(int(DAYS * 24)):
        now = i / 24 + 0.01
        weather = Weather(sky.at(int(now), now * 24 % 24).cloud)
        made.accept(now, now * 24 % 24, sights.measure(made, now, weather), view=True)
    return made


def _look(
    camera: Camera, hour: float, weather: Weather | None = None, fault: tuple[str, int, int] | None = None
) -> Measurement:
    return sights.measure(camera, 2 + hour / 24, weather or Weather(0.5), fault)


def _judged(camera: Camera, measured: Measurement, hour: float) -> set[str]:
    return set(judge(measured, camera.past(DAYS), hour).found)


@pytest.mark.parametrize(
    "name", ["no_signal", "black", "over", "veil", "defocus", "cast", "noise", "torn", "mosaic", "cloth", "turned"]
)
def test_a_severe_fault_is_found_by_day(camera: Camera, name: str) -> None:
    found = _judged(camera, _look(camera, 13.2, fault=(name, 3, 7)), 13.2)
    assert found & (synthetic_faults.EXPECTED_FAMILIES[name] | ({"partial_occlusion"} if name == "cloth" else set())), (
        found
    )


@pytest.mark.parametrize("name", ["no_signal", "black", "over", "defocus", "noise", "torn", "turned"])
def test_a_severe_fault_is_found_by_night(camera: Camera, name: str) -> None:
    found = _judged(camera, _look(camera, 23.2, fault=(name, 3, 7)), 23.2)
    assert found & synthetic_faults.EXPECTED_FAMILIES[name], found


@pytest.mark.parametrize("severity", [2, 3])
def test_a_cast_that_takes_light_is_no_underexposure(camera: Camera, severity: int) -> None:
    found = _judged(camera, _look(camera, 13.2, fault=("tint", severity, 7)), 13.2)
    assert "colour_cast" in found and "underexposed" not in found


@pytest.mark.parametrize(("name", "right"), [("panned", "moved"), ("elsewhere", "moved"), ("cloth", "covered")])
def test_another_view_is_moved_and_an_object_before_the_lens_is_covered(camera: Camera, name: str, right: str) -> None:
    assert right in _judged(camera, _look(camera, 13.2, fault=(name, 3, 7)), 13.2)


def test_days_and_nights_are_no_faults(camera: Camera) -> None:
    flagged = [h for h in range(24) if _judged(camera, _look(camera, h + 0.3), h + 0.3)]
    assert len(flagged) <= 1, flagged  # a single inspection may err and opens nothing


def test_rain_headlights_and_infra_red_are_no_faults(camera: Camera) -> None:
    for hour in (10.3, 15.3, 21.3):
        assert not _judged(camera, _look(camera, hour, Weather(0.95, rain=0.5)), hour) - {"noise"}
    shot = simulated_views.shoot(camera.place, 22.0, Weather(), Guests(cars=2), np.random.default_rng(9))
    simulated_views.mark(shot.picture, camera.place, 22.0, 2)
    assert not _judged(camera, measurement.measure_frame(simulated_views.coded(shot.picture)), 22.0)


def test_a_new_camera_learns_first(camera: Camera) -> None:
    verdict = judge(
        _look(camera, 12.0, fault=("defocus", 3, 1)),
        AcceptedHistory(np.zeros((0, measurement.SIZE), np.float32), np.zeros(0, np.float32)),
        12.0,
    )
    assert verdict.learning and not verdict.found and "blurred" in verdict.unknown
    black = judge(
        _look(camera, 12.0, fault=("black", 3, 1)),
        AcceptedHistory(np.zeros((0, measurement.SIZE), np.float32), np.zeros(0, np.float32)),
        12.0,
    )
    assert set(black.found) == {"black"}


def test_a_slow_blur_is_found_against_the_first_days(camera: Camera) -> None:
    """Thirty days of slowly increasing blur: the recent history contains it, the first days do not."""
    hour, noon = 13.2, [(d, s, h) for d, s, h in camera.inspections]
    recent = [
        measurement.measure_frame(simulated_views.coded(_softened(camera, h, 2.6))).pack() for _, _, h in noon[:40]
    ]
    past = AcceptedHistory(measurement.unpack(recent), np.array([h for _, _, h in noon[:40]], np.float32))
    now = measurement.measure_frame(simulated_views.coded(_softened(camera, hour, 3.0)))
    assert "blurred" not in judge(now, past, hour).found
    assert "blurred" in judge_against_anchors(now, camera.past(DAYS), hour).found


def _softened(camera: Camera, hour: float, sigma: float) -> simulated_views.Image:
    shot = simulated_views.shoot(camera.place, hour, Weather(0.5), Guests(), np.random.default_rng(int(hour * 60)))
    picture = np.asarray(cv2.GaussianBlur(shot.picture, (0, 0), sigma), np.uint8)
    simulated_views.mark(picture, camera.place, hour, 2)
    return picture


def test_figures_survive_their_packing(camera: Camera) -> None:
    measured = _look(camera, 9.0)
    back = measurement.unpack([measured.pack(), b"of another layout"])
    assert back.shape == (1, measurement.SIZE) and np.allclose(back[0], measured.vector, rtol=2e-3, atol=2e-3)
    assert {"covered", "moved"} <= PICTURE_FINDINGS


@pytest.mark.parametrize("size", [(704, 576), (1920, 1080), (352, 288), (66, 64)])
def test_any_size_is_measured(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    y = rng.integers(0, 255, (size[1], size[0]), np.uint8)
    chroma = np.full((size[1] // 2, size[0] // 2), 128, np.uint8)
    assert np.isfinite(measurement.measure(y, chroma, chroma).vector).all()
