"""A funder's pages."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.web.browser.pages import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.timeout(600)]


def test_a_funder_sees_figures_and_no_pictures(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "wangjia")
    expect(page.locator("[data-test=report]")).to_have_count(1)
    assert page.locator("[data-test=nav-wall]").count() == 0
    with page.expect_download(timeout=120_000) as download:
        page.locator("[data-test=report-pdf]").click()
    assert download.value.suggested_filename.startswith("wangjia-20")
    page.goto(f"{town}/report/wangjia")
    expect(page.locator("h1")).to_contain_text("王家村")
    assert page.locator("img").count() == 0
    assert page.request.get(f"{town}/api/cameras/wj-01/snapshot").status == 403
