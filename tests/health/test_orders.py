"""Work orders: deadlines in working hours, transitions, verification by the system."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera, Village
from core.clock import ManualClock
from core.database import Database
from core.errors import ConflictError, NotFoundError, UsageError
from health import orders
from health.orders import TRANSITIONS, OrderRequest, create, deadline, move, verify_and_remind
from health.tables import Fault, WorkOrder, WorkOrderNote
from health.vocabulary import FaultStatus, OrderState, OrderStep

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")


def at(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def test_every_state_is_also_a_step() -> None:
    own = {OrderStep.CREATED, OrderStep.REOPENED, OrderStep.REMINDED, OrderStep.CORRECTED}
    assert {s.value for s in OrderStep} - own == {s.value for s in OrderState}


def test_deadlines_count_working_hours() -> None:
    assert deadline(at("2026-11-20T16:00"), 4, SHANGHAI) == at("2026-11-21T10:00")  # Friday to Saturday
    assert deadline(at("2026-11-21T17:00"), 2, SHANGHAI) == at("2026-11-23T09:00")  # over Sunday
    assert deadline(at("2026-11-22T03:00"), 1, SHANGHAI) == at("2026-11-23T09:00")
    assert deadline(at("2026-03-28T17:00", BERLIN), 2, BERLIN) == at(
        "2026-03-30T09:00", BERLIN
    )  # across the change to summer time


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(timezone.utc)),
    st.floats(0.1, 200),
    st.floats(0.1, 50),
)
def test_more_hours_never_end_earlier(start: datetime, hours: float, more: float) -> None:
    first, second = deadline(start, hours, SHANGHAI), deadline(start, hours + more, SHANGHAI)
    assert start < first < second
    local = first.astimezone(SHANGHAI)
    assert local.weekday() < 6 and 8 <= local.hour + local.minute / 60 <= 18


@pytest.fixture
async def session(database: Database, clock: ManualClock) -> AsyncSession:  # type: ignore[misc]
    async with database.session() as made:
        made.add(Village(code="v", name="V", boundary=[], subnets=[], funding=[]))
        await made.flush()
        profile = {"maintainer": "Tianmu", "warranty_until": "2030-01-01"}
        made.add(Camera(id="c-1", name="桥头", village="v", profile=profile))
        yield made


def fault(session: AsyncSession, now: datetime, camera: str = "c-1", family: str = "black", severity: int = 1) -> Fault:
    made = Fault(
        camera=camera,
        village="v",
        family=family,
        state="open",
        severity=severity,
        detail="" if camera else "v",
        figures={},
        facts={"votes": [[now.timestamp(), True, "day"]]},
        first_seen=now,
        opened_at=now,
        inspections=1,
        times=1,
    )
    session.add(made)
    return made


async def test_one_order_a_camera_and_one_for_an_uplink(session: AsyncSession, clock: ManualClock) -> None:
    now = clock.now()
    found = [fault(session, now), fault(session, now, family="blurred", severity=2), fault(session, now, "", "uplink")]
    await session.flush()
    made = await create(session, found, now, "x", SHANGHAI)
    assert [(o.camera, o.severity, o.state, o.vendor, o.warranty) for o in made] == [
        ("c-1", 1, "assigned", "Tianmu", True), (None, 1, "new", "", False)
    ]  # fmt: skip
    assert found[0].order == found[1].order == made[0].id and "黑屏" in made[0].title and "模糊" in made[0].title
    with pytest.raises(UsageError, match="already has an order"):
        await create(session, found, now, "x", SHANGHAI)


async def test_repairs_are_verified_for_two_hours(session: AsyncSession, clock: ManualClock) -> None:
    found = fault(session, clock.now())
    await session.flush()
    (order,) = await create(session, [found], clock.now(), "x", SHANGHAI)
    await move(session, order.id, OrderState.WORKING, clock.now(), "x")
    await move(session, order.id, OrderState.VERIFYING, clock.now(), "x", text="cleaned", cost=80)
    with pytest.raises(ConflictError, match="automatically"):
        await move(session, order.id, OrderState.CLOSED, clock.now(), "x")
    found.state, found.closed_at = FaultStatus.CLOSED, clock.now()
    clock.advance(3600)
    assert await verify_and_remind(session, clock.now()) == [] and order.state == "verifying"
    clock.advance(3700)
    assert await verify_and_remind(session, clock.now()) == [order] and order.state == "closed" and order.cost == 80
    steps = (await session.scalars(select(WorkOrderNote.step).order_by(WorkOrderNote.id))).all()
    assert steps == ["created", "working", "verifying", "closed"]


async def test_a_recurring_fault_reopens_its_order(session: AsyncSession, clock: ManualClock) -> None:
    found = fault(session, clock.now())
    await session.flush()
    (order,) = await create(session, [found], clock.now(), "x", SHANGHAI)
    await move(session, order.id, OrderState.VERIFYING, clock.now(), "x")
    clock.advance(1800)
    found.facts = {"votes": [(clock.now().timestamp(), True, "day")]}
    assert await verify_and_remind(session, clock.now()) == [order]
    assert (order.state, order.reopened, order.repaired_at) == ("working", 1, None)


async def test_reminders_warn_twice_and_escalate_once(session: AsyncSession, clock: ManualClock) -> None:
    (order,) = await create(session, [fault(session, clock.now())], clock.now(), "x", SHANGHAI, OrderRequest("A"))
    for expected in (1, 2, 3, 3):
        clock.advance((order.repair_by - order.created_at).total_seconds() * (0.5 if expected == 1 else 0.3))
        await verify_and_remind(session, clock.now())
        await verify_and_remind(session, clock.now())
        assert order.reminded == expected


async def test_invalid_transitions_are_refused(session: AsyncSession, clock: ManualClock) -> None:
    now = clock.now()
    (order,) = await create(session, [fault(session, now)], now, "x", SHANGHAI, OrderRequest("A"))
    (other,) = await create(session, [fault(session, now, family="moved")], now, "x", SHANGHAI, OrderRequest("A"))
    (foreign,) = await create(session, [fault(session, now, family="blurred")], now, "x", SHANGHAI, OrderRequest("B"))
    with pytest.raises(UsageError, match="another company"):
        await move(session, foreign.id, OrderState.MERGED, now, "x", into=order.id)
    foreign.village = "w"
    with pytest.raises(UsageError, match="open order"):  # as if the order did not exist
        await move(session, order.id, OrderState.MERGED, now, "x", into=foreign.id, villages=["v"])
    wrong = ((OrderState.NEW, ConflictError), (OrderState.REFUSED, UsageError), (OrderState.MERGED, UsageError))
    for state, error in wrong:
        with pytest.raises(error):
            await move(session, order.id, state, now, "x")
    with pytest.raises(NotFoundError):
        await move(session, 999, OrderState.WORKING, now, "x")
    await move(session, other.id, OrderState.MERGED, now, "x", into=order.id)
    assert (await session.scalars(select(Fault.order).order_by(Fault.id))).all() == [
        order.id,
        order.id,
        foreign.id,
    ] and other.merged_into == order.id


@given(st.lists(st.sampled_from(sorted(TRANSITIONS)), max_size=12))
def test_every_path_reaches_an_end_state(path: list[OrderState]) -> None:
    state = OrderState.NEW
    for wanted in path:
        if wanted in TRANSITIONS[state]:
            state = wanted
    reachable, todo = {state}, [state]
    while todo:
        for following in TRANSITIONS[todo.pop()] - reachable:
            reachable.add(following)
            todo.append(following)
    assert reachable & {OrderState.CLOSED, OrderState.MERGED}
    assert WorkOrder.__tablename__ and timedelta(hours=2) == orders.VERIFICATION_TIME
