"""Routes of the steps of an alert: who may call them, repeated requests, wrong clocks, bad places, other villages."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from cameras.tables import Camera
from cases.alerts import alerts, trail
from cases.alerts.trail import Seen
from cases.tables import Alert, AlertState, Case, WatchSubject
from core.accounts.permissions import Role
from core.clock import SystemClock
from core.database import Database
from core.settings import Settings
from search.store import SightingStore
from search.vocabulary import Direction
from tests.web.calls import get, grey_jpeg, post, submit
from tests.web.conftest import HEADERS, SignIn
from tests.web.test_search import put

NOW = SystemClock().now()
ALERT = "/api/alerts/1"


@pytest.fixture
async def alert(database: Database) -> int:
    """A dispatched alert of Wangjia."""
    async with database.session() as session:
        session.add(Case(id=1, number="1", title="t", village="wangjia", opened_at=NOW, opened_by="x"))
        await session.flush()
        session.add(
            WatchSubject(
                id=1, case=1, title="t", cls="person", reason="r", state="active", proposed_by="a", approved_by="b",
                expires_at=NOW + timedelta(days=1), proposed_at=NOW,
            )
        )  # fmt: skip
        await session.flush()
        session.add(
            Alert(
                id=1, subject=1, sighting=0, camera="wj-01", village="wangjia", at_us=1, thumbnail="",
                state=AlertState.DISPATCHED, raised_at=NOW, confirmed_by="x", confirmed_at=NOW,
            )
        )  # fmt: skip
    return 1


def step(**fields: Any) -> dict[str, Any]:
    return {"client_id": str(uuid4()), **fields}


@pytest.mark.usefixtures("alert")
async def test_an_alert_from_acknowledgement_to_its_end(sign_in: SignIn) -> None:
    phone, desk = await sign_in(Role.PATROL_OFFICER, ["wangjia"]), await sign_in(Role.VIDEO_OFFICER)
    ack = step()
    for applied in (True, False):
        told = await post(phone, f"{ALERT}/ack", ack)
        assert (told["applied"], told["alert"]["state"], told["clock_offset_s"]) == (applied, "acked", None)
    here = {"latitude": 29.48, "longitude": 121.42, "accuracy_m": 8}
    told = await post(phone, f"{ALERT}/arrive", step(place=here))
    assert told["alert"]["state"] == "under_way" and told["alert"]["arrived_at"] is not None
    await post(phone, f"{ALERT}/answer", step(result="caught", note="带回"))
    await post(phone, f"{ALERT}/close", {"outcome": "true_alarm", "note": "已移交"}, 403)
    await post(desk, f"{ALERT}/close", {"outcome": "true_alarm", "note": "已移交"})
    (row,) = await get(desk, "/api/alerts")
    assert (row["state"], row["outcome"], row["closed_by"]) == ("closed", "true_alarm", "video_officer-all")
    await post(desk, f"{ALERT}/close", {"outcome": "false_alarm", "note": "已移交"}, 409)


@pytest.mark.usefixtures("alert")
async def test_a_phone_whose_clock_is_an_hour_fast_is_told(sign_in: SignIn) -> None:
    phone = await sign_in(Role.PATROL_OFFICER)
    ahead = SystemClock().now() + timedelta(hours=1)
    told = await post(phone, f"{ALERT}/ack", step(at=ahead.isoformat(), now=ahead.isoformat()))
    assert told["clock_wrong"] and -3605 < told["clock_offset_s"] < -3590
    assert abs((SystemClock().now() - datetime.fromisoformat(told["alert"]["acked_at"])).total_seconds()) < 30


@pytest.mark.usefixtures("alert")
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"client_id": "no uuid"},
        step(place={"latitude": 91, "longitude": 0}),
        step(place={"latitude": 0, "longitude": -180.5}),
        step(place={"latitude": 0, "longitude": 0, "accuracy_m": -1}),
        step(at="yesterday"),
    ],
)
async def test_bad_steps_change_nothing(sign_in: SignIn, body: dict[str, Any]) -> None:
    phone = await sign_in(Role.PATROL_OFFICER)
    status, _ = await submit(phone, f"{ALERT}/ack", body)
    assert status == 422
    assert (await get(phone, "/api/alerts"))[0]["state"] == "dispatched"


@pytest.mark.usefixtures("alert")
async def test_who_cannot_come_says_why_and_another_takes_it(sign_in: SignIn) -> None:
    first, second = await sign_in(Role.PATROL_OFFICER), await sign_in(Role.PATROL_OFFICER, ["wangjia"])
    await post(first, f"{ALERT}/decline", step(), 422)
    told = await post(first, f"{ALERT}/decline", step(reason="在处理另一起"))
    assert told["alert"]["state"] == "dispatched"
    assert (await post(second, f"{ALERT}/ack", step()))["alert"]["acked_by"] == "patrol_officer-wangjia"
    await post(first, f"{ALERT}/ack", step(), 409)


async def test_one_alert_shows_steps_trail_and_next_cameras(
    sign_in: SignIn, database: Database, station_settings: Settings, alert: int
) -> None:
    path = station_settings.data.dir / "alerts/2.jpg"
    await asyncio.to_thread(lambda: (path.parent.mkdir(parents=True), path.write_bytes(b"\xff\xd8\xff")))
    async with database.session() as session:
        row = await alerts.get(session, alert, None)
        await trail.append(session, NOW, row, Seen(2, "wj-02", "wangjia", 61_000_000, "alerts/2.jpg", 1))
    phone, others = await sign_in(Role.PATROL_OFFICER, ["wangjia"]), await sign_in(Role.PATROL_OFFICER, ["xidian"])
    await post(phone, f"{ALERT}/ack", step(place={"latitude": 29.5, "longitude": 121.4}))
    told = await get(phone, ALERT)
    assert [(s["kind"], s["by"], s["latitude"]) for s in told["steps"]] == [("acked", "patrol_officer-wangjia", 29.5)]
    (seen,) = told["trail"]
    assert (seen["camera"], seen["direction"], seen["has_picture"]) == ("wj-02", "right", True)
    assert told["last_camera"] == "wj-02" and len(told["next"]) <= 5
    assert all(n["walking"]["earliest"] >= told["last_seen_at"] for n in told["next"])
    for url, status in ((ALERT, 404), (f"{ALERT}/trail/{seen['entry']}/thumbnail", 404)):
        assert (await others.get(url)).status == status
    assert (await phone.get(f"{ALERT}/trail/{seen['entry']}/thumbnail")).status == 200
    assert (await phone.get(f"{ALERT}/trail/99/thumbnail")).status == 404


async def test_it_says_where_the_subject_headed_when_it_was_seen_first(
    sign_in: SignIn, database: Database, sightings: SightingStore, alert: int
) -> None:
    seen = await put(database, sightings, "wj-01", "wangjia", "red", 5, direction=int(Direction.right))
    async with database.session() as session:
        row = await session.get_one(Alert, alert)
        camera = await session.get_one(Camera, "wj-01")
        camera.profile = camera.profile | {"azimuth": 10}
        row.sighting = seen.id
    phone = await sign_in(Role.PATROL_OFFICER)
    assert (await get(phone, ALERT))["heading"] == pytest.approx(100)  # to the right of a view to the north
    async with database.session() as session:
        camera = await session.get_one(Camera, "wj-01")
        plain = camera.profile.copy()
        del plain["azimuth"]
        camera.profile = plain
    assert (await get(phone, ALERT))["heading"] is None


@pytest.mark.usefixtures("alert")
async def test_officers_of_other_villages_do_not_find_it(sign_in: SignIn) -> None:
    phone, desk = await sign_in(Role.PATROL_OFFICER, ["xidian"]), await sign_in(Role.VIDEO_OFFICER, ["xidian"])
    for path, body in (
        ("ack", step()), ("decline", step(reason="太远")), ("arrive", step()), ("answer", step(result="caught")),
    ):  # fmt: skip
        await post(phone, f"{ALERT}/{path}", body, 404)
    await post(desk, f"{ALERT}/close", {"outcome": "true_alarm", "note": "已移交"}, 404)
    await post(desk, f"{ALERT}/snooze", {"minutes": 5, "reason": "稍后"}, 404)


async def test_a_case_shows_the_alerts_of_its_subjects_and_their_photos(
    sign_in: SignIn, database: Database, alert: int
) -> None:
    async with database.session() as session:
        session.add(Case(id=2, number="2", title="t", village="xidian", opened_at=NOW, opened_by="x"))
    phone, desk = await sign_in(Role.PATROL_OFFICER), await sign_in(Role.VIDEO_OFFICER)
    await post(phone, f"{ALERT}/ack", step())
    photo = await phone.post(f"{ALERT}/photo", data=grey_jpeg(), headers=HEADERS)
    assert photo.status == 200
    await post(phone, f"{ALERT}/answer", step(result="caught"))
    (row,) = await get(desk, "/api/cases/1/alerts")
    assert (row["id"], row["state"], row["answer"], row["acked_by"]) == (
        alert,
        "answered",
        "caught",
        "patrol_officer-all",
    )
    assert await get(desk, "/api/cases/2/alerts") == []
    (taken,) = await get(desk, f"{ALERT}/photos")
    url = f"{ALERT}/photos/{taken['photo']}"
    assert (await desk.get(url)).status == 403  # nobody has to act on it any more
    await post(desk, "/api/session/purpose", {"purpose": "案件 1"})
    assert (await desk.get(url)).content_type == "image/jpeg"
    for who, case, status in ((phone, 1, 403), (desk, 3, 404), (await sign_in(Role.VIDEO_OFFICER, ["xidian"]), 1, 404)):
        assert (await who.get(f"/api/cases/{case}/alerts")).status == status
