"""One object of each kind in each of two villages, and what must not appear of the other one."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from cameras.states import WallLayout
from cameras.tables import Camera, DeviceSeen, Finding, WallView
from cases.tables import Alert, AlertTrail, Case, WatchExample, WatchMuting, WatchSubject
from cases.units.tables import Unit
from core import events
from core.clock import SystemClock, to_microseconds
from core.database import Base, Database
from core.events import EventKind
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
from nvr.tables import Bookmark, Hold
from search.store import SightingStore, camera_numbers, ids
from search.store.sighting_store import Batch
from search.tables import Judgement
from tests.search.sightings import sighting

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
        "map_layer": "boundaries",
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
        shown = WatchExample(
            subject=made["subject"], source="upload", cls="person", vector=b"", embedder="", picture=picture,
            added_by=mark, added_at=NOW,
        )  # fmt: skip
        made["example"] = (await add(shown)).id
        muting = WatchMuting(
            subject=made["subject"], camera=camera, village=village, day=NOW.date(), false_alarms=3, state="proposed",
            proposed_at=NOW, ends_at=until,
        )  # fmt: skip
        made["muting"] = (await add(muting)).id
        for name, state in (("alert", "new"), ("sent", "dispatched")):
            made[name] = (
                await add(
                    Alert(
                        subject=made["subject"], sighting=seen.id, camera=camera, village=village, at_us=at_ms * 1000,
                        thumbnail=picture, state=state, raised_at=NOW,
                    )
                )
            ).id  # fmt: skip
        unit = Unit(name=mark, call_sign="", villages=[village], disabled=False, changed_by=mark, changed_at=NOW)
        made["unit"] = (await add(unit)).id
        later = {"alert": made["sent"], "sighting": seen.id, "camera": camera, "village": village, "by": mark}
        made["entry"] = (await add(AlertTrail(at_us=at_ms * 1000 + 1, thumbnail=picture, recorded_at=NOW, **later))).id
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
        marked = Bookmark(
            camera=camera, village=village, at_us=at_ms * 1000, text=mark, created_by=mark, created_at=NOW
        )
        cell = {"show": "camera", "camera": camera}
        view = WallView(name="v", layout=WallLayout.ONE, cells=[cell], owner=mark, shared=True, changed_at=NOW)
        made["view"] = (await add(view)).id
        made["bookmark"] = (await add(marked)).id
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
        seen_once = Inspection(
            round=patrol.id, camera=camera, at=NOW, accepted=True, picture=picture, findings={}, figures={}, light="day"
        )
        made["inspection"] = (await add(seen_once)).id
        await add(DailyFigures(day="2026-01-01", kind="village", name=village, figures={"cameras": 77, "x": mark}))
        for kind in ("vendor", "sponsor", "town"):
            await add(DailyFigures(day="2026-01-01", kind=kind, name=mark, figures={"cameras": 77}))
        verdict = {"reason": PURPOSE, "verdict": "candidate", "by": mark, "at": NOW, "thumbnail": picture}
        await add(Judgement(sighting=seen.id, camera=camera, village=village, **verdict))
        events.append(session, NOW, EventKind.FAULT_OPENED, village=village, camera=camera, x=mark)
    return made


def absent_of(made: Ids) -> Ids:
    """Return ids of the same form that do not exist."""
    never = {k: v + 100_000 for k, v in made.items() if isinstance(v, int)}
    kept = {k: made[k] for k in ("own_case", "own_order", "account", "day", "kind", "part", "segment", "map_layer")}
    return made | never | ABSENT | kept | {"device": "127.0.1.99:80"}


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
