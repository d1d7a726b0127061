"""Search over the API: uploaded pictures, motion, judgements, watching for similar objects; and what is refused."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import select

from cases.watch.matcher import Matcher
from core.accounts.permissions import Role
from core.audit import audit_trail
from core.audit.verification import Verifier
from core.clock import SystemClock, to_microseconds
from core.database import Database
from core.settings import Settings
from nvr.playback.uploads import MAX_BYTES
from search.analysis.embedders import HISTOGRAM, HistogramEmbedder
from search.query import motion_search
from search.query.motion_search import MotionSpan
from search.store import Sighting, SightingStore, camera_numbers, ids, thumbnails, vectors
from search.store.sighting_store import Batch
from search.tables import Judgement
from search.vocabulary import Colour
from tests.search.analysis.test_colours import jacket
from tests.search.sightings import sighting
from tests.web.calls import jpeg, services_of, submit
from tests.web.conftest import HEADERS, PASSWORD, Client, SignIn
from web.framework import socket_revalidation
from web.http.cookies import COOKIE

RED, BLUE = Colour.red, Colour.blue


async def put(
    database: Database,
    store: SightingStore,
    camera: str,
    village: str,
    colour: str,
    minutes_ago: float,
    count: int = 0,
    **fields: Any,
) -> Sighting:
    """Write a sighting with its picture and vector, as the indexer does."""
    async with database.session() as session:
        number, pack = (
            await camera_numbers.of_camera(session, camera, village),
            await camera_numbers.of_pack(session, HISTOGRAM),
        )
    at_ms = to_microseconds(SystemClock().now() - timedelta(minutes=minutes_ago)) // 1000
    picture, day = jacket(colour), ids.day_of(at_ms)
    made = sighting(at_ms, number, count, upper=int(Colour[colour]), embedder=pack, **fields)

    def write() -> None:
        folder = store.day_dir(day)
        ((made.thumb, made.thumb_size),) = thumbnails.append(folder, [jpeg(picture)])
        vector = HistogramEmbedder().of(picture)
        (made.vector,) = vectors.append(folder, pack, HISTOGRAM, [made.id], vector[None])
        store.write(day, [Batch(f"{camera}/sub", at_ms * 1000, new=[made], pending=[made.id])])

    await asyncio.to_thread(write)
    return made


async def officer(sign_in: SignIn, villages: list[str] | None = None, role: Role = Role.INVESTIGATOR) -> Client:
    client = await sign_in(role, villages)
    assert (await client.post("/api/session/purpose", json={"purpose": "案件 2026-7"}, headers=HEADERS)).status == 200
    return client


async def test_similar_ranks_within_the_filter_and_the_scope(
    sign_in: SignIn, database: Database, sightings: SightingStore
) -> None:
    here = await put(database, sightings, "wj-01", "wangjia", "red", 30)
    there = await put(database, sightings, "xd-01", "xidian", "red", 20)
    other = await put(database, sightings, "xd-02", "xidian", "blue", 10)
    client = await officer(sign_in)
    status, found = await submit(client, "/api/search/similar", {"sighting": str(here.id)})
    assert status == 200 and [r["id"] for r in found["rows"]] == [str(there.id), str(other.id)]
    first, second = found["rows"]
    assert (
        first["likeness"] > 0.99 > 0.8 > second["likeness"]
        and first["metres"] > 0
        and first["plausible"] in (True, False)
    )
    status, found = await submit(client, "/api/search/similar", {"sighting": str(here.id), "filter": {"upper": "blue"}})
    assert [r["id"] for r in found["rows"]] == [str(other.id)]
    mine = await officer(sign_in, ["wangjia"])
    status, found = await submit(mine, "/api/search/similar", {"sighting": str(here.id)})
    assert (status, found["rows"]) == (200, [])
    assert (await submit(mine, "/api/search/similar", {"sighting": str(there.id)}))[0] == 404
    for body in ({}, {"camera": "wj-01"}, {"sighting": "x"}, {"camera": "wj-01", "at_us": 1, "box": [0, 0, 2, 2]}):
        assert (await submit(client, "/api/search/similar", body))[0] in (400, 404), body


async def test_search_by_an_uploaded_picture(
    sign_in: SignIn, database: Database, sightings: SightingStore, station_settings: Settings
) -> None:
    wanted = await put(database, sightings, "wj-01", "wangjia", "red", 30)
    await put(database, sightings, "xd-01", "xidian", "blue", 20)
    client = await officer(sign_in)
    content = jpeg(jacket("red"))

    def files() -> dict[str, int]:
        there = station_settings.data.dir.rglob("*")
        return {
            str(p): p.stat().st_size
            for p in there
            if p.is_file() and not p.name.startswith(("minwang.db", "test.db", "rows.db"))
        }

    before = await asyncio.to_thread(files)
    reply = await client.post("/api/search/similar/picture", data=content, headers=HEADERS)
    found = await reply.json()
    assert reply.status == 200 and found["rows"][0]["id"] == str(wanted.id) and found["embedder"] == HISTOGRAM
    narrowed = await client.post(
        "/api/search/similar/picture",
        params={"filter": json.dumps({"villages": ["xidian"]})},
        data=content,
        headers=HEADERS,
    )
    assert [r["village"] for r in (await narrowed.json())["rows"]] == ["xidian"]
    assert await asyncio.to_thread(files) == before


def _png_bomb() -> bytes:
    """Return a PNG of a few kilobytes that declares 30,000 × 30,000 pixels."""
    out = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(out, "PNG")
    return out.getvalue()


def _zip_bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("picture.jpg", bytes(50_000_000))
    return out.getvalue()


async def test_invalid_and_too_large_pictures_are_refused(sign_in: SignIn) -> None:
    client = await officer(sign_in)
    wide, bomb = await asyncio.to_thread(_png_bomb), await asyncio.to_thread(_zip_bomb)
    thin = jpeg(np.zeros((4, 30_000, 3), np.uint8))
    cases = (
        (wide, "too many pixels"),
        (bomb, "not a readable picture"),
        (b"\xff\xd8\xff" + b"x" * 5000, "not a readable picture"),
        (thin, "× 4"),
        (b"", "no file"),
    )
    for content, said in cases:
        reply = await client.post("/api/search/similar/picture", data=content, headers=HEADERS)
        assert (reply.status, said in (await reply.json())["message"]) == (400, True), said
    reply = await client.post("/api/search/similar/picture", data=io.BytesIO(b"x" * (MAX_BYTES + 10)), headers=HEADERS)
    assert reply.status == 413
    reply = await client.post("/api/search/similar/picture?x=0.1", data=jpeg(jacket("red")), headers=HEADERS)
    assert reply.status == 400
    reply = await client.post(
        "/api/search/similar/picture?filter=%7B%22cls%22%3A5%7D", data=jpeg(jacket("red")), headers=HEADERS
    )
    assert reply.status == 400


async def test_verdicts_belong_to_a_purpose_and_candidates_are_kept(
    sign_in: SignIn, database: Database, sightings: SightingStore
) -> None:
    made = await put(database, sightings, "wj-01", "wangjia", "red", 30)
    client = await officer(sign_in)
    status, view = await submit(client, f"/api/sightings/{made.id}/judgement", {"verdict": "candidate"})
    assert (status, view["verdict"]) == (200, "candidate")
    listed = await (await client.get("/api/judgements")).json()
    assert [r["id"] for r in listed["rows"]] == [str(made.id)]
    await client.post("/api/session/purpose", json={"purpose": "案件 2026-8"}, headers=HEADERS)
    assert (await (await client.get("/api/judgements")).json())["rows"] == []  # another case
    assert (await submit(client, "/api/search", {}))[1]["rows"][0]["verdict"] is None
    assert (await submit(client, f"/api/sightings/{made.id}/judgement", {"verdict": "maybe"}))[0] == 422
    assert (await client.get(f"/api/sightings/{made.id}/thumbnail")).status == 200
    path = (await (await client.get(f"/api/sightings/{made.id}")).json())["path"]
    assert len(path) == 1 and 0 <= path[0]["x"] <= 1
    await asyncio.to_thread(sightings.drop, ids.day_of(made.start_ms))
    for gone in (f"/api/sightings/{made.id}", f"/api/sightings/{made.id}/thumbnail"):
        assert (await client.get(gone)).status == 404
    assert (await submit(client, "/api/search", {}))[1]["rows"] == []
    async with database.reading() as session:
        rows = list(await session.scalars(select(audit_trail.AuditRow).order_by(audit_trail.AuditRow.id)))
        assert [r.reason for r in rows if r.action == "sighting.judge"] == ["案件 2026-7"]
    assert (await Verifier(database, Path("none")).verify_all_rows()).broken_at is None


async def test_a_subject_with_an_example_picture(
    sign_in: SignIn, database: Database, sightings: SightingStore, station_settings: Settings
) -> None:
    example = await put(database, sightings, "wj-01", "wangjia", "red", 90)
    matcher = Matcher(database, SystemClock(), sightings, station_settings.data.dir, timezone.utc)
    while await asyncio.to_thread(sightings.pending, 10):
        await matcher.run_once()
    client, leader = await officer(sign_in), await sign_in(Role.APPROVER)
    case = (await submit(client, "/api/cases", {"number": "7", "title": "t"}))[1]
    body = {
        "case": case["id"],
        "title": "红衣",
        "cls": "person",
        "reason": "监控",
        "expires_at": (SystemClock().now() + timedelta(days=3)).isoformat(),
    }
    assert (await submit(client, "/api/watch/examples", {"sighting": "12"}))[0] == 404
    _, shown = await submit(client, "/api/watch/examples", {"sighting": str(example.id)})
    assert (await submit(client, "/api/watch", body | {"examples": [shown["id"] + 1]}))[0] == 404
    assert (await submit(client, "/api/watch", body))[0] == 400  # everybody
    status, subject = await submit(client, "/api/watch", body | {"examples": [shown["id"]]})
    assert status == 200 and subject["by_picture"] is True
    assert (
        await leader.post(f"/api/watch/{subject['id']}/decision", json={"approve": True}, headers=HEADERS)
    ).status == 200
    await put(database, sightings, "xd-01", "xidian", "blue", 2)
    assert await matcher.run_once() == 0  # a person, but not a similar one
    await put(database, sightings, "xd-02", "xidian", "red", 1)
    assert await matcher.run_once() == 1
    (alert,) = await (await client.get("/api/alerts")).json()
    assert alert["camera"] == "xd-02"
    picture = await client.get(f"/api/alerts/{alert['id']}/thumbnail")
    assert (await picture.read())[:2] == b"\xff\xd8"
    for day in await asyncio.to_thread(sightings.days):
        await asyncio.to_thread(sightings.drop, day)
    assert (await client.get(f"/api/alerts/{alert['id']}/thumbnail")).status == 200  # the alert's own copy


async def test_motion_search_limits(sign_in: SignIn) -> None:
    client, now = await officer(sign_in), SystemClock().now()
    span = {"start": (now - timedelta(hours=1)).isoformat(), "end": now.isoformat()}
    status, job = await submit(
        client, "/api/search/motion", {"camera": "wj-01", **span, "area": [[0, 0], [1, 0], [1, 1]]}
    )
    assert status == 200
    async with asyncio.timeout(10):
        while job["running"]:
            await asyncio.sleep(0.02)
            job = await (await client.get(f"/api/search/motion/{job['id']}")).json()
    assert (job["done"], job["found"], job["keyframes"]) == (1.0, [], 0)  # nothing is recorded there
    other = await officer(sign_in, ["wangjia"])
    assert (await other.get(f"/api/search/motion/{job['id']}")).status == 404  # another person's
    for body, expected in (
        ({"camera": "xd-01", **span}, 404),
        ({"camera": "wj-01", **span, "area": [[0, 0], [1, 1], [0, 1], [1, 0]]}, 400),
        ({"camera": "wj-01", "start": span["end"], "end": span["start"]}, 400),
        ({"camera": "wj-01", "start": "2026-01-01T00:00:00Z", "end": span["end"]}, 400),
        ({"camera": "wj-01", "start": "2026-01-01T00:00:00", "end": span["end"]}, 400),
    ):
        assert (await submit(other, "/api/search/motion", body))[0] == expected, body
    video = await officer(sign_in, None, Role.VIDEO_OFFICER)
    old = {"start": (now - timedelta(days=3)).isoformat(), "end": (now - timedelta(days=2)).isoformat()}
    assert (await submit(video, "/api/search/motion", {"camera": "wj-01", **old}))[0] == 403  # R-VIEW-3


async def test_a_motion_search_ends_with_session_scope_and_role(
    sign_in: SignIn, sightings: SightingStore, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, now, go = await officer(sign_in, ["wangjia", "xidian"]), SystemClock().now(), asyncio.Event()
    found = MotionSpan(start_ms=1_700_000_000_000, end_ms=1_700_000_001_000, share=0.3, box=(0, 0, 1, 1))

    async def search(_reader: object, _pool: object, _stream: str, _start: int, end_us: int, *_rest: object) -> Any:
        yield motion_search.MotionProgress(end_us - 1, 1, [found])
        await go.wait()
        yield motion_search.MotionProgress(end_us, 1, [found])

    monkeypatch.setattr(motion_search, "search", search)
    monkeypatch.setattr(socket_revalidation, "BATCH_S", 0.0)  # each result is a batch: permissions are checked again
    body = {"camera": "xd-01", "start": (now - timedelta(hours=1)).isoformat(), "end": now.isoformat()}
    _, job = await submit(client, "/api/search/motion", body)
    await asyncio.sleep(0.05)
    address, services = f"/api/search/motion/{job['id']}", services_of(client)
    assert len((await (await client.get(address)).json())["found"]) == 1
    kept = services.motion_jobs.get(job["id"], services.motion_jobs._jobs[job["id"]].session)
    await services.accounts.change("investigator-wangjia-xidian", villages=["wangjia"], actor="admin")
    sign = {"name": "investigator-wangjia-xidian", "password": PASSWORD}
    assert (await client.post("/api/session", json=sign, headers=HEADERS)).status == 200
    assert (await client.get(address)).status == 404  # another session's
    go.set()
    async with asyncio.timeout(5):
        while kept.ended is None:
            await asyncio.sleep(0.01)
    assert kept.found == [] and "ended" in kept.problem
    kept.session = (await services.accounts.sessions.resolve(token_of(client))).session
    assert (await client.get(address)).status == 404  # the camera is no longer in the account's villages


def token_of(client: Client) -> str:
    return next(c.value for c in client.session.cookie_jar if c.key == COOKIE)


async def test_candidates_of_other_villages_do_not_displace_own_ones(
    sign_in: SignIn, database: Database, sightings: SightingStore
) -> None:
    client, now = await officer(sign_in, ["wangjia"]), SystemClock().now()
    purpose = (await (await client.get("/api/me")).json())["purpose"]
    mine = await put(database, sightings, "wj-01", "wangjia", "red", 5)
    given = [(mine.id, "wj-01", "wangjia"), *((mine.id + 1 + i, "xd-01", "xidian") for i in range(200))]
    async with database.session() as session:
        session.add_all(
            Judgement(
                reason=purpose, sighting=n, camera=c, village=v, verdict="candidate", by="b", at=now, thumbnail="x"
            )
            for n, c, v in given
        )
    assert [r["id"] for r in (await (await client.get("/api/judgements")).json())["rows"]] == [str(mine.id)]


@pytest.mark.parametrize(
    "body",
    [
        {"cls": ["ghost"]},
        {"after": "1; DROP TABLE sighting"},
        {"after": "5", "order": "best"},
        {"cameras": ["x"] * 10_000},
        {"area": [[0, 0], [1, 1]]},
        {"nightly": "99:00-05:00"},
        {"start": "2026-11-21T08:00:00"},
        {"upper": "plaid"},
    ],
)
async def test_invalid_queries_give_one_sentence(sign_in: SignIn, body: dict[str, Any]) -> None:
    status, reply = await submit(await officer(sign_in), "/api/search", body)
    words = {"cls", "upper"} & set(body)  # checked against the API's description before the search sees them
    assert status == (422 if words else 400) and reply["message"]


async def test_pages_contain_every_sighting_once(sign_in: SignIn, database: Database, sightings: SightingStore) -> None:
    for i in range(12):
        await put(
            database, sightings, "wj-01", "wangjia", "red", 10 + i, i, score=300 + (i * 37) % 600, detections=1 + i % 4
        )
    client = await officer(sign_in)
    for order in ("newest", "best"):
        seen: list[dict[str, Any]] = []
        after = None
        while True:
            status, page = await submit(client, "/api/search", {"limit": 5, "order": order, "after": after})
            assert status == 200
            seen += page["rows"]
            after = page["next"]
            if after is None:
                break
        assert len({r["id"] for r in seen}) == len(seen) == 12, order
        key = [r["at"] for r in seen] if order == "newest" else [r["score"] * r["keyframes"] for r in seen]
        assert key == sorted(key, reverse=True), order


async def test_words_and_vocabulary(sign_in: SignIn) -> None:
    client = await officer(sign_in)
    status, found = await submit(client, "/api/search/words", {"phrase": "红衣男子骑电瓶车往东 王家村 qwertz"})
    assert status == 200 and found["unknown"] == ["qwertz"]
    assert (
        found["filter"]["cls"] == ["ebike"]
        and found["filter"]["upper"] == ["red"]
        and found["filter"]["heading"] == "east"
    )
    assert found["filter"]["villages"] == ["wangjia"]
    assert (await submit(client, "/api/search/words", {"phrase": "红" * 5000}))[0] == 400
    # Without a pack only moving things and people are told apart.
    status, found = await submit(client, "/api/search/words", {"phrase": "没戴头盔骑三轮车的人 不是白色"})
    assert found["filter"]["not_upper"] == ["white"] and found["filter"]["lacking"] == ["helmet"]
    assert {(u["kind"], u["value"], u["general"]) for u in found["unseen"]} == {
        ("cls", "tricycle", "unknown"), ("lacking", "helmet", ""),
    }  # fmt: skip
    mine = await officer(sign_in, ["xidian"])
    # The village does not exist for this account.
    assert (await submit(mine, "/api/search/words", {"phrase": "王家村"}))[1]["filter"]["villages"] == []
    words = await (await client.get("/api/search/vocabulary")).json()
    assert (
        words["missing_pack"] is True
        and "ebike" in words["classes"]
        and not {"male", "female"} & set(words["attributes"])
    )
