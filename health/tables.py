"""Tables of patrol: rounds, looks, faults."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base
from core.events import BigId


class PatrolRound(Base):
    __tablename__ = "patrol_round"
    __table_args__ = ({"comment": "Patrol rounds, asked for by the schedule or a person"},)

    id: Mapped[int] = mapped_column(primary_key=True)
    asked_at: Mapped[datetime] = mapped_column()
    asked_by: Mapped[str] = mapped_column(String(60), comment="Account name, or 'schedule'")
    started_at: Mapped[datetime | None] = mapped_column()
    finished_at: Mapped[datetime | None] = mapped_column()
    cameras: Mapped[int] = mapped_column(default=0, comment="Cameras looked at")
    faulty: Mapped[int] = mapped_column(default=0, comment="Cameras with an open fault at its end")


class Look(Base):
    __tablename__ = "look"
    __table_args__ = (Index(None, "camera", "id"), {"comment": "One look at one camera: figures and what they say"})

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    round: Mapped[int] = mapped_column(ForeignKey("patrol_round.id"), index=True)
    camera: Mapped[str] = mapped_column(String(40))
    at: Mapped[datetime] = mapped_column()
    findings: Mapped[dict[str, Any]] = mapped_column(JSON, comment="Fault family → sentence; empty: nothing found")
    figures: Mapped[dict[str, Any]] = mapped_column(JSON, comment="What was measured (health.picture, health.stream)")
    picture: Mapped[str | None] = mapped_column(
        String(300), comment="JPEG kept as evidence or reference, below the data folder"
    )


class Fault(Base):
    __tablename__ = "fault"
    __table_args__ = (Index(None, "camera", "family", "state"), {"comment": "Faults: suspected, open, closed"})

    id: Mapped[int] = mapped_column(primary_key=True)
    camera: Mapped[str] = mapped_column(String(40))
    family: Mapped[str] = mapped_column(String(20), comment="health.faults.FAMILIES")
    state: Mapped[str] = mapped_column(String(12), comment="suspect, open, recovering, closed, dismissed")
    severity: Mapped[int] = mapped_column(comment="1 evidence is being lost … 4 cosmetic")
    detail: Mapped[str] = mapped_column(String(300))
    first_seen: Mapped[datetime] = mapped_column(comment="First look that showed it")
    opened_at: Mapped[datetime | None] = mapped_column()
    closed_at: Mapped[datetime | None] = mapped_column()
    looks: Mapped[int] = mapped_column(default=1, comment="Consecutive looks that confirm the present direction")
    picture: Mapped[str | None] = mapped_column(String(300), comment="Evidence: the picture that opened it")
    reference: Mapped[str | None] = mapped_column(String(300), comment="A good picture of the same camera")
