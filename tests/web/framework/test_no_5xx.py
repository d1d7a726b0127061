"""No input yields status 500 or above: edge values in every path variable, query and body of every operation."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel
from yarl import URL

from core.accounts.permissions import GRANTS, Permission, Role
from core.errors import UsageError
from tests.web.conftest import HEADERS, Client, SignIn
from tests.web.test_api import path_of
from web.api import ROUTES
from web.framework.routing import Route
from web.http import strict_input

RAW = {**HEADERS, "Content-Type": "application/json"}
PATHS = ("%C2%B2", "%D9%A1", "0", str(2**63 - 1), str(2**63), "9" * 4400, "%00", "%ED%A0%80", "..%2F..", "a" * 3000)
VALUES: tuple[Any, ...] = (
    "²",
    2**63 - 1,
    2**70,
    -(2**63),
    "\ud800",
    "\0",
    float("nan"),
    1e308,
    [[1e308, -1e308]] * 4,
    [2**70],
    ["\ud800"],
    [[0, 0], [1, 1], [0, 1]],
    "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00",
    "0001-01-01",
    "9999-12",
    "2026-11-21T08:00:00",
    None,
    {},
    "",
    "a" * 9000,
)
BODIES = (
    b"[" * 900_000,
    b'{"a":' * 100_000,
    b"1" * 5000,
    b'{"name": ' + b"9" * 5000 + b"}",
    b"\xff\xfe{}",
    b"[" + b"1," * 400_000 + b"1]",
    b'{"name": "\\ud800", "password": "x"}',
    b'{"name": "a\\u0000", "password": "x"}',
    b'{"name": NaN, "password": "x"}',
    b"null",
    b"[]",
    b'"a"',
    b"",
)


def role_for(route: Route) -> Role:
    """Return a role that may use the route, preferably one with many permissions."""
    order = (Role.APPROVER, Role.ADMINISTRATOR, *Role)
    return next(
        r
        for r in order
        if route.permission in (Permission.PUBLIC, Permission.SIGNED_IN) or route.permission in GRANTS[r]
    )


def paths(route: Route) -> Iterator[str]:
    yield path_of(route)
    if "{" in route.path:
        room = 7000 // route.path.count("{")  # a request line has at most 8 kB
        for value in PATHS:
            parts = [value[:room] if p.startswith("{") else p for p in route.path.split("/")]
            yield "/".join(parts)


def queries(model: type[BaseModel], stride: int) -> Iterator[dict[str, str]]:
    for at, name in enumerate(model.model_fields):
        for value in VALUES[at % stride :: stride]:
            if not isinstance(value, (list, dict, type(None))):
                yield {name: str(value)[:2000].encode("utf-8", "replace").decode()}


def sample(model: type[BaseModel]) -> dict[str, Any]:
    """Return a body that nearly passes validation."""
    known = {
        "start": "2026-11-21T08:00:00+08:00",
        "end": "2026-11-21T09:00:00+08:00",
        "camera": "wj-01",
        "cls": ["person"],
        "villages": ["wangjia"],
        "expires_at": "2026-12-21T08:00:00+08:00",
        "reason": "case 12",
        "case": 1,
        "title": "a",
        "number": "1",
        "faults": [1],
        "orders": [1],
        "verdict": "real",
        "state": "working",
        "day": "2026-11-01",
        "address": "10.0.0.9",
        "village": "wangjia",
        "name": "n",
        "hours": 1,
        "approve": True,
        "send": True,
        "result": "found",
        "cameras": ["wj-01"],
        "phrase": "昨晚",
        "token": "1",
        "purpose": "case 12",
        "filters": [{}, {}],
        "area": [[0, 0], [1, 0], [0.5, 1]],
        "password": "long enough for it",
        "old": "a long password",
        "new": "another one 12",
    }
    required = [n for n, f in model.model_fields.items() if f.is_required()]
    return {
        n: known[n]
        for n in (*required, *(n for n in ("start", "end", "area") if n in model.model_fields))
        if n in known
    }


def bodies(model: type[BaseModel], stride: int) -> Iterator[bytes]:
    good = sample(model)
    for at, name in enumerate(model.model_fields):
        for value in VALUES[at % stride :: stride]:
            yield json.dumps({**good, name: value}).encode()


async def answers(client: Client, route: Route, stride: int) -> Iterator[str]:
    """Send all edge values to a route; return an iterator over the answers with 5xx."""
    wrong: list[str] = []

    async def ask(path: str, what: object, **more: Any) -> None:
        url = URL(str(client.make_url("/")).rstrip("/") + path, encoded=True)
        async with client.session.request(
            route.method, url, allow_redirects=False, **{"headers": RAW, **more}
        ) as reply:
            if reply.status >= 500:
                wrong.append(
                    f"{route.method} {route.path} {str(what)[:120]}: {reply.status} {(await reply.text())[:80]}"
                )

    for path in paths(route):
        await ask(path, path, data=json.dumps(sample(route.body)) if route.body else b"")
    if route.query is not None:
        for query in queries(route.query, stride):
            await ask(path_of(route) + "?" + str(URL.build(query=query).raw_query_string), query)
    if route.body is not None:
        for body in bodies(route.body, stride):
            await ask(path_of(route), body, data=body)
    return iter(wrong)


@pytest.mark.parametrize(
    "stride", [5, pytest.param(1, marks=pytest.mark.soak)]
)  # some of the values for each field; all of them
async def test_edge_values_cause_no_5xx(stride: int, sign_in: SignIn) -> None:
    clients: dict[Role, Client] = {}
    wrong: list[str] = []
    for route in ROUTES:
        if (route.method, route.path) in (("DELETE", "/api/session"), ("POST", "/api/session")):
            continue
        role = role_for(route)
        if role not in clients:
            clients[role] = await sign_in(role)
            reply = await clients[role].post("/api/session/purpose", json={"purpose": "case 12"}, headers=HEADERS)
            assert reply.status == 200
        wrong += await answers(clients[role], route, stride)
    assert not wrong, "\n".join(wrong)


async def test_anonymous_bodies_cause_no_5xx(sign_in: SignIn) -> None:
    client = await sign_in(None)
    for body in BODIES:
        reply = await client.post("/api/session", data=body, headers=RAW)
        assert reply.status in (400, 413, 422), (body[:40], reply.status)
        assert (await reply.json())["message"]
    for headers in (
        {"Content-Type": "application/json; charset=nonsense"},
        {"Content-Encoding": "gzip"},
        {"Content-Encoding": "br"},
    ):
        reply = await client.post("/api/session", data=b'{"name": "a", "password": "b"}', headers={**RAW, **headers})
        assert reply.status in (400, 403), (headers, reply.status)
    for name, value in (
        ("Cookie", "minwang_session=ü²"),
        ("Origin", "http://a:" + "9" * 5000),
        ("Origin", "ü"),
        ("Authorization", "Bearer ü²"),
    ):
        reply = await client.get("/metrics", headers={name: value})
        assert reply.status < 500, (name, reply.status)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 900_000,
        b"[" * 19_000,
        b"[" * 33 + b"]" * 33,
        b"[" + b"[]," * 300_000 + b"[]]",
        b'{"a":' * 60_000,
        b"[" + b'"a",' * 240_000 + b'""]',
        b"1" * 900_000,
    ],
)
def test_hostile_bodies_are_checked_quickly(body: bytes) -> None:
    costs = []
    for _ in range(3):
        began = time.process_time()
        with pytest.raises(UsageError):
            strict_input.parse_json(body)
        costs.append(time.process_time() - began)
    assert min(costs) < 0.1


async def test_an_unexpected_failure_is_one_sentence(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = await sign_in(Role.INVESTIGATOR)

    async def fail(*_: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr("cases.register.case_files.open_case", fail)
    reply = await client.post("/api/cases", json={"number": "1", "title": "a"}, headers=HEADERS)
    assert reply.status == 500
    assert "secret" not in await reply.text()
    told = await reply.json()
    assert told["code"] == "internal" and len(told["params"]["reference"]) == 8
    assert any(r.exc_info and told["params"]["reference"] in r.getMessage() for r in caplog.records)
    caplog.clear()


@pytest.mark.parametrize("sign", ["\x01", "\x1b[31m", "\x7f", "\x9b31m", "\u202e", "\u2066", "\u200f", "\u061c"])
def test_control_characters_and_direction_marks_are_refused(sign: str) -> None:
    """Control characters and direction marks would change how a record, a list or a printed register reads."""
    for value in (f"case {sign}1", [f"{sign}"], {f"a{sign}": 1}):
        with pytest.raises(UsageError, match="control characters"):
            strict_input.parse_json(json.dumps({"purpose": value}).encode())
    with pytest.raises(UsageError, match="control characters"):
        strict_input.check_text(sign, "the address")


def test_ordinary_texts_of_all_scripts_pass() -> None:
    for text in ("案件 12\n第二行\t", "Müller’s 👩\u200d🌾", "نص", "e\u0301", "\u3000全角"):
        strict_input.check_text(text, "purpose")
