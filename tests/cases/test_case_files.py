"""Cases and their holds: villages, closing, and what is refused (cases.register.case_files); queries on alerts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cameras.registry import inventory, registry
from cases.alerts import alerts
from cases.register import case_files
from cases.tables import Alert, AlertState
from core.clock import SECOND, ManualClock, to_microseconds
from core.database import Database
from core.errors import ConflictError, MinwangError, NotFoundError, UsageError
from tests.cases.subjects import active_subject

TOWN = """
town: t
villages: [{code: v, name: V}, {code: w, name: W}]
cameras:
  - {id: c1, name: one, village: v, streams: {main: {url: "rtsp://127.0.0.1/1"}}}
  - {id: c2, name: two, village: w, streams: {main: {url: "rtsp://127.0.0.1/2"}}}
"""


async def town(database: Database, clock: ManualClock) -> None:
    async with database.session() as session:
        await registry.apply(session, inventory.parse(TOWN), clock.now(), "test")


async def test_a_case_belongs_to_a_village_or_the_town(database: Database, clock: ManualClock) -> None:
    await town(database, clock)
    async with database.session() as session:
        opened = [
            await case_files.open_case(session, clock.now(), "li", "1", "x", village, scope)
            for village, scope in ((None, None), ("v", None), (None, ["w"]), ("v", ["v", "w"]))
            if village != "v" or scope is None
        ]
        assert [c.village for c in opened] == [None, "v", "w"]
        refused: list[tuple[str | None, list[str] | None, type[MinwangError]]] = [
            (None, ["v", "w"], UsageError), ("w", ["v"], NotFoundError), ("v", None, ConflictError),
        ]  # fmt: skip
        for village, scope, error in refused:
            with pytest.raises(error):
                await case_files.open_case(session, clock.now(), "li", "1", "x", village, scope)


async def test_a_case_with_a_subject_is_closed_when_its_watch_is_over(database: Database, clock: ManualClock) -> None:
    await active_subject(database, clock)
    async with database.session() as session:
        with pytest.raises(ConflictError, match="still has subjects"):
            await case_files.close(session, clock.now(), "li", 1, "done")
        row = await case_files.close(session, clock.now() + timedelta(days=8), "li", 1, "done")
        assert (row.closed_by, row.closed_at) == ("li", clock.now() + timedelta(days=8))
        with pytest.raises(ConflictError, match="closed already"):
            await case_files.close(session, clock.now(), "li", 1, "done")


async def test_a_hold_is_for_an_open_case_of_the_camera_s_village(database: Database, clock: ManualClock) -> None:
    await town(database, clock)
    end = to_microseconds(clock.now())
    async with database.session() as session:

        async def hold(camera: str, case: int | None, scope: list[str] | None = None) -> int:
            return await case_files.hold(
                session, clock.now(), "li", camera=camera, start_us=end - SECOND, end_us=end, reason="x",
                lasts=timedelta(days=1), case=case, scope=scope,
            )  # fmt: skip

        of_town = (await case_files.open_case(session, clock.now(), "li", "1", "x")).id
        of_w = (await case_files.open_case(session, clock.now(), "li", "2", "x", "w")).id
        first, second = await hold("c1", of_town), await hold("c2", of_w)
        third = await hold("c1", None)
        with pytest.raises(ConflictError, match="of another village"):
            await hold("c1", of_w)
        with pytest.raises(NotFoundError, match="no such camera"):
            await hold("c2", None, ["v"])
        assert [(await case_files.hold_of(session, n, None)).camera for n in (first, second, third)] == [
            "c1",
            "c2",
            "c1",
        ]
        assert (await case_files.hold_of(session, second, ["w"])).id == second
        for number, scope in ((second, ["v"]), (third + 1, None)):
            with pytest.raises(NotFoundError, match="no such hold"):
                await case_files.hold_of(session, number, scope)
        await case_files.close(session, clock.now(), "li", of_w, "done")
        with pytest.raises(ConflictError, match="this case is closed"):
            await hold("c2", of_w)


async def test_alerts_of_a_camera_and_of_a_subject_near_a_time(database: Database, clock: ManualClock) -> None:
    subject = await active_subject(database, clock)
    async with database.session() as session:
        for at_s, camera, village in ((100, "c1", "v"), (200, "c1", "v"), (300, "c1", "v"), (200, "b1", "w")):
            session.add(
                Alert(
                    subject=subject, sighting=at_s, camera=camera, village=village, at_us=at_s * SECOND, thumbnail="",
                    raised_at=clock.now(), state=AlertState.NEW,
                )
            )  # fmt: skip
        await session.flush()

        async def seconds(camera: str, scope: list[str] | None, start: int, end: int, limit: int = 9) -> list[int]:
            found = await alerts.of_camera(session, camera, scope, start * SECOND, end * SECOND, limit)
            return [a.at_us // SECOND for a in found]

        assert await seconds("c1", None, 100, 300) == [200, 100] and await seconds("c1", ["v"], 0, 999, 1) == [300]
        assert await seconds("c1", ["w"], 0, 999) == [] and await seconds("b1", ["w"], 0, 999) == [200]
        quiet = {s: await alerts.is_quiet(session, subject, "c1", s * SECOND, 10 * SECOND) for s in (90, 91, 109, 110)}
        assert quiet == {90: True, 91: False, 109: False, 110: True}
        assert await alerts.is_quiet(session, subject + 1, "c1", 100 * SECOND, SECOND)
        assert await alerts.is_quiet(session, subject, "c9", 100 * SECOND, SECOND)
