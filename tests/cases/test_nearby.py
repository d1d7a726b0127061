"""Which cameras an alert opens to a patrol officer, and until when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cameras.tables import Camera
from cases.alerts import nearby
from cases.tables import Alert, AlertState

NOW = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
NORTH_500_M = 500.0 / 111_195.0  # degrees of latitude on a sphere of 6,371 km
HERE = (121.4335, 29.4722)


def camera(number: str, position: tuple[float, float] | None = HERE, *, retired: bool = False) -> Camera:
    profile = {} if position is None else {"position": list(position)}
    return Camera(id=number, name=number, village="wangjia", profile=profile, retired=retired)


def alert(state: AlertState, **times: datetime) -> Alert:
    return Alert(id=1, camera="a", village="wangjia", state=state, **times)


@pytest.mark.parametrize(
    ("state", "answered", "until"),
    [
        (AlertState.DISPATCHED, None, NOW + timedelta(hours=12)),
        (AlertState.ACKED, None, NOW + timedelta(hours=12)),
        (AlertState.ANSWERED, NOW + timedelta(hours=1), NOW + timedelta(hours=1, minutes=30)),
        (AlertState.ANSWERED, NOW + timedelta(hours=11, minutes=50), NOW + timedelta(hours=12)),
        (AlertState.UNDER_WAY, None, NOW + timedelta(hours=12)),
        (AlertState.CLOSED, NOW + timedelta(hours=1), NOW + timedelta(hours=1, minutes=30)),
        (AlertState.RECALLED, None, None),
        (AlertState.REJECTED, None, None),
    ],
)
def test_an_alert_opens_cameras_while_it_is_open_and_half_an_hour_longer(
    state: AlertState, answered: datetime | None, until: datetime | None
) -> None:
    one = alert(state, confirmed_at=NOW, **({} if answered is None else {"answered_at": answered}))
    assert nearby.watchable_until(one) == until
    if until is not None:
        origin = camera("a")
        assert nearby.may_watch(one, origin, origin, until - timedelta(microseconds=1))
        assert not nearby.may_watch(one, origin, origin, until)


def test_an_alert_that_is_closed_without_an_answer_ends_with_the_closing() -> None:
    closed = alert(AlertState.CLOSED, confirmed_at=NOW, closed_at=NOW + timedelta(minutes=10))
    assert nearby.watchable_until(closed) == NOW + timedelta(minutes=40)


def test_an_alert_that_nobody_sent_out_opens_nothing() -> None:
    assert nearby.watchable_until(alert(AlertState.NEW)) is None


def test_cameras_within_500_m_are_open_nearest_first() -> None:
    origin = camera("a")
    inside = camera("b", (HERE[0], HERE[1] + NORTH_500_M * 0.999))
    outside = camera("c", (HERE[0], HERE[1] + NORTH_500_M * 1.001))
    close = camera("d", (HERE[0], HERE[1] - NORTH_500_M / 10))
    found = nearby.within_radius(origin, [inside, outside, origin, close, camera("e", None)])
    assert [n.camera.id for n in found] == ["a", "d", "b"]
    assert [n.metres for n in found] == [0.0, pytest.approx(50, abs=0.5), pytest.approx(499.5, abs=0.5)]
    assert [n.bearing for n in found] == [None, 180.0, 0.0]
    sent = alert(AlertState.DISPATCHED, confirmed_at=NOW)
    assert [nearby.may_watch(sent, origin, c, NOW) for c in (inside, outside, close)] == [True, False, True]


def test_a_camera_without_position_or_retired_is_not_near() -> None:
    sent, origin = alert(AlertState.DISPATCHED, confirmed_at=NOW), camera("a")
    assert not nearby.may_watch(sent, origin, camera("b", None), NOW)
    assert not nearby.may_watch(sent, origin, camera("b", HERE, retired=True), NOW)
    lost = camera("a", None)
    assert nearby.may_watch(sent, lost, lost, NOW)  # the camera of the alert itself needs no position
    assert not nearby.may_watch(sent, lost, camera("b"), NOW)
    assert [(n.camera.id, n.metres) for n in nearby.within_radius(lost, [camera("b")])] == [("a", None)]
