"""Administration: users, the station's state, the audit trail, each for those who have the permission."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.web.browser.pages import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.timeout(600)]


def test_a_security_administrator_manages_a_user(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "security")
    expect(page).to_have_url(re.compile(r"/admin/users$"))
    page.click("[data-test=account-add]")
    page.fill("[name=account]", "officer-2")
    page.locator("[data-test=account-form] .el-select").nth(1).click()
    page.get_by_role("option", name="王家村").click()  # it sees no cameras, but the villages of a scope
    page.fill("[name=account-password]", "first-password-1")
    expect(page.locator("[data-test=account-save]")).to_be_disabled()  # no reason yet
    page.fill("[name=account-reason]", "新到岗")
    page.click("[data-test=account-save]")
    state = page.locator("[data-test=state-officer-2]")
    expect(state).to_contain_text("待本人改密")
    page.click("[data-test=toggle-officer-2]")
    page.fill("[data-test=reason-dialog] textarea", "调离")
    page.click("[data-test=reason-submit]")
    expect(state).to_contain_text("已停用")
    assert page.locator("[data-test=admin-audit]").count() == 0, (
        "whoever manages accounts does not read the audit trail"
    )
    assert page.problems == []  # type: ignore[attr-defined]


def test_the_station_shows_its_state_and_settings(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "admin")
    page.goto(f"{town}/admin/station")
    for part in ("release", "checks", "volumes", "processes", "queues"):
        expect(page.locator(f"[data-test={part}]")).to_be_visible()
    page.click("[data-test=admin-settings]")
    expect(page).to_have_url(re.compile(r"/admin/settings$"))
    expect(page.locator("[data-test=settings]")).to_contain_text("web.")
    assert page.problems == []  # type: ignore[attr-defined]


def test_the_auditor_reads_actions_in_words(browser: Browser, town: str) -> None:
    page = sign_in(browser, town, "auditor")
    page.goto(f"{town}/audit")  # an address of an earlier release
    expect(page).to_have_url(re.compile(r"/admin/audit$"))
    expect(page.locator("[data-test=trail]")).to_be_visible()
    words = page.locator("[data-test=audit-action-word]")
    expect(words.first).to_be_visible()
    assert not [word for word in words.all_inner_texts() if re.search(r"[a-z]\.[a-z]", word)]
    assert page.locator("[data-test=admin-users]").count() == 0
    assert page.problems == []  # type: ignore[attr-defined]
