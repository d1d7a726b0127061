"""Every route of the router, called as an account of one of two villages: nothing of the other village is read,
guessed, changed or counted.

A new route fails here until this test knows how to call it.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from cameras.tables import Camera, DeviceSeen, Finding
from cases.tables import Alert, Case, WatchSubject
from core import events
from core.accounts.permissions import GRANTS, TOWN_PERMISSIONS, Permission, Role
from core.clock import SystemClock, to_microseconds
from core.database import Base, Database
from core.settings import Settings
from health.tables import (
    DailyFigures,
    Fault,
    Inspection,
    Maintenance,
    PatrolRound,
    ReviewVerdict,
    WorkOrder,
    WorkOrderNote,
    WorkOrderPhoto,
)  # fmt: skip
from nvr.tables import Hold
from search.store import SightingStore, camera_numbers, ids
from search.store.sighting_store import Batch
from search.tables import Judgement
from tests.search.sightings import sighting
from tests.web.conftest import HEADERS, Client, SignIn
from web.api import ROUTES
from web.framework.routing import ReplyKind, Route

MINE, OTHERS = "wangjia", "xidian"
CAMERA = {MINE: "wj-01", OTHERS: "xd-01"}
MARK = {MINE: "王标记", OTHERS: "西标记"}
SECRETS = re.compile(r"西标记|xidian|xd-0|西店村|127\.0\.1\.4[0-9]")
NOW = SystemClock().now()
PURPOSE = "案件 7"
ABSENT = {"camera": "no-01", "village": "nowhere", "sighting": str(1 << 50)}
Ids = dict[str, Any]


async def fill(database: Database, settings: Settings, sightings: SightingStore, village: str) -> Ids:
    """Create one object of each kind that belongs to a village; return their ids by the names in the routes."""
    camera, mark = CAMERA[village], MARK[village]
    made: Ids = {
        "camera": camera,
        "village": village,
        "kind": "main",
        "part": "sign",
        "segment": "1",
        "day": f"{NOW:%Y-%m-%d}",
        "account": "li",
    }
    picture = f"patrol/{camera}/x.jpg"
    path = settings.data.dir / picture
    await asyncio.to_thread(lambda: (path.parent.mkdir(parents=True, exist_ok=True), path.write_bytes(b"\xff\xd8\xff")))
    async with database.session() as session:
        number = await camera_numbers.of_camera(session, camera, village)
    at_ms = to_microseconds(SystemClock().now()) // 1000
    seen = sighting(at_ms, number)
    await asyncio.to_thread(sightings.write, ids.day_of(at_ms), [Batch(f"{camera}/sub", at_ms * 1000, new=[seen])])
    made["sighting"] = str(seen.id)
    async with database.session() as session:

        async def add(row: Any) -> Any:
            session.add(row)
            await session.flush()
            return row

        found = await session.get_one(Camera, camera)
        found.acceptance = {"sign_photo": picture}
        case = await add(Case(number="7", title=mark, village=village, opened_at=NOW, opened_by=mark))
        until = NOW + timedelta(days=3)
        for name, state, by in (("proposal", "proposed", None), ("subject", "active", "x")):
            made[name] = (
                await add(
                    WatchSubject(
                        case=case.id,
                        title=mark,
                        cls="person",
                        upper="red",
                        villages=[village],
                        reason=mark,
                        state=state,
                        proposed_by=mark,
                        proposed_at=NOW,
                        approved_by=by,
                        expires_at=until,
                    )
                )
            ).id
        for name, state in (("alert", "new"), ("sent", "dispatched")):
            made[name] = (
                await add(
                    Alert(
                        subject=made["subject"], sighting=seen.id, camera=camera, village=village, at_us=at_ms * 1000,
                        thumbnail=picture, state=state, raised_at=NOW,
                    )
                )
            ).id  # fmt: skip
        for name, title in (("order", mark), ("order2", mark)):
            order = await add(
                WorkOrder(
                    village=village,
                    camera=camera,
                    title=title,
                    state="assigned",
                    severity=1,
                    vendor="Ning Hai",
                    created_at=NOW,
                    created_by=mark,
                    respond_by=NOW,
                    repair_by=NOW + timedelta(hours=8),
                )
            )
            made[name] = order.id
        await add(WorkOrderNote(order=made["order"], at=NOW, by=mark, step="created", text=mark))
        made["photo"] = (await add(WorkOrderPhoto(order=made["order"], at=NOW, by=mark, path=picture))).id
        for name, of in (("fault", camera), ("uplink", "")):
            fault = Fault(
                camera=of,
                village=village,
                family="black" if of else "uplink",
                state="open",
                severity=1,
                detail=mark,
                figures={"x": mark},
                facts={"votes": []},
                first_seen=NOW,
                opened_at=NOW,
                inspections=2,
                times=1,
                order=made["order"] if of else None,
                picture=picture,
                reference=picture,
            )
            made[name] = (await add(fault)).id
        work = Maintenance(camera=camera, start=NOW, until=NOW + timedelta(days=2), reason=mark, by=mark)
        made["maintenance"] = (await add(work)).id
        held = Hold(
            camera=camera,
            start_us=0,
            end_us=2**50,
            owner=mark,
            reason=mark,
            created_at=NOW,
            expires_at=until,
            case=case.id,
        )
        made["hold"] = (await add(held)).id
        address = "127.0.1.9:80" if village == MINE else "127.0.1.40:80"
        made["device"] = address
        about: dict[str, Any] = {
            "endpoint": mark,
            "url": "http://x",
            "name": mark,
            "hardware": mark,
            "serial": "",
            "macs": [],
        }
        await add(DeviceSeen(address=address, village=village, verdict="new", first_seen=NOW, last_seen=NOW, **about))
        finding = Finding(
            camera=camera, address=address, village=village, kind="drift", detail={"x": mark}, opened_at=NOW
        )
        made["finding"] = (await add(finding)).id
        scope = {"villages": [village]}
        patrol = await add(PatrolRound(asked_at=NOW, asked_by=mark, scope=scope, cameras=77, inspected=77, faulty=77))
        await add(ReviewVerdict(at=NOW, by=mark, camera=camera, blind=True, verdict="faulty", family="black"))
        await add(
            Inspection(round=patrol.id, camera=camera, at=NOW, accepted=True, picture=picture, findings={}, figures={})
        )
        await add(DailyFigures(day="2026-01-01", kind="village", name=village, figures={"cameras": 77, "x": mark}))
        for kind in ("vendor", "sponsor", "town"):
            await add(DailyFigures(day="2026-01-01", kind=kind, name=mark, figures={"cameras": 77}))
        verdict = {"reason": PURPOSE, "verdict": "candidate", "by": mark, "at": NOW, "thumbnail": picture}
        await add(Judgement(sighting=seen.id, camera=camera, village=village, **verdict))
        events.append(session, NOW, "fault.opened", village=village, camera=camera, x=mark)
    return made


def bodies(made: Ids) -> dict[str, list[Any]]:
    """Return the bodies to send to each route about the objects of a village; absent ids take the same form."""
    later = (NOW + timedelta(days=2)).isoformat()
    start = (NOW - timedelta(hours=1)).isoformat()
    subject = {"case": made["case"], "title": "t", "cls": "person", "upper": "red", "reason": "rr", "expires_at": later}
    hold = {"start": start, "end": NOW.isoformat(), "reason": "because"}
    reason, camera, village = {"reason": "because"}, made["camera"], made["village"]
    return {
        "POST /api/search": [{"villages": [village]}, {"cameras": [camera]}, {}],
        "POST /api/search/words": [{"phrase": "西店村 红色上衣"}],
        "POST /api/search/counts": [{"villages": [village]}, {"cameras": [camera]}, {}],
        "POST /api/search/similar": [
            {"sighting": made["sighting"]},
            {"camera": camera, "at_us": 1, "box": [0, 0, 1, 1]},
        ],
        "POST /api/search/together": [{"filters": [{"cameras": [camera]}, {"villages": [village]}]}],
        "POST /api/search/motion": [{"camera": camera, "start": start, "end": NOW.isoformat()}],
        "POST /api/sightings/{sighting}/judgement": [{"verdict": "candidate"}, {"verdict": "none"}],
        "POST /api/cases": [{"number": "9", "title": "t", "village": village}],
        "POST /api/cases/{case}/close": [reason],
        "POST /api/holds": [
            hold | {"camera": camera},
            hold | {"camera": camera, "case": made["case"]},
            hold | {"camera": CAMERA[MINE], "case": made["case"]},
            hold | {"camera": camera, "case": made["own_case"]},
        ],
        "POST /api/holds/{hold}/renew": [reason],
        "POST /api/holds/{hold}/release": [reason],
        "POST /api/watch": [
            subject,
            subject | {"villages": [village]},
            subject | {"case": made["own_case"], "villages": [village]},
            subject | {"case": made["own_case"], "villages": [MINE, village]},
            subject | {"sighting": made["sighting"]},
        ],
        "POST /api/watch/{subject}/decision": [{"approve": True}, {"approve": False}],
        "POST /api/watch/{subject}/end": [reason],
        "POST /api/watch/{subject}/look-back": [{"hours": 2}],
        "POST /api/watch/{subject}/renew": [reason | {"expires_at": later}],
        "POST /api/watch/{subject}/seen": [{"camera": CAMERA[MINE]}, {"camera": camera}],
        "POST /api/alerts/{alert}/confirm": [{"send": True}, {"send": False}],
        "POST /api/alerts/{alert}/answer": [{"result": "caught"}],
        "POST /api/contractor/orders/{order}/move": [{"state": "working"}],
        "POST /api/session/purpose": [],
        "POST /api/session/password": [],
        "POST /api/patrol/rounds": [{"villages": [village]}, {"cameras": [camera]}],
        "POST /api/faults/verdict": [
            {"faults": [made["fault"]], "verdict": v} for v in ("real", "false", "new_view", "acknowledge")
        ],
        "POST /api/maintenance": [
            {"camera": camera, "hours": 1, "reason": "r"},
            {"village": village, "hours": 1, "reason": "r"},
        ],
        "POST /api/live/ticket": [{"camera": camera}],
        "POST /api/onboarding/identify": [{"cameras": [camera]}, {"village": village}],
        "POST /api/onboarding/accept": [{"cameras": [camera]}],
        "POST /api/onboarding/propose": [{"cameras": [camera]}],
        "POST /api/onboarding/adopt": [
            {"address": made["device"], "village": MINE, "name": "n"},
            {"address": made["device"], "village": village, "name": "n"},
        ],
        "POST /api/cameras/{camera}/acceptance": [{"masks": "none_needed"}],
        "POST /api/cameras/{camera}/replace": [reason],
        "POST /api/cameras/{camera}/move": [reason | {"address": made["device"]}],
        "POST /api/findings/{finding}/accept": [reason],
        "POST /api/orders": [{"faults": [made["fault"]]}, {"faults": [made["uplink"]]}],
        "POST /api/orders/move": [
            {"orders": [made["order"]], "state": "working"},
            {"orders": [made["own_order"]], "state": "merged", "into": made["order"]},
            {"orders": [made["own_order"], made["order"]], "state": "working"},
        ],
        "POST /api/patrol/day/sign": [{"day": made["day"]}],
        "POST /api/patrol/day/supplement": [{"day": made["day"]}],
        "POST /api/cameras/{camera}/ptz/move": [{"pan": 1}],
        "POST /api/cameras/{camera}/ptz/preset": [{"token": "1"}],
        "POST /api/cameras/{camera}/ptz/keep": [{"name": "n"}],
        "POST /api/patrol/review": [{"camera": camera, "verdict": "faulty", "family": "black"}],
    }


def queries(made: Ids) -> dict[str, list[dict[str, str]]]:
    """Return the queries to send to each list, besides none."""
    span = {"start": (NOW - timedelta(hours=1)).isoformat(), "end": NOW.isoformat()}
    return {
        "GET /api/patrol": [{}, {"closed": "true"}, {"camera": made["camera"]}],
        "GET /api/holds": [{}, {"ended": "true"}],
        "GET /api/orders": [{}, {"vendor": "Ning Hai"}, {"state": "closed"}],
        "GET /api/onboarding": [{}, {"village": made["village"]}],
        "GET /api/patrol/figures": [{"kind": k} for k in ("village", "town", "vendor", "sponsor")] + [
            {"kind": "village", "name": made["village"]}
        ],
        "GET /api/playback/{camera}/{kind}/coverage": [span],
        "GET /api/playback/{camera}/{kind}/index.m3u8": [span],
        "GET /api/playback/{camera}/{kind}/strip": [span],
    }  # fmt: skip


def absent_of(made: Ids) -> Ids:
    """Return ids of the same form that do not exist."""
    never = {k: v + 100_000 for k, v in made.items() if isinstance(v, int)}
    kept = {k: made[k] for k in ("own_case", "own_order", "account", "day", "kind", "part", "segment")}
    return made | never | ABSENT | kept | {"device": "127.0.1.99:80"}


def requests(route: Route, made: Ids) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (path, further arguments) of every request to one route. Raises KeyError for an unknown route."""
    name = f"{route.method} {route.path}"
    paths = [_filled(route.path, made | more) for more in _variants(route.path, made)]
    of_the_town = route.permission in TOWN_PERMISSIONS  # refused whatever is sent
    wanted = [None] if route.body is None else [{}] if of_the_town else bodies(made)[name]
    for path in dict.fromkeys(paths):
        for query in queries(made).get(name, [{}]):
            for body in wanted:
                yield path, {"params": query} | ({"json": body} if body is not None else {})


