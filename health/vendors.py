"""The companies that maintain cameras, with their contacts.

A company is listed if it has a row here, if a camera's file names it as maintainer, or if a contractor's account
belongs to it. Work orders accept only listed companies: an order for a mistyped name would reach nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import String, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from cameras.tables import Camera
from core.accounts.permissions import Role
from core.accounts.scope import Villages, village_in_scope
from core.accounts.tables import User
from core.audit import audit_trail
from core.audit.actions import AuditAction
from core.database import Base
from core.error_codes import ErrorCode
from core.errors import UsageError
from core.json_types import JsonInput
from health.orders import RUNNING
from health.tables import WorkOrder


class Vendor(Base):
    """A maintenance company."""

    __tablename__ = "vendor"
    __table_args__ = ({"comment": "Maintenance companies and their contacts"},)

    name: Mapped[str] = mapped_column(String(80), primary_key=True, comment="Name, as in orders and accounts")
    contact: Mapped[str] = mapped_column(String(60), default="", comment="Person to call")
    phone: Mapped[str] = mapped_column(String(40), default="", comment="Number to call")
    note: Mapped[str] = mapped_column(String(400), default="", comment="Contract, hours, what it maintains")
    active: Mapped[bool] = mapped_column(default=True, comment="May get new orders")
    changed_at: Mapped[datetime] = mapped_column(comment="When it was last changed")
    changed_by: Mapped[str] = mapped_column(String(60), comment="Account that changed it")


@dataclass(frozen=True, slots=True)
class VendorFile:
    """A listed company. `cameras`, `open_orders`: within the caller's villages; `account`: somebody signs in for it."""

    name: str
    contact: str
    phone: str
    note: str
    active: bool
    cameras: int
    open_orders: int
    account: bool


async def listed(session: AsyncSession, scope: Villages) -> list[VendorFile]:
    """Return the companies, by name.

    An account of some villages gets those with a row, and those that maintain a camera or have an order there.
    """
    rows = {v.name: v for v in await session.scalars(select(Vendor))}
    cameras = await _cameras_by_maintainer(session, scope)
    open_orders = await _open_orders(session, scope)
    accounts = await _companies_of_accounts(session)
    names = {*rows, *cameras, *open_orders, *(accounts if scope is None else ())}
    return [
        VendorFile(
            name=name,
            contact=rows[name].contact if name in rows else "",
            phone=rows[name].phone if name in rows else "",
            note=rows[name].note if name in rows else "",
            active=rows[name].active if name in rows else True,
            cameras=cameras.get(name, 0),
            open_orders=open_orders.get(name, 0),
            account=name in accounts,
        )
        for name in sorted(names)
    ]


async def check_listed(session: AsyncSession, name: str) -> None:
    """Raise UsageError if the company is not listed, or gets no new orders; an empty name is none."""
    if not name:
        return
    row = await session.get(Vendor, name)
    if row is not None:
        if not row.active:
            raise UsageError(
                f"the company '{name}' gets no more orders; choose another one from the list",
                ErrorCode.VENDOR_INACTIVE,
                name=name,
            )
        return
    if name not in await _cameras_by_maintainer(session, None) and name not in await _companies_of_accounts(session):
        raise UsageError(
            f"there is no company '{name}' in the list; choose one, or add it to the list first",
            ErrorCode.VENDOR_NOT_LISTED,
            name=name,
        )


async def save(
    session: AsyncSession, at: datetime, actor: str, name: str, *, contact: str, phone: str, note: str, active: bool
) -> Vendor:
    """Add a company or change its contacts. Audited with the old and the new contacts (R-CONTACT)."""
    row = await session.get(Vendor, name)
    wanted: dict[str, JsonInput] = {"contact": contact, "phone": phone, "note": note, "active": active}
    before: dict[str, JsonInput] = (
        {} if row is None else {"contact": row.contact, "phone": row.phone, "note": row.note, "active": row.active}
    )
    if row is not None and before == wanted:
        return row
    if row is None:
        row = Vendor(name=name)
        session.add(row)
    row.contact, row.phone, row.note, row.active = contact, phone, note, active
    row.changed_at, row.changed_by = at, actor
    await session.flush()
    await audit_trail.record(session, at, actor, AuditAction.VENDOR_CHANGE, name, old=before, new=wanted)
    return row


async def _cameras_by_maintainer(session: AsyncSession, scope: Villages) -> dict[str, int]:
    found: dict[str, int] = {}
    query = select(Camera.profile).where(Camera.retired.is_(False), village_in_scope(Camera.village, scope))
    for profile in await session.scalars(query):
        name = str(profile.get("maintainer") or "")[:80]
        if name:
            found[name] = found.get(name, 0) + 1
    return found


async def _open_orders(session: AsyncSession, scope: Villages) -> dict[str, int]:
    query = select(WorkOrder.vendor, func.count()).where(
        WorkOrder.vendor != "", WorkOrder.state.in_(RUNNING), village_in_scope(WorkOrder.village, scope)
    )
    return {row[0]: row[1] for row in await session.execute(query.group_by(WorkOrder.vendor))}


async def _companies_of_accounts(session: AsyncSession) -> set[str]:
    query = select(User.vendor).where(User.role == Role.CONTRACTOR, User.disabled.is_(False), User.vendor != "")
    return set(await session.scalars(query))
