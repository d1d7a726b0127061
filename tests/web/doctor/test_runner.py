"""The doctor's runner, which no check can block."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

import pytest

from core.clock import ManualClock, SystemClock
from core.settings import Settings
from web.doctor.checks import CHECKS
from web.doctor.facts import Check, CheckedStation, CheckResult, CheckState, Fact, ok, warning
from web.doctor.runner import Doctor, worst


async def test_a_hanging_or_failing_check_does_not_stop_others() -> None:
    release, looks = threading.Event(), []

    def hangs(_: CheckedStation) -> Sequence[CheckResult]:
        looks.append(1)
        release.wait(20)
        return [ok("at last")]

    def dies(_: CheckedStation) -> Sequence[CheckResult]:
        raise RuntimeError("rtsp://user:geheim@10.1.1.1/ is no disk")

    async def waits(_: CheckedStation) -> Sequence[CheckResult]:
        await asyncio.Event().wait()
        return []

    checks = (
        Check("hangs", hangs, keep_s=0, limit_s=0.3, hung=CheckState.FAILED),
        Check("dies", dies),
        Check("waits", waits, limit_s=0.3),
        Check("good", lambda _: [ok("fine", "a"), warning("less", "do it", "b")]),
    )
    doctor = Doctor(checks, CheckedStation(Settings(), SystemClock()))
    started = time.monotonic()
    facts = await doctor.facts()
    assert time.monotonic() - started < 3
    assert [(f.check, f.subject, f.state) for f in facts] == [
        ("hangs", "", "failed"),
        ("dies", "", "unknown"),
        ("waits", "", "unknown"),
        ("good", "a", "ok"),
        ("good", "b", "warning"),
    ]
    assert "geheim" not in facts[1].value and "is no disk" in facts[1].value and "Error" not in facts[1].value
    assert all(f.remedy for f in facts if f.state is not CheckState.OK) and facts[0].seconds >= 0.3
    again = await doctor.facts()
    # No second thread is started for a check that hangs
    assert again[0].value == "still does not answer" and len(looks) == 1
    release.set()
    async with asyncio.timeout(5):
        while (last := (await doctor.facts())[0]).state is not CheckState.OK:
            await asyncio.sleep(0.05)
    assert last.value == "at last"


async def test_results_are_cached_and_concurrent_calls_share_one_run() -> None:
    looks: list[str] = []

    def look(name: str) -> object:
        def of(_: CheckedStation) -> Sequence[CheckResult]:
            looks.append(name)
            time.sleep(0.05)
            return [ok(name)]

        return of

    manual = ManualClock()
    checks = (Check("quick", look("quick"), keep_s=10), Check("slow", look("slow"), keep_s=3600, heavy=True))  # type: ignore[arg-type]
    doctor = Doctor(checks, CheckedStation(Settings(), manual))
    await asyncio.gather(*(doctor.facts() for _ in range(20)))
    assert sorted(looks) == ["quick", "slow"]
    manual.advance(11)
    at = (await doctor.facts())[1].at
    assert sorted(looks) == ["quick", "quick", "slow"] and at == manual.now() - timedelta(seconds=11)
    manual.advance(3600)
    await doctor.facts()
    assert looks.count("slow") == 2


async def test_heavy_checks_run_alone() -> None:
    at_once = most = 0
    order: list[str] = []

    async def light(_: CheckedStation) -> Sequence[CheckResult]:
        await asyncio.sleep(0.05)
        order.append("light")
        return [ok("")]

    def look(_: CheckedStation) -> Sequence[CheckResult]:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        order.append("heavy")
        time.sleep(0.05)
        at_once -= 1
        return [ok("")]

    heavy = [Check(str(i), look, heavy=True) for i in range(4)]
    facts = await Doctor([*heavy, Check("light", light)], CheckedStation(Settings(), SystemClock())).facts()
    assert most == 1 and order == ["light", *4 * ["heavy"]]
    assert [f.check for f in facts] == ["0", "1", "2", "3", "light"]


def test_a_result_has_a_remedy_unless_it_is_ok() -> None:
    for state, remedy in ((CheckState.OK, "do"), (CheckState.FAILED, ""), (CheckState.UNKNOWN, "")):
        with pytest.raises(ValueError, match="remedy"):
            CheckResult(state, "x", remedy)
    moment = datetime(2026, 1, 1, tzinfo=timezone.utc)

    def fact(state: CheckState) -> Fact:
        return Fact(check="", subject="", state=state, value="", remedy="", at=moment, seconds=0)

    assert worst([fact(CheckState.OK), fact(CheckState.UNKNOWN)]) is CheckState.UNKNOWN
    assert worst([fact(CheckState.WARNING), fact(CheckState.UNKNOWN)]) is CheckState.WARNING
    assert (
        worst([fact(CheckState.FAILED), fact(CheckState.WARNING)]) is CheckState.FAILED
        and worst([fact(CheckState.OK)]) is CheckState.OK
    )


def test_every_check_is_bounded() -> None:
    assert len({c.name for c in CHECKS}) == len(CHECKS)
    assert all(0 < c.limit_s <= 60 and c.keep_s > 0 for c in CHECKS)
