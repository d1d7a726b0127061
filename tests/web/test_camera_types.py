"""The API's document lists the values of the cameras' closed sets; a finding of another release is still shown."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from cameras.registry.acceptance import MissingFact
from cameras.states import FindingKind, MatchKind, StreamKind
from cameras.tables import Finding
from health.checks.checklist import Item
from web.api import ROUTES
from web.api.findings import FindingView
from web.framework import openapi


def test_the_document_lists_the_values() -> None:
    schemas = openapi.document(ROUTES)["components"]["schemas"]
    for values in (StreamKind, MatchKind, FindingKind, MissingFact, Item):
        assert schemas[values.__name__]["enum"] == list(values)


@pytest.mark.parametrize("kind", [FindingKind.CLONE, "clone", "of_a_later_release"])
def test_a_finding_of_any_release_is_shown(kind: str) -> None:
    opened = datetime(2026, 3, 1, tzinfo=timezone.utc)
    row = Finding(id=7, kind=kind, camera=None, address="10.0.0.1:80", village="v", detail={}, opened_at=opened)
    view = FindingView.model_validate(row, from_attributes=True)
    assert view.model_dump(mode="json")["kind"] == kind
