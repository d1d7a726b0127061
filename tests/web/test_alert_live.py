"""Live pictures on a patrol officer's phone: only near an open alert, in slices, each with an audit row."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from cameras.tables import Camera
from cases.tables import Alert, AlertState, Case, SubjectState, WatchSubject
from core.accounts.permissions import Role
from core.clock import SystemClock, to_microseconds
from core.database import Database
from tests.web.calls import audit_rows, get, submit
from tests.web.conftest import Client, SignIn
from tests.web.live_stub import live_recorder
from web.api import alert_live

NOW = SystemClock().now()


async def sent_alert(database: Database, **changes: Any) -> int:
    """Add an alert of wj-01 that was sent out a minute ago, and put wj-02 300 m from there; wj-03 stays far."""
    async with database.session() as session:
        case = Case(number="7", title="t", village="wangjia", opened_at=NOW, opened_by="li")
        session.add(case)
        await session.flush()
        subject = WatchSubject(
            case=case.id, title="红衣男子", cls="person", upper="red", villages=None, reason="rr",
            state=SubjectState.ACTIVE, proposed_by="li", proposed_at=NOW, expires_at=NOW + timedelta(days=1),
        )  # fmt: skip
        session.add(subject)
        await session.flush()
        values = {
            "state": AlertState.DISPATCHED,
            "confirmed_at": NOW - timedelta(minutes=1),
            "confirmed_by": "wang",
            "thumbnail": "",
        }
        alert = Alert(
            subject=subject.id, sighting=0, camera="wj-01", village="wangjia", at_us=to_microseconds(NOW),
            raised_at=NOW, note="", **(values | changes),
        )  # fmt: skip
        session.add(alert)
        there = await session.get_one(Camera, "wj-01")
        longitude, latitude = there.profile["position"]
        near = await session.get_one(Camera, "wj-02")
        near.profile = {**near.profile, "position": (longitude, latitude + 300 / 111_195.0)}
        await session.flush()
        return alert.id


async def ask(client: Client, alert: int, camera: str) -> tuple[int, Any]:
    return await submit(client, f"/api/alerts/{alert}/live", camera=camera)


async def test_the_place_of_an_alert_and_the_cameras_near_it(sign_in: SignIn, database: Database) -> None:
    alert, phone = await sent_alert(database), await sign_in(Role.PATROL_OFFICER)
    place = await get(phone, f"/api/alerts/{alert}/cameras")
    assert [(c["camera"], c["metres"]) for c in place["cameras"]] == [
        ("wj-01", 0),
        ("wj-02", pytest.approx(300, abs=1)),
    ]
    assert place["cameras"][0]["latitude"] == 29.4722 and place["village"] == "王家村" and place["watch_until"]


async def test_only_cameras_near_the_alert_open_and_each_look_leaves_a_row(sign_in: SignIn, database: Database) -> None:
    alert, phone = await sent_alert(database), await sign_in(Role.PATROL_OFFICER)
    async with live_recorder(database) as asked:
        status, reply = await ask(phone, alert, "wj-02")
        assert status == 200 and reply["stream"] == "wj-02/sub"
        async with phone.ws_connect(f"/api/alert-live/{reply['ticket']}") as socket:
            assert (await socket.receive()).data == b"fragment"
        assert asked == ["wj-02/sub"]
        assert (await phone.get(f"/api/alert-live/{reply['ticket']}")).status == 403  # used
    status, reply = await ask(phone, alert, "wj-03")
    assert (status, reply["code"]) == (403, "alert_camera_not_open")
    rows = await audit_rows(database, "live.open", "live.close")
    assert [(r.action, r.object, r.reason, r.data.get("alert")) for r in rows] == [
        ("live.open", "wj-02/sub", f"alert {alert}, case 7", alert),
        ("live.close", "wj-02/sub", f"alert {alert}, case 7", None),
    ]


async def test_a_slice_ends_by_itself(sign_in: SignIn, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert_live, "LIVE_SLICE_S", 0.1)
    alert, phone = await sent_alert(database), await sign_in(Role.PATROL_OFFICER)
    async with live_recorder(database):
        _, reply = await ask(phone, alert, "wj-01")
        async with phone.ws_connect(f"/api/alert-live/{reply['ticket']}") as socket:
            async with asyncio.timeout(5):
                while (await socket.receive()).type is aiohttp.WSMsgType.BINARY:
                    pass
            assert socket.close_code == 4411


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"state": AlertState.ANSWERED, "answered_at": timedelta(minutes=29)}, 200),
        ({"state": AlertState.ANSWERED, "answered_at": timedelta(minutes=31)}, 403),
        ({"confirmed_at": timedelta(hours=12, minutes=1)}, 403),
        ({"state": AlertState.NEW, "confirmed_at": None}, 404),
        ({"state": AlertState.REJECTED}, 404),
        ({"state": AlertState.RECALLED}, 404),
    ],
)
async def test_a_closed_alert_opens_no_camera(
    changes: dict[str, Any], status: int, sign_in: SignIn, database: Database
) -> None:
    now = SystemClock().now()  # not the module's: the suite may have begun a quarter of an hour ago
    changes = {key: now - value if isinstance(value, timedelta) else value for key, value in changes.items()}
    alert, phone = await sent_alert(database, **changes), await sign_in(Role.PATROL_OFFICER)
    assert (await ask(phone, alert, "wj-01"))[0] == status


async def test_a_recall_between_ticket_and_socket_keeps_the_picture_closed(sign_in: SignIn, database: Database) -> None:
    alert, phone = await sent_alert(database), await sign_in(Role.PATROL_OFFICER)
    async with live_recorder(database) as asked:
        _, reply = await ask(phone, alert, "wj-01")
        async with database.session() as session:
            (await session.get_one(Alert, alert)).state = AlertState.RECALLED
        assert (await phone.get(f"/api/alert-live/{reply['ticket']}")).status == 404
        assert asked == []


async def test_officers_of_other_villages_see_nothing(sign_in: SignIn, database: Database) -> None:
    alert, other = await sent_alert(database), await sign_in(Role.PATROL_OFFICER, ["xidian"])
    assert (await ask(other, alert, "wj-01"))[0] == 404
    assert (await other.get(f"/api/alerts/{alert}/cameras")).status == 404


async def test_the_ticket_of_an_alert_opens_no_other_socket(sign_in: SignIn, database: Database) -> None:
    """Neither the officers' live route takes it, nor does the alerts' route take theirs."""
    alert, phone = await sent_alert(database), await sign_in(Role.PATROL_OFFICER)
    _, reply = await ask(phone, alert, "wj-01")
    assert (await phone.get(f"/api/live/{reply['ticket']}")).status == 403
