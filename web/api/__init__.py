"""One module a room; importing this package registers all routes."""

from web.api import (
    ca,
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
    "ca",
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