def _variants(path: str, made: Ids) -> list[Ids]:
    if "{subject}" in path:
        return [{}, {"subject": made["proposal"]}]
    if "{alert}" in path:
        return [{}, {"alert": made["sent"]}]
    if "photos/{photo}" in path:
        return [{}, {"order": made["own_order"]}]
    return [{}]


def _filled(path: str, made: Ids) -> str:
    names = {"number": "maintenance", "ticket": "sighting"}
    return re.sub(r"{(\w+)}", lambda m: str(made[names.get(m.group(1), m.group(1))]), path)


def of_scope(route: Route, role: Role) -> bool:
    return (
        route.permission in (Permission.SIGNED_IN, *GRANTS[role])
        and route.reply_kind is not ReplyKind.SOCKET
        and not _session(route)
    )


def _session(route: Route) -> bool:
    return (route.method, route.path) in {("DELETE", "/api/session"), ("POST", "/api/session")}


ROLES = [r for r in Role if r is not Role.AUDITOR]  # an auditor always sees the whole town


async def request_route(client: Client, route: Route, path: str, arguments: dict[str, Any]) -> tuple[int, str]:
    reply = await client.request(route.method, path, headers=HEADERS, allow_redirects=False, **arguments)
    return reply.status, (await reply.read()).decode(errors="replace")


