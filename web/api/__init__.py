"""The HTTP API: one module per subject, each with its table of routes."""

from web.api import (
    acceptance,
    accounts,
    alerts,
    ca,
    cameras,
    cases,
    contractor,
    core,
    findings,
    holds,
    metrics,
    motion,
    nvr,
    onboarding,
    orders,
    patrol,
    ptz,
    register,
    reports,
    review,
    search,
    sightings,
    similar,
    station,
    watch,
)
from web.framework.routing import Route

ROUTES: tuple[Route, ...] = tuple(
    route
    for module in (
        acceptance,
        accounts,
        alerts,
        ca,
        cameras,
        cases,
        contractor,
        core,
        findings,
        holds,
        metrics,
        motion,
        nvr,
        onboarding,
        orders,
        patrol,
        ptz,
        register,
        reports,
        review,
        search,
        sightings,
        similar,
        station,
        watch,
    )
    for route in module.routes.routes
)
