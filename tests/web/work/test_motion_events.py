"""Motion goes only to the pages that show the camera; counted bytes of an idle page of a whole town."""

from __future__ import annotations

import asyncio
import json

from aiohttp import ClientWebSocketResponse, WSMsgType
from sqlalchemy import func, select

from core import events
from core.accounts.permissions import Role
from core.clock import SystemClock
from core.database import Database
from core.events import Event, EventKind
from tests.web.conftest import SignIn
from web.work.event_feed import MAX_CHOICES, EventFeed, MotionChoice, feed_event

CAMERAS, VILLAGES = 2252, 22
MAX_IDLE_BYTES = 50_000


async def _choose(socket: ClientWebSocketResponse, cameras: list[str]) -> None:
    """Name the cameras whose motion is wanted; returns when the station has read it: it answers the ping behind it."""
    await socket.send_json({"motion": cameras})
    await socket.ping()
    async with asyncio.timeout(30):
        while (await socket.receive()).type is not WSMsgType.PONG:
            pass


async def _until(socket: ClientWebSocketResponse, kind: str) -> list[str]:
    """Return the texts that arrive up to the first event of a kind."""
    texts = []
    async with asyncio.timeout(30):
        while True:
            texts.append(await socket.receive_str())
            if json.loads(texts[-1])["kind"] == kind:
                return texts


async def _a_minute_of_the_town(database: Database) -> None:
    """Every camera reports motion once; two cameras of each village change their state; patrol ends a round."""
    now = SystemClock().now()
    async with database.session() as session:
        for n in range(CAMERAS):
            village = "wangjia" if n == 0 else f"v{n % VILLAGES}"
            camera = "wj-01" if n == 0 else f"cam-{n:04}"
            source = {"topic": "tns1:RuleEngine/CellMotionDetector/Motion", "source": "VideoSource_1"}
            events.append(session, now, EventKind.CAMERA_MOTION, village=village, camera=camera, **source)
        for v in range(VILLAGES):
            states = {f"cam-{v:04}": "offline", f"cam-{v + VILLAGES:04}": "fault"}
            counts = {"ok": 90, "attention": 4, "fault": 3, "offline": 5, "unknown": 0}
            events.append(session, now, EventKind.CAMERA_STATE, village=f"v{v}", states=states, counts=counts)
        events.append(session, now, EventKind.PATROL_FINISHED, n=1)


async def test_an_idle_page_of_2252_cameras_receives_less_than_50_kb_a_minute(
    sign_in: SignIn, database: Database
) -> None:
    officer = await sign_in(Role.VIDEO_OFFICER)
    async with officer.ws_connect("/api/events") as idle, officer.ws_connect("/api/events", autoping=False) as wall:
        await _choose(wall, ["wj-01", "cam-0002"])
        await _a_minute_of_the_town(database)
        quiet, shown = await asyncio.gather(_until(idle, "patrol.finished"), _until(wall, "patrol.finished"))
    received = sum(len(text.encode()) for text in quiet)
    async with database.reading() as session:
        everything = await session.scalars(select(Event).where(Event.kind == "camera.motion"))
        motion = sum(len(feed_event(row).text.encode()) for row in everything)
    assert received <= MAX_IDLE_BYTES < motion, (received, motion)
    assert [e for e in map(json.loads, quiet) if e["kind"] == "camera.motion"] == []
    moved = [e["camera"] for e in map(json.loads, shown) if e["kind"] == "camera.motion"]
    assert moved == ["wj-01", "cam-0002"]


async def test_an_officer_of_one_village_gets_no_motion_of_others(sign_in: SignIn, database: Database) -> None:
    officer = await sign_in(Role.VIDEO_OFFICER, ["wangjia"])
    async with officer.ws_connect("/api/events", autoping=False) as wall:
        await _choose(wall, ["wj-01", "cam-0002"])
        now = SystemClock().now()
        async with database.session() as session:
            for village, camera in (("v1", "cam-0002"), ("wangjia", "wj-01")):
                events.append(session, now, EventKind.CAMERA_MOTION, village=village, camera=camera)
            events.append(session, now, EventKind.FAULT_OPENED, village="wangjia", camera="wj-01")
        told = [json.loads(text) for text in await _until(wall, "fault.opened")]
    assert [e["camera"] for e in told if e["kind"] == "camera.motion"] == ["wj-01"]


async def test_other_messages_end_the_socket(sign_in: SignIn) -> None:
    officer = await sign_in(Role.VIDEO_OFFICER)
    for message in ("x", "{}", '{"motion": [1]}', '{"motion": [], "more": 1}', json.dumps({"motion": ["c"] * 65})):
        async with officer.ws_connect("/api/events") as socket:
            await socket.send_str(message)
            async with asyncio.timeout(5):
                await socket.receive()
            assert socket.closed, message
    choice = MotionChoice()
    assert [choice.take('{"motion": ["a"]}') for _ in range(MAX_CHOICES + 1)] == [True] * MAX_CHOICES + [False]


async def test_an_hour_of_motion_hides_nothing_from_a_page_that_reconnects(database: Database) -> None:
    now = SystemClock().now()
    async with database.session() as session:
        events.append(session, now, EventKind.FAULT_OPENED, village="wangjia", n=1)
        for n in range(2500):
            events.append(session, now, EventKind.CAMERA_MOTION, village="wangjia", camera=f"c{n}")
        events.append(session, now, EventKind.FAULT_OPENED, village="wangjia", n=2)
    feed = EventFeed(database, SystemClock())
    async with database.reading() as session:
        feed.position = feed._floor = await session.scalar(select(func.max(Event.id))) or 0
        first = await session.scalar(select(func.min(Event.id)).where(Event.kind == "fault.opened")) or 0
    told = []
    async with asyncio.timeout(10):
        async for event in feed.follow(first - 1):
            told.append((event.row.kind, event.row.data.get("n")))
            if len(told) == 2:
                break
    assert told == [("fault.opened", 1), ("fault.opened", 2)]
