"""Heavy queries have threads of their own: slow ones delay no page, picture or other kind of work."""

from __future__ import annotations

import ast
import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.accounts.permissions import Role
from tests.conftest import ROOT
from tests.waiting import eventually
from tests.web.calls import services_of
from tests.web.conftest import HEADERS, Client, SignIn
from web.api import search

# What web/api runs in the default threads (asyncio.to_thread): short reads of one small file or row.
SHORT = {
    "install_page.answer",
    "backup_log.read",
    "_certificate",
    "picture_of",
    "picture_files.read",
    "c.services.detector_name",
    "c.services.search_abilities",
    "c.services.sighting_store.get",
    "import_list.read_text",  # an upload of bounded size, like the next three
    "lambda: inventory.header(None) + inventory.dump(found)",
    "inventory.parse",
    "_models",
    "_qr",
    "_channels_of_alerts",  # notify.yaml
    "configuration.load_if_there",
}


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Searches that block until the test is over; the list has one entry for each that started."""
    event, began = threading.Event(), []

    def page(*_: Any) -> tuple[list[Any], None]:
        began.append(1)
        event.wait(10)
        return [], None

    monkeypatch.setattr(search, "_page", page)
    yield began
    event.set()


async def searcher(sign_in: SignIn, role: Role) -> Client:
    client = await sign_in(role)
    reply = await client.post("/api/session/purpose", json={"purpose": "case 1"}, headers=HEADERS)
    assert reply.status == 200
    return client


async def ask(client: Client) -> tuple[int, str]:
    async with client.post("/api/search", json={}, headers=HEADERS) as reply:
        return reply.status, reply.headers.get("Retry-After", "")


async def test_slow_searches_delay_no_other_request(sign_in: SignIn, stuck: list[int]) -> None:
    greedy, other = await searcher(sign_in, Role.INVESTIGATOR), await searcher(sign_in, Role.APPROVER)
    waiting = [asyncio.ensure_future(ask(greedy)) for _ in range(30)]
    async with asyncio.timeout(30):
        while sum(t.done() for t in waiting) < 30 - 2 - 10:
            await asyncio.sleep(0.05)
    theirs = asyncio.ensure_future(ask(other))
    for path in ("/api/cameras", "/assets/none", "/api/station"):
        async with asyncio.timeout(5):
            assert (await other.get(path)).status in (200, 403, 404)
    done = [t.result() for t in waiting if t.done()]
    assert set(done) == {(429, "5")} and len(done) == 30 - 2 - 10
    await eventually(lambda: len(stuck) == 3)  # the other person's search has started
    assert services_of(other).search_executor.refused == 18
    for task in (*waiting, theirs):
        task.cancel()
    await asyncio.gather(*waiting, theirs, return_exceptions=True)


async def test_footage_reads_have_threads_of_their_own(sign_in: SignIn) -> None:
    services = services_of(await sign_in(None))
    names: list[str] = []
    await services.reader._run(lambda: names.append(threading.current_thread().name))
    assert names[0].startswith("footage")


def test_only_short_reads_share_the_threads_of_files() -> None:
    found = set()
    for path in [*sorted((ROOT / "web" / "api").glob("*.py")), ROOT / "web" / "policy.py"]:
        for node in ast.walk(ast.parse(Path(path).read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "asyncio.to_thread":
                found.add(ast.unparse(node.args[0]))
    assert found == SHORT
