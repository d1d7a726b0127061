"""What people do with faults: verdicts, orders, maintenance, the signed day; within their villages only."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
from asyncio.subprocess import PIPE
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, text, update

from core.accounts.permissions import Role
from core.audit.audit_trail import AuditRow
from core.clock import SystemClock
from core.database import Database
from core.host import metrics_token
from health.patrol import rounds
from health.register import register, signatures
from health.tables import CameraBaseline, DailyFigures, DailyRegister, Fault, PatrolRound, RegisterSupplement
from health.vocabulary import OrderState
from nvr.tables import StreamStatus
from tests.web.conftest import HEADERS, Client, SignIn

NOW = SystemClock().now()
TODAY = f"{NOW.astimezone(ZoneInfo('Asia/Shanghai')):%Y-%m-%d}"
YESTERDAY = f"{NOW.astimezone(ZoneInfo('Asia/Shanghai')) - timedelta(days=1):%Y-%m-%d}"


@pytest.fixture
async def faults(sign_in: SignIn, database: Database) -> dict[str, int]:
    """Two faults of one camera, one of another village, and an up-link fault."""
    made = {}
    async with database.session() as session:
        for name, camera, village, family, detail in (
            ("black", "wj-01", "wangjia", "black", ""), ("moved", "wj-01", "wangjia", "moved", ""),
            ("other", "xd-01", "xidian", "covered", ""), ("uplink", "", "wangjia", "uplink", "wangjia"),
        ):  # fmt: skip
            row = Fault(
                camera=camera,
                village=village,
                family=family,
                state="open",
                severity=1,
                detail=detail,
                figures={"kind": "village"},
                facts={"votes": []},
                first_seen=NOW,
                opened_at=NOW,
                inspections=3,
                times=1,
            )
            session.add(row)
            await session.flush()
            made[name] = row.id
    return made


async def post(client: Client, path: str, body: dict[str, Any], status: int = 200) -> Any:
    reply = await client.post(path, json=body, headers=HEADERS)
    assert reply.status == status, await reply.text()
    return await reply.json()


async def test_verdicts_close_nothing_except_a_new_view(
    sign_in: SignIn, faults: dict[str, int], database: Database
) -> None:
    officer = await sign_in(Role.VIDEO_OFFICER)
    await post(officer, "/api/faults/verdict", {"faults": [faults["black"]], "verdict": "false"})
    await post(officer, "/api/faults/verdict", {"faults": [faults["moved"]], "verdict": "new_view"})
    await post(officer, "/api/faults/verdict", {"faults": [faults["black"]], "verdict": "closed"}, 422)
    view = await (await officer.get("/api/patrol")).json()
    told = {f["id"]: f for f in view["faults"]}
    assert told[faults["black"]]["verdict"] == "false" and faults["moved"] not in told
    assert told[faults["uplink"]]["camera_name"] == "wangjia"
    async with database.reading() as session:
        assert (await session.get_one(CameraBaseline, "wj-01")).view >= 1
        assert {"fault.verdict"} <= set(await session.scalars(select(AuditRow.action)))


async def test_a_village_officer_sees_and_judges_own_faults(sign_in: SignIn, faults: dict[str, int]) -> None:
    officer = await sign_in(Role.VIDEO_OFFICER, ["xidian"])
    view = await (await officer.get("/api/patrol")).json()
    assert [f["id"] for f in view["faults"]] == [faults["other"]]
    for path, body in (
        ("/api/faults/verdict", {"faults": [faults["black"]], "verdict": "real"}),
        ("/api/orders", {"faults": [faults["black"]]}),
        ("/api/maintenance", {"camera": "wj-01", "hours": 1, "reason": "x"}),
    ):
        await post(officer, path, body, 404)
    asked = await post(officer, "/api/patrol/rounds", {"villages": ["wangjia", "xidian"]})
    assert asked["id"]


async def test_orders_from_fault_to_repair(sign_in: SignIn, faults: dict[str, int]) -> None:
    officer = await sign_in(Role.VIDEO_OFFICER)
    made = await post(officer, "/api/orders", {"faults": list(faults.values()), "vendor": "Tianmu"})
    assert len(made) == 3 and {o["state"] for o in made} == {"assigned"}
    numbers = [o["id"] for o in made]
    await post(officer, "/api/orders", {"faults": list(faults.values())}, 400)
    await post(officer, "/api/orders/move", {"orders": numbers, "state": "working"})
    await post(officer, "/api/orders/move", {"orders": numbers, "state": "closed"}, 409)
    await post(
        officer, "/api/orders/move", {"orders": [numbers[0]], "state": "verifying", "text": "cleaned", "cost": 120}
    )
    file = await (await officer.get(f"/api/orders/{numbers[0]}")).json()
    assert [n["step"] for n in file["notes"]] == ["created", "working", "verifying"] and file["order"]["cost"] == 120
    listed = await (await officer.get("/api/orders")).json()
    assert {o["id"] for o in listed} == set(numbers)
    refused = await post(officer, "/api/orders/move", {"orders": numbers, "state": "odd"}, 422)
    assert "'assigned'" in refused["error"]
    # All or none: an order that cannot take the step keeps the others in their state.
    await post(officer, "/api/orders/move", {"orders": numbers, "state": "parts"}, 409)
    assert {o["state"] for o in await (await officer.get("/api/orders")).json()} == {"working", "verifying"}


async def test_orders_are_listed_by_state(sign_in: SignIn, faults: dict[str, int]) -> None:
    officer = await sign_in(Role.VIDEO_OFFICER)
    made = await post(officer, "/api/orders", {"faults": [faults["black"]], "vendor": "Tianmu"})
    for state in OrderState:
        listed = await (await officer.get("/api/orders", params={"state": state.value})).json()
        assert [o["id"] for o in listed] == ([made[0]["id"]] if state == OrderState.ASSIGNED else [])
    for text_of_no_state in ("²", "lost"):
        reply = await officer.get("/api/orders", params={"state": text_of_no_state})
        assert reply.status == 422 and "'assigned'" in (await reply.json())["error"]


async def test_maintenance_begins_and_ends(sign_in: SignIn) -> None:
    officer = await sign_in(Role.VIDEO_OFFICER)
    work = await post(officer, "/api/maintenance", {"village": "wangjia", "hours": 2, "reason": "换杆"})
    await post(officer, "/api/maintenance", {"hours": 2, "reason": "x"}, 400)
    assert [m["id"] for m in await (await officer.get("/api/maintenance")).json()] == [work["id"]]
    await post(officer, f"/api/maintenance/{work['id']}/end", {})
    assert await (await officer.get("/api/maintenance")).json() == []


def patrol_round(*, began: float = 1, finished: bool = True, scope: dict[str, Any] | None = None) -> PatrolRound:
    """Return a round that started some seconds ago."""
    at = NOW - timedelta(seconds=began)
    return PatrolRound(
        asked_at=at,
        asked_by="schedule",
        scope=scope or {},
        started_at=at,
        finished_at=NOW if finished else None,
        cameras=8,
        inspected=3,
    )


async def test_the_day_is_signed_once_and_printed(sign_in: SignIn, faults: dict[str, int], database: Database) -> None:
    officer = await sign_in(Role.VIDEO_OFFICER)
    async with database.session() as session:
        session.add(patrol_round())
    day = await (await officer.get("/api/patrol/day")).json()
    assert (
        day["figures"]["cameras"] == 8
        and len(day["figures"]["faults"]) == 4
        and day["signed_by"] is None
        and day["patrolled"]
    )
    signed = await post(officer, "/api/patrol/day/sign", {"day": day["day"]})
    assert signed["signed_by"] and len(signed["digest"]) == 64 and signed["later"] is None
    await post(officer, "/api/patrol/day/sign", {"day": day["day"]}, 409)
    async with database.session() as session:
        (await session.get_one(Fault, faults["black"])).state = "closed"
        assert (await session.scalars(select(DailyRegister.day))).all() == [day["day"]]
    page = await (await officer.get(f"/register/{day['day']}")).text()
    assert (
        signed["digest"] in page and "黑屏" in page and "遮挡" in page and "http" not in page.replace("http-equiv", "")
    )
    for wrong in ("2026-13-01", "0001-01-01", "9999-12-31", (NOW + timedelta(days=3)).strftime("%Y-%m-%d")):
        assert (await officer.get(f"/api/patrol/day?day={wrong}")).status == 400
    village = await sign_in(Role.VIDEO_OFFICER, ["xidian"])
    assert (await (await village.get("/api/patrol/day")).json())["figures"]["cameras"] < 8


async def test_signing_needs_a_patrol_or_a_reason(sign_in: SignIn, database: Database) -> None:
    officer = await sign_in(Role.VIDEO_OFFICER)
    for row in (None, patrol_round(scope={"villages": ["wangjia"]}), patrol_round(began=86400 * 2)):
        async with database.session() as session:
            session.add_all([row] if row else [])
        await post(officer, "/api/patrol/day/sign", {"day": TODAY}, 400)  # no round of the whole town on this day
    async with database.session() as session:
        session.add(going := patrol_round(finished=False))
    # The round is still running: a reason does not help.
    await post(officer, "/api/patrol/day/sign", {"day": TODAY, "no_patrol": "分析程序停机检修"}, 409)
    async with database.session() as session:
        await session.delete(await session.get_one(PatrolRound, going.id))
    await post(officer, "/api/patrol/day/sign", {"day": TODAY, "no_patrol": "   x "}, 400)
    # A patrol may still run before the day is over.
    await post(officer, "/api/patrol/day/sign", {"day": TODAY, "no_patrol": "分析程序停机检修"}, 409)
    day = {"day": YESTERDAY}
    signed = await post(officer, "/api/patrol/day/sign", {**day, "no_patrol": "分析程序停机检修"})
    assert signed["figures"]["patrol"] == {"rounds": 0, "finished_at": None, "cameras": 0, "reason": "分析程序停机检修"}
    assert "分析程序停机检修" in await (await officer.get(f"/register/{YESTERDAY}")).text()
    await post(officer, "/api/patrol/day/supplement", day, 409)
    # A round that began before midnight and finished afterwards is reported, although the register says there was none.
    async with database.session() as session:
        session.add(patrol_round(began=86400))
    assert (await (await officer.get("/api/patrol/day", params=day)).json())["later"]["patrol"]["rounds"] == 1
    added = (await post(officer, "/api/patrol/day/supplement", day))["supplements"][0]["figures"]
    assert (added["patrol"]["rounds"], added["day_over"]) == (1, True)
    assert "全镇巡检 1 轮" in await (await officer.get(f"/register/{YESTERDAY}")).text()
    await post(officer, "/api/patrol/day/supplement", day, 409)


async def test_later_faults_go_into_supplements_that_refer_to_the_register(
    sign_in: SignIn, faults: dict[str, int], database: Database
) -> None:
    officer, village = await sign_in(Role.VIDEO_OFFICER), await sign_in(Role.VIDEO_OFFICER, ["xidian"])
    async with database.session() as session:
        session.add(patrol_round())
    body = {"day": TODAY}
    await post(officer, "/api/patrol/day/supplement", body, 409)  # nothing was signed
    first = await post(officer, "/api/patrol/day/sign", body)
    await post(officer, "/api/patrol/day/supplement", body, 409)  # nothing new became known
    digests = [first["digest"]]
    for family, title in (("frozen", "画面冻结"), ("noise", "噪点")):
        async with database.session() as session:
            session.add(
                Fault(
                    camera="wj-02",
                    village="wangjia",
                    family=family,
                    state="open",
                    severity=2,
                    figures={},
                    facts={},
                    inspections=3,
                    first_seen=NOW,
                    opened_at=NOW,
                )
            )
        day = await (await officer.get("/api/patrol/day")).json()
        assert [f["family"] for f in day["later"]["faults"]] == [family] and day["digest"] == first["digest"]
        await post(village, "/api/patrol/day/supplement", body, 400)
        added = (await post(officer, "/api/patrol/day/supplement", {**body, "remark": title}))["supplements"][-1]
        told = {k: added[k] for k in ("number", "figures", "remark", "signed_by")} | {"day": TODAY}
        told["signed_at"] = datetime.fromisoformat(added["signed_at"]).astimezone(UTC).isoformat()
        content = json.dumps(told, sort_keys=True, ensure_ascii=False)
        assert added["digest"] == hashlib.sha256((digests[-1] + content).encode()).hexdigest()
        digests.append(added["digest"])
    page = await (await officer.get(f"/register/{TODAY}")).text()
    assert all(d in page for d in digests) and "补充登记 2" in page and "画面冻结" in page
    async with database.reading() as session:
        assert (await session.get_one(DailyRegister, TODAY)).figures == first["figures"]
        rows = (await session.scalars(select(AuditRow.action).where(AuditRow.action.like("patrol.s%")))).all()
    assert rows == ["patrol.sign", "patrol.supplement", "patrol.supplement"]


async def test_one_waiting_round_per_person(sign_in: SignIn, database: Database) -> None:
    """Equal scopes count as equal however they are written; one waiting round per person; scheduled rounds go first."""
    officer, other = (
        await sign_in(Role.VIDEO_OFFICER, ["wangjia", "xidian"]),
        await sign_in(Role.VIDEO_OFFICER, ["xidian"]),
    )
    path, same = "/api/patrol/rounds", {"villages": ["xidian", "wangjia"]}
    first = await post(officer, path, {"villages": ["wangjia", "xidian", "wangjia"]})
    for body in (same, {}, {**same, "cameras": []}):
        assert (await post(officer, path, body))["id"] == first["id"]
    for body in ({"villages": ["wangjia"]}, {"cameras": ["wj-01"]}, {**same, "vendor": "x"}):
        await post(officer, path, body, 409)
    second = await post(other, path, {})
    async with database.session() as session:
        scheduled = await rounds.request(session, NOW, rounds.SCHEDULE)
        assert (await rounds.request(session, NOW, rounds.SCHEDULE)).id == scheduled.id
        order = []
        while (row := await rounds.next_round(session)) is not None:
            order.append(row.id)
            row.started_at = row.finished_at = NOW
            await session.flush()
    assert order == [scheduled.id, first["id"], second["id"]]
    assert (await post(officer, path, {"villages": ["wangjia"]}))["id"] > scheduled.id


CHANGES = {
    "remark": "UPDATE daily_register SET remark = 'nothing special'",
    "signer": "UPDATE daily_register SET signed_by = 'li'",
    "time": "UPDATE daily_register SET signed_at = '2026-01-01 00:00:00'",
    "day": "UPDATE daily_register SET day = '2026-11-19'",
    "figures": "UPDATE daily_register SET figures = replace(CAST(figures AS text), 'rain all day', 'snow all day')",
    "digest": "UPDATE daily_register SET digest = 'x'",
    "gone": "DELETE FROM daily_register",
    "supplement's remark": "UPDATE register_supplement SET remark = ''",
    "supplement's number": "UPDATE register_supplement SET number = 2",
    "supplement's signer": "UPDATE register_supplement SET signed_by = 'li'",
    "supplement gone": "DELETE FROM register_supplement",
}


@pytest.mark.parametrize("what", CHANGES)
async def test_a_changed_register_is_reported(sign_in: SignIn, database: Database, what: str) -> None:
    officer, day = await sign_in(Role.VIDEO_OFFICER), {"day": YESTERDAY}
    await post(
        officer, "/api/patrol/day/sign", {**day, "no_patrol": "rain all day", "remark": "gate 3 was open all night"}
    )
    async with database.session() as session:
        session.add(patrol_round(began=86400))
    await post(officer, "/api/patrol/day/supplement", {**day, "remark": "it came late"})
    view = await (await officer.get("/api/patrol/day", params=day)).json()
    async with database.reading() as session:
        assert view["problem"] == "" and await signatures.first_mismatch(session) is None
    async with database.session() as session:
        statement = CHANGES[what]
        if session.get_bind().dialect.name == "postgresql":
            statement = statement.replace("= replace(", "= CAST(replace(").replace(
                "'snow all day')", "'snow all day') AS json)"
            )
        await session.execute(text(statement))
    view = await (await officer.get("/api/patrol/day", params=day)).json()
    async with database.reading() as session:
        assert view["problem"] and await signatures.first_mismatch(session)
    assert "register-problem" in await (await officer.get(f"/register/{YESTERDAY}")).text()


async def test_the_register_states_whether_the_day_is_over(sign_in: SignIn) -> None:
    officer = await sign_in(Role.VIDEO_OFFICER)
    today = await (await officer.get("/api/patrol/day")).json()
    assert (today["over"], today["patrolled"]) == (False, False)
    past = await (await officer.get("/api/patrol/day", params={"day": YESTERDAY})).json()
    assert past["over"] is True
    signed = await post(officer, "/api/patrol/day/sign", {"day": YESTERDAY, "no_patrol": "rain all day"})
    assert signed["over"] is True


async def test_a_register_changed_with_its_audit_row_is_reported(sign_in: SignIn, database: Database) -> None:
    officer, day = await sign_in(Role.VIDEO_OFFICER), {"day": YESTERDAY}
    await post(officer, "/api/patrol/day/sign", {**day, "no_patrol": "rain all day"})
    async with database.session() as session:
        row = await session.get_one(DailyRegister, YESTERDAY)
        row.signed_by = "li"
        row.digest = signatures.digest_of(row)
        postgresql = session.get_bind().dialect.name == "postgresql"
        await session.execute(text(f"DROP TRIGGER {'audit_append_only ON audit' if postgresql else 'audit_no_update'}"))
        of = select(AuditRow).where(AuditRow.action == "patrol.sign")
        sealed = (await session.scalars(of)).one()
        sealed.actor, sealed.data = "li", {**sealed.data, "digest": row.digest}
    view = await (await officer.get("/api/patrol/day", params=day)).json()
    assert "audit trail" in view["problem"] and "changed" in view["problem"]


def test_a_day_signed_early_gets_one_supplement() -> None:
    start = datetime(2026, 11, 20, tzinfo=UTC)
    signed = DailyRegister(figures={"faults": [{"id": 1}]}, signed_at=start + timedelta(hours=9))
    told = {"online": 0.9, "faults": [{"id": 1}]}
    assert register.supplement_content(signed, [], told, start, start + timedelta(hours=20)) is None
    added = register.supplement_content(signed, [], told, start, start + timedelta(hours=25))
    assert added == {"online": 0.9, "faults": [], "day_over": True}
    last = RegisterSupplement(figures=added, signed_at=start + timedelta(hours=25))
    assert register.supplement_content(signed, [last], told, start, start + timedelta(hours=50)) is None


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="pdftotext (poppler-utils) is not installed")
async def test_the_register_pdf_has_searchable_text(sign_in: SignIn, faults: dict[str, int]) -> None:
    officer = await sign_in(Role.VIDEO_OFFICER)
    reply = await officer.get(f"/register/{TODAY}/pdf")
    content = await reply.read()
    assert reply.status == 200 and reply.content_type == "application/pdf" and content[:5] == b"%PDF-"
    process = await asyncio.create_subprocess_exec("pdftotext", "-", "-", stdin=PIPE, stdout=PIPE)
    text = (await process.communicate(content))[0].decode()
    assert "视频巡检登记" in text and "黑屏" in text


async def test_metrics_are_by_village_and_within_the_scope(sign_in: SignIn, faults: dict[str, int]) -> None:
    officer, other = await sign_in(Role.VIDEO_OFFICER), await sign_in(Role.VIDEO_OFFICER, ["xidian"])
    text = await (await officer.get("/metrics")).text()
    assert 'minwang_faults_open{family="black",severity="1",village="wangjia"} 1.0' in text
    assert "minwang_patrol_finished_timestamp_seconds 0.0" in text and "minwang_online_ratio{" not in text
    theirs = await (await other.get("/metrics")).text()
    assert 'family="covered"' in theirs and "wangjia" not in theirs and "minwang_volume" not in theirs


async def test_metrics_state_the_rates_of_the_last_day(sign_in: SignIn, database: Database) -> None:
    officer, other = await sign_in(Role.VIDEO_OFFICER), await sign_in(Role.VIDEO_OFFICER, ["xidian"])
    async with database.session() as session:
        for day, village, online in (
            ("2026-11-19", "wangjia", 0.1),
            ("2026-11-20", "wangjia", 0.9),
            ("2026-11-20", "xidian", None),
        ):
            session.add(
                DailyFigures(day=day, kind="village", name=village, figures={"online": online, "unknown": 0.25})
            )
    text = await (await officer.get("/metrics")).text()
    assert (
        'minwang_online_ratio{village="wangjia"} 0.9' in text and 'minwang_online_ratio{village="xidian"}' not in text
    )
    assert 'minwang_unknown_ratio{village="xidian"} 0.25' in text
    assert "wangjia" not in await (await other.get("/metrics")).text()


async def test_stream_counters_are_exported(sign_in: SignIn, database: Database) -> None:
    """Foreign packets, skipped units and damaged pictures: in the camera's file, and as sums in the metrics."""
    officer = await sign_in(Role.VIDEO_OFFICER)
    now = datetime.now(UTC)  # reports of recorders older than a minute do not count
    async with database.session() as session:
        for stream, factor in (("wj-01/main", 1), ("xd-01/main", 10)):
            counters = {
                "lost_packets": factor,
                "foreign_packets": 2 * factor,
                "skipped_units": 3 * factor,
                "damaged_units": 4 * factor,
                "short_holes": 5 * factor,
                "short_hole_seconds": 0.5 * factor,
                "duplicate_packets": 6 * factor,
                "start_points": 7 * factor,
                "held_back": 8 * factor,
            }
            session.add(
                StreamStatus(
                    stream=stream,
                    worker="recorder-0",
                    state="recording",
                    engine="native",
                    at=now,
                    since=now,
                    **counters,
                )
            )
    text = await (await officer.get("/metrics")).text()
    for name, value in (
        ("packets_lost", 11),
        ("packets_foreign", 22),
        ("units_skipped", 33),
        ("pictures_damaged", 44),
        ("packets_duplicate", 66),
        ("start_points", 77),
        ("readings_held_back", 88),
        ("holes_short", 55),
        ("holes_short_seconds", 5.5),
    ):
        assert f"minwang_stream_{name} {float(value)}" in text
    file = await (await officer.get("/api/cameras/wj-01")).json()
    (main,) = (s for s in file["streams"] if s["kind"] == "main")
    assert (main["lost_packets"], main["foreign_packets"], main["skipped_units"], main["damaged_pictures"]) == (
        1,
        2,
        3,
        4,
    )
    assert (main["duplicate_packets"], main["start_points"], main["held_back"]) == (6, 7, 8)
    assert (main["short_holes"], main["short_hole_seconds"], main["state"]) == (5, 0.5, "recording")
    async with database.session() as session:
        await session.execute(update(StreamStatus).values(at=now - timedelta(minutes=2)))
    file = await (await officer.get("/api/cameras/wj-01")).json()
    (main,) = (s for s in file["streams"] if s["kind"] == "main")
    assert (main["state"], main["fps"], file["state"]) == ("unknown", 0.0, "offline")  # its recorder is dead


