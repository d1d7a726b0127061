"""Live tickets and playback grants are bound; unattended viewing is stopped; the audit trail holds its duration."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from aiohttp import web

from core.accounts.permissions import Role
from core.accounts.sessions import Identity
from core.clock import ManualClock
from core.database import Database
from core.errors import StorageError, ViewerNotConfirmed
from nvr.archive.segment_index import Segment
from tests.web.calls import audit_rows, services_of
from tests.web.conftest import HEADERS, Client, SignIn, state_purpose
from tests.web.live_stub import live_recorder
from tests.web.sessions.test_footage_grants import SEGMENT, Town, town
from web.sessions import attendance
from web.sessions.attendance import ANSWER_S, ASK_AFTER_S, VIEWING_ENDS_AFTER_S, Attendance, PlaybackLog
from web.sessions.media_tickets import MediaTickets

__all__ = ["town"]

WHO = Identity(1, "officer", "", Role.VIDEO_OFFICER, None, "值班巡查", session="a")
PLAYLIST = "/api/playback/wj-01/main/index.m3u8"


@pytest.mark.parametrize("change", [{"user_id": 2}, {"session": "b"}, {"purpose": "案件 2026-1"}])
def test_a_ticket_is_bound_to_person_session_and_purpose(change: dict[str, object], clock: ManualClock) -> None:
    tickets = MediaTickets(clock)
    key = tickets.issue(WHO, "wj-01/sub")
    assert tickets.redeem(key, replace(WHO, **change)) is None  # type: ignore[arg-type]
    assert tickets.redeem(key, WHO) is None, "it is spent"
    ticket = tickets.redeem(tickets.issue(WHO, "wj-01/sub"), WHO)
    assert ticket is not None and ticket.stream == "wj-01/sub"
    late = tickets.issue(WHO, "wj-01/sub")
    clock.advance(31)
    assert tickets.redeem(late, WHO) is None


async def live(client: Client, camera: str = "wj-01") -> str:
    async with client.post("/api/live/ticket", json={"camera": camera}, headers=HEADERS) as reply:
        assert reply.status == 200, await reply.text()
        return str((await reply.json())["ticket"])


async def test_a_ticket_is_bound_to_camera_and_session(sign_in: SignIn, database: Database) -> None:
    client, other = await sign_in(Role.VIDEO_OFFICER), await sign_in(Role.VIDEO_OFFICER)  # two sessions of one person
    await state_purpose(client)
    await state_purpose(other)
    async with live_recorder(database) as asked:
        assert (await other.get(f"/api/live/{await live(client)}")).status == 403
        stale = await live(client)
        await state_purpose(client, "案件 2026-1")
        assert (await client.get(f"/api/live/{stale}")).status == 403
        assert asked == []
        socket = await client.ws_connect(f"/api/live/{await live(client)}?camera=wj-02&stream=wj-02/main")
        assert (await socket.receive(timeout=2)).data == b"fragment" and asked == ["wj-01/sub"]
        await socket.close()


async def test_live_close_rows_state_the_duration(sign_in: SignIn, database: Database) -> None:
    client = await sign_in(Role.VIDEO_OFFICER)
    await state_purpose(client)
    async with live_recorder(database):
        began = asyncio.get_running_loop().time()
        socket = await client.ws_connect(f"/api/live/{await live(client)}")
        for _ in range(20):  # the recorder sends them 20 ms apart
            await socket.receive(timeout=2)
        await socket.close()
        async with asyncio.timeout(3):
            while not (closed := await audit_rows(database, "live.close")):
                await asyncio.sleep(0.02)
        took = asyncio.get_running_loop().time() - began
    (row,) = closed
    assert (row.object, row.reason, row.data["village"]) == ("wj-01/sub", "值班巡查", "wangjia")
    assert 0.3 < row.data["seconds"] < took + 0.1
    assert row.data["by_session"] == (await audit_rows(database, "live.open"))[0].data["by_session"]


async def test_unattended_live_video_is_stopped(sign_in: SignIn, database: Database) -> None:
    client = await sign_in(Role.VIDEO_OFFICER)
    await state_purpose(client)
    clock = ManualClock()
    services_of(client).attendance = Attendance(clock, 0.5, 0.3)
    poll = HEADERS | {"X-Minwang-Poll": "1"}
    async with live_recorder(database):
        socket = await client.ws_connect(f"/api/live/{await live(client)}")
        clock.advance(0.7)
        for _ in range(20):  # more than were sent before
            assert (await socket.receive(timeout=5)).data == b"fragment"
        clock.advance(0.4)
        async with asyncio.timeout(5):
            async for _ in socket:
                pass
        assert socket.close_code == 4410
        async with client.post("/api/live/ticket", json={"camera": "wj-01"}, headers=poll) as reply:
            assert (reply.status, (await reply.json())["code"]) == (403, "watching"), "a timer is nobody"
        assert await live(client), "a person's click is an answer"


async def test_input_keeps_live_video(sign_in: SignIn, database: Database) -> None:
    client = await sign_in(Role.VIDEO_OFFICER)
    await state_purpose(client)
    clock = ManualClock()
    services_of(client).attendance = Attendance(clock, 0.4, 0.3)
    async with live_recorder(database):
        socket = await client.ws_connect(f"/api/live/{await live(client)}")
        for _ in range(6):
            clock.advance(0.25)
            await client.get("/api/me", headers=HEADERS)
        for _ in range(20):
            assert (await socket.receive(timeout=5)).data == b"fragment"
        assert not socket.closed
        await socket.close()


def test_the_page_asks_after_two_hours_or_before_the_session_becomes_idle() -> None:
    assert attendance.ask_after_s(timedelta(hours=12)) == 7200
    assert attendance.ask_after_s(timedelta(minutes=30)) == 30 * 60 - 105
    assert attendance.ask_after_s(timedelta(minutes=1)) == 20


def test_attendance_counts_from_the_last_input(clock: ManualClock) -> None:
    found = Attendance(clock, ASK_AFTER_S)
    for _ in range(int(ASK_AFTER_S / 60)):
        found.check("a")  # footage is sent
        clock.advance(60)
    found.check("a")  # the page asks now
    clock.advance(ANSWER_S)
    with pytest.raises(ViewerNotConfirmed):
        found.check("a")
    clock.advance(VIEWING_ENDS_AFTER_S * 10)
    with pytest.raises(ViewerNotConfirmed):
        found.check("a")  # time alone is not an answer
    found.check("b")  # another session
    found.note_input("a")
    found.check("a")


def test_a_pause_ends_the_viewing(clock: ManualClock) -> None:
    found = Attendance(clock, ASK_AFTER_S)
    found.check("a")
    clock.advance(3 * ASK_AFTER_S)
    found.check("a")


def segment(start: int) -> Segment:
    return Segment("wj-01/main", 1, start * 1_000_000, (start + 60) * 1_000_000)


async def test_playback_close_rows_state_the_duration(database: Database, clock: ManualClock) -> None:
    log = PlaybackLog(database, clock)
    for start in (0, 60, 120):
        log.note(WHO, "wangjia", segment(start))
        clock.advance(50)
    await log.flush()
    assert await audit_rows(database, "playback.close") == [], "it goes on"
    log.note(replace(WHO, purpose="案件 2026-1"), "wangjia", segment(600))
    clock.advance(VIEWING_ENDS_AFTER_S + 1)
    await log.flush()
    first, second = await audit_rows(database, "playback.close")
    assert (first.actor, first.object, first.reason, first.data["village"]) == (
        "officer",
        "wj-01/main",
        "值班巡查",
        "wangjia",
    )
    assert first.data["seconds"] == 100.0
    assert (first.data["start"], first.data["end"]) == ("1970-01-01T00:00:00+00:00", "1970-01-01T00:03:00+00:00")
    assert (second.reason, second.data["seconds"]) == ("案件 2026-1", 0.0)
    await log.flush(everything=True)
    assert len(await audit_rows(database, "playback.close")) == 2, "once"


async def test_footage_needs_the_purpose_of_its_playlist_and_attendance(town: Town) -> None:
    client = await town.client(Role.INVESTIGATOR)
    assert await town.get(client, PLAYLIST) == 200 and await town.get(client, f"{SEGMENT}.mp4") == 200
    await state_purpose(client, "案件 2026-2")
    assert await town.get(client, f"{SEGMENT}.mp4") == 403, "granted for another purpose"
    services_of(client).footage_grants._sessions.clear()
    assert await town.get(client, f"{SEGMENT}.mp4") == 403, "the trail says the same"
    assert await town.get(client, PLAYLIST) == 200 and await town.get(client, f"{SEGMENT}.mp4") == 200
    clock = ManualClock()
    services_of(client).attendance = Attendance(clock, 0.1, 0.1)
    assert await town.get(client, f"{SEGMENT}.mp4") == 200
    clock.advance(0.3)
    async with client.get(f"{SEGMENT}.mp4") as reply:
        assert (reply.status, (await reply.json())["code"]) == (403, "watching")
    await services_of(client).playback_log.flush(everything=True)
    closed = await audit_rows(town.database, "playback.close")
    assert [(r.reason, r.data["village"]) for r in closed] == [("案件 2026-1", "wangjia"), ("案件 2026-2", "wangjia")]


async def test_footage_that_does_not_adjoin_is_another_viewing(database: Database, clock: ManualClock) -> None:
    log = PlaybackLog(database, clock)
    for start in (3600, 3660, 79200, 79260, 3720):  # 01:00, then 22:00, then on from 01:02
        log.note(WHO, "wangjia", segment(start))
        clock.advance(10)
    clock.advance(VIEWING_ENDS_AFTER_S + 1)
    await log.flush()
    told = sorted(
        (str(r.data["start"])[11:19], str(r.data["end"])[11:19], r.data["seconds"])
        for r in await audit_rows(database, "playback.close")
    )
    assert told == [("01:00:00", "01:03:00", 40.0), ("22:00:00", "22:02:00", 10.0)]


async def test_a_segment_counts_as_watched_until_its_last_byte(database: Database, clock: ManualClock) -> None:
    log = PlaybackLog(database, clock)
    with log.sending(WHO, "wangjia", segment(0)):
        clock.advance(VIEWING_ENDS_AFTER_S * 2)
        await log.flush()
        assert await audit_rows(database, "playback.close") == [], "it is being sent"
    clock.advance(VIEWING_ENDS_AFTER_S + 1)
    await log.flush()
    (row,) = await audit_rows(database, "playback.close")
    assert row.data["seconds"] == VIEWING_ENDS_AFTER_S * 2


@pytest.mark.parametrize("path", [f"{SEGMENT}.mp4", f"{SEGMENT}/init"], ids=["whole", "init"])
async def test_a_single_fetch_counts_until_it_is_sent(path: str, town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    client = await town.client(Role.INVESTIGATOR)
    clock = ManualClock()
    found = services_of(client)
    found.playback_log = PlaybackLog(town.database, clock)
    prepare = web.StreamResponse.prepare

    async def slow(self: web.StreamResponse, request: web.BaseRequest) -> object:
        clock.advance(7)  # the head is sent; the bytes follow
        return await prepare(self, request)

    end = web.Response.write_eof

    async def slow_end(self: web.Response, data: bytes = b"") -> None:
        clock.advance(7)
        await end(self, data)

    monkeypatch.setattr(web.StreamResponse, "prepare", slow)
    monkeypatch.setattr(web.Response, "write_eof", slow_end)
    assert await town.get(client, PLAYLIST) == 200 and await town.get(client, path) == 200
    await found.playback_log.flush(everything=True)
    (row,) = await audit_rows(town.database, "playback.close")
    assert row.data["seconds"] >= 7


class Gone:
    """A database that fails, or does not answer."""

    def __init__(self, hangs: bool):
        self.hangs = hangs

    @asynccontextmanager
    async def session(self) -> AsyncIterator[None]:
        if self.hangs:
            await asyncio.Event().wait()
        raise StorageError("the database is gone")
        yield


@pytest.mark.parametrize("hangs", [False, True])
async def test_shutdown_without_a_database(
    hangs: bool, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client, closed = await sign_in(Role.VIDEO_OFFICER), []
    found = services_of(client)
    names = ("ptz", "onboarding", "transcoders", "decode_pool", "motion_jobs", "example_pool", "uploads", "printer")
    for name in names:
        part = getattr(found, name)

        async def close(name: str = name, end: Callable[[], Awaitable[None]] = part.close) -> None:
            closed.append(name)
            await end()

        monkeypatch.setattr(part, "close", close)
    found.playback_log.note(WHO, "wangjia", segment(0))
    monkeypatch.setattr(found.playback_log, "_database", Gone(hangs))
    monkeypatch.setattr(attendance, "CLOSE_TIMEOUT_S", 0.2)
    async with asyncio.timeout(20):
        await client.server.close()  # type: ignore[union-attr]
    assert closed == list(names)
    assert "1 viewing-duration rows" in caplog.text
