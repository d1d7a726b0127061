"""Tables of patrol units: units, members, who is on duty, positions of officers on duty."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, CheckConstraint, Float, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base
from core.events import BigId


class Unit(Base):
    __tablename__ = "unit"
    __table_args__ = ({"comment": "Patrol units"},)

    id: Mapped[int] = mapped_column(primary_key=True, comment="Primary key")
    name: Mapped[str] = mapped_column(String(60), unique=True, comment="Name")
    call_sign: Mapped[str] = mapped_column(String(20), comment="Call sign on the radio; empty: none")
    villages: Mapped[list[str] | None] = mapped_column(JSON, comment="Its area: village codes; null: the whole town")
    disabled: Mapped[bool] = mapped_column(default=False, comment="Kept for old alerts; gets no new ones")
    changed_by: Mapped[str] = mapped_column(String(60), comment="Account that changed it last")
    changed_at: Mapped[datetime] = mapped_column(comment="When that was (UTC)")


class UnitMember(Base):
    __tablename__ = "unit_member"
    __table_args__ = ({"comment": "Officers of units; an officer belongs to one unit"},)

    account: Mapped[str] = mapped_column(String(60), primary_key=True, comment="Account of the officer")
    unit: Mapped[int] = mapped_column(ForeignKey("unit.id"), index=True, comment="Unit")


class OfficerDuty(Base):
    __tablename__ = "officer_duty"
    __table_args__ = ({"comment": "Whether patrol officers are on duty; no row: never yet"},)

    account: Mapped[str] = mapped_column(String(60), primary_key=True, comment="Account of the officer")
    on_duty: Mapped[bool] = mapped_column(comment="On duty now")
    since: Mapped[datetime] = mapped_column(comment="Since when it is so (UTC)")


class OfficerPosition(Base):
    """A position of an officer's phone. Deleted after 24 hours (`cases.units.duty.KEPT_FOR`)."""

    __tablename__ = "officer_position"
    __table_args__ = (
        Index(None, "account", "at"),
        Index(None, "at"),
        CheckConstraint("latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180", name="on_earth"),
        {"comment": "Positions of officers on duty; kept for 24 hours"},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, comment="Primary key")
    account: Mapped[str] = mapped_column(String(60), comment="Account of the officer")
    at: Mapped[datetime] = mapped_column(comment="When the station received it (UTC)")
    latitude: Mapped[float] = mapped_column(Float, comment="Degrees north (WGS 84)")
    longitude: Mapped[float] = mapped_column(Float, comment="Degrees east (WGS 84)")
    accuracy_m: Mapped[float | None] = mapped_column(Float, comment="Radius of 68 % confidence, m; null: unknown")
