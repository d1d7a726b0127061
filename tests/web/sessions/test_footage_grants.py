"""Each view of footage, pictures or lists of persons leaves a row: who, what, purpose, range; bytes need such a row."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from cameras.tables import Camera
from cases.tables import Alert, AlertPhoto, AlertTrail, Case, WatchExample, WatchSubject
from core.accounts.permissions import Role
from core.audit.audit_trail import AuditRow
from core.clock import SystemClock, from_microseconds, to_microseconds
from core.database import Database
from core.settings import Settings
from health.tables import Fault, Inspection, PatrolRound, WorkOrder, WorkOrderPhoto
from nvr.archive.reader import Keyframe
from nvr.archive.segment_index import Segment
from nvr.playback import hls
from search.store import SightingStore, camera_numbers, ids
from search.store.sighting_store import Batch
from tests.search.sightings import sighting
from tests.web.calls import grey_jpeg, services_of
from tests.web.conftest import HEADERS, PASSWORD, Client, SignIn
from web.api import ROUTES
from web.framework.routing import ReplyKind

NOW = SystemClock().now()
START = to_microseconds(NOW) - 1_800_000_000
SPAN = {"start": from_microseconds(START).isoformat(), "end": from_microseconds(START + 60_000_000).isoformat()}
SEGMENT = f"/api/playback/wj-01/main/segment/{START}"

# Routes that show no persons, with the reason why they leave no row.
EXEMPT = {
    "/ca": "the certificate authority's page, for everybody",
    "/ca/minwang.crt": "the certificate authority, for everybody",
    "/ca/minwang.mobileconfig": "the certificate authority, for everybody",
    "/metrics": "counters for a monitoring system",
    "/api/map/layers/{layer}": "the map's lines, no picture of a camera",
    "/api/map/aerial": "a picture of the landscape, of no camera",
    "/api/audit/export": "no pictures; each export has a row of its own: audit.export",
    "/api/station/bundle": "no pictures; each bundle has a row of its own: station.bundle",
    "/api/openapi.json": "the description of the API",
    "/api/alert-live/{ticket}": "its single-use ticket has left the row: live.open",
    "/api/live/{ticket}": "its single-use ticket has left the row: live.open",
}
VIEW_ROUTES: dict[str, tuple[Role, str, str]] = {
    "/api/sightings/{sighting}/thumbnail": (Role.VIDEO_OFFICER, "/api/sightings/{sighting}/thumbnail", "sighting.view"),
    "/api/playback/{camera}/{kind}/index.m3u8": (
        Role.VIDEO_OFFICER,
        "/api/playback/wj-01/main/index.m3u8",
        "playback.open",
    ),
    "/api/cameras/{camera}/snapshot": (Role.VIDEO_OFFICER, "/api/cameras/wj-01/snapshot", "snapshot.view"),
    "/api/playback/{camera}/thumbnail": (
        Role.VIDEO_OFFICER,
        f"/api/playback/wj-01/thumbnail?at={SPAN['start'].replace('+', '%2B')}",
        "thumbnail.view",
    ),
    "/api/cameras/{camera}/acceptance/{part}": (
        Role.APPROVER,
        "/api/cameras/wj-01/acceptance/picture",
        "acceptance.view",
    ),
    "/api/contractor/orders/{order}/photos/{photo}": (
        Role.CONTRACTOR,
        "/api/contractor/orders/1/photos/1",
        "order.photo_view",
    ),
    "/api/contractor/orders/{order}/still": (Role.CONTRACTOR, "/api/contractor/orders/1/still", "order.still"),
    "/report/{village}": (Role.FUNDER, "/report/wangjia", "report.view"),
    "/api/alerts/{alert}/thumbnail": (Role.PATROL_OFFICER, "/api/alerts/1/thumbnail", "alert.view"),
    "/api/watch/examples/{example}": (Role.INVESTIGATOR, "/api/watch/examples/1", "watch.picture"),
    "/api/alerts/{alert}/trail/{entry}/thumbnail": (
        Role.PATROL_OFFICER,
        "/api/alerts/1/trail/1/thumbnail",
        "alert.view",
    ),
    "/api/alerts/{alert}/photos/{photo}": (Role.PATROL_OFFICER, "/api/alerts/1/photos/1", "alert.photo_view"),
    "/api/briefing/{subject}/picture": (Role.PATROL_OFFICER, "/api/briefing/1/picture", "watch.picture"),
    "/api/briefing": (Role.PATROL_OFFICER, "/api/briefing", "watch.list"),
    "/api/watch/{subject}/picture": (Role.INVESTIGATOR, "/api/watch/1/picture", "watch.picture"),
    "/api/watch/{subject}/expected": (Role.APPROVER, "/api/watch/1/expected", "watch.expected"),
    "/api/faults/{fault}/picture": (Role.VIDEO_OFFICER, "/api/faults/1/picture", "fault.picture"),
    "/api/faults/{fault}/reference": (Role.VIDEO_OFFICER, "/api/faults/1/reference", "fault.reference"),
    "/api/faults/{fault}/inspections/{inspection}": (
        Role.VIDEO_OFFICER,
        "/api/faults/1/inspections/1",
        "fault.picture",
    ),
    "/api/faults/{fault}/week": (Role.VIDEO_OFFICER, "/api/faults/1/week", "fault.week"),
    "/api/orders/{order}/photos/{photo}": (Role.VIDEO_OFFICER, "/api/orders/1/photos/1", "order.photo_view"),
    "/register/{day}": (Role.VIDEO_OFFICER, f"/register/{NOW:%Y-%m-%d}", "register.view"),
    "/register/{day}/pdf": (Role.VIDEO_OFFICER, f"/register/{NOW:%Y-%m-%d}/pdf", "register.view"),
    "/api/events": (Role.VIDEO_OFFICER, "/api/events", "events.open"),
    # Lists of pictures and persons.
    "/api/patrol": (Role.VIDEO_OFFICER, "/api/patrol", "fault.list"),
    "/api/alerts": (Role.PATROL_OFFICER, "/api/alerts", "alert.list"),
    "/api/watch": (Role.INVESTIGATOR, "/api/watch", "watch.list"),
    "/api/judgements": (Role.INVESTIGATOR, "/api/judgements", "candidate.list"),
    "/api/patrol/day": (Role.VIDEO_OFFICER, "/api/patrol/day", "register.view"),
    "/api/sightings/{sighting}": (Role.INVESTIGATOR, "/api/sightings/{sighting}", "sighting.view"),
    "/api/reports/{village}": (Role.FUNDER, "/api/reports/wangjia", "report.view"),
}
# Routes that send a file of footage under a row of their own, whatever was granted; tests/web/test_clips.py,
# tests/web/test_report_pdf.py.
OWN_ROW = {"/api/clips", "/api/playback/{camera}/time-lapse.mp4", "/report/{village}/pdf"}
UNDER_A_PLAYLIST = {
    "/api/playback/{camera}/{kind}/segment/{segment}.mp4": f"{SEGMENT}.mp4",
    "/api/playback/{camera}/{kind}/segment/{segment}/{part}": f"{SEGMENT}/init",
}

NEED_A_PURPOSE = (
    "/api/sightings/{sighting}/thumbnail", "/api/sightings/{sighting}", "/api/playback/wj-01/main/index.m3u8",
    "/api/playback/wj-01/main/strip", "/api/judgements",
    "/api/cameras/wj-01/snapshot", "/api/patrol/review", "/api/faults/1/picture", "/api/faults/1/reference",
    "/api/faults/1/inspections/1",
)  # fmt: skip


@dataclass
class Footage:
    """An archive of one file, instead of the recorder's."""

    path: Path

    async def segments(self, stream: str, start_us: int, end_us: int) -> list[tuple[Segment, Path]]:
        held = Segment(stream, 1, START, START + 60_000_000)
        return [(held, self.path)] if start_us < held.end_us and end_us > held.start_us else []

    async def gops(self, *_: Any) -> list[str]:
        return ["a GOP"]

    async def keyframe_at(self, stream: str, at_us: int) -> Keyframe:
        return Keyframe(stream, at_us, "h264", b"", b"")

    async def latest_keyframes(self, stream: str, *_: Any) -> list[Keyframe]:
        return [await self.keyframe_at(stream, START)]


