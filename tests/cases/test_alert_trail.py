"""Later sightings join an open alert: where, until when, who learns of it, and which cameras come next."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from cameras.records import CameraProfile
from cameras.tables import Camera, Village
from cases.alerts import alerts, patrol, trail
from cases.alerts.trail import Seen
from cases.tables import AlertOutcome, AlertState, AlertTrail, WatchSubject
from cases.watch.manual_alerts import raise_manual_alert
from core.clock import ManualClock, to_microseconds
from core.database import Database
from core.errors import NotFoundError
from core.events import Event
from search.store import SightingStore
from search.vocabulary import Direction
from tests.cases.subjects import active_subject, all_alerts, matcher_of, write_sighting

DEGREE_M = 111_195.0  # of latitude, on a sphere of 6,371 km
HERE = (121.4335, 29.4722)


async def place(database: Database, number: str, metres_north: float = 0.0, azimuth: float | None = None) -> None:
    async with database.session() as session:
        if await session.get(Village, "v") is None:
            session.add(Village(code="v", name="王家村", boundary=[], subnets=[], funding=[]))
            await session.flush()
        profile: CameraProfile = {"position": (HERE[0], HERE[1] + metres_north / DEGREE_M)}
        camera = Camera(id=number, name=number, village="v", profile=profile)
        if azimuth is not None:
            camera.profile = {**profile, "azimuth": azimuth}
        session.add(camera)


async def entries(database: Database) -> list[AlertTrail]:
    async with database.reading() as session:
        return list(await session.scalars(select(AlertTrail).order_by(AlertTrail.id)))


async def kinds(database: Database) -> list[tuple[str, str | None]]:
    async with database.reading() as session:
        query = select(Event.kind, Event.village).where(Event.kind.startswith("alert.")).order_by(Event.id)
        return [(k, v) for k, v in await session.execute(query)]


async def test_a_later_sighting_joins_the_open_alert(
    database: Database, clock: ManualClock, days: SightingStore
) -> None:
    await place(database, "c2", 300, azimuth=90.0)
    await active_subject(database, clock)
    matcher = matcher_of(database, clock, days)
    await write_sighting(database, clock, days)
    assert await matcher.run_once() == 1
    clock.advance(60)
    await write_sighting(database, clock, days, camera="c2", direction=int(Direction.up))
    await write_sighting(database, clock, days, camera="c2")  # the same camera at once: merged
    await write_sighting(database, clock, days)
    assert await matcher.run_once() == 0 and len(await all_alerts(database)) == 1
    (row,) = await entries(database)
    assert (row.camera, row.direction, row.heading, row.by) == ("c2", int(Direction.up), 90.0, "system")
    assert row.at_us >= to_microseconds(clock.now())  # the best moment of the sighting
    # Patrol officers do not know the alert yet: only those who confirm alerts learn of it.
    assert await kinds(database) == [("alert.raised", "v"), ("alert.seen_again", "v")]
    async with database.session() as session:
        await alerts.confirm(session, clock.now(), "zhang", await alerts.locked(session, 1, None), yes=True)
    clock.advance(700)
    await write_sighting(database, clock, days, camera="c2")
    assert await matcher.run_once() == 0 and (await kinds(database))[-1] == ("alert.trail", "v")


@pytest.mark.parametrize("end", ["rejected", "closed", "answered"])
async def test_an_alert_that_is_over_gets_no_more_sightings(
    database: Database, clock: ManualClock, days: SightingStore, end: str
) -> None:
    await active_subject(database, clock)
    matcher = matcher_of(database, clock, days)
    await write_sighting(database, clock, days)
    await matcher.run_once()
    async with database.session() as session:
        alert, now = await alerts.locked(session, 1, None), clock.now()
        await alerts.confirm(session, now, "zhang", alert, yes=end != "rejected")
        if end == "closed":
            await alerts.close(session, now, "zhang", alert, AlertOutcome.FALSE_ALARM, "认错")
        elif end == "answered":
            await patrol.acknowledge(session, now, "wang", alert)
            await patrol.answer(session, now, "wang", alert, "not_seen")
    clock.advance(60)
    await write_sighting(database, clock, days, camera="c2")
    assert await matcher.run_once() == 1 and not await entries(database)


@pytest.mark.parametrize(
    ("metres", "seconds", "joins"),
    [
        (1000, 40, True),  # 1,000 m less 2 × 50 m at 25 m/s are 36 s
        (1000, 35, False),  # nobody could have come there
        (0, 7200, True),
        (0, 7201, False),  # two hours unseen: it rings again
        (0, -1, False),  # earlier than the last sighting
    ],
)
async def test_only_what_can_be_the_same_person_joins(
    database: Database, clock: ManualClock, metres: int, seconds: int, joins: bool
) -> None:
    await place(database, "c1")
    await place(database, "c2", metres)
    subject = await active_subject(database, clock)
    start = to_microseconds(clock.now())
    async with database.session() as session:
        row = await session.get_one(WatchSubject, subject)
        await alerts.add(session, clock.now(), row, sighting=1, camera="c1", village="v", at_us=start, thumbnail="")
        seen = Seen(2, "c2", "v", start + seconds * 1_000_000)
        assert (await trail.open_alert(session, subject, seen) is not None) is joins
        assert await trail.open_alert(session, subject + 1, seen) is None


async def test_an_alert_concerns_the_villages_of_its_trail(database: Database, clock: ManualClock) -> None:
    subject = await active_subject(database, clock)
    async with database.session() as session:
        camera = Camera(id="c1", name="c", village="v")
        alert = await raise_manual_alert(session, clock.now(), "zhang", subject, camera, 1, "")
        with pytest.raises(NotFoundError):
            await alerts.get(session, alert.id, ["w"])
        await trail.append(session, clock.now(), alert, Seen(2, "c9", "w", 2))
        assert (await alerts.get(session, alert.id, ["w"])).id == alert.id
        assert await alerts.count_running(session, ["w"]) == await alerts.count_running(session, ["v"]) == 1
        assert await alerts.count_running(session, ["x"]) == 0
        await patrol.acknowledge(session, clock.now(), "wang", alert)
    told = await kinds(database)
    assert told[-4:] == [("alert.trail", "w"), ("alert.trail", "v"), ("alert.acked", "v"), ("alert.acked", "w")]


async def test_a_persons_second_sighting_joins_the_alert_that_is_out(database: Database, clock: ManualClock) -> None:
    subject = await active_subject(database, clock)
    async with database.session() as session:
        first = await raise_manual_alert(
            session, clock.now(), "zhang", subject, Camera(id="c1", name="c", village="v"), 1, ""
        )
        again = await raise_manual_alert(
            session, clock.now(), "li", subject, Camera(id="c2", name="d", village="v"), 61_000_000, "alerts/2.jpg"
        )
        assert again.id == first.id and again.state is AlertState.DISPATCHED
    assert [(t.camera, t.by, t.sighting) for t in await entries(database)] == [("c2", "li", 0)]


def test_the_next_cameras_lie_in_the_direction_of_travel() -> None:
    def camera(number: str, metres_north: float) -> Camera:
        position = [HERE[0], HERE[1] + metres_north / DEGREE_M]
        return Camera(id=number, name=number, village="v", retired=False, profile={"position": position})

    origin, others = camera("o", 0), [camera("north", 300), camera("south", -200), camera("far", 3000)]
    assert [n.camera.id for n in trail.next_cameras(origin, None, others, 2)] == ["south", "north"]
    assert [n.camera.id for n in trail.next_cameras(origin, 0.0, others, 2)] == ["north", "south"]
    nowhere = Camera(id="x", name="x", village="v", retired=False, profile={})
    assert trail.next_cameras(nowhere, None, others, 2) == []
