"""Which faults the layers above get: by state, camera, page and scope (health.faults.fault_queries)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.registry import inventory, registry
from core.clock import ManualClock
from core.database import Database
from core.errors import NotFoundError
from health.faults import fault_queries
from health.tables import Fault, WorkOrder
from health.vocabulary import FaultStatus, OrderState

TOWN = """
town: t
villages: [{code: v, name: V}, {code: w, name: W}]
cameras:
  - {id: c-1, name: one, village: v, streams: {main: {url: "rtsp://127.0.0.1/1"}}}
  - {id: c-2, name: two, village: v, streams: {main: {url: "rtsp://127.0.0.1/2"}}}
  - {id: c-3, name: three, village: w, streams: {main: {url: "rtsp://127.0.0.1/3"}}}
"""
# number: camera (empty: none), village, family, severity, state
FAULTS = {
    1: ("c-1", "v", "black", 1, FaultStatus.OPEN),
    2: ("c-2", "v", "black", 1, FaultStatus.CLOSED),
    3: ("c-2", "v", "frozen", 1, FaultStatus.RECOVERING),
    4: ("c-1", "v", "noise", 3, FaultStatus.OPEN),
    5: ("c-3", "w", "black", 1, FaultStatus.OPEN),
    6: ("c-3", "w", "noise", 3, FaultStatus.DISMISSED),
    7: ("c-1", "v", "clock", 2, FaultStatus.SUSPECT),
    8: ("", "w", "uplink", 1, FaultStatus.OPEN),
}


@pytest.fixture
async def session(database: Database, clock: ManualClock) -> Any:
    async with database.session() as made:
        await registry.apply(made, inventory.parse(TOWN), clock.now(), "test")
        for number, (camera, village, family, severity, state) in FAULTS.items():
            made.add(
                Fault(
                    id=number, camera=camera, village=village, family=family, severity=severity, state=state, detail="",
                    figures={}, facts={}, first_seen=clock.now(), inspections=1, times=1,
                )
            )  # fmt: skip
        await made.flush()
        yield made


async def numbers(session: AsyncSession, **chosen: Any) -> list[int]:
    given = {"scope": None, "closed": False, "camera": None, "before": None, "limit": 100, **chosen}
    return [f.id for f, _ in await fault_queries.page(session, **given)]


async def test_a_page_has_open_or_closed_faults_newest_first(session: AsyncSession) -> None:
    assert await numbers(session) == [8, 5, 4, 3, 1]
    assert await numbers(session, closed=True) == [2]
    assert await numbers(session, limit=2) == [8, 5]
    assert await numbers(session, before=5) == [4, 3, 1] and await numbers(session, before=4, limit=1) == [3]
    assert await numbers(session, camera="c-1") == [4, 1] and await numbers(session, camera="c-2") == [3]
    assert await numbers(session, scope=["w"]) == [8, 5] and await numbers(session, scope=[]) == []


async def test_a_fault_comes_with_its_camera(session: AsyncSession) -> None:
    rows = await fault_queries.page(session, None, closed=False, camera=None, before=None, limit=3)
    assert [(f.id, c.id if c else None) for f, c in rows] == [(8, None), (5, "c-3"), (4, "c-1")]


async def test_open_families_by_camera(session: AsyncSession) -> None:
    found = await fault_queries.open_families(session)
    assert {k: sorted(v) for k, v in found.items()} == {
        "": ["uplink"], "c-1": ["black", "noise"], "c-2": ["frozen"], "c-3": ["black"],
    }  # fmt: skip
    assert await fault_queries.open_families(session, "c-2") == {"c-2": ["frozen"]}


async def test_faults_by_number_exist_within_the_scope(session: AsyncSession) -> None:
    assert [f.id for f in await fault_queries.by_numbers(session, [4, 1, 4, 2], None)] == [1, 2, 4]
    assert [f.id for f in await fault_queries.by_numbers(session, [7], ["v"])] == [7]
    for wrong, scope in (([1, 99], None), ([1, 5], ["v"]), ([6], None)):
        with pytest.raises(NotFoundError, match="no such fault"):
            await fault_queries.by_numbers(session, wrong, scope)


async def test_the_picture_of_an_order_is_of_its_worst_fault(session: AsyncSession, clock: ManualClock) -> None:
    for number in (1, 2, 3):
        session.add(
            WorkOrder(
                id=number, village="v", title="x", state=OrderState.NEW, severity=1, created_at=clock.now(),
                created_by="x", respond_by=clock.now(), repair_by=clock.now(),
            )
        )  # fmt: skip
    await session.flush()
    for number, order, picture in ((1, 1, None), (4, 1, "4.jpg"), (7, 1, "7.jpg"), (3, 2, "3.jpg"), (5, 3, None)):
        fault = await session.get_one(Fault, number)
        fault.order, fault.picture = order, picture
    await session.flush()
    worst = await fault_queries.with_picture(session, 1)
    assert worst is not None and worst.id == 7  # severity 2, the other with a picture has 3
    assert await fault_queries.with_picture(session, 3) is None
    assert await fault_queries.orders_with_picture(session, [1, 2, 3]) == {1, 2}
    assert await fault_queries.orders_with_picture(session, [3]) == set()


async def test_open_faults_are_counted(session: AsyncSession) -> None:
    assert sorted(await fault_queries.open_counts(session), key=str) == [
        ("v", "black", 1, 1), ("v", "frozen", 1, 1), ("v", "noise", 3, 1), ("w", "black", 1, 1), ("w", "uplink", 1, 1),
    ]  # fmt: skip
    assert {c[0] for c in await fault_queries.open_counts(session, ["w"])} == {"w"}