class Town:
    def __init__(self, sign_in: SignIn, database: Database):
        self.sign_in, self.database = sign_in, database
        self.sighting = ""

    async def rows(self, after: int = 0) -> list[AuditRow]:
        """Return the audit rows after an id, without those of signing in and of the purpose."""
        async with self.database.reading() as session:
            found = await session.scalars(select(AuditRow).where(AuditRow.id > after).order_by(AuditRow.id))
            return [r for r in found if not r.action.startswith(("session.", "user."))]

    async def last(self) -> int:
        rows = await self.rows()
        return rows[-1].id if rows else 0

    async def client(self, role: Role, purpose: str = "案件 2026-1") -> Client:
        client = await self.sign_in(role, ["wangjia"] if role in (Role.PATROL_OFFICER, Role.FUNDER) else None)
        if purpose:
            body = {"purpose": purpose}
            assert (await client.post("/api/session/purpose", json=body, headers=HEADERS)).status == 200
        return client

    async def get(self, client: Client, path: str) -> int:
        path = path.format(sighting=self.sighting)
        if path == "/api/events":
            await (await client.ws_connect(path)).close()
            return 200
        query = SPAN if path.endswith((".m3u8", "strip")) else None
        async with client.get(path, params=query) as reply:
            await reply.read()
            return reply.status


