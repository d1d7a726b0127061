"""One demo and one Chromium for all tests of the pages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.demo import Demo, demo
from tests.web.browser.pages import FLAGS

expect.set_options(timeout=40_000)  # milliseconds; a busy machine with two cores is slow


@pytest.fixture(autouse=True)
def _pages_are_closed(request: pytest.FixtureRequest) -> Iterator[None]:
    """Close the pages of a test, so that they play no video during the next one."""
    yield
    if "browser" in request.fixturenames:
        for context in request.getfixturevalue("browser").contexts:
            for page in context.pages:  # an answer that a test changes may still be on its way
                page.unroute_all(behavior="ignoreErrors")
            context.close()


@pytest.fixture(autouse=True)
def _playwright_runs_its_own_loop(_no_blocking_calls: object) -> None:
    _no_blocking_calls.deactivate()  # type: ignore[attr-defined]


@pytest.fixture(scope="package")
def running_demo() -> Iterator[Demo]:
    with demo() as running:
        yield running


@pytest.fixture(scope="package")
def town(running_demo: Demo) -> str:
    """The URL of the demo."""
    return running_demo.address


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("Chromium is not installed; run: apt-get install chromium")
    with sync_playwright() as p:
        made = p.chromium.launch(executable_path=chromium, args=FLAGS)
        yield made
        made.close()