async def test_metrics_token(sign_in: SignIn, faults: dict[str, int], tmp_path: Path) -> None:
    """Its token opens the figures of the whole station, and nothing else."""
    client = await sign_in(None)

    async def status(path: str, token: str) -> int:
        return (await client.get(path, headers={"Authorization": f"Bearer {token}"})).status

    assert await status("/metrics", "") == 401
    file = await asyncio.to_thread(metrics_token.renew, tmp_path)
    token = await asyncio.to_thread(file.read_text)
    mode = (await asyncio.to_thread(file.stat)).st_mode
    assert (mode & 0o777, len(token) >= 40) == (0o600, True)
    reply = await client.get("/metrics", headers={"Authorization": f"Bearer {token}"})
    assert reply.status == 200 and "minwang_streams_wanted" in await reply.text()
    assert [await status("/metrics", wrong) for wrong in ("", token[:-1], token + "x", "ä", "x" * 5000)] == [401] * 5
    assert [await status(path, token) for path in ("/api/tree", "/api/me", "/api/cameras/wj-01")] == [401] * 3
    await asyncio.to_thread(metrics_token.renew, tmp_path)
    assert await status("/metrics", token) == 401
    await asyncio.to_thread(file.write_text, "short")
    assert await status("/metrics", "short") == 401