async def rows_of_others(database: Database, made: Ids) -> str:
    """Return all database rows of the other village, as text."""
    found = []
    async with database.reading() as session:
        for table in Base.metadata.sorted_tables:
            if table.name not in ("audit", "sign_in", "user"):
                for row in await session.execute(sa.select(table)):
                    text = repr(tuple(row))
                    if SECRETS.search(text):
                        found.append(f"{table.name}: {text}")
    return "\n".join(sorted(found))


@pytest.fixture
async def filled(
    sign_in: SignIn, database: Database, station_settings: Settings, sightings: SightingStore
) -> tuple[Ids, Ids]:
    mine = await fill(database, station_settings, sightings, MINE)
    others = await fill(database, station_settings, sightings, OTHERS)
    async with database.reading() as session:
        cases = {c.village: c.id for c in await session.scalars(sa.select(Case))}
    own = {"own_case": cases[MINE], "own_order": mine["order"]}
    return mine | own | {"case": cases[MINE]}, others | own | {"case": cases[OTHERS]}


@pytest.mark.parametrize("role", ROLES)
async def test_objects_of_other_villages_are_not_found(
    role: Role, filled: tuple[Ids, Ids], sign_in: SignIn, database: Database
) -> None:
    """Foreign and absent objects get the same answer, no answer names the other village, and nothing of it changes."""
    _, others = filled
    client = await sign_in(role, [MINE])
    assert (await client.post("/api/session/purpose", json={"purpose": PURPOSE}, headers=HEADERS)).status == 200
    before = await rows_of_others(database, others)
    absent = absent_of(others)
    for route in [r for r in ROUTES if of_scope(r, role)]:
        foreign, never = list(requests(route, others)), list(requests(route, absent))
        names_something = "{" in route.path or foreign != never
        for (path, arguments), (no_path, no_arguments) in zip(foreign, never, strict=True):
            name = f"{role}: {route.method} {path} {arguments}"
            status, text = await request_route(client, route, path, arguments)
            if not path.startswith(("/ca", "/api/openapi")):
                assert not SECRETS.search(_without_request_words(text, path, arguments)), f"{name}: {text[:500]}"
            if (path, arguments) != (no_path, no_arguments) and names_something:
                other = await request_route(client, route, no_path, no_arguments)
                assert (status, _plain(text)) == (other[0], _plain(other[1])), f"{name}: not as if absent"
                if "{" in route.path and not _harmless(route):
                    assert status in (403, 404), f"{name}: {status} {text[:300]}"
    assert await rows_of_others(database, others) == before


