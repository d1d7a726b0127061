"""Routes for the audit trail: filters, the auditor's ready views (R-AUD-3), export, and whether it is intact."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from enum import StrEnum

from aiohttp import hdrs, web
from pydantic import BaseModel, Field, JsonValue

from cameras.registry import lookup
from core.accounts.permissions import Permission
from core.accounts.separation import separation
from core.audit import audit_trail, pages
from core.audit.actions import AuditAction as A
from core.audit.audit_trail import AuditRow
from core.audit.pages import AuditFilter, LocalHours
from web.framework.context import AnyContext, Context
from web.framework.routing import ReplyKind, RouteTable

routes = RouteTable()

NIGHT = time(22), time(6)  # local time; looking at footage then is off hours
MAX_EXPORTED = 50_000  # rows
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would evaluate such a cell
VIEWING = (
    A.LIVE_OPEN, A.PLAYBACK_OPEN, A.SNAPSHOT_VIEW, A.STRIP_VIEW, A.SIGHTING_VIEW, A.ALERT_VIEW, A.FAULT_PICTURE,
    A.FAULT_REFERENCE, A.ACCEPTANCE_VIEW, A.REVIEW_DRAW, A.ORDER_PHOTO_VIEW, A.ORDER_STILL,
)  # fmt: skip


class AuditView(StrEnum):
    """The auditor's ready filters. Cameras that many accounts looked at are `GET /api/audit/cameras`."""

    VIEWING = "viewing"  # who looked at what
    OFF_HOURS = "off_hours"  # who looked at footage at night
    EXPORTS = "exports"
    FAILED_SIGN_INS = "failed_sign_ins"
    PERMISSIONS = "permissions"  # changes of accounts
    CONFIGURATION = "configuration"  # changes of cameras, credentials, companies, retention
    DECISIONS = "decisions"  # watch list, holds, acceptances


VIEWS: Mapping[AuditView, tuple[A, ...]] = {
    AuditView.VIEWING: VIEWING,
    AuditView.OFF_HOURS: VIEWING,
    AuditView.EXPORTS: (A.FOOTAGE_EXPORT, A.INVENTORY_EXPORT, A.REPORT_EXPORT, A.AUDIT_EXPORT, A.STATION_BUNDLE),
    AuditView.FAILED_SIGN_INS: (A.SESSION_REFUSED, A.USER_PASSWORD_REFUSED, A.SECOND_FACTOR_REFUSED),
    AuditView.PERMISSIONS: (
        A.USER_CREATE, A.USER_CHANGE, A.USER_RESET, A.USER_UNLOCK, A.SESSION_END, A.SECOND_FACTOR_RESET,
    ),
    AuditView.CONFIGURATION: (
        A.CAMERA_EDIT, A.CAMERA_ADOPT, A.CAMERA_MOVE, A.CAMERA_REPLACE, A.CAMERA_RETIRE, A.CAMERA_RESTORE,
        A.CAMERA_CONFIGURE, A.CAMERA_ACCOUNT, A.CONTACT_CHANGE, A.CREDENTIAL_SET, A.INVENTORY_APPLY, A.CAMERAS_EXPECT,
        A.VENDOR_CHANGE, A.RETENTION_CONFIRM,
    ),
    AuditView.DECISIONS: (
        A.WATCH_PROPOSE, A.WATCH_APPROVE, A.WATCH_REFUSE, A.WATCH_RENEW, A.WATCH_END, A.HOLD_ADD, A.HOLD_RELEASE,
        A.HOLD_REVIEW, A.CAMERA_ACCEPTANCE_PROPOSE, A.CAMERA_ACCEPT, A.CASE_OPEN, A.CASE_CLOSE,
    ),
}  # fmt: skip


class AuditSelection(BaseModel):
    actor: str | None = Field(None, max_length=60)
    action: A | None = Field(None, description="One action; of an earlier release's actions see `text`")
    view: AuditView | None = Field(None, description="A ready filter; with `action` only that action of it")
    object: str | None = Field(None, max_length=120)
    camera: str | None = Field(None, max_length=40)
    village: str | None = Field(None, max_length=40)
    start: datetime | None = Field(None, description="At or after this time")
    end: datetime | None = Field(None, description="Before this time")
    text: str | None = Field(None, max_length=80, description="Part of object, reason or actor")


class AuditQuery(AuditSelection):
    before: int | None = None
    limit: int = Field(50, ge=1, le=200)


class AuditEntry(BaseModel):
    id: int
    at: datetime
    actor: str
    action: A | str = Field(description="Text that is not listed comes from another release")
    object: str
    reason: str
    client: str = Field(description="Client address; empty: on the station itself")
    village: str
    details: dict[str, JsonValue] = Field(description="Details: query, range (start, end), seconds and so on")


class AuditPage(BaseModel):
    rows: list[AuditEntry]
    next: int | None = Field(description="`before` of the next page; a page may be short although one follows")
    broken_at: int | None = Field(description="First row that breaks the hash chain; null if intact")
    problem: str = Field(description="Why the trail is broken or cannot be verified; empty: intact")
    verified: int = Field(description="Rows that were verified; 0 on later pages, which are not verified again")
    complete: bool = Field(description="Whether all rows were verified; a long trail takes a while")
    unkeyed: int = Field(description="Of these, rows from before a key existed: their author is unproved")
    unverifiable: int = Field(description="Of these, rows sealed with a key that is lost")
    doubted: int = Field(description="Rows in a break that was reviewed, after which the trail was sealed again")
    sealed_at: datetime | None = Field(description="When rows and last hash were sealed outside the database")


