"""The duty desk: taking over a shift, notes, and what the next officer is told."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from cameras.tables import Camera
from cases.tables import Shift
from core.accounts.permissions import Role
from core.clock import SystemClock
from core.database import Database
from core.events import Event
from health.tables import Fault, WorkOrder
from nvr.tables import StreamStatus
from tests.web.calls import audit_rows, get, post
from tests.web.conftest import Client, SignIn
from tests.web.scope.village_objects import fill
from web.api.core import text_for
from web.services import SERVICES
from web.work.event_feed import feed_event

NOW = SystemClock().now()


async def _sign(client: Client, seen: int | None, status: int = 200, note: str = "") -> Any:
    return await post(client, "/api/shift/take-over", {"seen": seen, "note": note}, status)


async def test_an_officer_takes_over_and_the_next_one_reads_his_notes(sign_in: SignIn, database: Database) -> None:
    officer = await sign_in(Role.VIDEO_OFFICER)
    told = await get(officer, "/api/shift")
    assert told["current"] is None and told["previous"] is None and told["may_take_over"]
    assert (await get(officer, "/api/shift/current")) == {"shift": None}
    await post(officer, "/api/shift/note", {"text": "nobody is on duty"}, 409)
    first = await _sign(officer, None, note="早班接班")
    await post(officer, "/api/shift/note", {"text": "王家村 3 号杆停电"})
    await post(officer, "/api/shift/note", {"text": "   "}, 400)
    second = await _sign(officer, first["id"])
    told = await get(officer, "/api/shift")
    assert told["current"]["id"] == second["id"] and told["current"]["until"] is None
    before = told["previous"]
    assert (before["id"], before["until"], before["note"]) == (first["id"], second["since"], "早班接班")
    assert [n["text"] for n in before["notes"]] == ["王家村 3 号杆停电"] and before["signed_at"] == before["since"]
    rows = await audit_rows(database, "shift.take_over", "shift.note")
    assert [(r.action, r.object, r.data.get("previous")) for r in rows] == [
        ("shift.take_over", str(first["id"]), None),
        ("shift.note", str(first["id"]), None),
        ("shift.take_over", str(second["id"]), first["id"]),
    ]
    assert rows[0].data["note"] == "早班接班" and rows[1].data["text"] == "王家村 3 号杆停电"
    assert (await get(officer, "/api/me"))["purpose"] == ""  # taking over states no purpose


async def test_two_officers_cannot_take_over_the_same_shift(sign_in: SignIn, database: Database) -> None:
    officer = await sign_in(Role.VIDEO_OFFICER)
    first = await _sign(officer, None)
    replies = await asyncio.gather(
        *(officer.post("/api/shift/take-over", json={"seen": first["id"]}, headers={"X-Minwang": "1"}) for _ in "ab")
    )
    assert sorted(r.status for r in replies) == [200, 409]
    refused = next(r for r in replies if r.status == 409)
    assert "video_officer-all" in await refused.text()  # who signed
    for seen in (None, first["id"], first["id"] + 99):
        await _sign(officer, seen, 409)
    async with database.reading() as session:
        shifts = (await session.scalars(select(Shift).order_by(Shift.id))).all()
    assert [s.follows for s in shifts] == [0, first["id"]] and [s.until is None for s in shifts] == [False, True]
    assert len(await audit_rows(database, "shift.take_over")) == 2  # a refused one leaves no row


async def test_a_take_over_is_announced_to_every_page(sign_in: SignIn, database: Database) -> None:
    officer = await sign_in(Role.VIDEO_OFFICER)
    made = await _sign(officer, None)
    async with database.reading() as session:
        event = (await session.scalars(select(Event).where(Event.kind == "shift.taken_over"))).one()
    assert event.data == {"shift": made["id"], "officer": made["officer_name"]}
    assert officer.app is not None
    sessions = officer.app[SERVICES].accounts.sessions
    for role, villages, reads in (
        (Role.APPROVER, None, "full"), (Role.ADMINISTRATOR, None, "full"), (Role.VIDEO_OFFICER, ["wangjia"], "bare"),
        (Role.PATROL_OFFICER, None, ""), (Role.FUNDER, ["wangjia"], ""), (Role.CONTRACTOR, None, ""),
    ):  # fmt: skip
        client = await sign_in(role, villages)
        token = next(c.value for c in client.session.cookie_jar if "device" not in c.key)
        identity = await sessions.resolve(token)
        assert identity is not None
        text = text_for(identity, feed_event(event))
        assert bool(text) is bool(reads) and (text is None or ("officer" in text) is (reads == "full")), role


async def test_who_may_take_over_and_who_may_read(sign_in: SignIn) -> None:
    officer = await sign_in(Role.VIDEO_OFFICER)
    made = await _sign(officer, None, note="西店村的事")
    await post(officer, "/api/shift/note", {"text": "西店村的另一件事"})
    local = await sign_in(Role.VIDEO_OFFICER, ["wangjia"])
    await _sign(local, made["id"], 403)
    await post(local, "/api/shift/note", {"text": "x"}, 403)
    told = await get(local, "/api/shift")
    assert told["current"]["officer_name"] and not told["may_take_over"]
    assert (told["current"]["note"], told["current"]["notes"]) == ("", [])  # notes are about the whole town
    assert told["station"]["disks"] is None and told["station"]["search"] is None
    for role, status in ((Role.APPROVER, 403), (Role.PATROL_OFFICER, 403), (Role.AUDITOR, 403)):
        await _sign(await sign_in(role), made["id"], status)
    administrator = await get(await sign_in(Role.ADMINISTRATOR), "/api/shift")
    assert not administrator["may_take_over"]
    # Alerts, subjects and holds are not shown to an administrator: not known, which is not the same as none.
    assert administrator["unreachable"] is None
    assert administrator["alerts"] is None and administrator["holds_ending"] is None
    assert administrator["decisions"]["proposals"] is None and administrator["decisions"]["moves"]["count"] == 0
    assert (await (await sign_in(Role.PATROL_OFFICER)).get("/api/shift")).status == 403


async def test_the_hand_over_lists_what_waits(
    sign_in: SignIn, database: Database, station_settings: Any, sightings: Any
) -> None:
    for village in ("wangjia", "xidian"):
        await fill(database, station_settings, sightings, village)
    officer, local = await sign_in(Role.VIDEO_OFFICER), await sign_in(Role.VIDEO_OFFICER, ["wangjia"])
    everything, mine = [await get(c, "/api/shift") for c in (officer, local)]

    def counts(told: Any) -> list[int]:
        station, decisions = told["station"], told["decisions"]
        parts = (
            told["alerts"], told["holds_ending"], decisions["proposals"], decisions["moves"], decisions["acceptances"],
            station["new_faults"], station["closed_faults"], station["orders_late"], station["findings"],
        )  # fmt: skip
        assert all(p["count"] == len(p["items"]) for p in parts)
        return [p["count"] for p in parts]

    assert counts(everything) == [4, 2, 2, 0, 0, 4, 0, 4, 2] and counts(mine) == [2, 1, 1, 0, 0, 2, 0, 2, 1]
    assert "西标记" not in str(mine) and "xidian" not in str(mine) and "西标记" in str(everything)
    assert all(a["age_seconds"] >= 0 for a in everything["alerts"]["items"])


async def test_changes_count_from_the_begin_of_the_shift(sign_in: SignIn, database: Database) -> None:
    """New and closed faults, late orders and cameras that went offline since; what is older is not repeated."""
    officer = await sign_in(Role.VIDEO_OFFICER)
    first = await _sign(officer, None)
    async with database.session() as session:
        shift = await session.get_one(Shift, first["id"])
        shift.since = shift.signed_at = NOW - timedelta(hours=12)
        for camera, hours, closed in (("wj-01", 20, None), ("wj-02", 2, None), ("wj-02", 30, 1), ("xd-01", 40, 20)):
            session.add(
                Fault(
                    camera=camera, village=camera[:2], family="unreachable", severity=1, figures={}, facts={}, times=1,
                    state="closed" if closed else "open", inspections=2, first_seen=NOW - timedelta(hours=hours),
                    opened_at=NOW - timedelta(hours=hours),
                    closed_at=NOW - timedelta(hours=closed) if closed else None,
                )
            )  # fmt: skip
        for state, hours in (("assigned", 1), ("working", 1), ("working", -1), ("verifying", 1), ("closed", 1)):
            session.add(
                WorkOrder(
                    village="wangjia", camera="wj-01", title=f"{state} {hours}", state=state, severity=1, vendor="",
                    created_at=NOW, created_by="x", respond_by=NOW - timedelta(hours=3),
                    repair_by=NOW - timedelta(hours=hours),
                )
            )  # fmt: skip
    told = (await get(officer, "/api/shift"))["station"]
    assert [f["camera"] for f in told["new_faults"]["items"]] == ["wj-02"]
    assert [f["camera"] for f in told["closed_faults"]["items"]] == ["wj-02"]
    assert [c["camera"] for c in told["newly_offline"]["items"]] == ["wj-02"]
    assert sorted(o["title"] for o in told["orders_late"]["items"]) == ["assigned 1", "working 1"]
    assert told["cameras"] == {"total": 8, "online": 0, "offline": 2, "unknown": 6}
    assert told["inspections"]["not_inspected"] == told["inspections"]["never"] == 8
    assert told["inspections"]["since"] is None
    second = await _sign(officer, first["id"])
    assert (await get(officer, "/api/shift"))["station"]["new_faults"]["count"] == 0
    again = await get(officer, "/api/shift?changes=previous")
    assert again["station"]["new_faults"]["count"] == 1 and again["current"]["id"] == second["id"]


async def test_a_camera_is_online_only_if_somebody_saw_it(sign_in: SignIn, database: Database) -> None:
    officer = await sign_in(Role.VIDEO_OFFICER)
    states = {
        "wj-01": ("recording", None, 0), "wj-02": ("waiting", "unreachable", 0), "wj-03": ("recording", None, 300),
        "xd-01": ("waiting", "disk_full", 0), "xd-02": ("waiting", "packet_loss", 0),
    }  # fmt: skip
    now = SystemClock().now()  # a report is believed for a minute
    async with database.session() as session:
        known = set(await session.scalars(select(Camera.id)))
        for camera, (state, cause, age) in states.items():
            assert camera in known
            session.add(
                StreamStatus(
                    stream=f"{camera}/main", worker="r", state=state, cause=cause, at=now - timedelta(seconds=age),
                    since=now - timedelta(hours=1),
                )
            )  # fmt: skip
    counts = (await get(officer, "/api/shift"))["station"]
    # wj-03's recorder is silent, xd-01's disk is full: nobody knows; xd-02 sends packets.
    assert counts["cameras"] == {"total": 8, "online": 2, "offline": 1, "unknown": 5}
    assert [(c["camera"], c["cause"]) for c in counts["newly_offline"]["items"]] == [("wj-02", "unreachable")]
    table = {v["code"]: v for v in (await get(officer, "/api/today/villages"))["villages"]}
    assert (table["wangjia"]["online"], table["wangjia"]["offline"]) == (1, 1)
    assert sum(v["unknown"] for v in table.values()) == 5


async def test_an_officer_on_duty_whom_nothing_reaches_is_named(sign_in: SignIn) -> None:
    desk, elsewhere = await sign_in(Role.VIDEO_OFFICER), await sign_in(Role.VIDEO_OFFICER, ["xidian"])
    officer = await sign_in(Role.PATROL_OFFICER, ["wangjia"])
    assert (await get(desk, "/api/shift"))["unreachable"] == {"count": 0, "items": []}
    await post(officer, "/api/duty", {"on_duty": True})
    told = await get(desk, "/api/shift")
    assert [o["problem"] for o in told["unreachable"]["items"]] == ["no_channel"]
    assert (await get(elsewhere, "/api/shift"))["unreachable"]["count"] == 0
