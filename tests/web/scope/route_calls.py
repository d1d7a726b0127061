"""How to call every route with the objects of a village; a new route must be added here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from core.accounts.permissions import GRANTS, TOWN_PERMISSIONS, Permission, Role
from tests.web.conftest import HEADERS, Client
from tests.web.scope.village_objects import CAMERA, MINE, NOW, Ids
from web.framework.routing import ReplyKind, Route


def bodies(made: Ids) -> dict[str, list[Any]]:
    """Return the bodies to send to each route about the objects of a village; absent ids take the same form."""
    later = (NOW + timedelta(days=2)).isoformat()
    start = (NOW - timedelta(hours=1)).isoformat()
    subject = {"case": made["case"], "title": "t", "cls": "person", "upper": "red", "reason": "rr", "expires_at": later}
    hold = {"start": start, "end": NOW.isoformat(), "reason": "because"}
    step = {"client_id": "0b7f4f4e-5b2a-4d8e-9a53-0f8f1f7f7d11"}
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
            subject | {"cameras": [camera]},
            subject | {"examples": [made["example"]]},
        ],
        "POST /api/watch/preview": [
            {"cls": "person", "upper": "red"},
            {"cls": "person", "upper": "red", "villages": [village]},
            {"cls": "person", "upper": "red", "villages": [MINE], "cameras": [camera]},
        ],
        "POST /api/watch/mutings/{muting}": [{"accept": True}, {"accept": False}],
        "POST /api/watch/examples": [
            {"sighting": made["sighting"]},
            {"camera": camera, "at_us": 1, "box": [0, 0, 1, 1]},
        ],
        "POST /api/watch/examples/picture": [],
        "POST /api/watch/{subject}/threshold": [{"threshold": 0.9}],
        "POST /api/watch/{subject}/decision": [{"approve": True}, {"approve": False}],
        "POST /api/watch/{subject}/end": [reason],
        "POST /api/watch/{subject}/look-back": [{"hours": 2}],
        "POST /api/watch/{subject}/renew": [reason | {"expires_at": later}],
        "POST /api/watch/{subject}/seen": [
            {"camera": CAMERA[MINE]},
            {"camera": camera},
            {"camera": camera, "at_us": 1},
        ],
        "POST /api/alerts/{alert}/confirm": [{"send": True, "unit": made["unit"]}, {"send": True}, {"send": False}],
        "POST /api/units": [{"name": "n", "villages": [village]}, {"name": "n"}],
        "POST /api/units/{unit}": [reason | {"name": "n", "villages": [MINE]}],
        "POST /api/contacts": [],
        "POST /api/push": [],
        "POST /api/push/end": [],
        "POST /api/contacts/withdraw": [],
        "POST /api/duty": [],
        "POST /api/duty/position": [{"latitude": 29.5, "longitude": 121.4}],
        "POST /api/alerts/{alert}/ack": [step],
        "POST /api/alerts/{alert}/decline": [step | reason],
        "POST /api/alerts/{alert}/arrive": [step],
        "POST /api/alerts/{alert}/answer": [step | {"result": "caught"}],
        "POST /api/alerts/{alert}/snooze": [reason | {"minutes": 5}],
        "POST /api/alerts/{alert}/close": [
            {"outcome": "true_alarm", "note": "because"},
            {"outcome": "duplicate", "note": "because", "duplicate_of": made["sent"]},
        ],
        "POST /api/contractor/orders/{order}/move": [{"state": "working"}],
        "POST /api/session/second-factor": [],
        "POST /api/session/second-factor/complete": [],
        "POST /api/session/second-factor/recovery-codes": [],
        "POST /api/session/second-factor/remove": [],
        "POST /api/session/purpose": [],
        "POST /api/session/password": [],
        "POST /api/session/sessions/end": [],
        "POST /api/patrol/rounds": [{"villages": [village]}, {"cameras": [camera]}],
        "POST /api/faults/verdict": [
            {"faults": [made["fault"]], "verdict": v} for v in ("real", "false", "new_view", "acknowledge")
        ],
        "POST /api/maintenance": [
            {"camera": camera, "hours": 1, "reason": "r"},
            {"village": village, "hours": 1, "reason": "r"},
        ],
        "POST /api/clips/preview": [{"cameras": [camera], "start": start, "end": NOW.isoformat()}],
        "POST /api/clips": [{"cameras": [camera], "start": start, "end": NOW.isoformat()} | reason],
        "POST /api/wall-views": [
            {"name": "n", "layout": "1", "cells": [{"show": "camera", "camera": camera}]},
            {"name": "n", "layout": "1", "cells": [{"show": "village", "village": village, "seconds": 10}]},
        ],
        "PUT /api/wall-views/{view}": [{"name": "n", "layout": "1", "cells": []}],
        "POST /api/faults/report": [{"camera": camera, "family": "blurred"}],
        "POST /api/alerts/{alert}/recall": [reason],
        "POST /api/bookmarks": [{"camera": camera, "at": NOW.isoformat(), "text": "t"}],
        "POST /api/live/ticket": [{"camera": camera}],
        "POST /api/alerts/{alert}/live": [{"camera": camera}],
        "POST /api/pole/report": [{"camera": camera, "family": "moved"}],
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
        "POST /api/orders/{order}/cost": [{"cost": "180元"}],
        "POST /api/contractor/orders/{order}/cost": [{"cost": 180}],
        "POST /api/cameras/{camera}/position": [reason | {"azimuth": 10}],
        "POST /api/cameras/{camera}": [reason | {"site": "s"}, reason | {"address": "127.0.1.9"}],
        "POST /api/cameras/{camera}/retire": [reason],
        "POST /api/cameras/{camera}/credential": [
            reason | {"credential": "village"},
            reason | {"username": "u", "password": "p"},
        ],
        "POST /api/credentials": [reason | {"name": "n", "username": "u", "password": "p"}],
        "POST /api/cameras/import": [
            {"name": "list", "text": f"village,site\n{village},x\n", "commit": commit} for commit in (False, True)
        ],
        "POST /api/inventory/plan": [{"text": "town: t"}],
        "POST /api/inventory/apply": [{"text": "town: t"}],
        "POST /api/vendors": [{"name": "Ning Hai"}],
        "POST /api/patrol/day/sign": [{"day": made["day"]}],
        "POST /api/patrol/day/supplement": [{"day": made["day"]}],
        "POST /api/shift/take-over": [{"seen": None, "note": "n"}],
        "POST /api/shift/note": [{"text": "n"}],
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
        "GET /api/shift": [{}, {"changes": "previous"}],
        "GET /api/cameras": [{}, {"village": made["village"]}, {"text": made["camera"]}, {"problem": "clock"}],
        "GET /api/holds": [{}, {"ended": "true"}],
        "GET /api/orders": [{}, {"vendor": "Ning Hai"}, {"state": "closed"}] + [
            {"village": made["village"], "over": over} for over in ("true", "false")
        ],
        "GET /api/onboarding": [{}, {"village": made["village"]}],
        "GET /api/patrol/figures": [{"kind": k} for k in ("village", "town", "vendor", "sponsor")] + [
            {"kind": "village", "name": made["village"]}
        ],
        "GET /api/playback/{camera}/thumbnail": [{"at": span["start"]}],
        "GET /api/playback/{camera}/time-lapse.mp4": [{"from": span["start"], "to": span["end"]}],
        "GET /api/playback/days": [{"camera": made["camera"], "month": f"{NOW:%Y-%m}"}],
        "GET /api/playback/lanes": [{"camera": made["camera"], "from": span["start"], "to": span["end"]}],
        "GET /api/bookmarks": [{"camera": made["camera"], "from": span["start"], "to": span["end"]}],
        "GET /api/cameras/{camera}/snapshot": [{}, {"watermark": "true"}, {"at": span["start"], "watermark": "true"}],
        "GET /api/playback/{camera}/{kind}/coverage": [span],
        "GET /api/playback/{camera}/{kind}/index.m3u8": [span],
        "GET /api/playback/{camera}/{kind}/strip": [span],
    }  # fmt: skip


def requests(route: Route, made: Ids) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (path, further arguments) of every request to one route. Raises KeyError for an unknown route."""
    name = f"{route.method} {route.path}"
    paths = [path_with_ids(route.path, made | more) for more in _variants(route.path, made)]
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


def path_with_ids(path: str, made: Ids) -> str:
    names = {"number": "maintenance", "ticket": "sighting", "layer": "map_layer"}
    return re.sub(r"{(\w+)}", lambda m: str(made[names.get(m.group(1), m.group(1))]), path)


def of_scope(route: Route, role: Role) -> bool:
    return (
        route.permission in (Permission.SIGNED_IN, *GRANTS[role])
        and route.reply_kind is not ReplyKind.SOCKET
        and not _session(route)
    )


def _session(route: Route) -> bool:
    return (route.method, route.path) in {("DELETE", "/api/session"), ("POST", "/api/session")}


async def request_route(client: Client, route: Route, path: str, arguments: dict[str, Any]) -> tuple[int, str]:
    reply = await client.request(route.method, path, headers=HEADERS, allow_redirects=False, **arguments)
    return reply.status, (await reply.read()).decode(errors="replace")
