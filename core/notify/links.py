"""Where the link of a message leads: to the page that the receiver's role has for the matter, behind the log-in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.accounts.permissions import GRANTS, Permission, Role
from core.notify.texts import Content
from core.notify.vocabulary import MessageKind

HOME = "/"  # the page with which a role begins; a phone's account is led on to /m/
# Page by the permission that it needs, the best one first; {number} is the message's.
_ALERT = ((Permission.ALERT_ANSWER, "/m/alerts/{number}"), (Permission.CASE_VIEW, "/watch"))
_STATION = ((Permission.STATION_VIEW, "/admin/station"),)
PAGES: Mapping[MessageKind, Sequence[tuple[Permission, str]]] = {
    MessageKind.ALERT: _ALERT,
    MessageKind.ALERT_RECALLED: _ALERT,
    MessageKind.FAULT: ((Permission.PATROL_VIEW, "/patrol"),),
    MessageKind.ORDER_LATE: ((Permission.ORDER_OWN, "/m/orders"), (Permission.PATROL_VIEW, "/orders")),
    MessageKind.RETENTION_SHORT: _STATION,
    MessageKind.DISK: _STATION,
    MessageKind.CONTACT_CHANGED: ((Permission.SIGNED_IN, "/account"),),
    MessageKind.CONTACT_ANOMALY: ((Permission.AUDIT_VIEW, "/admin/audit"),),
    MessageKind.TEST: ((Permission.ALERT_ANSWER, "/m/"), (Permission.ORDER_OWN, "/m/orders")),
}


def page_for(kind: MessageKind, content: Content, role: Role | None) -> str:
    """Return the page for a person's role. `role` None: another system, which gets the page that the message names."""
    if role is None:
        return content.page
    granted = GRANTS[role] | {Permission.SIGNED_IN}
    return next((page.format(number=content.number) for needed, page in PAGES[kind] if needed in granted), HOME)
