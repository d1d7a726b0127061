"""Routes for lists of cameras and for the inventory file: preview, apply, export. For administrators."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import datetime

from pydantic import BaseModel, Field

from cameras.registry import import_list, inventory, registry
from cameras.registry.import_list import ImportOutcome
from cameras.registry.inventory_entries import Inventory
from cameras.registry.registry import ConflictPreference, RegistryPlan
from core.accounts.permissions import Permission
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.error_codes import ErrorCode
from core.errors import ForbiddenError, InventoryError
from web.framework.context import AnyContext, Context
from web.framework.routing import RouteTable

routes = RouteTable()

MAX_TEXT = 900_000  # characters: a body of JSON has at most a million bytes
MAX_PROBLEMS = 200


class ImportBody(BaseModel):
    name: str = Field(min_length=1, max_length=120, description="Name of the file, for messages and the history")
    text: str = Field(min_length=1, max_length=MAX_TEXT, description="Its content: CSV with a line of headings")
    commit: bool = Field(False, description="Add the cameras; otherwise only say what would happen")


class ImportLineView(BaseModel):
    line: int
    outcome: ImportOutcome
    camera: str
    village: str
    name: str
    problems: list[str]
    differences: dict[str, tuple[str, str]] = Field(description="Of a known camera: field → (registry, list)")


class ImportReply(BaseModel):
    committed: bool
    added: int
    known: int
    refused: int
    lines: list[ImportLineView]


class InventoryBody(BaseModel):
    text: str = Field(min_length=1, max_length=MAX_TEXT, description="Content of an inventory file (YAML)")


class InventoryApplyBody(InventoryBody):
    prefer: ConflictPreference | None = Field(None, description="Which side wins where both changed a field")
    confirm_retiring: bool = Field(False, description="Even if more than 5 % of the cameras would be retired")


class PlanView(BaseModel):
    added: list[str]
    changed: dict[str, list[str]]
    retired: list[str]
    conflicts: dict[str, list[str]]
    not_in_file: list[str]
    kept_retired: list[str]
    applied: bool
    last_at: datetime | None = Field(description="When a file was last applied; null: never")
    last_by: str


class InventoryText(BaseModel):
    text: str


@routes.add("POST", "/api/cameras/import", Permission.CAMERA_MANAGE, body=ImportBody, reply=ImportReply)
async def import_list_of_cameras(c: Context[None, ImportBody]) -> ImportReply:
    """Preview a list of cameras (CSV), or add them: all or none. What the registry has stays as it is."""
    body, villages = c.body, c.identity.villages
    rows = await asyncio.to_thread(import_list.read_text, body.text, body.name)
    async with c.services.database.session() as session:
        lines = await import_list.preview(session, rows, villages)
        if body.commit:
            now = c.services.clock.now()
            await import_list.import_cameras(session, rows, body.name, now, c.identity.name, villages)
    count = {outcome: sum(line.outcome is outcome for line in lines) for outcome in ImportOutcome}
    return ImportReply(
        committed=body.commit,
        added=count[ImportOutcome.ADDED],
        known=count[ImportOutcome.KNOWN],
        refused=count[ImportOutcome.REFUSED],
        lines=[ImportLineView(**asdict(line)) for line in lines],
    )


@routes.add("POST", "/api/inventory/plan", Permission.CAMERA_MANAGE, body=InventoryBody, reply=PlanView)
async def plan_inventory(c: Context[None, InventoryBody]) -> PlanView:
    """What applying an inventory file would change; changes nothing."""
    wanted = await _parsed(c, c.body.text)
    async with c.services.database.reading() as session:
        return _plan_view(await registry.plan(session, wanted), applied=False)


@routes.add("POST", "/api/inventory/apply", Permission.CAMERA_MANAGE, body=InventoryApplyBody, reply=PlanView)
async def apply_inventory(c: Context[None, InventoryApplyBody]) -> PlanView:
    """Apply what changed in an inventory file since one was last applied."""
    wanted, body = await _parsed(c, c.body.text), c.body
    async with c.services.database.session() as session:
        plan = await registry.apply(
            session,
            wanted,
            c.services.clock.now(),
            c.identity.name,
            file="console",
            prefer=body.prefer,
            confirm_retiring=body.confirm_retiring,
        )
        return _plan_view(plan, applied=True)


@routes.add("POST", "/api/inventory/export", Permission.CAMERA_MANAGE, reply=InventoryText)
async def export_inventory(c: Context) -> InventoryText:
    """The registry as an inventory file, without passwords. Audited."""
    _whole_town(c)
    async with c.services.database.session() as session:
        last = await registry.last_applied(session)
        town = str(last.content["town"]) if last else c.services.settings.station.name
        found = await registry.export(session, town)
        now, action = c.services.clock.now(), AuditAction.INVENTORY_EXPORT
        await audit_trail.record(session, now, c.identity.name, action, town, cameras=len(found.cameras))
    return InventoryText(text=await asyncio.to_thread(lambda: inventory.header(None) + inventory.dump(found)))


async def _parsed(c: AnyContext, text: str) -> Inventory:
    """Return the inventory. Raises InventoryError with its first problems, ForbiddenError."""
    _whole_town(c)
    try:
        return await asyncio.to_thread(inventory.parse, text)
    except InventoryError as e:
        raise InventoryError(e.problems[:MAX_PROBLEMS]) from e


def _whole_town(c: AnyContext) -> None:
    if c.identity.villages is not None:
        raise ForbiddenError(
            "the inventory is the whole town's; ask an administrator of the whole town", ErrorCode.TOWN_ACCOUNT_REQUIRED
        )


def _plan_view(plan: RegistryPlan, *, applied: bool) -> PlanView:
    return PlanView(
        added=plan.added,
        changed=plan.changed,
        retired=plan.retired,
        conflicts=plan.conflicts,
        not_in_file=list(plan.merge.not_in_file),
        kept_retired=list(plan.merge.kept_retired),
        applied=applied,
        last_at=plan.last.at if plan.last else None,
        last_by=plan.last.actor if plan.last else "",
    )