@pytest.fixture
async def town(
    sign_in: SignIn,
    database: Database,
    station_settings: Settings,
    sightings: SightingStore,
    monkeypatch: pytest.MonkeyPatch,
) -> Town:
    folder = station_settings.data.dir
    await asyncio.to_thread(lambda: [(folder / n).write_bytes(grey_jpeg()) for n in ("x.jpg", "x.mp4")])
    async with database.session() as session:
        camera = await session.get_one(Camera, "wj-01")
        camera.acceptance = {"picture": "x.jpg", "sign_photo": "x.jpg"}
        session.add(
            WorkOrder(
                id=1, village="wangjia", camera="wj-01", title="black", state="assigned", severity=1, vendor="Ning Hai",
                created_at=NOW, created_by="x", respond_by=NOW, repair_by=NOW + timedelta(hours=8),
            )
        )  # fmt: skip
        await session.flush()
        session.add(WorkOrderPhoto(id=1, order=1, at=NOW, by="x", path="x.jpg"))
        session.add(
            Fault(
                id=1,
                camera="wj-01",
                village="wangjia",
                family="black",
                state="open",
                severity=1,
                detail="",
                figures={},
                facts={"votes": []},
                first_seen=NOW,
                opened_at=NOW,
                inspections=2,
                times=1,
                order=1,
                picture="x.jpg",
                reference="x.jpg",
            )
        )
        session.add(PatrolRound(id=1, asked_at=NOW, asked_by="x"))
        await session.flush()
        session.add(Inspection(id=1, round=1, camera="wj-01", at=NOW, findings={}, figures={}, picture="x.jpg"))
        session.add(Case(id=1, number="1", title="t", village="wangjia", opened_at=NOW, opened_by="x"))
        await session.flush()
        session.add(
            WatchSubject(
                id=1, case=1, title="t", cls="person", reason="r", state="active", proposed_by="a", approved_by="b",
                expires_at=NOW + timedelta(days=1), proposed_at=NOW,
            )
        )  # fmt: skip
        await session.flush()
        session.add(
            WatchExample(
                id=1, subject=1, source="upload", cls="person", vector=b"", embedder="", picture="x.jpg", added_by="a",
                added_at=NOW,
            )
        )  # fmt: skip
        session.add(
            Alert(
                id=1,
                subject=1,
                sighting=1,
                camera="wj-01",
                village="wangjia",
                at_us=START,
                thumbnail="x.jpg",
                state="dispatched",
                raised_at=NOW,
            )
        )
        await session.flush()
        session.add(
            AlertTrail(
                id=1, alert=1, sighting=0, camera="wj-01", village="wangjia", at_us=START, thumbnail="x.jpg",
                recorded_at=NOW, by="x",
            )
        )  # fmt: skip
        session.add(AlertPhoto(id=1, alert=1, at=NOW, by="x", path="x.jpg"))
        number = await camera_numbers.of_camera(session, "wj-01", "wangjia")
    made = Town(sign_in, database)
    at_ms = START // 1000
    seen = sighting(at_ms, number)
    await asyncio.to_thread(sightings.write, ids.day_of(at_ms), [Batch("wj-01/sub", at_ms * 1000, new=[seen])])
    made.sighting = str(seen.id)
    client = await sign_in(None)
    services = services_of(client)
    services.reader = Footage(folder / "x.mp4")  # type: ignore[assignment]
    services.snapshots.jpeg = _picture  # type: ignore[assignment]
    services.printer.pdf_of = _pdf  # type: ignore[assignment]
    monkeypatch.setattr(hls, "playlist", lambda *_, **__: "#EXTM3U")
    monkeypatch.setattr(hls, "thumbnail_times", lambda *_: [START])
    monkeypatch.setattr(hls, "segment_part", lambda *_: b"part")
    monkeypatch.setattr("web.api.sightings.picture_of", lambda *_: grey_jpeg())
    return made


