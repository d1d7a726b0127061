"""Tables of reports: the monthly reports of complete months, as they were printed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base


class StoredReport(Base):
    __tablename__ = "village_report"
    __table_args__ = ({"comment": "Monthly reports of months that are over; written once"},)

    village: Mapped[str] = mapped_column(String(40), primary_key=True, comment="Village code")
    month: Mapped[str] = mapped_column(String(7), primary_key=True, comment="YYYY-MM, local")
    figures: Mapped[dict[str, Any]] = mapped_column(JSON, comment="reports.coverage.VillageReport, as it is printed")
    digest: Mapped[str] = mapped_column(String(64), comment="SHA-256 of the figures, printed on the page")
    made_at: Mapped[datetime] = mapped_column(comment="When the report was made (UTC)")
