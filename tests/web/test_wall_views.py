"""Saved wall views, favourites, reported faults, recalled alerts, and the next camera."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select, update

from cameras.records import CameraProfile
from cameras.tables import Camera
from cases.tables import Alert, AlertState, Case, WatchSubject
from core.accounts.permissions import Role
from core.clock import SystemClock, from_microseconds
from core.database import Database
from core.events import Event
from health.faults import fault_log
from health.faults.fault_log import FaultEvidence, FaultSubject
from health.faults.state_machine import Step
from health.tables import Fault
from health.vocabulary import FaultFamily, FaultOutcome
from tests.web.calls import audit_rows, get, post, submit
from tests.web.conftest import HEADERS, Client, SignIn, state_purpose
from tests.web.recorded_footage import CLIP_US, add_volume, minutes_ago, record

NOW = SystemClock().now()
WALL = {
    "name": "夜班", "layout": "4", "shared": True,
    "cells": [
        {"show": "camera", "camera": "wj-01"}, {"show": "tour", "cameras": ["wj-02", "xd-01"], "seconds": 10},
        {"show": "village", "village": "xidian", "seconds": 10}, {"show": "alerts"},
    ],
}  # fmt: skip


async def test_a_shared_view_shows_each_account_only_its_villages(sign_in: SignIn, database: Database) -> None:
    owner, other = await sign_in(Role.VIDEO_OFFICER), await sign_in(Role.INVESTIGATOR, ["wangjia"])
    made = await post(owner, "/api/wall-views", WALL)
    assert made["mine"] and [c["show"] for c in made["cells"]] == ["camera", "tour", "village", "alerts"]
    (seen,) = await get(other, "/api/wall-views")
    assert not seen["mine"] and [c["show"] for c in seen["cells"]] == ["camera", "tour", "empty", "alerts"]
    assert seen["cells"][1]["cameras"] == ["wj-02"]
    path = f"/api/wall-views/{made['id']}"
    async with other.put(path, json=WALL | {"cells": []}, headers=HEADERS) as reply:
        assert reply.status == 404, "a shared view is changed by its owner only"
    assert (await other.delete(path, headers=HEADERS)).status == 404
    async with owner.put(path, json=WALL | {"shared": False, "name": "白班"}, headers=HEADERS) as reply:
        assert reply.status == 200 and (await reply.json())["name"] == "白班"
    assert await get(other, "/api/wall-views") == []
    assert (await owner.delete(path, headers=HEADERS)).status == 200
    assert await get(owner, "/api/wall-views") == []
    rows = await audit_rows(database, "wall_view.create", "wall_view.change", "wall_view.delete")
    assert [r.action for r in rows] == ["wall_view.create", "wall_view.change", "wall_view.delete"]


@pytest.mark.parametrize(
    ("cell", "status"),
    [
        ({"show": "camera"}, 422), ({"show": "camera", "camera": "no-01"}, 404), ({"camera": "wj-01"}, 422),
        ({"show": "tour", "cameras": ["wj-01"]}, 422), ({"show": "tour", "cameras": [], "seconds": 10}, 422),
        ({"show": "village", "village": "nowhere", "seconds": 10}, 404), ({"show": "alerts", "seconds": 10}, 422),
        ({"show": "tour", "cameras": ["wj-01"], "seconds": 1}, 422), ({"show": "nonsense"}, 422),
    ],
)  # fmt: skip
async def test_cells_are_checked(cell: dict[str, Any], status: int, sign_in: SignIn) -> None:
    client = await sign_in(Role.VIDEO_OFFICER)
    assert (await submit(client, "/api/wall-views", {"name": "n", "layout": "1", "cells": [cell]}))[0] == status


async def test_a_view_has_no_more_cells_than_its_layout(sign_in: SignIn) -> None:
    client = await sign_in(Role.VIDEO_OFFICER)
    for layout, count, status in (
        ("1", 2, 422),
        ("5", 1, 422),
        (4, 1, 422),
        ("1+5", 6, 200),
        ("1+5", 7, 422),
        ("1+7", 8, 200),
    ):
        cells: list[dict[str, str]] = [{}] * count
        view = {"name": "n", "layout": layout, "cells": cells}
        assert (await submit(client, "/api/wall-views", view))[0] == status, view
    assert [v["layout"] for v in await get(client, "/api/wall-views")] == ["1+5", "1+7"]


async def test_favourites_belong_to_the_account(sign_in: SignIn) -> None:
    mine, other = await sign_in(Role.VIDEO_OFFICER), await sign_in(Role.INVESTIGATOR, ["xidian"])
    for camera in ("xd-01", "wj-01", "xd-01"):
        assert (await mine.put(f"/api/favourites/{camera}", headers=HEADERS)).status == 200
    assert await get(mine, "/api/favourites") == ["xd-01", "wj-01"] and await get(other, "/api/favourites") == []
    assert (await other.put("/api/favourites/wj-01", headers=HEADERS)).status == 404
    assert (await mine.delete("/api/favourites/xd-01", headers=HEADERS)).status == 200
    assert await get(mine, "/api/favourites") == ["wj-01"]


async def test_a_person_reports_a_fault_with_the_picture_of_the_moment(
    sign_in: SignIn, database: Database, tmp_path: Path
) -> None:
    await add_volume(database, tmp_path / "video")
    start = minutes_ago(5)
    shown = {"at": from_microseconds(start + CLIP_US).isoformat()}
    await record(database, tmp_path / "video", "wj-01/main", [start, start + CLIP_US])
    client = await sign_in(Role.VIDEO_OFFICER)
    await state_purpose(client)
    made = await post(
        client, "/api/faults/report", {"camera": "wj-01", "family": "blurred", "note": "镜头有蛛网"} | shown
    )
    assert (made["state"], made["note"], made["reported_by"]) == ("open", "镜头有蛛网", "video_officer-all")
    assert made["has_picture"] and (await client.get(f"/api/faults/{made['id']}/picture")).status == 200
    listed = (await get(client, "/api/patrol"))["faults"]
    assert [(f["id"], f["reported_by"]) for f in listed] == [(made["id"], "video_officer-all")]
    again = await post(client, "/api/faults/report", {"camera": "wj-01", "family": "blurred", "note": "仍然模糊"})
    assert again["id"] == made["id"] and again["times"] == 1 and again["note"] == "仍然模糊"
    async with database.reading() as session:
        events = list(await session.scalars(select(Event.kind).where(Event.kind == "fault.opened")))
    assert events == ["fault.opened"], "one opening"
    (row, _) = await audit_rows(database, "fault.report")
    assert (row.data["camera"], row.data["family"], row.data["note"]) == ("wj-01", "blurred", "镜头有蛛网")
    verdict = {"faults": [made["id"]], "verdict": "real"}
    assert (await post(client, "/api/faults/verdict", verdict))["done"] == 1
    assert (await submit(client, "/api/faults/report", {"camera": "wj-01", "family": "volume"}))[0] == 400
    others = await sign_in(Role.VIDEO_OFFICER, ["xidian"])
    assert (await submit(others, "/api/faults/report", {"camera": "wj-01", "family": "blurred"}))[0] == 404


async def test_a_reported_fault_stays_open_until_a_person_judges_it(sign_in: SignIn, database: Database) -> None:
    """The machine that does not see what the person saw must not close his report."""
    client = await sign_in(Role.VIDEO_OFFICER)
    made = await post(client, "/api/faults/report", {"camera": "wj-01", "family": "blurred"})
    assert not made["has_picture"], "without a picture now, the report counts all the same"

    async def clean_inspections() -> list[Step]:
        steps = []
        for hour in range(1, 8):
            async with database.session() as session:
                fault = await session.get_one(Fault, made["id"])
                now = NOW + timedelta(hours=hour)
                _, step = fault_log.record_inspection(
                    session,
                    FaultSubject("wj-01", "wangjia"),
                    now,
                    FaultFamily.BLURRED,
                    fault,
                    None,
                    FaultEvidence(),
                    1.0,
                )
                steps.append(step)
        return steps

    assert set(await clean_inspections()) == {Step.NONE}
    async with database.session() as session:
        await session.execute(update(Fault).values(verdict=FaultOutcome.FALSE))
    assert Step.CLOSED in await clean_inspections()


@pytest.fixture
async def alert(database: Database) -> int:
    async with database.session() as session:
        session.add(Case(id=1, number="1", title="t", village="wangjia", opened_at=NOW, opened_by="x"))
        await session.flush()
        subject = WatchSubject(
            id=1, case=1, title="t", cls="person", reason="r", state="active", proposed_by="a", approved_by="b",
            expires_at=NOW + timedelta(days=1), proposed_at=NOW,
        )  # fmt: skip
        session.add(subject)
        await session.flush()
        session.add(
            Alert(
                id=1, subject=1, sighting=0, camera="wj-01", village="wangjia", at_us=1, thumbnail="", state="new",
                raised_at=NOW,
            )
        )  # fmt: skip
    return 1


async def recall(client: Client, status: int) -> None:
    reply = await client.post("/api/alerts/1/recall", json={"reason": "认错人了"}, headers=HEADERS)
    assert reply.status == status, await reply.text()


async def test_an_alert_is_taken_back_within_a_minute(sign_in: SignIn, database: Database, alert: int) -> None:
    officer, phone = await sign_in(Role.VIDEO_OFFICER), await sign_in(Role.PATROL_OFFICER)
    await recall(officer, 409)  # it is not out yet
    (told,) = await get(officer, "/api/alerts")
    assert (told["dispatched_at"], told["recall_seconds"]) == (None, 0)
    await post(officer, "/api/alerts/1/confirm", {"send": True})
    (told,) = await get(officer, "/api/alerts")
    assert 50 < told["recall_seconds"] <= 60 and told["dispatched_at"] is not None
    assert [a["id"] for a in await get(phone, "/api/alerts")] == [alert]
    await recall(phone, 403)
    await recall(officer, 200)
    assert await get(phone, "/api/alerts") == []
    assert (await phone.post("/api/alerts/1/ack", json={"client_id": str(uuid4())}, headers=HEADERS)).status == 404
    (told,) = await get(officer, "/api/alerts")
    assert (told["state"], told["recall_seconds"]) == ("recalled", 0) and told["dispatched_at"] is not None
    await recall(officer, 409)
    async with database.reading() as session:
        kinds = list(
            await session.scalars(select(Event.kind).where(Event.kind.startswith("alert.")).order_by(Event.id))
        )
        row = await session.get_one(Alert, 1)
    assert kinds == ["alert.dispatched", "alert.recalled"] and row.recalled_by == "video_officer-all"
    (row_of_trail,) = await audit_rows(database, "alert.recall")
    assert (row_of_trail.object, row_of_trail.reason) == ("1", "认错人了")


async def test_after_a_minute_an_alert_stays_out(sign_in: SignIn, database: Database, alert: int) -> None:
    officer = await sign_in(Role.VIDEO_OFFICER)
    async with database.session() as session:
        row = await session.get_one(Alert, alert)
        row.state, row.confirmed_at = AlertState.ACKED, SystemClock().now() - timedelta(seconds=61)
    assert (await get(officer, "/api/alerts"))[0]["recall_seconds"] == 0, "the button is gone, by the station's clock"
    await recall(officer, 409)
    async with database.session() as session:
        (await session.get_one(Alert, alert)).confirmed_at = SystemClock().now() - timedelta(seconds=40)
    await recall(officer, 200)


def without_position(profile: CameraProfile) -> CameraProfile:
    kept = profile.copy()
    kept.pop("position", None)
    return kept


async def test_the_next_cameras_have_distance_direction_and_arrival(sign_in: SignIn, database: Database) -> None:
    async with database.session() as session:
        for number, position in (
            ("wj-01", (121.43, 29.47)),
            ("wj-02", (121.43, 29.4709)),
            ("xd-01", (121.43103, 29.47)),
        ):
            camera = await session.get_one(Camera, number)
            camera.profile = camera.profile | {"position": position}
        camera = await session.get_one(Camera, "wj-03")
        camera.profile = without_position(camera.profile)
    client = await sign_in(Role.INVESTIGATOR)
    at = "2026-11-30T08:00:00+08:00"
    reply = await get(client, f"/api/cameras/wj-01/neighbours?limit=2&at={at.replace('+', '%2B')}")
    north, east = sorted(reply["neighbours"], key=lambda n: n["camera"])
    assert (north["camera"], east["camera"]) == ("wj-02", "xd-01") and reply["has_position"]
    assert north["metres"] == pytest.approx(100.1, abs=0.1) and (north["bearing"] < 0.5 or north["bearing"] > 359.5)
    assert east["metres"] == pytest.approx(99.7, abs=0.2) and east["bearing"] == pytest.approx(90, abs=0.5)
    left = datetime.fromisoformat(at)
    windows = {
        a["mode"]: [(datetime.fromisoformat(a[k]) - left).total_seconds() for k in ("earliest", "latest")]
        for a in north["arrivals"]
    }
    assert windows["walking"][0] == pytest.approx(50.1 / 2.5, abs=1) and windows["walking"][1] > 140 / 0.8
    assert windows["driving"][0] < windows["riding"][0] < windows["walking"][0]
    assert reply["without_position"] >= 1 and reply["positions_known"]
    own = await get(await sign_in(Role.INVESTIGATOR, ["wangjia"]), "/api/cameras/wj-01/neighbours")
    assert [n["camera"] for n in own["neighbours"]] == ["wj-02"], "of the account's villages"


async def test_without_positions_the_answer_says_so(sign_in: SignIn, database: Database) -> None:
    async with database.session() as session:
        for camera in await session.scalars(select(Camera)):
            camera.profile = without_position(camera.profile)
    reply = await get(await sign_in(Role.INVESTIGATOR), "/api/cameras/wj-01/neighbours")
    assert reply["neighbours"] == [] and not reply["has_position"] and not reply["positions_known"]
    assert reply["without_position"] > 0