async def test_daily_figures_are_limited_to_the_scope(sign_in: SignIn, database: Database) -> None:
    async with database.session() as session:
        for kind, name in (("town", ""), ("village", "wangjia"), ("village", "xidian"), ("vendor", "Ning Hai")):
            session.add(DailyFigures(day="2026-11-20", kind=kind, name=name, figures={"online": 0.9}))
    officer, local = await sign_in(Role.VIDEO_OFFICER), await sign_in(Role.VIDEO_OFFICER, ["xidian"])
    told = await (await officer.get("/api/patrol/figures?kind=vendor")).json()
    assert [r["name"] for r in told] == ["Ning Hai"]
    theirs = await (await local.get("/api/patrol/figures?kind=village")).json()
    assert [r["name"] for r in theirs] == ["xidian"]
    assert (await local.get("/api/patrol/figures?kind=town")).status == 403
    funder = await sign_in(Role.FUNDER, ["xidian"])
    for path in ("/api/patrol/figures?kind=village", "/api/openapi.json"):
        assert (await funder.get(path)).status == 403


async def test_figures_of_one_camera(sign_in: SignIn, faults: dict[str, int]) -> None:
    officer, other = await sign_in(Role.VIDEO_OFFICER), await sign_in(Role.VIDEO_OFFICER, ["xidian"])
    told = await (await officer.get("/api/patrol/figures/wj-01")).json()
    assert told["figures"]["by_cause"]["black"] == 1 and told["figures"]["intact"] == 0.0
    assert (await other.get("/api/patrol/figures/wj-01")).status == 404
