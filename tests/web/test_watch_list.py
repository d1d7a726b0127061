"""The watch list over HTTP: preview, pictures that are too large, the threshold, an expiry in the past, and sightings
that an officer reports: live, on recorded pictures, and at moments of which there is none."""

from __future__ import annotations

import asyncio
import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from cameras.states import StreamKind
from cameras.tables import Stream
from cases.tables import Alert, WatchExample
from core.accounts.permissions import Role
from core.clock import SECOND, SystemClock
from core.database import Database
from core.settings import Settings
from search.store import SightingStore
from tests.web import recorded_footage
from tests.web.calls import audit_rows, get, post
from tests.web.conftest import HEADERS, Client, SignIn, state_purpose
from tests.web.test_search import put

WORDS = {"cls": "person", "upper": "red"}


def later(days: float = 2) -> str:
    return (SystemClock().now() + timedelta(days=days)).isoformat()


async def officer(sign_in: SignIn, role: Role = Role.INVESTIGATOR) -> Client:
    client = await sign_in(role)
    await state_purpose(client)
    return client


async def active_subject(sign_in: SignIn, **fields: Any) -> int:
    """Propose a subject and approve it; returns its number."""
    proposer = await officer(sign_in)
    case = await post(proposer, "/api/cases", {"number": "9", "title": "t"})
    body = WORDS | {"case": case["id"], "title": "红衣", "reason": "监控拍到", "expires_at": later()} | fields
    subject = int((await post(proposer, "/api/watch", body))["id"])
    await post(await sign_in(Role.APPROVER), f"/api/watch/{subject}/decision", {"approve": True})
    return subject


async def test_a_preview_counts_the_last_day_and_shows_pictures_for_a_purpose(
    sign_in: SignIn, database: Database, sightings: SightingStore
) -> None:
    seen = await put(database, sightings, "wj-01", "wangjia", "red", 30)
    await put(database, sightings, "wj-01", "wangjia", "red", 29.5, 1)  # within ten minutes: the same alert
    await put(database, sightings, "xd-01", "xidian", "red", 20)
    await put(database, sightings, "xd-01", "xidian", "blue", 10)
    await put(database, sightings, "xd-01", "xidian", "red", 25 * 60)
    client = await sign_in(Role.INVESTIGATOR)
    assert (await post(client, "/api/watch/preview", WORDS, 403))["code"] == "purpose"
    await state_purpose(client)
    found = await post(client, "/api/watch/preview", WORDS)
    assert (found["alerts"], found["sightings"], found["complete"], found["observed"]) == (2, 3, True, True)
    assert found["per_day"] == pytest.approx(2, abs=0.1)
    assert {(c["camera"], c["alerts"]) for c in found["by_camera"]} == {("wj-01", 1), ("xd-01", 1)}
    assert str(seen.id) in {s["id"] for s in found["newest"]} and len(found["newest"]) == 3
    narrow = await post(client, "/api/watch/preview", WORDS | {"villages": ["xidian"]})
    assert (narrow["alerts"], [c["camera"] for c in narrow["by_camera"]]) == (1, ["xd-01"])
    (first, _) = await audit_rows(database, "watch.expected")
    assert first.actor == "investigator-all" and first.reason == "值班巡查"


async def test_a_preview_without_any_sighting_says_that_nothing_is_known(sign_in: SignIn) -> None:
    found = await post(await officer(sign_in), "/api/watch/preview", WORDS)
    assert (found["alerts"], found["observed"], found["newest"]) == (0, False, [])


@pytest.mark.parametrize("declared", [True, False], ids=["with a length", "in chunks"])
async def test_a_picture_of_50_mb_is_refused_in_one_sentence_and_leaves_nothing(
    declared: bool, sign_in: SignIn, database: Database, station_settings: Settings
) -> None:
    client = await officer(sign_in)
    content = b"\xff\xd8\xff" + bytes(50_000_000)

    def files() -> set[Path]:
        return {
            p for p in station_settings.data.dir.rglob("*") if p.is_file() and p.suffix not in (".db-wal", ".db-shm")
        }

    before = await asyncio.to_thread(files)

    async def chunks() -> Any:
        for at in range(0, len(content), 1_000_000):
            yield content[at : at + 1_000_000]

    body = io.BytesIO(content) if declared else chunks()
    reply = await client.post("/api/watch/examples/picture", data=body, headers=HEADERS)
    told = await reply.json()
    assert reply.status == 413, told
    assert (told["code"], told["params"]) == ("file_too_large", {"limit_mb": 12}), told
    assert await asyncio.to_thread(files) == before
    async with database.reading() as session:
        assert list(await session.scalars(select(WatchExample))) == []


