"""One module a room; importing this package registers all routes."""

from web.api import cameras, cases, core, health, nvr, onboarding, orders, ptz, reports, search, tour

__all__ = ["cameras", "cases", "core", "health", "nvr", "onboarding", "orders", "ptz", "reports", "search", "tour"]
