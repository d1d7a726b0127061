"""The audit trail over HTTP: filters, ready views, viewers of a camera, and the export as CSV."""

from __future__ import annotations

import csv
import io
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from core.accounts.permissions import Role
from core.audit import audit_trail, pages
from core.audit.actions import AuditAction as A
from core.audit.pages import AuditFilter, LocalHours
from core.clock import SystemClock
from core.database import Database
from tests.web.conftest import Client, SignIn
from web.api.audit import VIEWS, AuditView, guarded

ZONE = ZoneInfo("Asia/Shanghai")
NIGHT = datetime(2026, 11, 20, 23, 30, tzinfo=ZONE)
DAY = datetime(2026, 11, 20, 14, 0, tzinfo=ZONE)


async def read(client: Client, **query: str) -> dict:  # type: ignore[type-arg]
    async with client.get("/api/audit", params=query) as reply:
        assert reply.status == 200, await reply.text()
        found: dict = await reply.json()  # type: ignore[type-arg]
        return found


@pytest.fixture
async def trail(database: Database) -> None:
    async with database.session() as session:
        for at, actor, action, name, reason, data in (
            (DAY, "zhang", A.LIVE_OPEN, "wj-01/main", "case 7", {"village": "wangjia", "camera": "wj-01"}),
            (NIGHT, "zhang", A.LIVE_OPEN, "wj-01/sub", "case 7", {"village": "wangjia"}),
            (NIGHT, "li", A.PLAYBACK_OPEN, "wj-01/main", "100% sure", {"village": "wangjia"}),
            (DAY, "wang", A.SNAPSHOT_VIEW, "wj-01", "", {"village": "wangjia"}),
            (DAY, "wang", A.SNAPSHOT_VIEW, "xd-01", "", {"village": "xidian"}),
            (NIGHT, "anonymous", A.SESSION_REFUSED, "sign-in", "", {"name": "=cmd|calc"}),
            (DAY, "admin", A.USER_CHANGE, "li", "=1+1", {"old": {"role": "funder"}, "new": {"role": "approver"}}),
        ):
            await audit_trail.record(session, at, actor, action, name, reason=reason, **data)


def objects(page: dict) -> list[str]:  # type: ignore[type-arg]
    return [r["object"] for r in page["rows"] if r["action"] != "session.open" and not r["actor"].startswith("auditor")]


async def test_filters(trail: None, sign_in: SignIn) -> None:
    auditor = await sign_in(Role.AUDITOR)
    start = (DAY - timedelta(hours=1)).isoformat()
    assert objects(await read(auditor, actor="zhang")) == ["wj-01/sub", "wj-01/main"]
    assert objects(await read(auditor, action="snapshot.view")) == ["xd-01", "wj-01"]
    assert objects(await read(auditor, camera="wj-01")) == ["wj-01", "wj-01/main", "wj-01/sub", "wj-01/main"]
    assert objects(await read(auditor, village="xidian")) == ["xd-01"]
    assert objects(await read(auditor, text="100% s")) == ["wj-01/main"]
    assert objects(await read(auditor, text="100_ s")) == []
    assert objects(await read(auditor, object="li", start=start)) == ["li"]
    assert objects(await read(auditor, start=start, end=NIGHT.isoformat(), actor="zhang")) == ["wj-01/main"]
    async with auditor.get("/api/audit?action=odd") as refused:
        assert refused.status == 422


async def test_ready_views(trail: None, sign_in: SignIn) -> None:
    auditor = await sign_in(Role.AUDITOR)
    assert objects(await read(auditor, view="off_hours")) == ["wj-01/main", "wj-01/sub"]
    assert len(objects(await read(auditor, view="viewing"))) == 5
    assert objects(await read(auditor, view="failed_sign_ins")) == ["sign-in"]
    assert objects(await read(auditor, view="permissions", object="li")) == ["li"]
    assert objects(await read(auditor, view="viewing", action="snapshot.view")) == ["xd-01", "wj-01"]
    assert objects(await read(auditor, view="exports", action="snapshot.view")) == []
    assert set(VIEWS) == set(AuditView)


async def test_pages_join_without_gap(trail: None, sign_in: SignIn) -> None:
    auditor = await sign_in(Role.AUDITOR)
    for query in ({"view": "viewing"}, {"view": "off_hours"}):
        whole, parts, before = await read(auditor, **query), [], None
        while True:
            page = await read(auditor, **query, limit="1", **({"before": str(before)} if before else {}))
            parts += page["rows"]
            before = page["next"]
            if before is None:
                break
        assert parts == whole["rows"] and whole["broken_at"] is None


async def test_a_camera_viewed_by_many(trail: None, sign_in: SignIn, database: Database) -> None:
    now = SystemClock().now()
    async with database.session() as session:
        for actor in ("zhang", "zhang", "li", "wang"):
            await audit_trail.record(session, now - timedelta(hours=1), actor, A.LIVE_OPEN, "wj-02/main")
        await audit_trail.record(session, now - timedelta(hours=1), "li", A.LIVE_OPEN, "xd-01/main")
    auditor = await sign_in(Role.AUDITOR)
    async with auditor.get("/api/audit/cameras?days=2") as reply:
        (found,) = await reply.json()
    assert (found["camera"], found["views"], found["viewers"]) == ("wj-02", 4, {"li": 1, "wang": 1, "zhang": 2})
    async with auditor.get("/api/audit/cameras?days=2&viewers=1") as reply:
        assert [f["camera"] for f in await reply.json()] == ["wj-02", "xd-01"]


async def test_the_export_is_guarded_and_audited(trail: None, sign_in: SignIn) -> None:
    auditor = await sign_in(Role.AUDITOR)
    async with auditor.get("/api/audit/export", params={"end": NIGHT.isoformat()}) as reply:
        assert reply.status == 200 and "attachment" in reply.headers["Content-Disposition"]
        body = await reply.read()
    assert body.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"))))
    assert [r["object"] for r in rows] == ["li", "xd-01", "wj-01", "wj-01/main"]
    assert rows[0]["reason"] == "'=1+1" and rows[3]["village"] == "wangjia"
    (row,) = (await read(auditor, view="exports"))["rows"]
    assert (row["actor"], row["details"]["rows"]) == ("auditor-all", 4)
    for role in (Role.ADMINISTRATOR, Role.APPROVER):
        for path in ("/api/audit/export", "/api/audit/cameras", "/api/audit"):
            async with (await sign_in(role)).get(path) as refused:
                assert refused.status == 403


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_starts_a_formula(cell: str) -> None:
    assert guarded(cell) == f"'{cell}" and guarded(f"a{cell}") == f"a{cell}"


def test_local_hours_pass_midnight() -> None:
    night, morning = LocalHours(time(22), time(6), ZONE), LocalHours(time(8), time(12), ZONE)
    for hour in range(24):
        at = datetime(2026, 11, 20, hour, tzinfo=ZONE).astimezone(ZoneInfo("UTC"))
        assert night.contains(at) is (hour >= 22 or hour < 6) and morning.contains(at) is (8 <= hour < 12)


async def test_a_page_looks_through_a_bounded_number_of_rows(
    trail: None, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "CHUNK", 2)
    monkeypatch.setattr(pages, "MAX_SCANNED", 4)
    wanted = AuditFilter(hours=LocalHours(time(3), time(4), ZONE))
    async with database.reading() as session:
        first = await pages.page(session, wanted)
        assert list(first.rows) == [] and first.next is not None
        last = first
        while last.next is not None:
            last = await pages.page(session, wanted, before=last.next)
        assert list(last.rows) == []