async def test_who_may_raise_and_who_may_lower_the_threshold(
    sign_in: SignIn, database: Database, sightings: SightingStore
) -> None:
    seen = await put(database, sightings, "wj-01", "wangjia", "red", 30)
    proposer = await officer(sign_in)
    example = (await post(proposer, "/api/watch/examples", {"sighting": str(seen.id)}))["id"]
    subject = await active_subject(sign_in, examples=[example])
    url = f"/api/watch/{subject}/threshold"
    assert (await post(proposer, url, {"threshold": 0.8}))["threshold"] == 0.8
    await post(proposer, url, {"threshold": 0.7}, 403)
    for least in (0.1, 1.01, "much"):
        await post(proposer, url, {"threshold": least}, 422)
    leader = await sign_in(Role.APPROVER)
    assert (await post(leader, url, {"threshold": 0.5}))["threshold"] == 0.5
    (listed,) = await get(proposer, "/api/watch")
    assert listed["threshold"] == 0.5
    assert len(await audit_rows(database, "watch.threshold")) == 2
    await post(await sign_in(Role.PATROL_OFFICER), url, {"threshold": 0.9}, 403)


async def test_an_expiry_in_the_past_is_refused(sign_in: SignIn) -> None:
    client = await officer(sign_in)
    case = await post(client, "/api/cases", {"number": "9", "title": "t"})
    body = WORDS | {"case": case["id"], "title": "红衣", "reason": "监控拍到"}
    told = await post(client, "/api/watch", body | {"expires_at": later(-1)}, 400)
    assert told["code"] == "subject_expiry_past"
    assert (await post(client, "/api/watch", body | {"expires_at": later(31)}, 400))[
        "code"
    ] == "subject_expiry_too_late"
    assert await get(client, "/api/watch") == []


async def test_a_sighting_on_a_recorded_picture(sign_in: SignIn, database: Database, tmp_path: Path) -> None:
    """At a moment of the footage; refused before it, in a gap of it, and in the future."""
    await recorded_footage.add_volume(database, tmp_path / "volume")
    start = recorded_footage.minutes_ago(30)
    after_gap = start + 20 * 60 * SECOND
    await recorded_footage.record(database, tmp_path / "volume", "wj-01/sub", [start, after_gap])
    async with database.session() as session:
        own = update(Stream).where(Stream.camera == "wj-01", Stream.kind == StreamKind.SUB)
        await session.execute(own.values(url="rtsp://127.0.1.1/sub", record=True))
    subject = await active_subject(sign_in)
    client, url = await officer(sign_in), f"/api/watch/{subject}/seen"
    body = {"camera": "wj-01"}
    seen = await post(client, url, body | {"at_us": start + SECOND})
    assert (seen["state"], seen["camera"], seen["has_picture"]) == ("new", "wj-01", True)  # too old to send anybody
    for at_us in (start - 60 * SECOND, start + 10 * 60 * SECOND, start + 86_400 * SECOND):
        told = await post(client, url, body | {"at_us": at_us}, 404)
        assert told["code"] == "nothing_recorded_at", told
    for wrong in (-1, 2**62, "now"):
        await post(client, url, body | {"at_us": wrong}, 422)
    async with database.reading() as session:
        (row,) = await session.scalars(select(Alert))
    assert start <= row.at_us <= start + 2 * SECOND and row.sighting == 0
    other = await sign_in(Role.VIDEO_OFFICER)
    assert (await post(other, url, body | {"at_us": start + SECOND}, 403))["code"] == "purpose"
