"""The whole schema in one place: the tables of every room."""

from __future__ import annotations

import cameras.tables
import cases.tables
import core.accounts
import core.audit
import core.events
import core.sign_in
import health.tables
import nvr.tables
import reports.tables
import search.tables
from core.database import Base

ROOMS = (
    core.accounts,
    core.audit,
    core.sign_in,
    core.events,
    cameras.tables,
    nvr.tables,
    health.tables,
    search.tables,
    cases.tables,
    reports.tables,
)
METADATA = Base.metadata