async def _picture(*_: Any) -> bytes:
    return grey_jpeg()


async def _pdf(*_: Any) -> bytes:
    return b"%PDF"


def test_every_file_page_and_socket_is_audited_or_exempt() -> None:
    """A new route must be added here with the row that it leaves, or with the reason why it leaves none."""
    routes = {r.path for r in ROUTES if r.reply_kind is not ReplyKind.JSON}
    assert routes - set(VIEW_ROUTES) - set(UNDER_A_PLAYLIST) - OWN_ROW == set(EXEMPT)


async def test_each_view_writes_an_audit_row(town: Town) -> None:
    for route, (role, path, action) in VIEW_ROUTES.items():
        client, before = await town.client(role), await town.last()
        assert await town.get(client, path) == 200, path
        rows = await town.rows(before)
        assert [r.action for r in rows] == [action], route
        assert rows[0].actor.startswith(role.value) and rows[0].reason, route
        assert rows[0].data["by_session"], route
        if "wj-01" in path or "wangjia" in path or "{sighting}" in path:
            assert rows[0].data["village"] == "wangjia", route
        await town.get(client, path)
        again = await town.rows(rows[0].id)
        assert len(again) == (1 if action in ("playback.open", "order.still") else 0), (
            f"{route}: a second look within half an hour"
        )


async def test_footage_needs_a_playlist_of_this_session_and_time(town: Town) -> None:
    client, before = await town.client(Role.INVESTIGATOR), await town.last()
    for path in UNDER_A_PLAYLIST.values():
        assert await town.get(client, path) == 403, "without a playlist"
    assert await town.rows(before) == []
    other = await town.client(Role.INVESTIGATOR)
    assert await town.get(other, "/api/playback/wj-01/main/index.m3u8") == 200
    (row,) = await town.rows(before)
    assert (row.object, row.reason, row.data["start"], row.data["end"]) == ("wj-01/main", "案件 2026-1", *SPAN.values())
    for path in UNDER_A_PLAYLIST.values():
        assert await town.get(other, path) == 200
        assert await town.get(other, path.replace("wj-01", "wj-02")) == 403, "another camera's"
        assert await town.get(client, path) == 403, "the same account's other session"
    assert len(await town.rows(before)) == 1, "one row a playlist, none a file"


