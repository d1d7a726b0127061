"""One module a room; importing this package registers all routes."""

from web.api import (
    cameras,
    cases,
    contractor,
    core,
    health,
    metrics,
    motion,
    nvr,
    onboarding,
    orders,
    ptz,
    reports,
    search,
    similar,
    tour,
)

__all__ = [
    "cameras",
    "cases",
    "contractor",
    "core",
    "health",
    "metrics",
    "motion",
    "nvr",
    "onboarding",
    "orders",
    "ptz",
    "reports",
    "search",
    "similar",
    "tour",
]
