"""What patrol officers' phones do besides the steps of alerts: photos, briefing, fault reports from the pole."""

from __future__ import annotations

import asyncio
import io
from datetime import timedelta
from typing import Any

import pytest
from PIL import Image

from cases.tables import Alert, AlertState, SubjectState, WatchSubject
from core.accounts.permissions import Role
from core.clock import SystemClock
from core.database import Database
from core.settings import Settings
from health.tables import Fault
from health.vocabulary import FaultStatus
from tests.web.calls import audit_rows, get, post, services_of, submit
from tests.web.conftest import HEADERS, Client, SignIn
from tests.web.test_alert_live import sent_alert

NOW = SystemClock().now()
OFFICER = "patrol_officer-all"  # the account that `sign_in` makes


def photo_with_position() -> bytes:
    """Return a JPEG whose metadata says where it was taken."""
    exif = Image.Exif()
    exif[0x010E] = "secret place"  # ImageDescription
    exif[0x8825] = {1: "N", 2: (29.0, 28.0, 20.0), 3: "E", 4: (121.0, 26.0, 0.0)}  # GPS
    out = io.BytesIO()
    Image.new("RGB", (2400, 1800), "grey").save(out, "JPEG", exif=exif)
    return out.getvalue()


async def upload(client: Client, path: str, content: bytes) -> tuple[int, Any]:
    headers = HEADERS | {"Content-Type": "image/jpeg"}
    async with client.post(path, data=io.BytesIO(content), headers=headers) as reply:
        return reply.status, await reply.json()


async def taken_alert(database: Database, **changes: Any) -> int:
    values = {"state": AlertState.UNDER_WAY, "acked_by": OFFICER, "acked_at": NOW, "arrived_at": NOW}
    return await sent_alert(database, **(values | changes))


async def test_a_photo_goes_to_the_alert_small_and_without_metadata(
    sign_in: SignIn, database: Database, station_settings: Settings
) -> None:
    alert, phone = await taken_alert(database), await sign_in(Role.PATROL_OFFICER)
    raw = await asyncio.to_thread(photo_with_position)
    assert b"secret place" in raw
    status, reply = await upload(phone, f"/api/alerts/{alert}/photo", raw)
    assert status == 200 and reply["by"] == OFFICER
    assert [p["photo"] for p in await get(phone, f"/api/alerts/{alert}/photos")] == [reply["photo"]]
    async with phone.get(f"/api/alerts/{alert}/photos/{reply['photo']}") as shown:
        assert shown.status == 200 and shown.headers["Cache-Control"] == "no-store"
        content = await shown.read()
    picture = Image.open(io.BytesIO(content))
    assert max(picture.size) == 1600 and not picture.getexif() and b"secret place" not in content
    rows = await audit_rows(database, "alert.photo", "alert.photo_view")
    assert [(r.action, r.object, r.reason) for r in rows] == [
        ("alert.photo", str(alert), ""), ("alert.photo_view", str(alert), f"alert {alert}, case 7"),
    ]  # fmt: skip
    officer = await sign_in(Role.INVESTIGATOR)  # of the case: after the alert with a purpose
    assert [p["photo"] for p in await get(officer, f"/api/alerts/{alert}/photos")] == [reply["photo"]]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"acked_by": "other"}, "alert_photo_refused"),
        ({"state": AlertState.DISPATCHED, "acked_by": None, "arrived_at": None}, "alert_photo_refused"),
    ],
)
async def test_only_who_took_the_alert_adds_photos(
    changes: dict[str, Any], code: str, sign_in: SignIn, database: Database
) -> None:
    alert, phone = await taken_alert(database, **changes), await sign_in(Role.PATROL_OFFICER)
    raw = await asyncio.to_thread(photo_with_position)
    status, reply = await upload(phone, f"/api/alerts/{alert}/photo", raw)
    assert (status, reply["code"]) == (409, code)


async def test_photos_are_bounded_in_number_and_size(sign_in: SignIn, database: Database) -> None:
    alert, phone = await taken_alert(database), await sign_in(Role.PATROL_OFFICER)
    status, reply = await upload(phone, f"/api/alerts/{alert}/photo", b"\xff\xd8" + bytes(8_000_001))
    assert (status, reply["code"]) == (413, "file_too_large"), reply
    status, _ = await upload(phone, f"/api/alerts/{alert}/photo", b"no picture")
    assert status == 400
    raw = await asyncio.to_thread(photo_with_position)
    statuses = [(await upload(phone, f"/api/alerts/{alert}/photo", raw))[0] for _ in range(7)]
    assert statuses == [200] * 6 + [409]


