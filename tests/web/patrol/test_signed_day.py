"""The signed patrol register of a day: what it needs, its supplements, its print, and changes of it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
from asyncio.subprocess import PIPE
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from core.accounts.permissions import Role
from core.audit.audit_trail import AuditRow
from core.database import Database
from health.register import register, signatures
from health.tables import DailyRegister, Fault, PatrolRound, RegisterSupplement
from health.vocabulary import FaultStatus
from tests.web.calls import post
from tests.web.conftest import SignIn
from tests.web.patrol.records import NOW, TODAY, YESTERDAY, patrol_round


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
        (await session.get_one(Fault, faults["black"])).state = FaultStatus.CLOSED
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
    told: Any = {"online": 0.9, "faults": [{"id": 1}]}
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