def _harmless(route: Route) -> bool:
    return "{day}" in route.path or route.permission in TOWN_PERMISSIONS


def _without_request_words(text: str, path: str, arguments: dict[str, Any]) -> str:
    """Return the answer without the words that the request itself contained."""
    asked = set(re.findall(r"[\w.:-]+", f"{path} {json.dumps(arguments, ensure_ascii=False)}"))
    return re.sub("|".join(map(re.escape, sorted(asked, key=len, reverse=True))) or "$^", "", text)


def _timeless(text: str) -> str:
    """Return the answer without times of day, figures that depend on them, and the randomly drawn review."""
    return re.sub(r'\d\d:\d\d(:[\d.]+)?|\d+\.\d+|[0-9a-f]{16,}|"stops":.*?]', "", text)


def _plain(text: str) -> str:
    """Return the answer without ids and numbers: they differ with the requested object."""
    return re.sub(r"no-01|xd-01|nowhere|xidian|127\.0\.1\.\d+:80|\d+", "#", text)


@pytest.mark.parametrize(
    "role", [Role.VIDEO_OFFICER, Role.APPROVER, Role.ADMINISTRATOR, Role.PATROL_OFFICER, Role.FUNDER]
)
async def test_other_villages_are_not_counted(
    role: Role, sign_in: SignIn, database: Database, station_settings: Settings, sightings: SightingStore
) -> None:
    """Lists and figures are the same with and without the other village's objects."""
    mine = await fill(database, station_settings, sightings, MINE)
    client = await sign_in(role, [MINE])
    await client.post("/api/session/purpose", json={"purpose": PURPOSE}, headers=HEADERS)
    lists = [r for r in ROUTES if of_scope(r, role) and (r.method == "GET" or r.path.startswith("/api/search"))]
    own = mine | {"case": 1, "own_case": 1, "own_order": mine["order"]}

    async def all_told() -> dict[str, tuple[int, str]]:
        answers = {}
        for route in [
            r for r in lists if "{ticket}" not in r.path and "/ptz" not in r.path and not r.path.endswith("/pdf")
        ]:
            for path, arguments in requests(route, own):
                if (route.method, path) != ("POST", "/api/search/motion"):
                    status, text = await request_route(client, route, path, arguments)
                    answers[f"{route.method} {path} {arguments}"] = (status, _timeless(text))
        return answers

    before = await all_told()
    assert any(MARK[MINE] in text for _, text in before.values()) or role is Role.FUNDER
    await fill(database, station_settings, sightings, OTHERS)
    after = await all_told()
    assert [(k, before[k], v) for k, v in after.items() if v != before[k]] == []