async def test_officers_of_other_villages_see_no_photo(sign_in: SignIn, database: Database) -> None:
    alert, other = await taken_alert(database), await sign_in(Role.PATROL_OFFICER, ["xidian"])
    assert (await other.get(f"/api/alerts/{alert}/photos")).status == 404
    assert (await other.get(f"/api/alerts/{alert}/photos/1")).status == 404
    assert (await upload(other, f"/api/alerts/{alert}/photo", b"x"))[0] == 404


async def test_the_briefing_has_features_of_active_subjects_of_the_own_villages_only(
    sign_in: SignIn, database: Database
) -> None:
    await sent_alert(database)  # its subject is looked for in the whole town
    async with database.session() as session:
        first = (await session.get_one(Alert, 1)).subject
        case = (await session.get_one(WatchSubject, first)).case
        for title, village, state, days in (
            ("there", "wangjia", SubjectState.ACTIVE, 1),
            ("elsewhere", "xidian", SubjectState.ACTIVE, 1),
            ("over", "wangjia", SubjectState.ACTIVE, -1),
            ("asked", "wangjia", SubjectState.PROPOSED, 1),
        ):
            session.add(
                WatchSubject(
                    case=case, title=title, cls="person", villages=[village], reason="secret reason", state=state,
                    proposed_by="li", proposed_at=NOW, expires_at=NOW + timedelta(days=days),
                )
            )  # fmt: skip
    phone = await sign_in(Role.PATROL_OFFICER, ["wangjia"])
    told = await get(phone, "/api/briefing")
    assert [s["title"] for s in told] == ["there", "红衣男子"]
    assert told[0]["villages"] == ["王家村"] and told[1]["villages"] is None
    assert "secret reason" not in str(told) and "case" not in told[0]
    elsewhere = first + 2
    assert (await phone.get(f"/api/briefing/{elsewhere}/picture")).status == 404
    assert (await phone.get(f"/api/briefing/{first + 3}/picture")).status == 404  # expired


async def test_a_fault_is_reported_from_the_pole_with_a_photo(
    sign_in: SignIn, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone = await sign_in(Role.PATROL_OFFICER, ["wangjia"])
    services = services_of(phone)

    async def nothing(*_: Any) -> list[Any]:
        return []

    monkeypatch.setattr(services.reader, "latest_keyframes", nothing)
    pole = await get(phone, "/api/pole/wj-01")
    assert (pole["name"], pole["village"]) == ("王家村口", "王家村") and "moved" in pole["families"]
    report = {"camera": "wj-01", "family": "moved", "note": "被车撞歪"}
    fault = (await post(phone, "/api/pole/report", report))["fault"]
    assert (await upload(phone, f"/api/pole/report/{fault}/photo", await asyncio.to_thread(photo_with_position)))[
        0
    ] == 200
    async with database.reading() as session:
        row = await session.get_one(Fault, fault)
        assert (row.state, row.reported_by, row.note) == (FaultStatus.OPEN, "patrol_officer-wangjia", "被车撞歪")
        assert row.picture and row.picture.endswith("-photo.jpg")
    rows = await audit_rows(database, "fault.report", "fault.photo")
    assert [r.action for r in rows] == ["fault.report", "fault.photo"]


async def test_a_phone_reports_no_other_fault_camera_or_photo(sign_in: SignIn, database: Database) -> None:
    phone, other = await sign_in(Role.PATROL_OFFICER, ["wangjia"]), await sign_in(Role.PATROL_OFFICER, ["xidian"])
    assert (await phone.get("/api/pole/xd-01")).status == 404
    assert (await submit(phone, "/api/pole/report", camera="xd-01", family="moved"))[0] == 404
    status, reply = await submit(phone, "/api/pole/report", camera="wj-01", family="retention")
    assert (status, reply["code"]) == (400, "family_required")
    fault = (await post(phone, "/api/pole/report", {"camera": "wj-01", "family": "covered"}))["fault"]
    assert (await upload(other, f"/api/pole/report/{fault}/photo", b"x"))[0] == 404
    async with database.session() as session:
        (await session.get_one(Fault, fault)).opened_at = NOW - timedelta(hours=2)
    assert (await upload(phone, f"/api/pole/report/{fault}/photo", b"x"))[1]["code"] == "fault_report_over"
