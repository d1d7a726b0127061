"""The calendar of days and the lanes of a time line: what is recorded, what is missing and why, what is unknown."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cases.tables import Alert, Case, WatchSubject
from core.accounts.permissions import Role
from core.clock import SECOND, SystemClock, from_microseconds, to_microseconds
from core.database import Database
from nvr.archive import segment_index
from nvr.archive.segment_index import Segment
from nvr.tables import GapCause
from search.store import SightingStore, camera_numbers, ids
from search.store.sighting_store import Batch
from search.tables import IndexState
from search.vocabulary import Cls
from tests.search.sightings import sighting
from tests.web.calls import audit_rows, get
from tests.web.conftest import HEADERS, Client, SignIn, state_purpose
from tests.web.recorded_footage import CLIP_US, add_gap, add_volume, minutes_ago, record

ZONE = ZoneInfo("Asia/Shanghai")
TODAY = SystemClock().now().astimezone(ZONE).date()
LAST_MONTH = TODAY.replace(day=1) - timedelta(days=1)  # its last day
MINUTE_US = 60 * SECOND


def midnight(day: date) -> int:
    return to_microseconds(datetime.combine(day, time(), ZONE))


async def index(database: Database, stream: str, start: int, minutes: int, sizes: Sequence[int] = (1_000_000,)) -> None:
    """Add index entries of `minutes` files of a minute each; their sizes repeat."""
    entries = [
        Segment(
            stream, 1, start + n * MINUTE_US, start + (n + 1) * MINUTE_US, MINUTE_US, sizes[n % len(sizes)], 900
        )
        for n in range(minutes)
    ]  # fmt: skip
    async with database.session() as session:
        await segment_index.append(session, entries)


async def days(client: Client, month: date, cameras: str = "wj-01") -> dict[str, Any]:
    reply = await get(client, f"/api/playback/days?camera={cameras}&month={month:%Y-%m}")
    return {c["camera"]: {d["day"]: d for d in c["days"]} for c in reply["cameras"]} | {"reply": reply}


async def test_days_are_those_of_the_station_and_say_how_much_is_held(sign_in: SignIn, database: Database) -> None:
    whole, half = LAST_MONTH - timedelta(days=3), LAST_MONTH - timedelta(days=2)
    await index(database, "wj-01/main", midnight(whole), 1440)
    await index(database, "wj-01/main", midnight(half) + 3_600 * SECOND, 90)
    found = await days(await sign_in(Role.INVESTIGATOR), LAST_MONTH, "wj-01,wj-02")
    assert len(found["wj-01"]) == LAST_MONTH.day, "every day of the month"
    assert (found["wj-01"][str(whole)]["state"], found["wj-01"][str(whole)]["recorded_seconds"]) == ("complete", 86_400)
    assert (found["wj-01"][str(half)]["state"], found["wj-01"][str(half)]["recorded_seconds"]) == ("partial", 5_400)
    others = [d for day, d in found["wj-01"].items() if day not in (str(whole), str(half))]
    assert {d["state"] for d in others} == {"none"} and {d["recorded_seconds"] for d in others} == {0}
    assert {d["state"] for d in found["wj-02"].values()} == {"none"}
    assert found["reply"]["playable_from"] is None and found["reply"]["zone"] == "Asia/Shanghai"


async def test_today_counts_up_to_now_with_the_file_being_written(
    sign_in: SignIn, database: Database, tmp_path: Path
) -> None:
    await add_volume(database, tmp_path / "video")
    now = to_microseconds(SystemClock().now())
    if now - midnight(TODAY) < 20 * MINUTE_US:
        pytest.skip("the day has just begun")
    start = minutes_ago(10)
    await record(database, tmp_path / "video", "wj-01/main", [start, start + CLIP_US])
    client = await sign_in(Role.VIDEO_OFFICER)
    found = await days(client, TODAY)
    today = found["wj-01"][str(TODAY)]
    assert (today["state"], today["recorded_seconds"]) == ("partial", 4.0)
    assert today["seconds"] == pytest.approx((now - midnight(TODAY)) / SECOND, abs=60)
    assert str(TODAY + timedelta(days=1)) not in found["wj-01"], "no day that has not begun"
    limit = datetime.fromisoformat(found["reply"]["playable_from"])
    assert abs(limit - (SystemClock().now() - timedelta(hours=24))) < timedelta(minutes=1)


@pytest.mark.parametrize(
    "query",
    ["camera=&month=2026-01", "camera=" + ",".join(["wj-01"] * 3 + [f"c{i}" for i in range(9)]) + "&month=2026-01",
     "camera=wj-01&month=2026-13", "camera=wj-01&month=26-1"],
)  # fmt: skip
async def test_wrong_questions_are_refused(query: str, sign_in: SignIn) -> None:
    client = await sign_in(Role.INVESTIGATOR)
    assert (await client.get(f"/api/playback/days?{query}")).status == 400


async def test_a_deleted_file_is_no_longer_in_the_calendar(sign_in: SignIn, database: Database) -> None:
    day = LAST_MONTH - timedelta(days=1)
    start = midnight(day)
    flagged = Segment(
        "wj-01/main", 1, start, start + MINUTE_US, MINUTE_US, 5, 9, flags=segment_index.SegmentFlag.DELETING
    )
    kept = Segment("wj-01/main", 1, start + MINUTE_US, start + 2 * MINUTE_US, MINUTE_US, 5, 9)
    async with database.session() as session:
        await segment_index.append(session, [flagged, kept])
    found = await days(await sign_in(Role.INVESTIGATOR), day)
    assert found["wj-01"][str(day)]["recorded_seconds"] == 60


async def lanes(client: Client, start: int, end: int, **query: Any) -> Any:
    params = {"camera": "wj-01", "from": from_microseconds(start).isoformat(), "to": from_microseconds(end).isoformat()}
    async with client.get("/api/playback/lanes", params=params | query) as reply:
        assert reply.status == 200, await reply.text()
        return await reply.json()


async def test_lanes_show_spans_and_gaps_with_their_causes(sign_in: SignIn, database: Database) -> None:
    start = minutes_ago(300)
    await index(database, "wj-01/main", start, 20)
    await add_gap(database, "wj-01/main", start + 20 * MINUTE_US, start + 30 * MINUTE_US, GapCause.PACKET_LOSS)
    await index(database, "wj-01/main", start + 30 * MINUTE_US, 10)
    client = await sign_in(Role.INVESTIGATOR)
    await state_purpose(client, "案件 2026-1")
    found = await lanes(client, start, start + 60 * MINUTE_US, buckets="60")
    spans = [(s["cause"], datetime.fromisoformat(s["start"]), datetime.fromisoformat(s["end"])) for s in found["spans"]]
    at = [from_microseconds(start + n * MINUTE_US) for n in (0, 20, 30, 40)]
    assert spans == [("", at[0], at[1]), ("packet_loss", at[1], at[2]), ("", at[2], at[3])]
    assert found["bucket_seconds"] == 60 and found["spans_until"] == found["end"]
    await lanes(client, start, start + 5 * MINUTE_US)
    (row,) = await audit_rows(database, "lanes.view")
    assert (row.object, row.reason, row.data["village"]) == ("wj-01/main", "案件 2026-1", "wangjia")


async def test_activity_follows_the_bit_rate_and_is_unknown_where_nothing_tells(
    sign_in: SignIn, database: Database
) -> None:
    start = minutes_ago(300)
    busy = [4_000_000 if 40 <= n < 50 else 1_000_000 for n in range(100)]
    await index(database, "wj-01/main", start, 100, busy)
    await index(database, "wj-02/main", start, 100, [2_000_000])
    client = await sign_in(Role.INVESTIGATOR)
    await state_purpose(client)
    found = await lanes(client, start, start + 240 * MINUTE_US, buckets="240")
    shares = found["motion"]["shares"]
    assert shares[39] == 0 and shares[40:50] == [1.0] * 10 and shares[50] == 0
    assert shares[100:] == [None] * 140, "not recorded: unknown, not quiet"
    constant = await lanes(client, start, start + 240 * MINUTE_US, buckets="24", camera="wj-02")
    assert constant["motion"] == {"shares": [None] * 24, "unknown_because": "constant_bit_rate"}
    nothing = await lanes(client, start, start + 240 * MINUTE_US, buckets="2", camera="wj-03")
    assert nothing["motion"] == {"shares": [None, None], "unknown_because": "too_little_footage"}
    assert nothing["sightings"] == {"counts": {}, "analysed": [False, False], "indexed_until": None}


@pytest.fixture
async def seen(database: Database, sightings: SightingStore) -> int:
    """Return the start of an hour of footage; a person at minutes 11 and 31, a car at 31; analysed up to minute 45."""
    start = minutes_ago(300)
    await index(database, "wj-01/main", start, 60)
    async with database.session() as session:
        number = await camera_numbers.of_camera(session, "wj-01", "wangjia")
        session.add(IndexState(stream="wj-01/sub", position_us=start + 45 * MINUTE_US))
        session.add(
            Case(id=1, number="1", title="t", village="wangjia", opened_at=from_microseconds(start), opened_by="x")
        )
        await session.flush()
        session.add(
            WatchSubject(
                id=1, case=1, title="t", cls="person", reason="r", state="active", proposed_by="a", approved_by="b",
                expires_at=from_microseconds(start) + timedelta(days=3), proposed_at=from_microseconds(start),
            )
        )  # fmt: skip
        await session.flush()
        for village, at in (("wangjia", start + 31 * MINUTE_US), ("wangjia", start + 90 * MINUTE_US)):
            session.add(
                Alert(
                    subject=1, sighting=1, camera="wj-01", village=village, at_us=at, thumbnail="", state="dispatched",
                    raised_at=from_microseconds(at),
                )
            )  # fmt: skip
    for minute, cls in ((11, Cls.person), (31, Cls.person), (31, Cls.car)):
        at = (start + minute * MINUTE_US) // 1000
        made = sighting(at, number, int(cls), cls=int(cls))
        await asyncio.to_thread(sightings.write, ids.day_of(at), [Batch("wj-01/sub", at * 1000, new=[made])])
    return start


async def test_sightings_are_counted_by_class_and_null_where_nobody_looked(sign_in: SignIn, seen: int) -> None:
    client = await sign_in(Role.INVESTIGATOR)
    await state_purpose(client)
    found = await lanes(client, seen, seen + 80 * MINUTE_US, buckets="8")
    assert found["sightings"]["counts"] == {
        "person": [None, 1, 0, 1, 0, None, None, None], "car": [None, 0, 0, 1, 0, None, None, None],
    }  # fmt: skip
    assert found["sightings"]["analysed"] == [False, True, True, True, True, False, False, False]
    assert [a["state"] for a in found["alerts"]] == ["dispatched"], "the one of this range"


async def test_bookmarks_are_shared_within_the_scope_and_audited(
    sign_in: SignIn, database: Database, seen: int
) -> None:
    client = await sign_in(Role.VIDEO_OFFICER)
    body = {"camera": "wj-01", "at": from_microseconds(seen + MINUTE_US).isoformat(), "text": "电瓶车左转"}
    async with client.post("/api/bookmarks", json=body, headers=HEADERS) as reply:
        assert reply.status == 403 and (await reply.json())["code"] == "purpose"
    await state_purpose(client, "案件 7")
    async with client.post("/api/bookmarks", json=body, headers=HEADERS) as reply:
        made = await reply.json()
        assert reply.status == 200 and made["text"] == "电瓶车左转"
    colleague, stranger = await sign_in(Role.INVESTIGATOR), await sign_in(Role.INVESTIGATOR, ["xidian"])
    for other in (colleague, stranger):
        await state_purpose(other)
    assert [m["id"] for m in (await lanes(colleague, seen, seen + 5 * MINUTE_US))["marks"]] == [made["id"]]
    first, last = (from_microseconds(seen + n * MINUTE_US).isoformat().replace("+", "%2B") for n in (1, 9))
    span = f"from={first}&to={last}"
    assert [m["id"] for m in await get(colleague, f"/api/bookmarks?camera=wj-01,wj-02&{span}")] == [made["id"]]
    assert await get(stranger, f"/api/bookmarks?camera=wj-01&{span}") == []
    path = f"/api/bookmarks/{made['id']}"
    assert (await stranger.delete(path, headers=HEADERS)).status == 404
    assert (await colleague.delete(path, headers=HEADERS)).status == 409, "another person's"
    assert (await client.delete(path, headers=HEADERS)).status == 200
    assert (await client.delete(path, headers=HEADERS)).status == 404
    added, gone = await audit_rows(database, "bookmark.add", "bookmark.delete")
    assert (added.reason, added.data["text"], gone.data["text"]) == ("案件 7", "电瓶车左转", "电瓶车左转")
    old = body | {"at": from_microseconds(seen - 30 * 3600 * SECOND).isoformat()}
    assert (await client.post("/api/bookmarks", json=old, headers=HEADERS)).status == 403


@pytest.mark.parametrize("path", ["days?camera=wj-01&month=2026-01", "lanes?camera=wj-01&from=1&to=2"])
async def test_other_villages_are_not_found(path: str, sign_in: SignIn) -> None:
    client = await sign_in(Role.INVESTIGATOR, ["xidian"])
    await state_purpose(client)
    foreign = await client.get(f"/api/playback/{path}")
    absent = await client.get(f"/api/playback/{path.replace('wj-01', 'no-01')}")
    told = (await absent.text()).replace("no-01", "wj-01")  # the answer repeats the number that was asked for
    assert (foreign.status, await foreign.text()) == (absent.status, told)
    assert foreign.status in (404, 422)
