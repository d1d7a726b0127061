"""The announced states of cameras: how they are judged, stored and announced."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from cameras.tables import Camera, Stream, Village
from core import events
from core.clock import ManualClock
from core.database import Database
from core.events import Event
from health import camera_states
from health.camera_states import CameraState
from health.checks.presence import Presence
from health.tables import Fault
from nvr.tables import StreamStatus

RECORDING = "recording"


@pytest.mark.parametrize(
    ("presence", "main", "others", "faults", "state"),
    [
        (Presence.ONLINE, RECORDING, [RECORDING], [], "ok"),
        (Presence.ONLINE, RECORDING, [], [], "ok"),
        (Presence.ONLINE, RECORDING, ["waiting"], [], "attention"),
        (Presence.ONLINE, RECORDING, [], ["blurred"], "fault"),
        (Presence.ONLINE, "waiting", [RECORDING], [], "fault"),  # it sends packets that cannot be recorded
        (Presence.ONLINE, None, [], [], "ok"),  # not to be recorded, and inspected lately
        (Presence.OFFLINE, "waiting", [RECORDING], ["blurred"], "offline"),
        (Presence.UNKNOWN, "unknown", [], ["blurred"], "unknown"),
        (Presence.UNKNOWN, None, [], [], "unknown"),
    ],
)
def test_a_camera_is_judged(
    presence: Presence, main: str | None, others: Sequence[str], faults: list[str], state: str
) -> None:
    assert camera_states.judge(presence, main, others, faults) == state


def test_unknown_is_worse_than_good() -> None:
    order = camera_states.SEVERITY.index
    assert order(CameraState.UNKNOWN) > order(CameraState.OK) and CameraState.UNKNOWN not in camera_states.ONLINE_STATES


async def add_cameras(session: AsyncSession, village: str, names: Sequence[str]) -> None:
    session.add(Village(code=village, name=village, boundary=[], subnets=[], funding=[]))
    await session.flush()
    for name in names:
        session.add(Camera(id=name, name=name, village=village, profile={}))
        await session.flush()
        for kind in ("main", "sub"):
            session.add(Stream(id=f"{name}/{kind}", camera=name, kind=kind))


async def report(session: AsyncSession, clock: ManualClock, camera: str, main: str, sub: str = RECORDING) -> None:
    now = clock.now()
    for kind, state in (("main", main), ("sub", sub)):
        row = StreamStatus(stream=f"{camera}/{kind}", worker="r", state=state, at=now, since=now)
        await session.merge(row)


async def announced(session: AsyncSession, after: int) -> list[Event]:
    rows = await events.read_after(session, after)
    return [e for e in rows if e.kind == events.EventKind.CAMERA_STATE]


async def test_changes_are_announced_once_per_village(database: Database, clock: ManualClock) -> None:
    async with database.session() as session:
        await add_cameras(session, "v", ["v-1", "v-2"])
        await add_cameras(session, "w", ["w-1"])
        await report(session, clock, "v-1", RECORDING)
        await report(session, clock, "v-2", RECORDING, "waiting")
        assert await camera_states.update(session, clock.now()) == 3
        await session.flush()
        first = await announced(session, 0)
        assert [(e.village, e.data["states"]) for e in first] == [
            ("v", {"v-1": "ok", "v-2": "attention"}),
            ("w", {"w-1": "unknown"}),
        ]
        assert first[0].data["counts"] == {"ok": 1, "attention": 1} and first[0].data["recorded"] == 2
        assert await camera_states.update(session, clock.now()) == 0
        assert await announced(session, first[-1].id) == []


async def test_silence_faults_and_removal_change_the_state(database: Database, clock: ManualClock) -> None:
    async with database.session() as session:
        await add_cameras(session, "v", ["v-1", "v-2"])
        for camera in ("v-1", "v-2"):
            await report(session, clock, camera, RECORDING)
        await camera_states.update(session, clock.now())
        now = clock.now()
        session.add(Fault(camera="v-1", village="v", family="blurred", state="open", severity=2, first_seen=now))
        await session.flush()
        await camera_states.update(session, now)
        assert (await camera_states.stored_states(session, None))["v-1"].state == "fault"
        clock.advance(timedelta(minutes=2).total_seconds())  # the recorder died: its reports are outdated
        await report(session, clock, "v-1", RECORDING)
        await camera_states.update(session, clock.now())
        states = await camera_states.stored_states(session, ("v",))
        assert (states["v-2"].state, states["v-2"].recorded) == ("unknown", False)
        assert await camera_states.stored_states(session, ("w",)) == {}
        last = await events.last_id(session)
        (await session.get_one(Camera, "v-2")).retired = True
        await camera_states.update(session, clock.now())
        await session.flush()
        (gone,) = await announced(session, last)
        assert gone.data["gone"] == ["v-2"] and gone.data["states"] == {} and gone.data["counts"] == {"fault": 1}
        assert set(await camera_states.stored_states(session, None)) == {"v-1"}
        await session.execute(delete(Fault))
        since = await session.scalar(
            select(camera_states.CameraStateRow.since).where(camera_states.CameraStateRow.camera == "v-1")
        )
        assert since == now


async def test_a_quiet_town_sends_little(database: Database, clock: ManualClock) -> None:
    """2,252 cameras in 22 villages: nothing is sent while nothing changes, and one flapping camera sends little."""
    async with database.session() as session:
        for v in range(22):
            await add_cameras(session, f"v{v}", [f"v{v}-{n:03d}" for n in range(102)])
        await camera_states.update(session, clock.now())
    sent = 0
    async with database.session() as session:
        last = await events.last_id(session)
        for second in range(0, 60, 5):
            await report(session, clock, "v3-007", RECORDING if second % 10 else "waiting")
            await camera_states.update(session, clock.now())
            clock.advance(5)
        await session.flush()
        rows = await announced(session, last)
        sent = sum(len(str(r.data)) + 150 for r in rows)
    # The first report says that nobody knows, as before it; each of the others is a change.
    assert len(rows) == 11 and sent < 5_000
