"""The whole schema: imports the tables of every package."""

from __future__ import annotations

import cameras.tables
import cases.evidence.tables
import cases.tables
import cases.units.tables
import core.accounts.sign_in
import core.accounts.tables
import core.audit.audit_trail
import core.events
import core.notify.tables
import core.station_keys
import health.camera_states
import health.tables
import health.vendors
import nvr.tables
import reports.tables
import search.tables
from core.database import Base

TABLE_MODULES = (
    core.accounts.tables,
    core.audit.audit_trail,
    core.accounts.sign_in,
    core.events,
    core.notify.tables,
    core.station_keys,
    cameras.tables,
    nvr.tables,
    health.tables,
    health.camera_states,
    health.vendors,
    search.tables,
    cases.tables,
    cases.units.tables,
    cases.evidence.tables,
    reports.tables,
)
METADATA = Base.metadata
