"""Roles and their permissions. A route or command names one permission; nothing else decides about access."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum


class Permission(StrEnum):
    PUBLIC = "public"  # no account needed
    SIGNED_IN = "signed_in"  # any account
    CAMERA_VIEW = "camera.view"
    CAMERA_MANAGE = "camera.manage"
    CAMERA_ACCEPT = "camera.accept"  # sign the acceptance of a camera's position and view
    LIVE_VIEW = "live.view"
    PTZ_CONTROL = "ptz.control"
    PLAYBACK_VIEW = "playback.view"
    PATROL_VIEW = "patrol.view"
    PATROL_RUN = "patrol.run"
    ORDER_OWN = "order.own"  # a contractor's own work orders
    SEARCH = "search"
    CASE_VIEW = "case.view"
    CASE_MANAGE = "case.manage"
    HOLD_MANAGE = "hold.manage"  # place and release holds that keep footage from being deleted
    EVIDENCE_REQUEST = "evidence.request"  # ask for footage that may leave the station
    EVIDENCE_APPROVE = "evidence.approve"
    WATCH_PROPOSE = "watch.propose"
    WATCH_APPROVE = "watch.approve"
    ALERT_VIEW = "alert.view"
    ALERT_CONFIRM = "alert.confirm"
    ALERT_ANSWER = "alert.answer"
    UNIT_MANAGE = "unit.manage"  # patrol units and their officers
    REPORT_VIEW = "report.view"
    ACCOUNT_MANAGE = "account.manage"
    AUDIT_VIEW = "audit.view"
    API_VIEW = "api.view"  # the OpenAPI description
    STATION_VIEW = "station.view"  # facts about the station machine: disks, clock, certificate …
    RETENTION_CONFIRM = "retention.confirm"  # confirm that the clock by which old footage is deleted is right


class Role(StrEnum):
    VIDEO_OFFICER = "video_officer"
    INVESTIGATOR = "investigator"
    APPROVER = "approver"
    PATROL_OFFICER = "patrol_officer"
    FUNDER = "funder"
    CONTRACTOR = "contractor"
    ADMINISTRATOR = "administrator"  # runs the system: cameras, machine, settings
    SECURITY_ADMINISTRATOR = "security_administrator"  # manages the accounts, and nothing else
    AUDITOR = "auditor"


P = Permission
_OFFICER = {
    P.CAMERA_VIEW,
    P.LIVE_VIEW,
    P.PLAYBACK_VIEW,
    P.PATROL_VIEW,
    P.SEARCH,
    P.CASE_VIEW,
    P.ALERT_VIEW,
    P.REPORT_VIEW,
    P.API_VIEW,
}
GRANTS: dict[Role, frozenset[Permission]] = {
    Role.VIDEO_OFFICER: frozenset(
        _OFFICER | {P.PATROL_RUN, P.PTZ_CONTROL, P.CAMERA_ACCEPT, P.WATCH_PROPOSE, P.ALERT_CONFIRM, P.CASE_MANAGE}
    ),
    Role.INVESTIGATOR: frozenset(
        _OFFICER | {P.PTZ_CONTROL, P.WATCH_PROPOSE, P.ALERT_CONFIRM, P.CASE_MANAGE, P.HOLD_MANAGE, P.EVIDENCE_REQUEST}
    ),
    Role.APPROVER: frozenset(
        _OFFICER | {P.HOLD_MANAGE, P.EVIDENCE_APPROVE, P.WATCH_APPROVE, P.CAMERA_ACCEPT, P.ALERT_CONFIRM, P.UNIT_MANAGE}
    ),
    Role.PATROL_OFFICER: frozenset({P.ALERT_VIEW, P.ALERT_ANSWER}),
    Role.FUNDER: frozenset({P.REPORT_VIEW}),
    Role.CONTRACTOR: frozenset({P.ORDER_OWN}),
    Role.ADMINISTRATOR: frozenset(
        {
            P.CAMERA_VIEW,
            P.CAMERA_MANAGE,
            P.PATROL_VIEW,
            P.UNIT_MANAGE,
            P.REPORT_VIEW,
            P.API_VIEW,
            P.STATION_VIEW,
            P.RETENTION_CONFIRM,
        }
    ),
    Role.SECURITY_ADMINISTRATOR: frozenset({P.ACCOUNT_MANAGE, P.API_VIEW}),
    Role.AUDITOR: frozenset({P.AUDIT_VIEW, P.API_VIEW}),
}


EVERYBODYS = frozenset({P.PUBLIC, P.SIGNED_IN})  # no role grants these
# Permissions that concern no single village: only accounts of the whole town have them.
TOWN_PERMISSIONS = frozenset({P.ACCOUNT_MANAGE, P.AUDIT_VIEW, P.STATION_VIEW, P.RETENTION_CONFIRM})
ROLES_REQUIRING_VILLAGES = frozenset({Role.FUNDER})  # each funder reads the reports of the villages that he paid for
ROLES_REQUIRING_TOWN = frozenset({Role.SECURITY_ADMINISTRATOR, Role.AUDITOR})


def allows(role: Role, permission: Permission, *, whole_town: bool = True, also_security: bool = False) -> bool:
    """Return whether an account of this role has the permission. `whole_town`: its scope is not limited to villages.

    `also_security`: an administrator who manages the accounts until the station has a security administrator
    (core.accounts.separation).
    """
    if permission in TOWN_PERMISSIONS and not whole_town:
        return False
    if permission in EVERYBODYS or permission in GRANTS[role]:
        return True
    return also_security and permission in GRANTS[Role.SECURITY_ADMINISTRATOR]


def scope_problem(role: Role, villages: Collection[str] | None) -> str:
    """Return why an account of this role cannot have this scope (None: the whole town); empty if it can."""
    if villages is not None and not villages:
        return "a scope must contain at least one village; without a scope an account sees the whole town"
    if role in ROLES_REQUIRING_VILLAGES and villages is None:
        return f"an account of the role {role.value} needs villages (--village)"
    if role in ROLES_REQUIRING_TOWN and villages is not None:
        return f"an account of the role {role.value} sees the whole town; give it no villages"
    return ""