async def test_a_playlist_grants_no_other_time(town: Town) -> None:
    client = await town.client(Role.INVESTIGATOR)
    early = {n: from_microseconds(START - s).isoformat() for n, s in (("start", 7_200_000_000), ("end", 3_600_000_000))}
    assert (await client.get("/api/playback/wj-01/main/index.m3u8", params=early)).status == 200
    assert await town.get(client, f"{SEGMENT}.mp4") == 403


async def test_grants_survive_a_restart(town: Town) -> None:
    client = await town.client(Role.INVESTIGATOR)
    assert await town.get(client, "/api/playback/wj-01/main/index.m3u8") == 200
    services_of(client).footage_grants._sessions.clear()
    assert await town.get(client, f"{SEGMENT}.mp4") == 200


async def test_one_audit_row_per_strip_search_and_list(town: Town) -> None:
    client, before = await town.client(Role.INVESTIGATOR), await town.last()
    assert await town.get(client, "/api/playback/wj-01/sub/strip") == 200
    for second in (1, 2, 3):
        at = from_microseconds(START + second * 1_000_000).isoformat()
        assert (await client.get("/api/cameras/wj-01/snapshot", params={"at": at})).status == 200
    assert (await client.post("/api/search", json={}, headers=HEADERS)).status == 200
    assert await town.get(client, "/api/sightings/{sighting}/thumbnail") == 200
    assert await town.get(client, "/api/patrol") == 200
    assert await town.get(client, "/api/faults/1/picture") == await town.get(client, "/api/faults/1/reference") == 200
    assert [r.action for r in await town.rows(before)] == ["strip.view", "search.run", "fault.list"]


async def test_the_week_of_a_fault_opens_its_pictures_with_a_purpose_only(town: Town) -> None:
    client, before = await town.client(Role.INVESTIGATOR), await town.last()
    assert await town.get(client, "/api/faults/1/week") == await town.get(client, "/api/faults/1/inspections/1") == 200
    assert [r.action for r in await town.rows(before)] == ["fault.week"]
    client, before = await town.client(Role.INVESTIGATOR, ""), await town.last()
    assert await town.get(client, "/api/faults/1/week") == 200
    assert await town.get(client, "/api/faults/1/inspections/1") == 403
    assert await town.get(client, "/api/faults/1/inspections/99") == 404


async def test_ungranted_pictures_write_a_row_each(town: Town) -> None:
    client, before = await town.client(Role.INVESTIGATOR), await town.last()
    moments = [from_microseconds(START + s * 1_000_000).isoformat() for s in (0, 1, 2)]
    for at in moments:
        assert (await client.get("/api/cameras/wj-01/snapshot", params={"at": at})).status == 200
    assert [datetime.fromisoformat(str(r.data["start"])) for r in await town.rows(before)] == [
        datetime.fromisoformat(m) for m in moments
    ]


async def test_an_invented_page_key_does_not_avoid_the_audit_row(town: Town) -> None:
    client, before = await town.client(Role.INVESTIGATOR), await town.last()
    for body in ({"after": str(10**18)}, {"after": str(10**17)}, {"after": str(10**18), "cls": ["person"]}):
        assert (await client.post("/api/search", json=body, headers=HEADERS)).status == 200
    # The second request is a page of the first search.
    assert [r.action for r in await town.rows(before)] == ["search.run", "search.run"]


@pytest.mark.parametrize("path", NEED_A_PURPOSE)
async def test_routes_that_need_a_purpose_are_refused_without_one(town: Town, path: str) -> None:
    client = await town.client(Role.INVESTIGATOR, "")
    assert await town.get(client, path) == 403
    for blank in ("", " ", "   ", "\t\n", "\u3000\u3000", "\u00a0\u00a0"):
        reply = await client.post("/api/session/purpose", json={"purpose": blank}, headers=HEADERS)
        assert reply.status in (400, 422), repr(blank)
    assert await town.get(client, path) == 403


