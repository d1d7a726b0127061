"""The HTTP API: one module per subject, each with its table of routes."""

from web.api import (
    accounts,
    ca,
    cameras,
    cases,
    contractor,
    core,
    health,
    holds,
    metrics,
    motion,
    nvr,
    onboarding,
    orders,
    ptz,
    reports,
    review,
    search,
    similar,
    station,
)
from web.framework.routing import Route

ROUTES: tuple[Route, ...] = tuple(
    route
    for module in (
        accounts,
        ca,
        cameras,
        cases,
        contractor,
        core,
        health,
        holds,
        metrics,
        motion,
        nvr,
        onboarding,
        orders,
        ptz,
        reports,
        search,
        similar,
        station,
        review,
    )
    for route in module.routes.routes
)
