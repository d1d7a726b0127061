"""The three rates as pure functions of rows: what nobody observed is never good."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timezone

from hypothesis import given
from hypothesis import strategies as st

from cameras.tables import Camera, Stream
from core.clock import HOUR_US, SECOND
from core.intervals import Interval
from health.kpi import camera_days
from health.kpi.rates import NoRateReason, RateName, all_rates
from health.tables import CameraDay

DAY_S = 86_400


@st.composite
def rows(draw: st.DrawFn, name: str = "c") -> CameraDay:
    """A row as camera_days writes it: unknown and offline are parts of service and do not overlap."""
    service = draw(st.integers(0, DAY_S))
    unknown = draw(st.integers(0, service))
    offline = draw(st.integers(0, service - unknown))
    required = draw(st.integers(0, service))
    inspected = draw(st.booleans())
    return CameraDay(
        day="2026-10-01", camera=f"{name}-{draw(st.integers(0, 5))}", service=float(service), unknown=float(unknown),
        offline=float(offline), required=float(required), recorded=float(draw(st.integers(0, required))),
        inspected=inspected, intact=draw(st.booleans()) if inspected else None,
    )  # fmt: skip


def unobserved(service: float, required: float) -> CameraDay:
    """A camera of which nobody knows anything: what was to be recorded is not there."""
    return CameraDay(
        day="2026-10-01", camera="unseen", service=service, unknown=service, offline=0.0, required=required,
        recorded=0.0, inspected=False, intact=None,
    )  # fmt: skip


town = st.lists(rows(), max_size=8)


@given(town, st.integers(0, 20))
def test_a_rate_is_a_share_of_what_was_observed_or_has_a_reason(some: list[CameraDay], cameras: int) -> None:
    for rate in all_rates(some, cameras).values():
        assert (rate.value is None) is (rate.denominator == 0) is (rate.reason is not None)
        assert 0 <= rate.numerator <= rate.denominator and rate.not_observed >= 0
        assert rate.value is None or (0 <= rate.value <= 1 and rate.value == rate.numerator / rate.denominator)
        assert 0 <= rate.cameras_not_observed <= rate.cameras >= len({r.camera for r in some})


@given(town, st.integers(0, DAY_S), st.integers(0, DAY_S))
def test_an_unobserved_camera_never_raises_a_rate(some: list[CameraDay], service: int, required: int) -> None:
    before = all_rates(some, len({r.camera for r in some}))
    more = [*some, unobserved(float(service), float(min(service, required)))]
    with_row, without_row = all_rates(more, 0), all_rates(some, len({r.camera for r in some}) + 1)
    for name in RateName:
        for after in (with_row[name], without_row[name]):
            assert after.value is None or after.value <= (before[name].value or 0.0) or after == before[name]
            assert (after.value or 0.0) <= (before[name].value or 0.0)
            assert after.cameras_not_observed > before[name].cameras_not_observed or with_row[name].denominator


def test_nothing_observed_says_why() -> None:
    assert {r.reason for r in all_rates([], 0).values()} == {NoRateReason.NO_CAMERA}
    silent = all_rates([unobserved(DAY_S, 0.0)], 1)
    assert [silent[name].reason for name in RateName] == [
        NoRateReason.NOT_OBSERVED, NoRateReason.NOT_INSPECTED, NoRateReason.NOT_REQUIRED,
    ]  # fmt: skip
    assert all(rate.value is None and rate.cameras_not_observed == 1 for rate in silent.values())
    assert asdict(silent[RateName.ONLINE])["not_observed"] == DAY_S
    assert all_rates([unobserved(0.0, 0.0)], 1)[RateName.ONLINE].reason is NoRateReason.PLANNED_WORK
    assert all_rates([], 3)[RateName.ONLINE].reason is NoRateReason.NOT_OBSERVED


seconds = st.integers(0, 120)
spans = st.lists(st.tuples(seconds, seconds).map(lambda p: (min(p) * SECOND, max(p) * SECOND)), max_size=6)


def _set(intervals: list[Interval]) -> set[int]:
    return {s for a, b in intervals for s in range(int(a // SECOND), int(b // SECOND))}


@given(spans, spans, spans, spans)
def test_overlapping_outages_count_once(
    recorded: list[Interval], down: list[Interval], gaps: list[Interval], planned: list[Interval]
) -> None:
    """Faults and gaps that overlap, and footage of the same moment: each second is counted once, or not at all."""
    camera = Camera(id="c", village="v", profile={}, streams=[Stream(id="c/main", kind="main", record=True)])
    facts = camera_days._Facts(
        recorded=recorded, gaps={"unreachable": gaps, "no_packets": gaps}, down=[*down, *down], planned=planned,
        first_recording=0,
    )  # fmt: skip
    row = camera_days._row(camera, facts, 0, 120 * SECOND, timezone.utc)
    service = set(range(120)) - _set(planned)
    offline = (_set(down) | _set(gaps)) - _set(recorded)
    assert row is not None
    assert (row.service, row.offline) == (len(service), len(service & offline))
    assert row.unknown == len(service - offline - _set(recorded))
    assert (row.required, row.recorded) == (len(service), len(service & _set(recorded)))
    assert row.intact is None  # nobody inspected it


def test_hours_before_the_first_recording_of_a_day_are_missing() -> None:
    """A camera in use since yesterday records from 20 h on, without a gap row: four of 24 hours are recorded."""
    camera = Camera(id="c", village="v", profile={}, streams=[Stream(id="c/main", kind="main", record=True)])
    day = 24 * HOUR_US
    facts = camera_days._Facts(recorded=[(day + 20 * HOUR_US, 2 * day)], first_recording=HOUR_US)
    row = camera_days._row(camera, facts, day, 2 * day, timezone.utc)
    assert row is not None and (row.required, row.recorded) == (24 * 3600, 4 * 3600)
    assert row.missing == {"unaccounted": 20 * 3600} and row.unknown == 20 * 3600