async def test_a_fault_list_without_purpose_grants_no_picture(town: Town) -> None:
    client, before = await town.client(Role.INVESTIGATOR, ""), await town.last()
    assert await town.get(client, "/api/patrol") == 200 and await town.get(client, "/api/faults/1/picture") == 403
    await client.post("/api/session/purpose", json={"purpose": "巡检"}, headers=HEADERS)
    assert await town.get(client, "/api/faults/1/picture") == 200
    assert [(r.action, r.reason) for r in await town.rows(before)] == [("fault.list", ""), ("fault.picture", "巡检")]


async def test_audit_rows_state_query_range_duration_and_village(town: Town) -> None:
    client = await town.client(Role.INVESTIGATOR)
    await town.get(client, "/api/playback/wj-01/main/index.m3u8")
    await client.post("/api/search", json={"cls": ["person"], "upper": "red"}, headers=HEADERS)
    auditor = await town.sign_in(Role.AUDITOR)
    page = await (await auditor.get("/api/audit")).json()
    rows = {r["action"]: r for r in page["rows"]}
    assert rows["playback.open"]["village"] == "wangjia"
    assert {n: rows["playback.open"]["details"][n] for n in SPAN} == SPAN
    assert rows["search.run"]["details"]["query"] == {"cls": ["person"], "upper": ["red"]}
    assert page["broken_at"] is None and page["complete"] and page["verified"] == len(page["rows"])
    assert PASSWORD not in str(page) and "by_session" not in str(page)


@pytest.mark.parametrize("path", ["index.m3u8", "strip"])
async def test_the_audit_row_names_whole_segments(path: str, town: Town) -> None:
    client = await town.client(Role.INVESTIGATOR)
    second = {"start": from_microseconds(START + 30_000_000), "end": from_microseconds(START + 31_000_000)}
    query = {k: v.isoformat() for k, v in second.items()}
    async with client.get(f"/api/playback/wj-01/main/{path}", params=query) as reply:
        assert reply.status == 200
    data = (await town.rows())[-1].data
    assert [to_microseconds(datetime.fromisoformat(str(data[n]))) for n in ("start", "end")] == [
        START,
        START + 60_000_000,
    ]
    grants = services_of(client).footage_grants
    (session,) = grants._sessions
    assert grants.covers(session, "案件 2026-1", "wj-01", START, START + 60_000_000)
    assert not grants.covers(session, "案件 2026-1", "wj-01", START + 60_000_000, START + 120_000_000)  # the next one
    assert not grants.covers(session, "案件 2026-1", "wj-01", START - 60_000_000, START)


async def test_a_strip_grants_no_more_than_it_shows(town: Town) -> None:
    """A strip shows six hours at most; a longer range neither stands in the audit row nor is granted."""
    client, hour_us = await town.client(Role.INVESTIGATOR), 3_600_000_000
    span = {"start": from_microseconds(START).isoformat(), "end": from_microseconds(START + 24 * hour_us).isoformat()}
    async with client.get("/api/playback/wj-01/main/strip", params=span) as reply:
        assert reply.status == 200
    data = (await town.rows())[-1].data
    assert to_microseconds(datetime.fromisoformat(str(data["end"]))) == START + 6 * hour_us
    grants = services_of(client).footage_grants
    (session,) = grants._sessions
    assert grants.covers(session, "案件 2026-1", "wj-01", START, START + hour_us)
    assert not grants.covers(session, "案件 2026-1", "wj-01", START + 7 * hour_us, START + 8 * hour_us)


async def test_a_list_without_a_purpose_grants_no_pictures(town: Town) -> None:
    client = await town.client(Role.VIDEO_OFFICER, "")
    assert await town.get(client, "/api/patrol") == 200
    assert await town.get(client, "/api/faults/1/picture") == 403
    await client.post("/api/session/purpose", json={"purpose": "案件 2026-1"}, headers=HEADERS)
    assert await town.get(client, "/api/faults/1/picture") == 200
    rows = (await town.rows())[-2:]
    assert [(r.action, bool(r.reason)) for r in rows] == [("fault.list", False), ("fault.picture", True)]
