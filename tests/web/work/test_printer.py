"""Pages as PDF: one at a time, each rendered once."""

from __future__ import annotations

import asyncio

import pytest

from core.accounts.permissions import Role
from core.accounts.sessions import Identity
from core.clock import ManualClock
from core.errors import ProtocolError, StorageError, TooManyError
from web.sessions.media_tickets import MAX_TICKETS_PER_PERSON, MediaTickets
from web.work import printer
from web.work.printer import Printer


class Pool:
    """A pool that prints when `go` is set."""

    def __init__(self) -> None:
        self.printed: list[str] = []
        self.go = asyncio.Event()
        self.fails: Exception | None = None

    async def run(self, _function: object, html: str) -> bytes:
        self.printed.append(html)
        await self.go.wait()
        if self.fails is not None:
            raise self.fails
        return html.encode()


@pytest.fixture
def pool() -> Pool:
    return Pool()


@pytest.fixture
def made(pool: Pool) -> Printer:
    found = Printer()
    found._pool = pool  # type: ignore[assignment]
    return found


async def test_the_same_page_is_printed_once(made: Printer, pool: Pool) -> None:
    asked = [asyncio.create_task(made.pdf_of("a", 1)) for _ in range(30)]
    await asyncio.sleep(0)
    asked[0].cancel()  # a client that leaves does not affect the others
    pool.go.set()
    assert await asyncio.gather(*asked[1:]) == [b"a"] * 29
    assert await made.pdf_of("a", 1) == b"a"
    assert pool.printed == ["a"]


async def test_pages_in_work_are_bounded(made: Printer, pool: Pool) -> None:
    asked = [asyncio.create_task(made.pdf_of(str(n), n)) for n in range(printer.MAX_PAGES_IN_WORK)]
    await asyncio.sleep(0)
    with pytest.raises(TooManyError):
        await made.pdf_of("one more", 99)
    pool.go.set()
    await asyncio.gather(*asked)
    for n in range(100):
        await made.pdf_of(f"page {n}", 1)
    assert len(made._pages) <= printer.MAX_CACHED_PAGES


async def test_pages_in_work_of_one_person_are_bounded(made: Printer, pool: Pool) -> None:
    mine = [asyncio.create_task(made.pdf_of(f"mine {n}", 1)) for n in range(printer.MAX_PAGES_PER_PERSON)]
    await asyncio.sleep(0)
    with pytest.raises(TooManyError):
        await made.pdf_of("one more of mine", 1)
    other = asyncio.create_task(made.pdf_of("register of the chief", 2))
    again = asyncio.create_task(made.pdf_of("mine 0", 1))  # the same page costs nothing more
    await asyncio.sleep(0)
    pool.go.set()
    assert await other == b"register of the chief" and await again == b"mine 0"
    await asyncio.gather(*mine)
    assert not made._in_work and await made.pdf_of("one more of mine", 1)


async def test_a_failed_page_is_rendered_again(made: Printer, pool: Pool) -> None:
    pool.go.set()
    pool.fails = ProtocolError("the picture crashed its decoder")
    with pytest.raises(StorageError, match="browser"):
        await made.pdf_of("a", 1)
    pool.fails = None
    assert await made.pdf_of("a", 1) == b"a"


def test_tickets_of_one_person_do_not_displace_others(clock: ManualClock) -> None:
    tickets = MediaTickets(clock)
    one, two = (Identity(n, f"officer-{n}", "", Role.VIDEO_OFFICER, None, "duty", session=str(n)) for n in (1, 2))
    mine = tickets.issue(one, "wj-01/main")
    many = [tickets.issue(two, "wj-01/main") for _ in range(MAX_TICKETS_PER_PERSON + 5)]
    assert tickets.redeem(many[0], two) is None
    assert tickets.redeem(many[-1], two) is not None
    assert tickets.redeem(mine, one) is not None
