"""What holds of all pages, and the end of the demo: the last module of this package, because it ends the demo."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.demo import Demo, kept_its_promises

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
SCREENSHOT = ROOT / "docs" / "console.png"


def test_pages_load_nothing_from_other_hosts() -> None:
    dist = ROOT / "web" / "console" / "dist"
    for path in [*dist.rglob("*.js"), *dist.rglob("*.css"), *dist.rglob("*.html")]:
        hosts = set(re.findall(r"https?://([a-z0-9.-]+\.[a-z]{2,})", path.read_text(encoding="utf-8")))
        # Addresses in messages and XML namespaces, which are never fetched.
        assert hosts <= {
            "www.w3.org",
            "vuejs.org",
            "pinia.vuejs.org",
            "router.vuejs.org",
            "vue-i18n.intlify.dev",
            "github.com",
            "aomedia.org",
        }, (path, hosts)


def test_readme_screenshot() -> None:
    assert Path(SCREENSHOT).stat().st_size > 20_000


def test_the_demo_is_complete_and_cleans_up(running_demo: Demo) -> None:
    """The whole main task, with the demo's own exit status; the last test, because it ends the demo."""
    kept_its_promises(running_demo.stop(), running_demo.run)
