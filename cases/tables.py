"""Tables of cases: cases, watch-list subjects, alerts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base


class Case(Base):
    __tablename__ = "case_file"
    __table_args__ = (UniqueConstraint("village", "number"), {"comment": "Case register"})

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(40), comment="The case number, once in each village")
    title: Mapped[str] = mapped_column(String(120))
    village: Mapped[str | None] = mapped_column(String(40))
    opened_at: Mapped[datetime] = mapped_column()
    opened_by: Mapped[str] = mapped_column(String(60))
    closed_at: Mapped[datetime | None] = mapped_column()
    closed_by: Mapped[str | None] = mapped_column(String(60))


class WatchSubject(Base):
    __tablename__ = "watch_subject"
    __table_args__ = (
        CheckConstraint("approved_by IS NULL OR approved_by <> proposed_by", name="second_person"),
        {"comment": "Whom or what to look out for: class and colours, approved by a second person, expiring"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    case: Mapped[int] = mapped_column(ForeignKey("case_file.id"), index=True)
    title: Mapped[str] = mapped_column(String(120))
    cls: Mapped[str] = mapped_column(String(16))
    upper: Mapped[str | None] = mapped_column(String(10))
    lower: Mapped[str | None] = mapped_column(String(10))
    villages: Mapped[list[str] | None] = mapped_column(JSON, comment="Where; null: the whole town")
    reason: Mapped[str] = mapped_column(String(400))
    state: Mapped[str] = mapped_column(String(10), comment="proposed, active, refused, ended")
    proposed_by: Mapped[str] = mapped_column(String(60))
    proposed_at: Mapped[datetime] = mapped_column()
    approved_by: Mapped[str | None] = mapped_column(String(60))
    approved_at: Mapped[datetime | None] = mapped_column()
    expires_at: Mapped[datetime] = mapped_column(comment="Matches nothing from here on")
    vector: Mapped[bytes | None] = mapped_column(
        LargeBinary, comment="How it looks: 256 signed bytes of the pack's vector"
    )
    embedder: Mapped[str] = mapped_column(String(80), default="", server_default="", comment="Pack of the vector")
    likeness: Mapped[float] = mapped_column(default=0.0, server_default="0", comment="Least cosine to the vector")
    ended_by: Mapped[str | None] = mapped_column(String(60), comment="Who took it off the list before its time")
    ended_at: Mapped[datetime | None] = mapped_column()
    look_back_to: Mapped[datetime | None] = mapped_column(comment="Start of the pending look-back")
    looked_back_at: Mapped[datetime | None] = mapped_column(
        comment="When the matcher last worked on it; null: it waits"
    )
    auto_dispatch: Mapped[bool] = mapped_column(default=False, comment="The approver lets alerts go out unconfirmed")


class Alert(Base):
    __tablename__ = "alert"
    __table_args__ = (
        Index(None, "state", "id"),
        Index(None, "subject", "camera", "at_us"),
        {"comment": "A sighting that fits a subject"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    subject: Mapped[int] = mapped_column(ForeignKey("watch_subject.id"))
    sighting: Mapped[int] = mapped_column(BigInteger)
    camera: Mapped[str] = mapped_column(String(40))
    village: Mapped[str] = mapped_column(String(40))
    at_us: Mapped[int] = mapped_column(BigInteger, comment="When it was seen, µs UTC")
    thumbnail: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(12), comment="new, dispatched, acked, answered, rejected")
    raised_at: Mapped[datetime] = mapped_column()
    confirmed_by: Mapped[str | None] = mapped_column(
        String(60), comment="Who looked and sent it out; 'auto' by the approver's rule"
    )
    confirmed_at: Mapped[datetime | None] = mapped_column()
    acked_by: Mapped[str | None] = mapped_column(String(60))
    acked_at: Mapped[datetime | None] = mapped_column()
    answer: Mapped[str | None] = mapped_column(String(20), comment="caught, not_seen, false_alarm")
    note: Mapped[str] = mapped_column(String(400), default="")
    answered_by: Mapped[str | None] = mapped_column(String(60))
    answered_at: Mapped[datetime | None] = mapped_column()
