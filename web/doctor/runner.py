"""Runs the checks of a station, times each of them, and caches the results. A blocking check runs in its own thread."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from core.clock import Clock
from core.logs import redact
from core.tasks import run_all
from web.doctor.check_remedies import CheckRemedy as R
from web.doctor.check_values import CheckValue as V
from web.doctor.coded_text import CodedText
from web.doctor.facts import Check, CheckedStation, CheckResult, CheckState, Fact, failed, unknown


@dataclass(slots=True)
class _CachedResult:
    until: float = float("-inf")
    facts: list[Fact] = field(default_factory=list)
    thread: threading.Thread | None = None  # of a check that is still running
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)  # concurrent callers share one run


class Doctor:
    """The checks of one station. `facts` may be called at any rate: a check runs again only if its result is old."""

    def __init__(self, checks: Sequence[Check], station: CheckedStation):
        self._checks = checks
        self._station = station
        self._clock: Clock = station.clock
        self._results = {c.name: _CachedResult() for c in checks}

    async def facts(self) -> list[Fact]:
        """Return all facts in the order of the checks."""
        await run_all(*(self._refresh(check) for check in self._checks if not check.heavy))
        for check in self._checks:
            if check.heavy:  # heavy checks run last and alone: their disk load must not affect the others
                await self._refresh(check)
        return [fact for check in self._checks for fact in self._results[check.name].facts]

    async def _refresh(self, check: Check) -> None:
        cached = self._results[check.name]
        async with cached.lock:
            if self._clock.monotonic() >= cached.until:
                await self._run(check, cached)

    async def _run(self, check: Check, cached: _CachedResult) -> None:
        at, started = self._clock.now(), self._clock.monotonic()
        if cached.thread is not None and cached.thread.is_alive():
            findings: Sequence[CheckResult] = [_hung(check, V.STILL_NO_ANSWER())]
        else:
            findings = await self._findings(check, cached)
        seconds = round(self._clock.monotonic() - started, 3)
        cached.facts = [_fact(check, f, at, seconds) for f in findings]
        cached.until = self._clock.monotonic() + check.keep_s

    async def _findings(self, check: Check, cached: _CachedResult) -> Sequence[CheckResult]:
        try:
            async with asyncio.timeout(check.limit_s):
                if inspect.iscoroutinefunction(check.run):
                    found: Sequence[CheckResult] = await check.run(self._station)
                    return found
                return await self._in_a_thread(check, cached)
        except TimeoutError:
            return [_hung(check, V.NO_ANSWER_IN_TIME(seconds=round(check.limit_s)))]
        except Exception as e:  # noqa: BLE001  # a check that fails is itself a fact to report
            sentence = redact((str(e).strip() or "no reason given").splitlines()[0][:300])
            return [unknown(V.CHECK_FAILED(reason=sentence), R.READ_LOG_OR_REPORT())]

    async def _in_a_thread(self, check: Check, cached: _CachedResult) -> Sequence[CheckResult]:
        """Run a blocking check in a daemon thread that nothing joins at shutdown: a dead disk may block it forever."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Sequence[CheckResult]] = loop.create_future()

        def tell(result: Sequence[CheckResult] | None, error: Exception | None) -> None:
            if not done.done():
                if error is not None:
                    done.set_exception(error)
                else:
                    done.set_result(result or [])

        def work() -> None:
            result, error = None, None
            try:
                result = check.run(self._station)
            except Exception as e:  # noqa: BLE001  # passed to the waiting coroutine
                error = e
            if not loop.is_closed():
                loop.call_soon_threadsafe(tell, result, error)  # type: ignore[arg-type]

        cached.thread = threading.Thread(target=work, name=f"doctor {check.name}", daemon=True)
        cached.thread.start()
        return await done


def worst(facts: Sequence[Fact]) -> CheckState:
    """Return the worst state of the facts."""
    for state in (CheckState.FAILED, CheckState.WARNING, CheckState.UNKNOWN):
        if any(f.state is state for f in facts):
            return state
    return CheckState.OK


def _hung(check: Check, found: CodedText[V]) -> CheckResult:
    result = failed if check.hung is CheckState.FAILED else unknown
    return result(found, R.SOMETHING_HANGS())


def _fact(check: Check, result: CheckResult, at: datetime, seconds: float) -> Fact:
    return Fact(
        check=check.name,
        subject=result.subject,
        state=result.state,
        value=result.value,
        code=result.found.code,
        params=result.found.parameters,
        remedy=result.remedy,
        remedy_code=result.advice.code if result.advice else None,
        remedy_params=result.advice.parameters if result.advice else {},
        at=at,
        seconds=seconds,
    )