async def test_villages_of_a_subject_are_limited_to_proposer_and_approver(sign_in: SignIn) -> None:
    town, local = await sign_in(Role.INVESTIGATOR), await sign_in(Role.INVESTIGATOR, [MINE])
    boss, local_boss = await sign_in(Role.APPROVER), await sign_in(Role.APPROVER, [MINE])
    until = (NOW + timedelta(days=2)).isoformat()

    async def post(client: Client, path: str, body: dict[str, Any], status: int = 200) -> Any:
        reply = await client.post(path, json=body, headers=HEADERS)
        assert reply.status == status, f"{path} {body}: {await reply.text()}"
        return await reply.json()

    case = await post(local, "/api/cases", {"number": "1", "title": "t"})
    assert case["village"] == MINE  # the only village that it can belong to
    # The same number in another village: it reveals nothing of that village's cases.
    await post(town, "/api/cases", {"number": "1", "title": "t", "village": OTHERS})
    await post(town, "/api/cases", {"number": "1", "title": "t", "village": "nowhere"}, 404)
    await post(local, "/api/cases", {"number": "1", "title": "t"}, 409)
    body = {"case": case["id"], "title": "t", "cls": "person", "upper": "red", "reason": "rr", "expires_at": until}
    await post(local, "/api/watch", body, 400)  # the whole town
    await post(local, "/api/watch", body | {"villages": []}, 400)
    await post(local, "/api/watch", body | {"villages": [MINE, OTHERS]}, 404)
    await post(local, "/api/watch", body | {"villages": [MINE], "upper": None}, 400)  # would match everybody
    await post(local, "/api/watch", body | {"villages": [MINE], "upper": ""}, 400)
    wide = [await post(town, "/api/watch", body | {"villages": v}) for v in (None, [MINE, OTHERS])]
    for subject in wide:
        await post(local_boss, f"/api/watch/{subject['id']}/decision", {"approve": True}, 403)
        await post(local_boss, f"/api/watch/{subject['id']}/decision", {"approve": False}, 403)
        await post(boss, f"/api/watch/{subject['id']}/decision", {"approve": True})
        for path, more in (("end", {}), ("renew", {"expires_at": until})):
            await post(local_boss, f"/api/watch/{subject['id']}/{path}", {"reason": "rr", **more}, 403)
    shown = await (await local.get("/api/watch")).json()
    assert [s["villages"] for s in shown] == [[MINE], None]
    own = await post(local, "/api/watch", body | {"villages": [MINE]})
    assert (await post(local_boss, f"/api/watch/{own['id']}/decision", {"approve": True}))["state"] == "active"
    assert (await post(local, f"/api/watch/{own['id']}/end", {"reason": "抓获"}))["state"] == "ended"
    await post(local, f"/api/watch/{own['id']}/end", {"reason": "抓获"}, 409)
    await post(local_boss, f"/api/watch/{own['id']}/renew", {"reason": "rr", "expires_at": until}, 409)