class DutiesView(BaseModel):
    """Who holds which of the three duties that no account may combine (R-ROLE-2): enabled accounts, as log-in names."""

    system: list[str]
    security: list[str]
    audit: list[str]
    double: list[str] = Field(description="Run the system and manage the accounts, for want of the second")
    separate: bool = Field(description="Whether each duty has an account of its own")


class ViewersQuery(BaseModel):
    days: int = Field(30, ge=1, le=92)
    viewers: int = Field(3, ge=1, le=1000, description="Only cameras that at least so many accounts looked at")


class CameraViewers(BaseModel):
    camera: str
    name: str
    viewers: dict[str, int] = Field(description="Account → number of views")
    views: int


@routes.add("GET", "/api/audit", Permission.AUDIT_VIEW, query=AuditQuery, reply=AuditPage)
async def read_audit_trail(c: Context[AuditQuery]) -> AuditPage:
    """The audit trail, newest first, and whether its hash chain is intact."""
    async with c.services.database.reading() as session:
        found = await pages.page(session, _filter(c, c.query), before=c.query.before, limit=c.query.limit)
    rows = [_entry(r) for r in found.rows]
    if c.query.before is not None:
        return AuditPage(
            rows=rows, next=found.next, broken_at=None, problem="", verified=0, complete=False, unkeyed=0,
            unverifiable=0, doubted=0, sealed_at=None,
        )  # fmt: skip
    state = await c.services.audit_verifier.verify_new_rows()
    return AuditPage(
        rows=rows,
        next=found.next,
        broken_at=state.broken_at,
        problem=state.problem,
        verified=state.rows,
        complete=state.complete,
        unkeyed=state.unkeyed,
        unverifiable=state.foreign,
        doubted=state.doubted,
        sealed_at=datetime.fromisoformat(state.sealed_at) if state.sealed_at else None,
    )


@routes.add("GET", "/api/audit/duties", Permission.AUDIT_VIEW, reply=DutiesView)
async def duties(c: Context) -> DutiesView:
    """Who runs the system, who manages the accounts, who audits."""
    async with c.services.database.reading() as session:
        found = await separation(session)
    return DutiesView(
        system=found.system, security=found.security, audit=found.audit, double=found.double, separate=found.complete
    )


@routes.add("GET", "/api/audit/cameras", Permission.AUDIT_VIEW, query=ViewersQuery, reply=list[CameraViewers])
async def camera_viewers(c: Context[ViewersQuery]) -> list[CameraViewers]:
    """Cameras that many accounts looked at in the last days, the most viewed first."""
    now, q = c.services.clock.now(), c.query
    async with c.services.database.reading() as session:
        found = await pages.viewers_by_object(session, VIEWING, now - timedelta(days=q.days), now)
        names = await lookup.camera_names(session)
    by_camera: dict[str, dict[str, int]] = {}
    for name, viewers in found.items():
        camera = name.partition("/")[0]
        if camera in names:
            own = by_camera.setdefault(camera, {})
            for actor, views in viewers.items():
                own[actor] = own.get(actor, 0) + views
    shown = [
        CameraViewers(camera=camera, name=names[camera], viewers=own, views=sum(own.values()))
        for camera, own in by_camera.items()
        if len(own) >= q.viewers
    ]
    return sorted(shown, key=lambda v: (-len(v.viewers), -v.views, v.camera))


@routes.add("GET", "/api/audit/export", Permission.AUDIT_VIEW, query=AuditSelection, kind=ReplyKind.FILE)
async def export_audit_trail(c: Context[AuditSelection]) -> web.Response:
    """The selected rows as CSV, at most 50,000, newest first. The export itself is audited."""
    wanted, now = _filter(c, c.query), c.services.clock.now()
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["id", "at", "actor", "action", "object", "reason", "client", "village", "details"])
    count = 0
    async with c.services.database.reading() as session:
        async for row in pages.every_row(session, wanted, MAX_EXPORTED):
            e = _entry(row)
            details = json.dumps(e.details, ensure_ascii=False, sort_keys=True)
            cells = (e.actor, e.action, e.object, e.reason, e.client, e.village, details)
            writer.writerow([e.id, e.at.isoformat(), *map(guarded, cells)])
            count += 1
    selection = c.query.model_dump(mode="json", exclude_none=True)
    async with c.services.database.session() as session:
        await audit_trail.record(
            session, now, c.identity.name, A.AUDIT_EXPORT, "audit", rows=count, selection=selection,
            by_session=c.identity.session,
        )  # fmt: skip
    headers = {
        hdrs.CONTENT_DISPOSITION: f'attachment; filename="audit-{now:%Y%m%dT%H%M%S}.csv"',
        hdrs.CACHE_CONTROL: "no-store",
    }
    body = text.getvalue().encode("utf-8-sig")  # with a byte order mark spreadsheets read it as UTF-8
    return web.Response(body=body, content_type="text/csv", charset="utf-8", headers=headers)


def guarded(cell: str) -> str:
    """Return a cell that no spreadsheet evaluates: one that would start a formula gets an apostrophe in front."""
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell


def _filter(c: AnyContext, q: AuditSelection) -> AuditFilter:
    actions = VIEWS[q.view] if q.view is not None else None
    if q.action is not None:
        actions = tuple(a for a in (q.action,) if actions is None or a in actions)
    hours = LocalHours(*NIGHT, c.services.zone) if q.view is AuditView.OFF_HOURS else None
    return AuditFilter(q.actor, actions, q.object, q.camera, q.village, q.start, q.end, q.text, hours)


def _entry(row: AuditRow) -> AuditEntry:
    details = dict(row.data)
    details.pop("by_session", None)
    client, village = str(details.pop("client", "")), str(details.pop("village", "") or "")
    return AuditEntry(
        id=row.id, at=row.at, actor=row.actor, action=row.action, object=row.object, reason=row.reason, client=client,
        village=village, details=details,
    )  # fmt: skip
