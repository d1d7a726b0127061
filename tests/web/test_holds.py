"""Holds in the console: who may manage them, for which case, and what happens to them when it is closed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from cases.tables import Case
from core.accounts.permissions import Role
from core.audit.audit_trail import AuditRow
from core.clock import HOUR_US, SystemClock, from_microseconds, to_microseconds
from core.database import Database
from core.events import Event
from nvr.archive import segment_index
from nvr.archive.retention import holds
from nvr.archive.segment_index import Segment
from nvr.tables import Hold
from tests.web.calls import post
from tests.web.conftest import Client, SignIn

NOW = SystemClock().now()
BEGIN = to_microseconds(NOW) // HOUR_US * HOUR_US - 50 * HOUR_US
SPAN = {"start": from_microseconds(BEGIN).isoformat(), "end": from_microseconds(BEGIN + 2 * HOUR_US).isoformat()}


async def listed(client: Client, **query: str) -> list[Any]:
    reply = await client.get("/api/holds", params=query)
    assert reply.status == 200, await reply.text()
    return list(await reply.json())


async def test_a_hold_for_a_case(sign_in: SignIn, database: Database) -> None:
    officer, leader = await sign_in(Role.INVESTIGATOR), await sign_in(Role.APPROVER)
    case = await post(officer, "/api/cases", {"number": "A-7", "title": "t", "village": "wangjia"})
    async with database.session() as session:
        half = HOUR_US // 2
        await segment_index.append(
            session,
            [
                Segment(
                    f"wj-01/{kind}",
                    1,
                    BEGIN + n * half,
                    BEGIN + (n + 1) * half,
                    half,
                    1000 if kind == "main" else 10,
                    1,
                )
                for kind in ("main", "sub")
                for n in range(-3, 9)
            ],
        )
    body = {**SPAN, "camera": "wj-01", "reason": "勘查", "case": case["id"], "days": 90}
    made = await post(officer, "/api/holds", body)
    (row,) = await listed(leader)
    assert (row["case_number"], row["reason"], row["owner"], row["camera"]) == (
        "A-7",
        "勘查",
        "investigator-all",
        "wj-01",
    )
    assert row["bytes"] == 4 * 1010 and not row["ends_soon"] and row["case_closed_at"] is None
    await post(officer, f"/api/cases/{case['id']}/close", {"reason": "侦结"})
    (row,) = await listed(leader)
    assert row["ends_soon"] and row["case_closed_at"]
    assert (
        timedelta(days=13) < datetime.fromisoformat(row["expires_at"]) - SystemClock().now() <= holds.CLOSED_CASE_GRACE
    )
    async with database.reading() as session:
        told = (await session.scalars(select(Event).where(Event.kind == "hold.ending"))).one()
        assert told.village == "wangjia" and told.data["case_closed"] and told.data["hold"] == made["id"]
    assert "closed" in (await post(officer, f"/api/cases/{case['id']}/close", {"reason": "侦结"}, 409))["message"]
    assert "closed" in (await post(officer, "/api/holds", body, 409))["message"]
    renewed = await post(leader, f"/api/holds/{made['id']}/renew", {"reason": "二审", "days": 60})
    assert not renewed["ends_soon"]
    await post(leader, f"/api/holds/{made['id']}/release", {"reason": "终审"})
    await post(leader, f"/api/holds/{made['id']}/release", {"reason": "终审"}, 409)
    assert await listed(leader) == [] and [h["id"] for h in await listed(leader, ended="true")] == [made["id"]]
    async with database.reading() as session:
        found = select(AuditRow.action, AuditRow.actor, AuditRow.reason).order_by(AuditRow.id)
        rows = [
            tuple(r)
            for r in await session.execute(found.where(AuditRow.action.like("hold.%") | AuditRow.action.like("case.%")))
        ]
    assert rows == [
        ("case.open", "investigator-all", ""),
        ("hold.add", "investigator-all", "勘查"),
        ("case.close", "investigator-all", "侦结"),
        ("hold.case_closed", "investigator-all", "侦结"),
        ("hold.review", "approver-all", "二审"),
        ("hold.release", "approver-all", "终审"),
    ]


async def test_a_case_of_another_village_cannot_hold_footage(sign_in: SignIn, database: Database) -> None:
    town, local = await sign_in(Role.INVESTIGATOR), await sign_in(Role.INVESTIGATOR, ["wangjia"])
    other = await post(town, "/api/cases", {"number": "1", "title": "t", "village": "xidian"})
    whole = await post(town, "/api/cases", {"number": "2", "title": "t"})
    body = {**SPAN, "camera": "wj-01", "reason": "why"}
    assert "another village" in (await post(town, "/api/holds", body | {"case": other["id"]}, 409))["message"]
    assert "no such case" in (await post(local, "/api/holds", body | {"case": other["id"]}, 404))["message"]
    assert "no such case" in (await post(local, "/api/holds", body | {"case": whole["id"]}, 404))["message"]
    assert "no such camera" in (await post(local, "/api/holds", body | {"camera": "xd-01"}, 404))["message"]
    made = await post(town, "/api/holds", body | {"case": whole["id"]})
    (row,) = await listed(local)  # its camera, but not its case
    assert (row["id"], row["case"], row["case_number"], row["reason"]) == (made["id"], None, "", "")
    await post(local, "/api/holds", {**body, "end": SPAN["start"]}, 400)
    officer = await sign_in(Role.VIDEO_OFFICER)
    assert len(await listed(officer)) == 1
    await post(officer, "/api/holds", body, 403)
    await post(officer, f"/api/holds/{made['id']}/release", {"reason": "why"}, 403)


async def test_a_case_with_active_subjects_cannot_be_closed(sign_in: SignIn, database: Database) -> None:
    officer = await sign_in(Role.INVESTIGATOR)
    case = await post(officer, "/api/cases", {"number": "1", "title": "t"})
    subject = {"case": case["id"], "title": "t", "cls": "person", "upper": "red", "reason": "why"}
    subject["expires_at"] = (NOW + timedelta(days=2)).isoformat()
    wanted = await post(officer, "/api/watch", subject)
    await post(officer, f"/api/cases/{case['id']}/close", {"reason": "侦结"}, 409)
    await post(officer, f"/api/watch/{wanted['id']}/end", {"reason": "抓获"})
    closed = await post(officer, f"/api/cases/{case['id']}/close", {"reason": "侦结"})
    assert closed["closed_at"] and closed["closed_by"] == "investigator-all"
    assert "closed" in (await post(officer, "/api/watch", subject, 409))["message"]
    async with database.reading() as session:
        assert (await session.get_one(Case, case["id"])).closed_at is not None


async def test_sizes_of_holds_are_summed_within_a_limit(
    sign_in: SignIn, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    officer = await sign_in(Role.APPROVER)
    monkeypatch.setattr(holds, "MAX_ROWS_SUMMED", 5)
    async with database.session() as session:
        await segment_index.append(
            session, [Segment("wj-01/main", 1, BEGIN + n * HOUR_US, BEGIN + n * HOUR_US + 1, 1, 7, 1) for n in range(9)]
        )
        for end in (9, 3):
            session.add(
                Hold(
                    camera="wj-01", start_us=BEGIN, end_us=BEGIN + end * HOUR_US, owner="x", reason="x", created_at=NOW,
                    expires_at=NOW + timedelta(days=9),
                )
            )  # fmt: skip
    assert [h["bytes"] for h in await listed(officer)] == [21, None]
    assert [h["id"] for h in await listed(officer, limit="1")] == [2] and [
        h["id"] for h in await listed(officer, before="2")
    ] == [1]
