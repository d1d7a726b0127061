"""One module a room; importing this package registers all routes."""

from web.api import cameras, cases, contractor, core, health, metrics, nvr, onboarding, orders, ptz, reports, search, tour

__all__ = [
    "cameras",
    "cases",
    "contractor",
    "core",
    "health",
    "metrics",
    "nvr",
    "onboarding",
    "orders",
    "ptz",
    "reports",
    "search",
    "tour",
]
