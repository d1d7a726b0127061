"""The table of the page Today: nothing that was not observed is good, and nothing of other villages is shown."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from core.accounts.permissions import Role
from core.clock import SystemClock, to_microseconds
from core.database import Database
from health.tables import DailyFigures, Fault, Inspection, PatrolRound
from nvr.tables import Gap
from tests.web.calls import get
from tests.web.conftest import SignIn

NOW = SystemClock().now()
LOCAL = NOW.astimezone(ZoneInfo("Asia/Shanghai"))
YESTERDAY = f"{LOCAL - timedelta(days=1):%Y-%m-%d}"


async def test_a_town_that_nobody_observed_has_no_figures(sign_in: SignIn) -> None:
    officer = await sign_in(Role.VIDEO_OFFICER)
    told = await get(officer, "/api/today/villages")
    assert told["day"] == f"{LOCAL:%Y-%m-%d}" and len(told["villages"]) > 1
    for village in told["villages"]:
        assert village["online"] == 0 and village["unknown"] == village["cameras"]
        for rate in village["rates"].values():
            assert rate["value"] is None and rate["denominator"] == 0 and rate["reason"]
            assert rate["cameras_not_observed"] == village["cameras"]
        assert len(village["days"]) == 14 and village["days"][-1]["day"] == YESTERDAY
        assert all(d["online"] is d["intact"] is d["recorded"] is None for d in village["days"])
        assert village["inspections"]["not_inspected"] == village["cameras"]
        assert village["inspections"]["last"] is village["inspections"]["since"] is None


async def test_rates_of_today_and_of_past_days(sign_in: SignIn, database: Database) -> None:
    start = NOW - timedelta(minutes=1)
    async with database.session() as session:
        session.add(
            Gap(stream="wj-01/main", start_us=to_microseconds(start - timedelta(days=1)), end_us=None,
                cause="unreachable", detail="")
        )  # fmt: skip
        session.add(
            Fault(camera="wj-02", village="wangjia", family="black", state="open", severity=1, figures={}, facts={},
                  first_seen=start, opened_at=start, inspections=2, times=1)
        )  # fmt: skip
        session.add(PatrolRound(id=1, asked_at=NOW, asked_by="x", scope={}, cameras=8, inspected=1, faulty=0))
        await session.flush()
        old = NOW - timedelta(days=3)
        for camera, at in (("wj-02", NOW), ("wj-03", old)):
            session.add(Inspection(round=1, camera=camera, at=at, findings={}, unknown=[], figures={}, accepted=False))
        figures = {"online": 0.9, "intact": None, "recorded": 1}
        session.add(DailyFigures(day=YESTERDAY, kind="village", name="wangjia", figures=figures))
    officer, local = await sign_in(Role.VIDEO_OFFICER), await sign_in(Role.VIDEO_OFFICER, ["xidian"])
    village = next(v for v in (await get(officer, "/api/today/villages"))["villages"] if v["code"] == "wangjia")
    assert village["days"][-1] == {"day": YESTERDAY, "online": 0.9, "intact": None, "recorded": 1.0}
    assert village["open_faults"] == {"1": 1}
    rates = village["rates"]
    assert rates["recorded"]["value"] == 0.0 and rates["recorded"]["cameras_not_observed"] == village["cameras"] - 1
    assert rates["intact"]["value"] == 0.0 and rates["intact"]["unit"] == "camera_days"
    inspections = village["inspections"]
    assert (
        inspections["not_inspected"] == village["cameras"] - 1 and inspections["since"][:16] == f"{old:%Y-%m-%dT%H:%M}"
    )
    assert [v["code"] for v in (await get(local, "/api/today/villages"))["villages"]] == ["xidian"]
