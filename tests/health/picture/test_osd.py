"""On-screen time and name: read where possible, reported as wrong only when certain."""

from __future__ import annotations

from datetime import datetime, timedelta

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from health.picture import osd
from health.picture.osd import check_display, cut_text, read_digits
from health.vocabulary import FaultFamily
from tests.health import simulated_views

NOW = datetime(2026, 11, 25, 13, 5, 25)
SIZES = [(704, 576), (1280, 720), (1920, 1080)]


def picture(
    size: tuple[int, int], text: str, face: int | None, light: float = 0.7, seed: int = 1
) -> tuple[np.ndarray, list[float]]:
    """Return a JPEG-coded street with a text in it, and the box of the text in shares of the picture."""
    rng = np.random.default_rng(seed)
    street = cv2.resize((simulated_views.drawn(3)[0] ** (1 / 2.2) * 255).astype(np.uint8), size)
    made = np.clip(street * light + rng.normal(0, 3, street.shape), 0, 255).astype(np.uint8)
    tall = size[1] / 360
    if face is None:
        image = Image.fromarray(made)
        font = ImageFont.load_default(int(16 * tall))
        ImageDraw.Draw(image).text(
            (20, 12), text, fill=(255, 255, 255), font=font, stroke_width=1, stroke_fill=(0, 0, 0)
        )
        left, top, right, bottom = ImageDraw.Draw(image).textbbox((20, 12), text, font=font)
        made = np.array(image)
    else:
        scale, weight = 0.6 * tall, max(1, round(tall))
        (wide, high), _ = cv2.getTextSize(text, face, scale, weight)
        left, top, right, bottom = 20, 12, 20 + wide, 12 + high
        for colour, width in (((0, 0, 0), weight + 2), ((255, 255, 255), weight)):
            cv2.putText(made, text, (left, bottom), face, scale, colour, width, cv2.LINE_AA)
    coded = cv2.imdecode(cv2.imencode(".jpg", made, [cv2.IMWRITE_JPEG_QUALITY, 75])[1], cv2.IMREAD_GRAYSCALE)
    assert coded is not None
    box = [(left - 5) / size[0], (top - 5) / size[1], (right - left + 10) / size[0], (bottom - top + 12) / size[1]]
    return coded, box


FORMS = ("%Y-%m-%d %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%d-%m-%Y %H:%M:%S")


@pytest.mark.parametrize("face", [cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, None])
def test_most_times_are_read_and_none_is_misread(face: int | None) -> None:
    read_right = found_wrong = 0
    for size in SIZES:
        for form in FORMS:
            y, box = picture(size, NOW.strftime(form), face)
            right = check_display(y, {"time": box}, NOW + timedelta(seconds=3))
            assert right.found == {}, (size, form)
            read_right += "mark_time" not in right.unknown
            wrong = check_display(y, {"time": box}, NOW + timedelta(hours=8))
            found_wrong += wrong.found.get(FaultFamily.OSD_TIME) == {"offset": -8 * 3600.0}
    assert read_right >= 6 and found_wrong >= 6, (read_right, found_wrong)  # of nine; the others are not judged


def test_signs_between_the_digits_do_no_harm() -> None:
    y, box = picture((1280, 720), f"A {NOW:%Y-%m-%d} W {NOW:%H:%M:%S} B", cv2.FONT_HERSHEY_SIMPLEX)
    assert "mark_time" not in check_display(y, {"time": box}, NOW).found


def test_a_mark_that_is_not_there_is_missing_and_one_that_cannot_be_read_is_not() -> None:
    y = np.full((720, 1280), 90, np.uint8)
    checked = check_display(y, {"time": [0.01, 0.01, 0.3, 0.06], "name": [0.01, 0.9, 0.3, 0.06]}, NOW)
    assert checked.found[FaultFamily.OSD_TIME]["missing"] == 1 and "mark_name" in checked.found
    y, box = picture((1280, 720), "QWERTZ UIOP", cv2.FONT_HERSHEY_SIMPLEX)
    checked = check_display(y, {"time": box, "name": box}, NOW)
    assert checked.found == {} and "mark_time" in checked.unknown


def test_displays_without_a_box_are_not_judged() -> None:
    assert check_display(np.zeros((72, 128), np.uint8), {}, NOW).unknown == {"mark_time", "mark_name"}


@settings(deadline=None, max_examples=40)
@example(0, (1.0, 0.0, 0.0, 0.0))
@example(0, (0.0, 1.0, 0.0, 0.0))
@given(st.integers(0, 2**32 - 1), st.tuples(*[st.floats(0, 1)] * 4))
def test_noise_is_never_a_time(seed: int, box: tuple[float, float, float, float]) -> None:
    y = np.random.default_rng(seed).integers(0, 255, (90, 160), np.uint8)
    reading = read_digits(cut_text(y, box))
    assert len(reading.digits) == len(reading.correlations) and all(0 <= s <= 1.01 for s in reading.correlations)
    assert "offset" not in check_display(y, {"time": box}, NOW).found.get(FaultFamily.OSD_TIME, {}) or osd._is_empty(
        cut_text(y, box)
    )
