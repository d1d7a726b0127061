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
from web.doctor.check_remedies import CheckRemedy
from web.doctor.check_values import CheckValue
from web.doctor.checks import CHECKS
from web.doctor.facts import BlockingCheck, Check, CheckedStation, CheckName, CheckResult, CheckState, Fact, ok, warning
from web.doctor.runner import Doctor, worst


def _mode(path: str) -> CheckResult:
    return warning(CheckValue.MODE_READABLE(mode="644"), CheckRemedy.CHANGE_MODE(mode="600", path=path), path)


async def test_a_hanging_or_failing_check_does_not_stop_others() -> None:
    release, looks = threading.Event(), []

    def hangs(_: CheckedStation) -> Sequence[CheckResult]:
        looks.append(1)
        release.wait(20)
        return [ok(CheckValue.CONSOLE_ANSWERS())]

    def dies(_: CheckedStation) -> Sequence[CheckResult]:
        raise RuntimeError("rtsp://user:geheim@10.1.1.1/ is no disk")

    async def waits(_: CheckedStation) -> Sequence[CheckResult]:
        await asyncio.Event().wait()
        return []

    checks = (
        Check(CheckName.DISK_SPACE, hangs, keep_s=0, limit_s=0.3, hung=CheckState.FAILED),
        Check(CheckName.DISK_SMART, dies),
        Check(CheckName.DATABASE, waits, limit_s=0.3),
        Check(CheckName.BACKUP, lambda _: [ok(CheckValue.MODE(mode="640"), "a"), _mode("b")]),
    )
    doctor = Doctor(checks, CheckedStation(Settings(), SystemClock()))
    started = time.monotonic()
    facts = await doctor.facts()
    assert time.monotonic() - started < 3
    assert [(f.check, f.subject, f.state) for f in facts] == [
        ("disk.space", "", "failed"),
        ("disk.smart", "", "unknown"),
        ("database", "", "unknown"),
        ("backup", "a", "ok"),
        ("backup", "b", "warning"),
    ]
    assert "geheim" not in facts[1].value and "is no disk" in facts[1].value and "Error" not in facts[1].value
    good, less = facts[3], facts[4]
    assert (good.code, good.params, good.remedy_code, good.remedy_params) == ("mode", {"mode": "640"}, None, {})
    assert (less.remedy_code, less.remedy_params) == ("change_mode", {"mode": "600", "path": "b"})
    assert (less.value, less.remedy) == ("mode 644: others can read it", "chmod 600 b")
    assert all(f.remedy for f in facts if f.state is not CheckState.OK) and facts[0].seconds >= 0.3
    again = await doctor.facts()
    # No second thread is started for a check that hangs
    assert again[0].value == "still does not answer" and len(looks) == 1
    release.set()
    async with asyncio.timeout(5):
        while (last := (await doctor.facts())[0]).state is not CheckState.OK:
            await asyncio.sleep(0.05)
    assert last.value == "the console answers"


async def test_results_are_cached_and_concurrent_calls_share_one_run() -> None:
    looks: list[str] = []

    def look(name: str) -> BlockingCheck:
        def of(_: CheckedStation) -> Sequence[CheckResult]:
            looks.append(name)
            time.sleep(0.05)
            return [ok(CheckValue.NO_VOLUME())]

        return of

    manual = ManualClock()
    checks = (
        Check(CheckName.CLOCK, look("quick"), keep_s=10),
        Check(CheckName.DISK_SPEED, look("slow"), keep_s=3600, heavy=True),
    )
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
        return [ok(CheckValue.NO_VOLUME())]

    def look(_: CheckedStation) -> Sequence[CheckResult]:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        order.append("heavy")
        time.sleep(0.05)
        at_once -= 1
        return [ok(CheckValue.NO_VOLUME())]

    names = (CheckName.DISK_SPEED, CheckName.PRINTING, CheckName.MODELS, CheckName.FFMPEG)
    heavy = [Check(name, look, heavy=True) for name in names]
    facts = await Doctor([*heavy, Check(CheckName.CLOCK, light)], CheckedStation(Settings(), SystemClock())).facts()
    assert most == 1 and order == ["light", *4 * ["heavy"]]
    assert [f.check for f in facts] == [*names, CheckName.CLOCK]


def test_a_result_has_a_remedy_unless_it_is_ok() -> None:
    for state, remedy in (
        (CheckState.OK, CheckRemedy.RUN_AGAIN()),
        (CheckState.FAILED, None),
        (CheckState.UNKNOWN, None),
    ):
        with pytest.raises(ValueError, match="remedy"):
            CheckResult(state, CheckValue.NO_VOLUME(), remedy)
    moment = datetime(2026, 1, 1, tzinfo=timezone.utc)

    def fact(state: CheckState) -> Fact:
        return Fact(
            check=CheckName.CLOCK,
            subject="",
            state=state,
            value="",
            code=CheckValue.NO_VOLUME,
            params={},
            remedy="",
            remedy_code=None,
            remedy_params={},
            at=moment,
            seconds=0,
        )

    assert worst([fact(CheckState.OK), fact(CheckState.UNKNOWN)]) is CheckState.UNKNOWN
    assert worst([fact(CheckState.WARNING), fact(CheckState.UNKNOWN)]) is CheckState.WARNING
    assert (
        worst([fact(CheckState.FAILED), fact(CheckState.WARNING)]) is CheckState.FAILED
        and worst([fact(CheckState.OK)]) is CheckState.OK
    )


def test_every_check_is_bounded() -> None:
    assert len({c.name for c in CHECKS}) == len(CHECKS)
    assert all(0 < c.limit_s <= 60 and c.keep_s > 0 for c in CHECKS)
