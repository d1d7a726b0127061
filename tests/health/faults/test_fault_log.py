"""Votes become fault rows and events; integers for time, no database but for the queries."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from core.database import Database
from core.events import Event
from health.faults import fault_log
from health.faults.families import PICTURE_RULE
from health.faults.fault_log import (
    FaultEvidence,
    FaultSubject,
    end_stale_suspicion,
    is_open,
    record_inspection,
    scaled_rule,
    suspected_at,
)
from health.faults.state_machine import SUSPICION_LIFETIME_S
from health.tables import Fault, FaultFacts, Maintenance
from health.vocabulary import FaultFamily, FaultStatus, Light

AT = datetime(2026, 11, 29, 12, tzinfo=timezone.utc)
CAMERA = FaultSubject("c1", "v", "gate")
NOTHING = FaultEvidence()


class Rows:
    """A session that only collects."""

    def __init__(self) -> None:
        self.rows: list[Any] = []

    def add(self, row: Any) -> None:
        self.rows.append(row)

    def events(self) -> list[str]:
        return [r.kind for r in self.rows if isinstance(r, Event)]


def inspect(
    rows: Rows, seconds: float, fault: Fault | None, found: dict[str, Any] | None, evidence: FaultEvidence = NOTHING
) -> tuple[Fault | None, str]:
    at = AT + timedelta(seconds=seconds)
    return record_inspection(rows, CAMERA, at, FaultFamily.UNREACHABLE, fault, found, evidence, 1.0)  # type: ignore[arg-type]


def test_a_clean_inspection_without_a_fault_makes_no_row() -> None:
    rows = Rows()
    assert inspect(rows, 0, None, None) == (None, "none") and rows.rows == []


def test_the_life_of_a_fault() -> None:
    rows = Rows()
    fault, step = inspect(rows, 0, None, {"seconds": 1}, FaultEvidence("a.jpg", "r.jpg", Light.DAY))
    assert fault is not None and step == "suspected" and rows.rows == [fault]
    assert (fault.camera, fault.village, fault.family, fault.severity) == ("c1", "v", "unreachable", 1)
    assert (fault.state, fault.detail, fault.first_seen, fault.reference) == ("suspect", "gate", AT, "r.jpg")
    assert (fault.inspections, fault.times, fault.figures, fault.picture) == (1, 0, {"seconds": 1}, "a.jpg")
    assert not is_open(fault) and rows.events() == []
    assert inspect(rows, 20, fault, {"seconds": 21}) == (fault, "opened")
    assert (fault.state, fault.inspections, fault.times, fault.figures) == ("open", 2, 1, {"seconds": 21})
    assert (fault.opened_at, fault.closed_at, fault.picture) == (AT + timedelta(seconds=20), None, "a.jpg")
    assert is_open(fault) and rows.events() == ["fault.opened"]
    assert inspect(rows, 40, fault, None) == (fault, "recovering")
    assert is_open(fault) and fault.state == "recovering" and fault.figures == {"seconds": 21}
    assert inspect(rows, 50, fault, {"seconds": 2}) == (fault, "relapsed")
    assert fault.times == 1
    inspect(rows, 60, fault, None)
    assert inspect(rows, 80, fault, None) == (fault, "closed")
    assert (fault.state, fault.closed_at, fault.inspections) == ("closed", AT + timedelta(seconds=80), 6)
    assert not is_open(fault)
    assert rows.events() == ["fault.opened", "fault.relapsed", "fault.closed"]
    event = rows.rows[1]
    assert (event.village, event.camera, event.at) == ("v", "c1", AT + timedelta(seconds=20))
    assert event.data == {"family": "unreachable", "name": "gate", "figures": {"seconds": 21}, "fault": fault.id}
    # Nothing changes while it stays closed.
    assert inspect(rows, 100, fault, None) == (fault, "none") and fault.inspections == 6
    # It returns: the same row, with the time of its first opening.
    inspect(rows, 200, fault, {"seconds": 5})
    assert inspect(rows, 220, fault, {"seconds": 6}) == (fault, "opened")
    assert (fault.times, fault.opened_at, fault.closed_at) == (2, AT + timedelta(seconds=20), None)


def test_a_suspicion_that_comes_to_nothing_is_dismissed() -> None:
    rows = Rows()
    fault, _ = inspect(rows, 0, None, {})
    inspect(rows, 20, fault, None)
    assert inspect(rows, 40, fault, None) == (fault, "dismissed")
    assert fault is not None and (fault.state, fault.closed_at) == ("dismissed", AT + timedelta(seconds=40))
    assert inspect(rows, 60, fault, None) == (fault, "none") and fault.inspections == 3 and rows.events() == []


def test_a_closed_fault_that_was_only_suspected_again_keeps_its_end() -> None:
    rows = Rows()
    fault = Fault(
        camera="c1", family="unreachable", state="closed", facts={}, figures={}, inspections=9, times=1, closed_at=AT
    )  # fmt: skip
    for seconds, found in ((100, {}), (120, None), (140, None)):
        inspect(rows, seconds, fault, found)
    assert (fault.state, fault.closed_at, fault.times) == ("closed", AT, 1)


def test_a_fault_of_a_village_names_no_camera() -> None:
    rows, fault = Rows(), None
    for seconds in (0, 20):
        fault, step = record_inspection(
            rows, FaultSubject("", "v"), AT + timedelta(seconds=seconds), FaultFamily.UPLINK, fault, {}, NOTHING, 1.0  # type: ignore
        )  # fmt: skip
    assert step == "opened" and rows.rows[-1].camera is None and rows.rows[-1].village == "v"


def test_a_pace_below_one_shortens_the_times() -> None:
    assert scaled_rule(PICTURE_RULE, 2.0) is PICTURE_RULE and scaled_rule(PICTURE_RULE, 1.0) is PICTURE_RULE
    assert scaled_rule(PICTURE_RULE, 0.5) == replace(PICTURE_RULE, span_s=1800.0, clean_span_s=1800.0)
    rows, fault = Rows(), None
    for seconds in (0, 2):
        at = AT + timedelta(seconds=seconds)
        fault, step = record_inspection(rows, CAMERA, at, FaultFamily.UNREACHABLE, fault, {}, NOTHING, 0.1)  # type: ignore
    assert step == "opened"


def made(number: int, camera: str, state: str, closed: float | None = None, family: str = "black") -> Fault:
    return Fault(
        id=number, camera=camera, village="v", family=family, severity=1, state=state, detail="", first_seen=AT,
        figures={}, facts={}, inspections=1, times=1,
        closed_at=None if closed is None else AT - timedelta(seconds=closed),
    )  # fmt: skip


async def test_live_faults_and_those_that_may_reopen(database: Database) -> None:
    async with database.session() as session:
        session.add_all(
            [
                made(1, "a", "open"),
                made(2, "a", "closed", 86_399, "noise"),
                made(3, "a", "closed", 86_400, "haze"),
                made(4, "a", "dismissed", 1, "colour_cast"),
                made(5, "b", "suspect"),
                made(6, "b", "recovering", family="noise"),
                made(7, "c", "open"),
            ]
        )
    async with database.reading() as session:
        found = await fault_log.faults_by_camera(session, ["a", "b", "d"], AT)
    assert {c: {f: row.id for f, row in rows.items()} for c, rows in found.items()} == {
        "a": {"black": 1, "noise": 2}, "b": {"black": 5, "noise": 6}, "d": {},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("now", "planned"),
    [
        (-1, (set(), set())),
        (0, ({"c"}, {"v"})),
        (59, ({"c"}, {"v"})),
        (60, (set(), set())),
    ],
)
async def test_planned_work_lasts_from_its_start_to_before_its_end(
    database: Database, now: int, planned: tuple[set[str], set[str]]
) -> None:
    until = AT + timedelta(seconds=60)
    async with database.session() as session:
        for place in ({"camera": "c"}, {"village": "v"}):
            session.add(Maintenance(start=AT, until=until, reason="x", by="li", **place))
    async with database.reading() as session:
        assert await fault_log.in_maintenance(session, AT + timedelta(seconds=now)) == planned


@pytest.mark.parametrize(("pace", "lifetime_s"), [(2.0, SUSPICION_LIFETIME_S), (0.25, SUSPICION_LIFETIME_S / 4)])
def test_a_suspicion_that_nothing_confirms_ends_after_its_lifetime(pace: float, lifetime_s: float) -> None:
    at = AT.timestamp()
    facts: FaultFacts = {"votes": [(at, True, "day")], "suspected_at": at}
    for seconds, ended in ((lifetime_s - 1, False), (lifetime_s + 1, True)):
        fault = Fault(camera="c1", family="black", state=FaultStatus.SUSPECT, facts=facts, figures={}, times=0)
        step = end_stale_suspicion(fault, AT + timedelta(seconds=seconds), pace)
        assert (step is not None, fault.state == FaultStatus.DISMISSED) == (ended, ended)
    assert suspected_at(fault) == AT
