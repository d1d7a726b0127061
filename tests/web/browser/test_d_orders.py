"""Work orders and the contractor's page."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.web.browser.pages import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


def test_a_contractor_reports_a_repair_with_a_photo(browser: Browser, town: str, tmp_path: Path) -> None:
    """Runs after the test above has given the order to this company."""
    page = sign_in(browser, town, "tianmu", 390, 844)
    order = page.locator("[data-test=own-order]", has_text="王家祠堂")
    expect(order).to_have_attribute("data-state", "assigned")
    still = order.locator("[data-test=still]")
    expect(still).to_be_visible()
    assert still.evaluate("(i) => i.decode().then(() => i.naturalWidth)") == 192
    order.locator("[data-test=own-working]").click()
    expect(order).to_have_attribute("data-state", "working")
    photo = tmp_path / "mended.png"
    photo.write_bytes(page.screenshot())
    order.locator("[data-test=own-file]").set_input_files(photo)
    # A process that has to start decodes it.
    expect(order.locator("[data-test=own-photo]")).to_be_visible(timeout=20_000)
    order.locator("[data-test=own-text]").fill("换了镜头")
    order.locator("[data-test=own-verifying]").click()
    expect(order).to_have_attribute("data-state", "verifying")
    page.goto(f"{town}/wall")
    expect(page.locator("[data-test=own-order]").first).to_be_visible()  # the contractor has no other page
    assert page.problems == []  # type: ignore[attr-defined]
    officer = sign_in(browser, town, "video")
    officer.click("[data-test=nav-orders]")
    officer.locator("[data-test=column-verifying] [data-test=order]", has_text="王家祠堂").click()
    expect(officer.locator("[data-test=order-photo]")).to_be_visible()
    expect(officer.get_by_text("换了镜头")).to_be_visible()
