"""Every route of the router, called as an account of one of two villages: nothing of the other village is read,
guessed, changed or counted.

A new route fails here until tests.web.scope.route_calls knows how to call it.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from core.accounts.permissions import ROLES_REQUIRING_TOWN, TOWN_PERMISSIONS, Role
from core.database import Database
from core.settings import Settings
from search.store import SightingStore
from tests.web.conftest import HEADERS, SignIn
from tests.web.scope.route_calls import of_scope, request_route, requests
from tests.web.scope.village_objects import MARK, MINE, OTHERS, PURPOSE, SECRETS, Ids, absent_of, fill, rows_of_others
from web.api import ROUTES
from web.framework.routing import Route

ROLES = [r for r in Role if r not in ROLES_REQUIRING_TOWN]


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
    """Return the answer without times of day, figures that depend on them, and the randomly drawn review.

    Also without the position in the event log: it is the whole station's, and every event socket tells it.
    """
    return re.sub(r'"position":\d+|\d\d:\d\d(:[\d.]+)?|\d+\.\d+|[0-9a-f]{16,}|"stops":.*?]', "", text)


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
