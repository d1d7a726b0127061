"""The link of every message leads each role to a page that it may open, on the phone or in the console."""

from __future__ import annotations

import re
from datetime import datetime, timezone

import pytest

from core.accounts.permissions import Permission, Role, allows
from core.notify.links import HOME, PAGES, page_for
from core.notify.texts import Content
from core.notify.vocabulary import MessageKind
from tests.conftest import ROOT

SOURCE = ROOT / "web" / "console" / "src"
CONTENT = Content(number="12", at=datetime(2026, 11, 30, tzinfo=timezone.utc), page="/orders")
PHONES = (Role.PATROL_OFFICER, Role.CONTRACTOR)
ROLES_TOLD = {  # which role has a page of its own for which message
    MessageKind.ALERT: {
        Role.PATROL_OFFICER: "/m/alerts/12", Role.APPROVER: "/watch", Role.VIDEO_OFFICER: "/watch",
        Role.INVESTIGATOR: "/watch",
    },
    MessageKind.ORDER_LATE: {Role.CONTRACTOR: "/m/orders", Role.ADMINISTRATOR: "/orders"},
    MessageKind.DISK: {Role.ADMINISTRATOR: "/admin/station"},
    MessageKind.RETENTION_SHORT: {Role.ADMINISTRATOR: "/admin/station"},
    MessageKind.CONTACT_ANOMALY: {Role.AUDITOR: "/admin/audit"},
    MessageKind.CONTACT_CHANGED: dict.fromkeys(Role, "/account"),
    MessageKind.TEST: {Role.PATROL_OFFICER: "/m/", Role.CONTRACTOR: "/m/orders"},
}  # fmt: skip


def needed_by_page() -> dict[str, set[Permission]]:
    """Return the pages of the phone and of the console with their permissions (one suffices), from their sources."""
    found: dict[str, set[Permission]] = {HOME: set(), "/account": set()}
    phone = (SOURCE / "phone" / "router.ts").read_text(encoding="utf-8")
    for path, needs in re.findall(r'path: "(/m/[^"]*)".*?needs: "([a-z.]+)"', phone):
        found[path.replace(":alert", "12")] = {Permission(needs)}
    console = (SOURCE / "shell" / "pages.ts").read_text(encoding="utf-8")
    for path, names in re.findall(r'path: "(/[^"]*)", permissions: \[([^\]]*)\]', console):
        found[path] = {Permission(n) for n in re.findall(r'"([a-z.]+)"', names)}
    tabs = (SOURCE / "admin" / "tabs.ts").read_text(encoding="utf-8")
    for name, needs in re.findall(r'^  (\w+): "([a-z.]+)",$', tabs, re.MULTILINE):
        found[f"/admin/{name}"] = {Permission(needs)}
    return found


@pytest.mark.parametrize("kind", MessageKind)
@pytest.mark.parametrize("role", Role)
def test_every_role_may_open_the_page_of_every_message(kind: MessageKind, role: Role) -> None:
    page = page_for(kind, CONTENT, role)
    needed = needed_by_page()[page]
    assert not needed or any(allows(role, p) for p in needed), page
    assert page == ROLES_TOLD.get(kind, {}).get(role, page)
    if role in PHONES:
        assert page.startswith("/m/") or page in (HOME, "/account")


def test_the_sources_name_all_pages() -> None:
    assert {
        "/m/",
        "/m/alerts/12",
        "/m/orders",
        "/watch",
        "/orders",
        "/patrol",
        "/admin/station",
    } <= needed_by_page().keys()


def test_every_message_has_its_pages_and_another_system_gets_the_named_one() -> None:
    assert PAGES.keys() == set(MessageKind)
    assert page_for(MessageKind.ORDER_LATE, CONTENT, None) == "/orders"
