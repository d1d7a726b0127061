"""Routes for patrol units: administration, units for an alert by distance, an officer's own duty and position."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from cases.alerts import alerts, calls
from cases.units import duty, units
from cases.units.tables import OfficerDuty, Unit
from cases.units.units import UnitFacts
from core.accounts.permissions import Permission
from core.audit.actions import AuditAction
from web.api.alert_steps import PlaceBody
from web.framework.context import Context
from web.framework.routing import Done, RouteTable

routes = RouteTable()

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]


class UnitBody(BaseModel):
    name: Name
    call_sign: str = Field("", max_length=20)
    villages: list[str] | None = Field(None, max_length=200, description="Its area; absent: the whole town")
    members: list[str] = Field(default_factory=list, max_length=50, description="Accounts of patrol officers")
    disabled: bool = False

    def facts(self) -> UnitFacts:
        return UnitFacts(self.name, self.call_sign.strip(), self.villages, self.members, self.disabled)


class UnitChangeBody(UnitBody):
    reason: str = Field(min_length=2, max_length=200)


class UnitView(BaseModel):
    id: int
    name: str
    call_sign: str
    villages: list[str] | None
    members: list[str]
    on_duty: list[str] = Field(description="Of its members")
    disabled: bool


class UnitOfficerView(BaseModel):
    """A patrol officer who may belong to a unit."""

    name: str
    display_name: str


class OfferedUnitView(BaseModel):
    """A unit as it is offered for an alert; the first is the best."""

    id: int
    name: str
    call_sign: str
    on_duty: list[str] = Field(description="Its officers on duty; empty: it cannot be called")
    metres: float | None = Field(description="From the alert's camera, straight line; null: unknown")
    position_at: datetime | None = Field(description="When its position was told")
    taken: int = Field(description="Open alerts that its officers have taken; 0: it is free")
    in_area: bool = Field(description="The alert's village belongs to its area")


class DutyUnit(BaseModel):
    id: int
    name: str
    call_sign: str
    villages: list[str] | None
    members: list[str]


class DutyView(BaseModel):
    on_duty: bool
    since: datetime | None = Field(description="Since when it is so; null: never on duty yet")
    unit: DutyUnit | None = Field(description="Null: the officer belongs to no unit")


class DutyBody(BaseModel):
    on_duty: bool


@routes.add("GET", "/api/units", Permission.UNIT_MANAGE, reply=list[UnitView])
async def list_units(c: Context) -> list[UnitView]:
    """The patrol units of the account's villages, with their members."""
    async with c.services.database.reading() as session:
        rows = await units.managed(session, c.identity.villages)
        members = await units.members(session, [u.id for u in rows])
        present = await duty.on_duty(session)
    return [_view(u, members[u.id], present) for u in rows]


@routes.add("GET", "/api/units/officers", Permission.UNIT_MANAGE, reply=list[UnitOfficerView])
async def unit_officers(c: Context) -> list[UnitOfficerView]:
    """The patrol officers of the account's villages, who may belong to a unit."""
    async with c.services.database.reading() as session:
        found = await units.possible_members(session, c.identity.villages)
    return [UnitOfficerView(name=u.name, display_name=u.display_name) for u in found]


@routes.add("POST", "/api/units", Permission.UNIT_MANAGE, body=UnitBody, reply=UnitView)
async def create_unit(c: Context[None, UnitBody]) -> UnitView:
    """Create a patrol unit."""
    now, facts = c.services.clock.now(), c.body.facts()
    async with c.services.database.session() as session:
        row = await units.create(session, now, c.identity.name, facts, c.identity.villages)
        return _view(row, sorted(set(facts.members)), await duty.on_duty(session))


@routes.add("POST", "/api/units/{unit}", Permission.UNIT_MANAGE, body=UnitChangeBody, reply=UnitView)
async def change_unit(c: Context[None, UnitChangeBody]) -> UnitView:
    """Change a patrol unit, its area and its members."""
    now, facts, scope = c.services.clock.now(), c.body.facts(), c.identity.villages
    async with c.services.database.session() as session:
        row = await units.change(session, now, c.identity.name, c.number("unit"), facts, c.body.reason, scope)
        return _view(row, sorted(set(facts.members)), await duty.on_duty(session))


@routes.add("GET", "/api/alerts/{alert}/units", Permission.ALERT_CONFIRM, reply=list[OfferedUnitView])
async def offered_units(c: Context) -> list[OfferedUnitView]:
    """The units for an alert: free ones on duty first, the nearest first; unknown positions come last."""
    now, scope = c.services.clock.now(), c.identity.villages
    async with c.services.database.reading() as session:
        alert = await alerts.get(session, c.number("alert"), scope)
        found = await calls.offers(session, now, alert, scope)
    # Where officers are is personal: who looked is in the audit trail.
    await c.audit_view(AuditAction.UNIT_VIEW, str(alert.id), reason=f"alert {alert.id}", village=alert.village)
    return [
        OfferedUnitView(
            id=u.unit.id, name=u.unit.name, call_sign=u.unit.call_sign, on_duty=list(u.on_duty),
            metres=None if u.metres is None else round(u.metres), position_at=u.at,
            taken=len(u.alerts), in_area=u.in_area,
        )
        for u in found
    ]  # fmt: skip


@routes.add("GET", "/api/duty", Permission.ALERT_ANSWER, reply=DutyView)
async def own_duty(c: Context) -> DutyView:
    """Whether the officer is on duty, and his unit."""
    async with c.services.database.reading() as session:
        row, unit = await duty.of_officer(session, c.identity.name), await units.of_officer(session, c.identity.name)
        members = await units.members(session, [unit.id]) if unit is not None else {}
    return _duty_view(row, unit, members)


@routes.add("POST", "/api/duty", Permission.ALERT_ANSWER, body=DutyBody, reply=DutyView)
async def change_own_duty(c: Context[None, DutyBody]) -> DutyView:
    """Begin or end one's duty; repeating it changes nothing."""
    name = c.identity.name
    async with c.services.database.session() as session:
        row = await duty.change(session, c.services.clock.now(), name, c.body.on_duty)
        unit = await units.of_officer(session, name)
        members = await units.members(session, [unit.id]) if unit is not None else {}
        return _duty_view(row, unit, members)


@routes.add("POST", "/api/duty/position", Permission.ALERT_ANSWER, body=PlaceBody, reply=Done)
async def report_position(c: Context[None, PlaceBody]) -> None:
    """Tell where the officer is; only on duty, at most every 5 s, kept for 24 h."""
    p, now = c.body, c.services.clock.now()
    async with c.services.database.session() as session:
        await duty.report_position(session, now, c.identity.name, p.latitude, p.longitude, p.accuracy_m)


def _view(u: Unit, members: list[str], present: set[str]) -> UnitView:
    return UnitView(
        id=u.id, name=u.name, call_sign=u.call_sign, villages=u.villages, members=members,
        on_duty=[m for m in members if m in present], disabled=u.disabled,
    )  # fmt: skip


def _duty_view(row: OfficerDuty | None, unit: Unit | None, members: dict[int, list[str]]) -> DutyView:
    own = None
    if unit is not None:
        own = DutyUnit(
            id=unit.id, name=unit.name, call_sign=unit.call_sign, villages=unit.villages, members=members[unit.id]
        )
    return DutyView(on_duty=row is not None and row.on_duty, since=None if row is None else row.since, unit=own)