async def test_a_village_administrator_cannot_take_other_villages_cameras(
    filled: tuple[Ids, Ids], sign_in: SignIn, database: Database
) -> None:
    """Refused: devices known under any verdict or of another subnet, and a credential that the village does not use."""
    admin = await sign_in(Role.ADMINISTRATOR, [MINE])
    about: dict[str, Any] = {"endpoint": "u", "url": "http://x", "name": "", "hardware": "", "serial": "", "macs": []}
    async with database.session() as session:
        for number, verdict in enumerate(("known", "first", "moved", "new")):
            address = f"127.0.1.{50 + number}:80" if verdict != "new" else "127.0.1.1:8899"  # the address of wj-01
            session.add(
                DeviceSeen(address=address, village=MINE, verdict=verdict, first_seen=NOW, last_seen=NOW, **about)
            )
    body = {"village": MINE, "name": "n"}
    for address, status in (
        ("127.0.1.50:80", 404),
        ("127.0.1.51:80", 404),
        ("127.0.1.52:80", 404),
        ("127.0.1.1:8899", 409),
    ):
        reply = await admin.post("/api/onboarding/adopt", json=body | {"address": address}, headers=HEADERS)
        assert reply.status == status, address
    mine = body | {"address": "127.0.1.9:80"}
    assert (await admin.post("/api/onboarding/adopt", json=mine | {"credential": "xd"}, headers=HEADERS)).status == 404
    assert (
        await admin.post("/api/onboarding/adopt", json=mine | {"credential": "village"}, headers=HEADERS)
    ).status == 200


async def test_administrators_see_no_pictures(filled: tuple[Ids, Ids], sign_in: SignIn) -> None:
    mine, _ = filled
    for scope in (None, [MINE]):
        admin = await sign_in(Role.ADMINISTRATOR, scope)
        for route in [
            r
            for r in ROUTES
            if r.reply_kind is ReplyKind.FILE
            and not r.path.startswith(("/ca", "/api/openapi", "/metrics", "/register"))
        ]:
            status, _ = await request_route(admin, route, _filled(route.path, mine), {})
            assert status == 403, route.path
        faults = (await (await admin.get("/api/patrol")).json())["faults"]
        assert faults and not any(f["has_picture"] or f["has_reference"] for f in faults)
        assert (await (await admin.get(f"/api/orders/{mine['order']}")).json())["photos"] == []


async def test_a_contractor_does_not_see_long_closed_orders(
    filled: tuple[Ids, Ids], sign_in: SignIn, database: Database
) -> None:
    mine, _ = filled
    client, order = await sign_in(Role.CONTRACTOR), mine["order"]
    paths = [f"/api/contractor/orders/{order}/photos/{mine['photo']}", f"/api/contractor/orders/{order}/still"]
    for state, closed, found in (
        ("working", None, True),
        ("closed", NOW - timedelta(days=29), True),
        ("closed", NOW - timedelta(days=31), False),
        ("merged", None, False),
    ):
        async with database.session() as session:
            row = await session.get_one(WorkOrder, order)
            row.state, row.closed_at = state, closed
        assert ((await client.get(paths[0])).status == 200) == found, state
        # The file is not a picture: 503 where it is found.
        assert ((await client.get(paths[1])).status == 404) == (not found), state
        photo = await client.post(f"/api/contractor/orders/{order}/photo", data=b"x", headers=HEADERS)
        assert (photo.status == 404) == (not found)
